"""What is known of one request while it lives, and what all requests share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from aiohttp import web

from gateway.chat import Usage
from gateway.config import Config, Timeouts
from gateway.errors import SluiceError, Source
from gateway.privacy.redact import Findings
from gateway.server.credentials import Authentication
from gateway.server.models import Reader
from gateway.server.protection import Protections
from gateway.server.timing import Timing
from gateway.wire.http1 import ResponseHead


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
    def header(self) -> str: ...

    def end(self, call: Call, now: float) -> None: ...


class Traces(Protocol):
    """Where spans come from; see `tracing`."""

    def begin(self, request: web.BaseRequest, call: Call) -> Trace: ...


class Audit(Protocol):
    """Where decisions are written; see `audit`."""

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


@dataclass(slots=True)
class Call:
    """The facts of one request, as its phases learn them. Never content.

    `route` is the path's pattern. `received_at` is when the body was there, `phases` when each phase began.
    `hidden` and `flagged` count by entity what the answer held, `bypassed` by reason what should have looked
    and did not. Times are of `time.perf_counter`.
    """

    id: str
    started_at: float
    route: str = "other"
    received_at: float | None = None
    phases: list[tuple[str, float]] = field(default_factory=list)
    key: str | None = None
    provider: str | None = None
    model: str | None = None
    stream: bool = False
    status: int = 0
    error: str | None = None
    source: Source | None = None
    policy: str | None = None
    format: str = "token"
    entities: dict[str, int] | None = None
    findings: Findings = field(default_factory=Findings)
    flagged: dict[str, int] | None = None
    hidden: dict[str, int] | None = None
    bypassed: dict[str, int] = field(default_factory=dict)
    detection_s: float = 0.0
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
    returned: list[tuple[str, str]] = field(default_factory=list)
    trace: Trace | None = None

    @property
    def phase(self) -> str:
        return self.phases[-1][0] if self.phases else "receive"

    @phase.setter
    def phase(self, name: str) -> None:
        self.phases.append((name, perf_counter()))

    def failed(self, error: SluiceError) -> None:
        self.error, self.source = error.type, error.source


@dataclass(slots=True)
class Gateway:
    """What every request needs and none changes.

    `authentications` are those of providers whose credentials must be fetched, by the provider's name.
    """

    config: Config
    upstream: Upstream
    protections: Protections
    authentications: dict[str, Authentication] = field(default_factory=dict)
    model: Reader | None = None
    audit: Audit | None = None
    traces: Traces | None = None
    metrics_port: int | None = None
    ready: bool = True


GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway")
CALL = web.RequestKey("call", Call)
