"""Traces, as a real OTLP receiver gets them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from multidict import CIMultiDict
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes

from gateway.config import Traces
from gateway.server import tracing
from tests.server.receiver import Receiver, receiving
from tests.server.running import Pair, asking, running, saying

MAIL = "john.smith@example.com"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SERVER, CLIENT = 2, 3  # SpanKind in opentelemetry/proto/trace/v1/trace.proto
ERROR = 2


def attributes(span: Any) -> dict[str, Any]:
    return {it.key: getattr(it.value, it.value.WhichOneof("value")) for it in span.attributes}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@contextlib.asynccontextmanager
async def traced(receiver: Receiver, *, forward: bool = False) -> AsyncIterator[Pair]:
    """A gateway; when it stops, everything has been sent."""
    async with running("direct", traces=Traces(receiver.url, forward)) as pair:
        yield pair


async def test_a_request_is_a_span_with_its_phases_and_one_of_the_provider(receiver: Receiver) -> None:
    async with traced(receiver) as gateway:
        answer = await gateway.chat(
            saying("Hello [EMAIL_1]"), f"Write to {MAIL}", stream_options={"include_usage": True}
        )
    outer, inner = receiver.one(SERVER), receiver.one(CLIENT)
    said, asked = attributes(outer), attributes(inner)
    assert outer.name == "POST /v1/chat/completions"
    assert said["http.route"] == "/v1/chat/completions"
    assert said["http.response.status_code"] == 200
    assert said["sluice.request_id"] == answer.headers["X-Request-ID"]
    assert said["sluice.decision"] == "redact"
    phases = list(dict.fromkeys(it.name for it in outer.events))  # each candidate is chosen anew
    assert phases == "identify parse authorize admit guard lookup choose connect relay settle".split()
    assert inner.name == "chat other"  # the simulator takes its text in the name
    assert inner.parent_span_id == outer.span_id
    assert inner.trace_id == outer.trace_id
    assert asked["gen_ai.operation.name"] == "chat"
    assert asked["gen_ai.provider.name"] == "simulated"
    assert asked["gen_ai.request.stream"] is True
    assert asked["gen_ai.usage.input_tokens"] > 0
    assert asked["gen_ai.usage.output_tokens"] > 0
    assert 0 < asked["gen_ai.response.time_to_first_chunk"] < 60
    assert outer.start_time_unix_nano <= inner.start_time_unix_nano < inner.end_time_unix_nano
    assert inner.end_time_unix_nano <= outer.end_time_unix_nano
    assert MAIL.encode() not in b"".join(receiver.raw)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("anthropic.claude-sonnet-4-5-v1:0", "anthropic.claude-sonnet-4-5-v1:0"),
        ("claude-sonnet-4@20250514", "claude-sonnet-4@20250514"),
        (MAIL, "other"),
        ("sim:script?text=Hello", "other"),
        ("a" * 101, "other"),
        ("two words", "other"),
        (None, None),
    ],
)
def test_a_models_name_is_told_only_if_it_is_one(model: str | None, said: str | None) -> None:
    assert tracing.model_name(model) == said


async def test_a_clients_trace_is_continued_and_not_told_to_the_provider(receiver: Receiver) -> None:
    async with traced(receiver) as gateway:
        await gateway.post(asking(saying("Hello")), headers=[("traceparent", PARENT)])
        seen = CIMultiDict(gateway.simulator.requests[-1].headers)
    assert receiver.one(SERVER).trace_id.hex() == PARENT.split("-")[1]
    assert receiver.one(SERVER).parent_span_id.hex() == PARENT.split("-")[2]
    assert "traceparent" not in seen


async def test_a_provider_is_told_where_the_configuration_says_so(receiver: Receiver) -> None:
    async with traced(receiver, forward=True) as gateway:
        await gateway.post(asking(saying("Hello")), headers=[("traceparent", PARENT)])
        seen = CIMultiDict(gateway.simulator.requests[-1].headers)
    ours = receiver.one(SERVER)
    assert seen["traceparent"] == f"00-{ours.trace_id.hex()}-{ours.span_id.hex()}-01"


@pytest.mark.parametrize(
    "parent", ["", "00-zz", "ff-" + "0" * 60, PARENT.replace("b7ad6b7169203331", "0" * 16)]
)
async def test_what_is_no_traceparent_begins_a_trace(receiver: Receiver, parent: str) -> None:
    async with traced(receiver) as gateway:
        await gateway.post(asking(saying("Hello")), headers=[("traceparent", parent)])
    assert receiver.one(SERVER).parent_span_id == b""


async def test_a_providers_failure_is_an_error_and_a_callers_is_not(receiver: Receiver) -> None:
    async with traced(receiver) as gateway:
        await gateway.chat("sim?fail=status:503")
        await gateway.post(b"{")
    failed, refused = sorted(
        (each for each in receiver.spans if each.kind == SERVER), key=lambda it: -it.status.code
    )
    assert (failed.status.code, refused.status.code) == (ERROR, 0)
    assert attributes(refused)["error.type"] == "invalid_request_error"
    assert receiver.one(CLIENT).status.code == ERROR


async def test_without_the_table_nothing_is_traced() -> None:
    async with running("direct") as gateway:
        await gateway.post(asking(saying("Hello")), headers=[("traceparent", PARENT)])
        assert "traceparent" not in CIMultiDict(gateway.simulator.requests[-1].headers)


async def test_a_receiver_that_is_away_is_nobodys_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    async with running("direct", traces=Traces("http://127.0.0.1:1")) as gateway:
        assert (await gateway.chat(saying("Hello"))).status == 200


def test_the_names_are_those_of_the_conventions() -> None:
    known = {
        value
        for module in (gen_ai_attributes, http_attributes, error_attributes)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    }
    assert set(tracing.ATTRIBUTES.values()) <= known
    providers = {each.value for each in gen_ai_attributes.GenAiProviderNameValues}
    assert set(tracing.PROVIDERS.values()) <= providers
