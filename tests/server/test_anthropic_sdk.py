"""Anthropic's SDK for Python as a client, before its own provider and before one that speaks OpenAI Chat."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from aiohttp import web

from gateway.config import Provider, Secret
from tests.server.conftest import Start
from tests.server.running import PROVIDER_KEY, Pair, serving

PROMPT = "Write to john@example.com"


class Provided:
    """An Anthropic provider that says the prompt back and counts tokens."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any], str | None]] = []

    async def respond(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen.append((request.path, body, request.headers.get("x-api-key")))
        if request.path.endswith("/count_tokens"):
            return web.json_response({"input_tokens": 12})
        told = body["messages"][-1]["content"]
        if told == "fail":
            error = {"type": "overloaded_error", "message": "Overloaded"}
            return web.json_response({"type": "error", "error": error}, status=529)
        return web.json_response(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": body["model"],
                "content": [{"type": "text", "text": told}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 3, "output_tokens": 4},
            }
        )


@pytest.fixture
def provided() -> Provided:
    return Provided()


@pytest.fixture
async def gateway(start: Start, provided: Provided) -> AsyncIterator[Pair]:
    async with serving(provided.respond) as url:
        key = Secret(PROVIDER_KEY)
        claude = Provider("claude", url, kind="anthropic", api_key=key, models=["claude*"])
        yield await start(others=[claude])


@pytest.fixture
async def client(gateway: Pair) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=gateway.url, api_key="sk-sluice-anything", max_retries=0
    ) as client:
        yield client


async def test_an_answer_of_its_own_provider(client: anthropic.AsyncAnthropic, provided: Provided) -> None:
    message = await client.messages.create(
        model="claude-x", max_tokens=9, messages=[{"role": "user", "content": PROMPT}]
    )
    assert message.content[0].text == PROMPT  # type: ignore[union-attr]
    path, body, key = provided.seen[0]
    assert (path, key) == ("/v1/messages", PROVIDER_KEY)
    assert "john@example.com" not in json.dumps(body)


async def test_tokens_are_counted_of_what_would_be_sent(
    client: anthropic.AsyncAnthropic, provided: Provided
) -> None:
    counted = await client.messages.count_tokens(
        model="claude-x", messages=[{"role": "user", "content": PROMPT}]
    )
    assert counted.input_tokens == 12
    path, body, _ = provided.seen[0]
    assert path == "/v1/messages/count_tokens"
    assert body["messages"][0]["content"] == "Write to [EMAIL_1]"


async def test_a_provider_that_counts_no_tokens_says_so(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="no such operation"):
        await client.messages.count_tokens(model="sim", messages=[{"role": "user", "content": PROMPT}])


async def test_an_error_is_its_own(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        await client.messages.create(
            model="claude-x", max_tokens=9, messages=[{"role": "user", "content": "fail"}]
        )
    assert caught.value.status_code == 529
    assert caught.value.body["error"]["type"] == "overloaded_error"  # type: ignore[index]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_provider_of_another_dialect(client: anthropic.AsyncAnthropic, streamed: bool) -> None:
    asked: Any = {"model": "sim:echo", "max_tokens": 99, "messages": [{"role": "user", "content": PROMPT}]}
    if streamed:
        async with client.messages.stream(**asked) as stream:
            message = await stream.get_final_message()
    else:
        message = await client.messages.create(**asked)
    assert "".join(block.text for block in message.content if block.type == "text") == PROMPT
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0
