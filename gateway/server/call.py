"""What is known of one request while it lives, and what all requests share."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from aiohttp import web
from msgspec import Struct, field

from gateway.chat import Usage
from gateway.config import Config, Timeouts
from gateway.errors import SluiceError, Source
from gateway.guard.judgements import Judgement
from gateway.privacy.redact import Findings
from gateway.server.admission import Admission, Granted
from gateway.server.credentials import Authentication
from gateway.server.judging import Judge
from gateway.server.protection import Protections
from gateway.server.standing import Standing
from gateway.server.timing import Timing
from gateway.wire.http1 import ResponseHead

if TYPE_CHECKING:  # they report what goes wrong, and who reports knows calls
    from gateway.server.capacity import Capacity
    from gateway.server.checks import Checks
    from gateway.server.models import Reader


class Sink(Protocol):
    """Where an answer's body goes."""

    def on_body(self, data: bytes) -> None: ...

    def on_end(self, error: SluiceError | None) -> None: ...


class Exchange(Protocol):
    """One request to a provider and its answer; see `exchange.Exchange`."""

    async def head(self) -> ResponseHead: ...

    def deliver(self, sink: Sink) -> None: ...

    async def read(self, limit_bytes: int) -> bytes: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def close(self) -> None: ...


class Trace(Protocol):
    """A request's span in a distributed trace; see `tracing`."""

    @property
    def id(self) -> str: ...

    @property
    def onward(self) -> list[tuple[str, str]]: ...

    def end(self, call: Call, now: float) -> None: ...


class Traces(Protocol):
    """Where spans come from; see `tracing`. `named` says which known provider each configured one is."""

    @property
    def named(self) -> dict[str, str]: ...

    async def close(self) -> None: ...

    def begin(self, request: web.BaseRequest, call: Call) -> Trace: ...


class Audit(Protocol):
    """Where decisions are written; see `audit`."""

    async def close(self) -> None: ...

    def write(self, call: Call) -> None: ...


class Upstream(Protocol):
    """The way to providers: `upstream.Upstream` or, plainer and slower, `plain.PlainUpstream`."""

    async def send(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeouts: Timeouts,
        *,
        method: str = "POST",
    ) -> Exchange: ...

    async def close(self) -> None: ...


class Call(Struct, eq=False):
    """The facts of one request, as its phases learn them. Never content.

    `route` is the path's pattern. `received_at` is when the body was there.
    `hidden` and `flagged` count by entity what the answer held. Times are of `time.perf_counter`.

    `size_bytes` is how long its body was as it came.

    `threats` and `watched` count findings by rule: what the policy acted on, and what it only looked at;
    `threat_places` are those of the first hundred of both: rule, field, and offsets within its string.

    `asked` says that a provider was called, `said` how many characters of text it has answered. `granted` is
    what is still to settle.

    `attempts` counts the requests to providers, `maybe_billed` those of them that failed and that the
    provider may charge for all the same. `fallback` is the provider that answered, or was asked last, instead
    of the one first chosen. `cache` is `hit`, `miss` or `bypass`, None without a cache. An answer from the
    cache has no `usage`: nobody was paid for it.
    """

    id: str
    started_at: float
    route: str = "other"
    received_at: float | None = None
    # In two rows: pairs would take three times the room, for as long as the answer takes.
    phase_names: list[str] = []
    phases_began_at: array[float] = field(default_factory=lambda: array("d"))
    key: str | None = None
    provider: str | None = None
    model: str | None = None
    stream: bool = False
    size_bytes: int = 0
    status: int = 0
    error: str | None = None
    source: Source | None = None
    policy: str | None = None
    format: str = "token"
    entities: dict[str, int] | None = None
    findings: Findings = field(default_factory=Findings)
    flagged: dict[str, int] | None = None
    hidden: dict[str, int] | None = None
    detection_s: float = 0.0
    decision: str | None = None
    threat_type: str | None = None
    confidence: float | None = None
    threats: dict[str, int] | None = None
    watched: dict[str, int] | None = None
    threat_places: Sequence[tuple[str, str, int, int]] = ()
    guard_s: float = 0.0
    guard_failures: int = 0
    first_byte_s: float | None = None
    restored: int = 0
    unresolved: int = 0
    redacted: int = 0
    withheld: int = 0
    frames: int = 0
    held: int = 0
    held_characters: int = 0
    timing: Timing | None = None
    usage: Usage | None = None
    asked: bool = False
    said: int = 0
    granted: Granted | None = None
    cost_usd: float | None = None
    limits: Sequence[tuple[str, str]] = ()
    attempts: int = 0
    maybe_billed: int = 0
    fallback: str | None = None
    cache: str | None = None
    returned: Sequence[tuple[str, str]] = ()
    judgements: Sequence[Judgement] = ()
    trace: Trace | None = None

    @property
    def phase(self) -> str:
        return self.phase_names[-1] if self.phase_names else "receive"

    @phase.setter
    def phase(self, name: str) -> None:
        self.begin(name, perf_counter())

    def begin(self, phase: str, at: float) -> None:
        self.phase_names.append(phase)
        self.phases_began_at.append(at)

    @property
    def phases(self) -> list[tuple[str, float]]:
        """Each phase, and when it began."""
        return list(zip(self.phase_names, self.phases_began_at, strict=True))

    def note(self, judgements: Sequence[Judgement]) -> None:
        self.judgements = (*self.judgements, *judgements)

    def failed(self, error: SluiceError) -> None:
        self.error, self.source = error.type, error.source


class Gateway(Struct, eq=False):
    """What every request needs and none changes: a configuration, and what was made of it.

    A request keeps the one that was in force when it came. `authentications` are those of providers whose
    credentials must be fetched, by the provider's name; `in_flight` counts the requests that keep this one.
    """

    config: Config
    upstream: Upstream
    protections: Protections
    judge: Judge
    checks: Checks
    admission: Admission
    standing: Standing
    capacity: Capacity
    authentications: dict[str, Authentication] = {}
    model: Reader | None = None
    audit: Audit | None = None
    traces: Traces | None = None
    in_flight: int = 0


GATEWAY = web.RequestKey("gateway", Gateway)
CALL = web.RequestKey("call", Call)
