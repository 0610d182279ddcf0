"""The tables that say what is told of the gateway at work: metrics, logs, traces, the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from gateway.config.secret import Secret

Port = Annotated[int, Meta(ge=0, le=65_535)]


class Metrics(Struct, frozen=True, forbid_unknown_fields=True):
    """Where `GET /metrics` answers, for Prometheus: a listener of its own, for all workers together.

    Without this table there is none.
    """

    host: str = "127.0.0.1"
    port: Port = 9464


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """What is written to standard error: JSON, a line a record; plain lines where that is a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Traces(Struct, frozen=True, forbid_unknown_fields=True):
    """Where spans go, by OTLP over HTTP. Needs sluice-gateway[otel]. Without this table there are none.

    What else an exporter needs is taken from the environment, as OpenTelemetry defines it:
    `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, …
    """

    endpoint: str
    forward: bool = False


class Audit(Struct, frozen=True, forbid_unknown_fields=True):
    """The audit log of decisions: a file in which each line carries the hash of the one before.

    Without this table there is none.
    """

    path: str
    secret: Secret | None = None
    max_bytes: Annotated[int, Meta(ge=4096)] = 64 << 20


def mistakes_of_traces(traces: Traces) -> Iterator[tuple[str, str]]:
    try:
        parts = urlsplit(traces.endpoint)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not named:
        yield "traces.endpoint", "must be where an OTLP/HTTP receiver is, such as http://127.0.0.1:4318"
    elif "@" in parts.netloc:
        yield "traces.endpoint", "must hold no user and password; headers go to OTEL_EXPORTER_OTLP_HEADERS"
