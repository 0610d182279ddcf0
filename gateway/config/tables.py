"""The tables of the configuration file, as types. What a value must be beyond its type is in `mistakes`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from gateway.config.observability import Audit, Log, Metrics, Port, Traces
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

    Without one they change at every start.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    workers: Annotated[int, Meta(ge=1, le=1024)] = 1
    header_prefix: str = "X-Sluice"
    cors_origins: list[str] = []
    max_body_bytes: Annotated[int, Meta(ge=1)] = 32 << 20
    upstream: Literal["direct", "plain"] = "direct"
    keepalive_after_s: Seconds = 15.0
    secret: Secret | None = None


class Provider(Table, frozen=True):
    """`kind` is the name of a known provider, where neither `name` nor `base_url` tells which it is.

    `base_url` may be left out for a known one. `region` and `profile` are for Bedrock, `project`, `region`
    (its location) and `credentials` (a service account's file) for Vertex AI, `api_version` for Azure's older
    URLs.
    """

    name: str
    base_url: str = ""
    kind: str | None = None
    dialect: DialectName | None = None
    api_key: Secret | None = None
    region: str = ""
    project: str = ""
    profile: str | None = None
    credentials: str | None = None
    api_version: str = ""
    models: list[str] = field(default_factory=lambda: ["*"])
    timeouts: Timeouts = Timeouts()
    headers: dict[str, str] = {}

    @property
    def row(self) -> catalog.Row:
        """What is known of it."""
        return (self.kind and catalog.named(self.kind)) or catalog.row(self.name, self.base_url)


class Key(Table, frozen=True):
    """`policies` are those that the key may name, the first one holds where a request names none."""

    name: str
    secret: Secret
    providers: list[str] = field(default_factory=lambda: ["*"])
    models: list[str] = field(default_factory=lambda: ["*"])
    policies: list[str] = field(default_factory=lambda: ["default"])
    may_loosen: bool = False


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
    keys: list[Key] = []
    policies: list[Policy] = []
    model: Model | None = None
    metrics: Metrics | None = None
    log: Log = Log()
    traces: Traces | None = None
    audit: Audit | None = None
