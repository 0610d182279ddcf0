"""A span a request, sent by OTLP over HTTP in the background. Needs the extra `otel`.

In: a `Call`. Out: a SERVER span with the request's phases as events, and within it a CLIENT span of the
provider's answer with GenAI attributes. Nothing that a prompt or an answer holds is in either. A W3C
`traceparent` of the client's is the parent; a provider is sent ours only where the configuration says so.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web
from msgspec import Struct

from gateway import __version__
from gateway.config import Traces
from gateway.errors import ConfigError
from gateway.server import metrics
from gateway.server.call import Call
from gateway.server.decision import decision

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

# Names of the OpenTelemetry semantic conventions: those for generative AI, in development, as package
# opentelemetry-semantic-conventions 0.66b2 has them (opentelemetry.io/docs/specs/semconv/gen-ai), and the
# stable ones for HTTP. `tests/server/test_tracing.py` holds
# them against the package.
ATTRIBUTES = {
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "stream": "gen_ai.request.stream",
    "first_chunk_s": "gen_ai.response.time_to_first_chunk",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_written_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "error": "error.type",
}
# Our row of a provider, as the conventions name it; another provider keeps the configuration's name.
PROVIDERS = {
    "openai": "openai",
    "azure": "azure.ai.openai",
    "anthropic": "anthropic",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "groq": "groq",
    "mistral": "mistral_ai",
    "deepseek": "deepseek",
    "cohere": "cohere",
    "perplexity": "perplexity",
    "xai": "x_ai",
}
# What a model may be called, on Vertex AI with a version behind @. Whatever else comes in its place is text.
_MODEL = re.compile(r"[\w.:/+-]{1,100}(@(\d{6,8}|latest|default))?", re.ASCII)


class Tracing(Struct):
    """Where spans come from. `forward` says whether providers are told of the trace."""

    provider: Any
    tracer: Any
    forward: bool
    named: dict[str, str]

    def begin(self, request: web.BaseRequest, call: Call) -> RequestSpan:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract(request.headers)
        tracer: Tracer = self.tracer
        span = tracer.start_span(
            f"{request.method} {call.route}",
            context=parent,
            kind=SpanKind.SERVER,
            start_time=_ns(call.started_at),
        )
        span.set_attribute(ATTRIBUTES["method"], request.method)
        span.set_attribute(ATTRIBUTES["route"], call.route)
        return RequestSpan(tracer, span, self.forward, self.named)

    async def close(self) -> None:
        """Send what is left; wait a little for it."""
        provider: TracerProvider = self.provider
        await asyncio.to_thread(provider.shutdown)


class RequestSpan(Struct):
    """The span of a request under way."""

    tracer: Any
    span: Any
    is_forwarded: bool
    named: dict[str, str]

    @property
    def id(self) -> str:
        """The trace's, as logs say it."""
        return format(self.span.get_span_context().trace_id, "032x")

    @property
    def onward(self) -> list[tuple[str, str]]:
        """`traceparent` for a provider (W3C Trace Context, section 3.2); none where it is not to be told."""
        if not self.is_forwarded:
            return []
        context = self.span.get_span_context()
        told = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        return [("traceparent", told)]

    def end(self, call: Call, now: float) -> None:
        from opentelemetry.trace import Status, StatusCode

        span: Span = self.span
        for name, at in call.phases:
            span.add_event(name, timestamp=_ns(at))
        said = {
            ATTRIBUTES["status"]: call.status,
            ATTRIBUTES["error"]: metrics.error_type(call),
            "sluice.request_id": call.id,
            "sluice.key": call.key,
            "sluice.policy": call.policy,
            "sluice.decision": decision(call),
            "sluice.ended": metrics.cause(call),
            "sluice.scan_ms": call.detection_s * 1000,
            "sluice.entities": sum((call.entities or {}).values()),
            "sluice.restored": call.restored,
            "sluice.unresolved": call.unresolved,
            "sluice.frames": call.frames,
            "sluice.frames_held": call.held,
        }
        span.set_attributes({name: value for name, value in said.items() if value is not None})
        if call.source != "client" and call.error not in (None, "client_closed"):
            span.set_status(Status(StatusCode.ERROR))
        self._end_provider(call, now)
        span.end(_ns(now))

    def _end_provider(self, call: Call, now: float) -> None:
        """The span of the provider's answer, if one was asked for."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        asked_at = next((at for name, at in reversed(call.phases) if name == "connect"), None)
        if asked_at is None:
            return
        usage, timing = call.usage, call.timing
        first_at = timing.first_at if timing else None
        said = {
            "operation": "chat",
            "provider": self.named.get(call.provider or "", call.provider),
            "model": model_name(call.model),
            "stream": call.stream,
            "first_chunk_s": first_at and first_at - asked_at,
            "error": metrics.error_type(call),
        }
        if usage is not None:
            said |= {
                "input_tokens": usage.input,
                "output_tokens": usage.output,
                "cached_tokens": usage.cached or None,
                "cache_written_tokens": usage.cache_written or None,
                "reasoning_tokens": usage.reasoning or None,
            }
        tracer: Tracer = self.tracer
        span = tracer.start_span(
            f"chat {model_name(call.model)}",
            context=set_span_in_context(self.span),
            kind=SpanKind.CLIENT,
            start_time=_ns(asked_at),
            attributes={ATTRIBUTES[name]: value for name, value in said.items() if value is not None},
        )
        if call.source == "provider":
            span.set_status(Status(StatusCode.ERROR))
        span.end(_ns(now))


def start(options: Traces, providers: dict[str, str]) -> Tracing:
    """`providers` maps the configuration's names to their rows. Raises ConfigError without the extra."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ConfigError("[traces] needs sluice-gateway[otel]", param="traces") from None
    resource = Resource.create({SERVICE_VERSION: __version__})
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "sluice"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    url = options.endpoint.rstrip("/").removesuffix("/v1/traces") + "/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    named = {name: PROVIDERS.get(row, name) for name, row in providers.items()}
    return Tracing(provider, provider.get_tracer("sluice", __version__), options.forward, named)


def model_name(asked: str | None) -> str | None:
    """The model's name, if it looks like one."""
    return asked if asked is None or _MODEL.fullmatch(asked) else metrics.OTHER


# The clocks' distance, once: a span's times are of the wall clock, and must not jump within a request.
_OFFSET_NS = time.time_ns() - int(time.perf_counter() * 1e9)


def _ns(at: float) -> int:
    return int(at * 1e9) + _OFFSET_NS
