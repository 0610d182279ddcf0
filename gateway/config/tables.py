"""The tables of the configuration file, as types. What a value must be beyond its type is in `mistakes`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from gateway.access.budget import Budget
from gateway.access.limits import Limits
from gateway.access.prices import Price
from gateway.config.guards import Guard
from gateway.config.observability import Audit, Log, Metrics, Port, Traces
from gateway.config.routes import Cache, CircuitBreaker, Retries, Route
from gateway.config.secret import Secret
from gateway.guard.policy import Policy
from gateway.providers import catalog

DialectName = Literal[
    "openai_chat", "openai_responses", "openai_completions", "anthropic", "gemini", "bedrock"
]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Timeouts(Table, frozen=True):
    """How long a provider may take. `idle_s` is the longest silence within an answer."""

    connect_s: Seconds = 10.0
    first_byte_s: Seconds = 120.0
    idle_s: Seconds = 120.0
    total_s: Seconds = 900.0


class Server(Table, frozen=True):
    """`secret` keys the hashes and lasting ids that the gateway writes; they change with it.

    Without one they change at every start. `workers` is how many processes serve, 0 for one a core; when told
    to stop, they finish what is under way for `drain_s`. `max_requests` and `max_memory_bytes` (of bodies and
    streams, as estimated) bound what a worker takes on at a time; beyond them it answers 503.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    workers: Annotated[int, Meta(ge=0, le=1024)] = 0
    header_prefix: str = "X-Sluice"
    cors_origins: list[str] = []
    max_body_bytes: Annotated[int, Meta(ge=1)] = 32 << 20
    max_requests: Annotated[int, Meta(ge=1)] = 2000
    max_memory_bytes: Annotated[int, Meta(ge=1 << 20)] = 1 << 30
    upstream: Literal["direct", "plain"] = "direct"
    keepalive_after_s: Seconds = 15.0
    drain_s: Annotated[float, Meta(ge=0, le=86_400)] = 25.0
    secret: Secret | None = None


class Provider(Table, frozen=True):
    """`kind` is the name of a known provider, where neither `name` nor `base_url` tells which it is.

    `base_url` may be left out for a known one. `region` and `profile` are for Bedrock, `project`, `region`
    (its location) and `credentials` (a service account's file) for Vertex AI, `api_version` for Azure's older
    URLs. `api_keys` are more keys for the same models; requests are spread over all.
    """

    name: str
    base_url: str = ""
    kind: str | None = None
    dialect: DialectName | None = None
    api_key: Secret | None = None
    api_keys: list[Secret] = []
    region: str = ""
    project: str = ""
    profile: str | None = None
    credentials: str | None = None
    api_version: str = ""
    models: list[str] = field(default_factory=lambda: ["*"])
    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()
    breaker: CircuitBreaker = CircuitBreaker()
    headers: dict[str, str] = {}

    @property
    def keys(self) -> list[Secret]:
        """Its keys here, none if callers must send theirs."""
        return [*([self.api_key] if self.api_key is not None else ()), *self.api_keys]

    @property
    def row(self) -> catalog.Row:
        """What is known of it."""
        return (self.kind and catalog.named(self.kind)) or catalog.row(self.name, self.base_url)


class Key(Table, frozen=True):
    """`policies` are those that the key may name, the first one holds where a request names none.

    From `expires` on it is refused.
    """

    name: str
    secret: Secret
    expires: Annotated[datetime, Meta(tz=True)] | None = None
    providers: list[str] = field(default_factory=lambda: ["*"])
    models: list[str] = field(default_factory=lambda: ["*"])
    policies: list[str] = field(default_factory=lambda: ["default"])
    may_loosen: bool = False
    limits: Limits = Limits()
    budget: Budget = Budget()

    @property
    def expires_ms(self) -> int | None:
        return None if self.expires is None else int(self.expires.timestamp() * 1000)


class State(Table, frozen=True):
    """Where what keys have used, and the keys that `sluice keys` makes, are kept: in a folder or in Redis."""

    path: str = ""
    redis: Secret | None = None


class Model(Table, frozen=True):
    """A named-entity model of the user's, for `detection = "balanced"` and `"thorough"`.

    `path` is a spaCy pipeline: a package's name or a folder. `url` is a Presidio analyzer. `labels` say what
    the model's own labels stand for, an empty word that they mean nothing personal.
    """

    kind: Literal["spacy", "presidio"]
    path: str = ""
    url: str = ""
    language: str = "en"
    timeout_s: Seconds = 10.0
    min_score: Annotated[float, Meta(ge=0, le=1)] = 0.5
    on_error: Literal["refuse", "rules"] = "refuse"
    send_raw: bool = False
    labels: dict[str, str] = {}


class Config(Table, frozen=True):
    server: Server = Server()
    providers: list[Provider] = []
    routes: list[Route] = []
    cache: Cache | None = None
    keys: list[Key] = []
    prices: list[Price] = []
    state: State | None = None
    policies: list[Policy] = []
    model: Model | None = None
    guards: list[Guard] = []
    metrics: Metrics | None = None
    log: Log = Log()
    traces: Traces | None = None
    audit: Audit | None = None
