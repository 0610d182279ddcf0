"""The end of a gateway in one process: nothing new comes in, what is under way finishes or is told why not."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.config import Provider, Secret
from gateway.server import serving
from gateway.server.reload import CURRENT
from tests.server.running import CHAT, Pair, UpstreamKind, asking, running
from tests.server.service import Held, held

USER = {"role": "user", "content": "Hello"}
# Path, request, and the event with which the dialect ends a stream that failed.
DIALECTS: dict[str, tuple[str, dict[str, Any], bytes]] = {
    "openai_chat": (CHAT, {"model": "held", "stream": True, "messages": [USER]}, b'data: {"error":'),
    "openai_responses": (
        "/v1/responses",
        {"model": "held", "stream": True, "input": "Hello"},
        b"event: error",
    ),
    "anthropic": (
        "/v1/messages",
        {"model": "held", "stream": True, "max_tokens": 9, "messages": [USER]},
        b"event: error",
    ),
    "gemini": (
        "/v1beta/models/held:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
        b'data: {"error":',
    ),
}


@pytest.fixture(params=["direct", "plain"])
def upstream(request: pytest.FixtureRequest) -> UpstreamKind:
    kind: UpstreamKind = request.param
    return kind


@contextlib.asynccontextmanager
async def pair(upstream: UpstreamKind) -> AsyncIterator[tuple[Pair, Held]]:
    async with held() as (provider, url):
        behind = Provider(
            name="held", base_url=url, dialect="openai_chat", api_key=Secret("k"), models=["held", "short"]
        )
        async with running(upstream, others=[behind]) as here:
            yield here, provider


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_stream_that_takes_too_long_is_told_in_its_dialect(
    dialect: str, upstream: UpstreamKind
) -> None:
    path, body, event = DIALECTS[dialect]
    async with pair(upstream) as (here, _), here.connect() as connection:
        connection.request(json.dumps(body).encode(), path)
        answer = await connection.head()
        answer.chunks.append(await connection.chunk())
        over = asyncio.Event()
        over.set()
        await serving.drain(here.runner, over)
        ending = asyncio.create_task(here.runner.cleanup())
        await connection.rest(answer)
        await ending
    assert answer.ended
    last = answer.body.index(event)
    assert b"SHUTTING_DOWN" in answer.body[last:] or b"shutting_down" in answer.body[last:]
    assert b"ended" not in answer.body


async def test_an_answer_in_one_piece_that_takes_too_long_is_a_503(upstream: UpstreamKind) -> None:
    async with pair(upstream) as (here, provider), here.connect() as connection:
        connection.request(asking("held", stream=False), CHAT)
        while not provider.begun:
            await asyncio.sleep(0.01)
        ending = asyncio.create_task(here.runner.cleanup())
        answer = await connection.rest(await connection.head())
        await ending
    assert answer.status == 503
    assert answer.error["code"] == "SHUTTING_DOWN"


async def test_draining_waits_for_streams_and_for_nothing_else() -> None:
    async with pair("direct") as (here, provider), here.connect() as connection:
        connection.request(asking("held"), CHAT)
        answer = await connection.head()
        draining = asyncio.create_task(serving.drain(here.runner, asyncio.Event()))
        while here.runner.sites:
            await asyncio.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", here.port)
        assert not draining.done()
        provider.release.set()
        await connection.rest(answer)
        await draining
        assert answer.ended


async def test_while_draining_a_kept_connection_is_served_once_more_and_then_closed() -> None:
    async with pair("direct") as (here, _), here.connect() as kept, here.connect() as busy:
        ready = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        kept.send(ready)
        assert (await kept.rest(await kept.head())).json() == {"status": "ready"}
        busy.request(asking("held"), CHAT)
        await busy.head()
        over = asyncio.Event()
        draining = asyncio.create_task(serving.drain(here.runner, over))
        while here.runner.sites:
            await asyncio.sleep(0.01)
        kept.send(ready)
        answer = await kept.rest(await kept.head())
        assert (answer.status, answer.json()) == (503, {"status": "stopping"})
        assert answer.headers["Connection"] == "close"
        assert await kept.closed() == b""
        over.set()
        await draining


async def test_a_gateway_counts_what_is_under_way() -> None:
    async with pair("direct") as (here, _):
        current = here.runner.app[CURRENT]
        async with here.connect() as connection:
            connection.request(asking("held"), CHAT)
            await connection.head()
            assert current.gateway.in_flight == 1
            connection.leave()
            await asyncio.wait_for(current.idle(), 10)
        assert (await here.post(asking("nobody's"), CHAT)).status == 404
        assert current.gateway.in_flight == 0
