"""The official OpenAI SDK for Python as a client: it must not be able to tell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)
from pydantic import BaseModel

from gateway.config import Timeouts
from tests.server.conftest import Start
from tests.server.running import PATIENCE_S, PROVIDER_KEY, Pair, saying

NAME, EMAIL = "John Smith", "john@example.com"
PROMPT = f"Tell me about {NAME} at {EMAIL}"
ANSWER = f"Of course — you asked about {NAME}, {EMAIL}. What should happen to {NAME}?"
# A value that JSON can only hold escaped.
PEM = '-----BEGIN PRIVATE KEY-----\nMIIB\\nothing"\n-----END PRIVATE KEY-----'
TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "send",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"to": {"type": "string"}, "text": {"type": "string"}},
            "required": ["to", "text"],
            "additionalProperties": False,
        },
    },
}


def options(gateway: Pair) -> dict[str, Any]:
    return {
        "base_url": f"{gateway.url}/v1",
        "api_key": "sk-sluice-anything",
        "max_retries": 0,
        "timeout": PATIENCE_S,
    }


def user(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def text_of(chunks: Iterable[ChatCompletionChunk], index: int = 0) -> str:
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index
    )


def assert_the_provider_saw_neither(gateway: Pair) -> None:
    for request in gateway.simulator.requests:
        assert b"John" not in request.body
        assert b"example.com" not in request.body
    assert set(gateway.credentials) == {f"Bearer {PROVIDER_KEY}"}


# --- sync, in a thread ------------------------------------------------------------------------------------


async def test_sync_answers_whole(gateway: Pair) -> None:
    def ask() -> None:
        with OpenAI(**options(gateway)) as client:
            answer = client.chat.completions.create(model="sim", messages=user(PROMPT))
        assert answer.choices[0].message.content == ANSWER
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage
        assert answer.usage.total_tokens > 0

    await asyncio.to_thread(ask)
    assert_the_provider_saw_neither(gateway)


async def test_sync_iterates_over_a_stream(gateway: Pair) -> None:
    def ask() -> list[ChatCompletionChunk]:
        with OpenAI(**options(gateway)) as client:
            return list(
                client.chat.completions.create(model="sim?delta=3", messages=user(PROMPT), stream=True)
            )

    chunks = await asyncio.to_thread(ask)
    assert text_of(chunks) == ANSWER
    assert len(chunks) > 10
    assert [it.choices[0].finish_reason for it in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    # The usage that only the gateway asked for is not the client's.
    assert all(it.choices for it in chunks)
    assert_the_provider_saw_neither(gateway)


async def test_sync_stream_manager_gives_the_final_completion(gateway: Pair) -> None:
    def ask() -> None:
        with (
            OpenAI(**options(gateway)) as client,
            client.chat.completions.stream(
                model="sim?delta=random&seed=1",
                messages=user(PROMPT),
                stream_options={"include_usage": True},
            ) as stream,
        ):
            deltas = [event.delta for event in stream if event.type == "content.delta"]
            final = stream.get_final_completion()
        assert "".join(deltas) == ANSWER
        assert final.choices[0].message.content == ANSWER
        assert final.choices[0].finish_reason == "stop"
        assert final.usage
        assert final.usage.total_tokens == final.usage.prompt_tokens + final.usage.completion_tokens > 0

    await asyncio.to_thread(ask)
    assert_the_provider_saw_neither(gateway)


# --- async ------------------------------------------------------------------------------------------------


async def test_async_answers_whole(gateway: Pair) -> None:
    async with AsyncOpenAI(**options(gateway)) as client:
        answer = await client.chat.completions.create(model="sim", messages=user(PROMPT))
    assert answer.choices[0].message.content == ANSWER
    assert_the_provider_saw_neither(gateway)


async def test_async_streams_with_usage_if_asked_for(gateway: Pair) -> None:
    async with AsyncOpenAI(**options(gateway)) as client:
        stream = await client.chat.completions.create(
            model="sim", messages=user(PROMPT), stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert text_of(chunks) == ANSWER
    *said, last = chunks
    assert last.choices == []
    assert last.usage
    assert last.usage.total_tokens > 0
    assert not any(it.usage for it in said)


async def test_async_stream_manager_gives_the_final_completion(gateway: Pair) -> None:
    async with (
        AsyncOpenAI(**options(gateway)) as client,
        client.chat.completions.stream(model="sim?delta=1", messages=user(PROMPT)) as stream,
    ):
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == ANSWER


async def test_async_streams_two_choices(gateway: Pair) -> None:
    async with AsyncOpenAI(**options(gateway)) as client:
        stream = await client.chat.completions.create(
            model="sim?delta=2", messages=user(PROMPT), stream=True, n=2
        )
        chunks = [chunk async for chunk in stream]
        whole = await client.chat.completions.create(model="sim", messages=user(PROMPT), n=2)
    assert [text_of(chunks, index) for index in (0, 1)] == [ANSWER, ANSWER]
    assert [it.message.content for it in whole.choices] == [ANSWER, ANSWER]


async def test_cancelling_a_stream_cancels_the_provider_call(gateway: Pair) -> None:
    async with AsyncOpenAI(**options(gateway)) as client:
        stream = await client.chat.completions.create(
            model="sim:say?fail=stall:5", messages=user(PROMPT), stream=True
        )
        await anext(aiter(stream))
        await stream.close()
        await gateway.until(lambda it: not it.active)
    assert gateway.simulator.aborted == 1


async def test_cancelling_the_task_cancels_the_provider_call(gateway: Pair) -> None:
    async with AsyncOpenAI(**options(gateway)) as client:
        task = asyncio.create_task(
            client.chat.completions.create(model="sim:say?fail=stall:head", messages=user(PROMPT))
        )
        await gateway.until(lambda it: it.active == 1 and len(it.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gateway.until(lambda it: not it.active)
    assert gateway.simulator.aborted == 1


# --- tools and structured answers -------------------------------------------------------------------------


class Sent(BaseModel):
    to: str
    text: str


def calls_of(completion: ChatCompletion) -> list[Any]:
    """The function calls of every choice."""
    return [call for choice in completion.choices for call in choice.message.tool_calls or ()]


async def test_tool_arguments_hold_the_values(gateway: Pair) -> None:
    prompt = f"Send {EMAIL} this: {PEM}"
    async with AsyncOpenAI(**options(gateway)) as client:
        whole = await client.chat.completions.create(model="sim", messages=user(prompt), tools=[TOOL])
        async with client.chat.completions.stream(
            model="sim?delta=3", messages=user(prompt), tools=[TOOL]
        ) as stream:
            final = await stream.get_final_completion()
    for completion in (whole, final):
        (call,) = calls_of(completion)
        assert call.function.name == "send"
        assert Sent.model_validate_json(call.function.arguments) == Sent(to=EMAIL, text=PEM)
        assert completion.choices[0].finish_reason == "tool_calls"
    assert calls_of(final)[0].function.parsed_arguments == {"to": EMAIL, "text": PEM}
    assert b"MIIB" not in gateway.simulator.requests[-1].body
    assert_the_provider_saw_neither(gateway)


async def test_several_tool_calls_are_told_apart(gateway: Pair) -> None:
    async with (
        AsyncOpenAI(**options(gateway)) as client,
        client.chat.completions.stream(
            model="sim:tool?calls=3&delta=2", messages=user(f"{EMAIL} and {PEM}"), tools=[TOOL], n=2
        ) as stream,
    ):
        final = await stream.get_final_completion()
    calls = calls_of(final)
    assert len(calls) == 6
    for call in calls:
        assert Sent.model_validate_json(call.function.arguments) == Sent(to=EMAIL, text=PEM)


async def parse(gateway: Pair, model: str, prompt: str) -> list[Sent | None]:
    """The structured answer, asked for whole and as a stream."""
    async with AsyncOpenAI(**options(gateway)) as client:
        whole = await client.chat.completions.parse(model=model, messages=user(prompt), response_format=Sent)
        async with client.chat.completions.stream(
            model=model, messages=user(prompt), response_format=Sent
        ) as stream:
            streamed = await stream.get_final_completion()
    return [it.choices[0].message.parsed for it in (whole, streamed)]


async def test_a_structured_answer_parses(gateway: Pair) -> None:
    said = Sent(to="[EMAIL_1]", text="[PRIVATE_KEY_1]").model_dump_json()
    sent = Sent(to=EMAIL, text=PEM)
    assert await parse(gateway, saying(said, "delta=2"), f"Send {EMAIL} this: {PEM}") == [sent, sent]
    assert b"MIIB" not in gateway.simulator.requests[-1].body
    assert_the_provider_saw_neither(gateway)


async def test_json_in_a_prompt_comes_back_as_json(gateway: Pair) -> None:
    sent = Sent(to=EMAIL, text=PEM)
    assert await parse(gateway, "sim:echo?delta=2", sent.model_dump_json()) == [sent, sent]
    assert b"MIIB" not in gateway.simulator.requests[-1].body
    assert_the_provider_saw_neither(gateway)


# --- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
async def test_a_providers_error_keeps_its_class(
    gateway: Pair, status: int, kind: type[openai.APIStatusError], stream: bool
) -> None:
    async with AsyncOpenAI(**options(gateway)) as client:
        with pytest.raises(kind) as raised:
            await client.chat.completions.create(
                model=f"sim?fail=status:{status}", messages=user(PROMPT), stream=stream
            )
    assert raised.value.status_code == status
    # The provider repeats the prompt as it saw it; the caller reads it as they wrote it.
    assert PROMPT in raised.value.message
    assert raised.value.request_id == raised.value.response.headers["X-Request-ID"]
    assert raised.value.response.headers.get("Retry-After") == ("1" if status == 429 else None)


async def test_a_retry_waits_as_the_provider_asked(gateway: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("anyio.sleep", sleep)
    async with AsyncOpenAI(**{**options(gateway), "max_retries": 2}) as client:
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(model="sim?fail=status:429", messages=user(PROMPT))
    assert waited == [1, 1]
    assert len(gateway.simulator.requests) == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unknown_model_is_not_found(gateway: Pair, stream: bool) -> None:
    async with AsyncOpenAI(**options(gateway)) as client:
        with pytest.raises(openai.NotFoundError) as raised:
            await client.chat.completions.create(model="gpt-0", messages=user(PROMPT), stream=stream)
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")
    assert not gateway.simulator.requests


@pytest.mark.parametrize(
    "fail", ["error_mid", "error_mid:1", "malformed", "truncate", "drop", "reset", "garbage"]
)
async def test_an_error_midway_is_raised_after_what_came(gateway: Pair, fail: str) -> None:
    seen: list[ChatCompletionChunk] = []
    async with AsyncOpenAI(**options(gateway)) as client:
        stream = await client.chat.completions.create(
            model=f"sim:say?fail={fail}", messages=user(PROMPT), stream=True
        )

        async def read() -> None:
            async for chunk in stream:
                seen.append(chunk)

        with pytest.raises(openai.APIError) as raised:
            await read()
    # Half a placeholder is nothing that could be restored, and stays as it is.
    assert ANSWER.startswith(text_of(seen).partition("[")[0])
    assert not any(choice.finish_reason for chunk in seen for choice in chunk.choices)
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["request_id"] == stream.response.headers["X-Request-ID"]
    if fail == "truncate":
        assert raised.value.code == "UPSTREAM_TRUNCATED"


@pytest.mark.parametrize("fail", ["error_first", "truncate:0", "empty", "drop:head", "garbage:head", "html"])
async def test_an_error_before_the_first_event_is_a_status(gateway: Pair, fail: str) -> None:
    async with AsyncOpenAI(**options(gateway)) as client:
        with pytest.raises(openai.InternalServerError) as raised:
            await client.chat.completions.create(
                model=f"sim:say?fail={fail}", messages=user(PROMPT), stream=True
            )
    assert raised.value.status_code == 502


async def test_a_provider_that_stalls_is_raised(start: Start) -> None:
    gateway = await start(timeouts=Timeouts(idle_s=0.1))
    async with AsyncOpenAI(**options(gateway)) as client:
        stream = await client.chat.completions.create(
            model="sim:say?fail=stall:4", messages=user(PROMPT), stream=True
        )
        with pytest.raises(openai.APIError) as raised:
            async for _ in stream:
                pass
    assert raised.value.code == "PROVIDER_TIMEOUT"


# --- models and headers -----------------------------------------------------------------------------------


async def test_models_are_listed(start: Start) -> None:
    gateway = await start(models=["sim", "sim:echo", "sim:*"])
    async with AsyncOpenAI(**options(gateway)) as client:
        models = [it async for it in client.models.list()]
    assert [(it.id, it.owned_by, it.object) for it in models] == [
        ("sim", "simulated", "model"),
        ("sim:echo", "simulated", "model"),
    ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("prefix", ["X-Sluice", "X-Shop"])
async def test_headers_say_what_was_done(start: Start, prefix: str, stream: bool) -> None:
    gateway = await start(header_prefix=prefix)
    async with AsyncOpenAI(**options(gateway)) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="sim:say", messages=user(PROMPT), stream=stream
        )
        if stream:
            async for _ in raw.parse():  # type: ignore[union-attr]
                pass
    headers = raw.headers
    assert headers[f"{prefix}-Provider"] == "simulated"
    assert headers[f"{prefix}-Model"] == "sim:say"
    assert headers[f"{prefix}-Entities-Detected"] == "2"
    assert 0 <= float(headers[f"{prefix}-Detection-Time-Ms"]) < 5000
    assert len(headers["X-Request-ID"]) == 26
    assert raw.request_id == headers["X-Request-ID"]
    assert {name for name in headers if name.startswith(("x-sluice", "x-shop"))} == {
        f"{prefix}-{name}".lower()
        for name in (
            *("Provider", "Model", "Entities-Detected", "Detection-Time-Ms"),
            *("Decision", "Event-ID", "Guard-Time-Ms"),
        )
    }


async def test_every_request_has_an_id_of_its_own(gateway: Pair) -> None:
    async with AsyncOpenAI(**options(gateway)) as client:
        raws = [
            await client.chat.completions.with_raw_response.create(model="sim", messages=user("Hello"))
            for _ in range(3)
        ]
    ids = [raw.headers["X-Request-ID"] for raw in raws]
    assert len(set(ids)) == 3
    assert ids == sorted(ids)
