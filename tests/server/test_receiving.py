"""Requests that ask no model are counted and bounded as chat requests are, and cost nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.access.budget import Budget, Spent
from gateway.access.limits import Limits
from gateway.config import Key, Secret
from gateway.server.reload import CURRENT
from tests.server.conftest import Start
from tests.server.running import CHAT, Answer, Pair, UpstreamKind, asking, saying

AUTHORIZED = [("Authorization", "Bearer sk-sluice-app")]
MESSAGES = [{"role": "user", "content": "Is it late?"}]
# What is asked at each path, under both prefixes.
BODIES: dict[str, dict[str, Any]] = {
    f"{start}{path}": body
    for start in ("/v1", "/api/v1")
    for path, body in (
        ("/scan", {"text": "Is it late?"}),
        ("/security/redact", {"content": "Is it late?"}),
        ("/guard", {"messages": MESSAGES}),
        ("/security/scan", {"content": "Is it late?"}),
    )
}


@pytest.fixture
def upstream() -> UpstreamKind:
    """No provider is asked here that matters."""
    return "direct"


paths = pytest.mark.parametrize(
    "path", ["/v1/scan", "/api/v1/security/redact", "/v1/guard", "/api/v1/security/scan"]
)


def app(limits: Limits, budget: Budget | None = None) -> Key:
    return Key("app", Secret("sk-sluice-app"), limits=limits, budget=budget or Budget())


async def ask(pair: Pair, path: str) -> Answer:
    return await pair.post(json.dumps(BODIES[path]).encode(), path, AUTHORIZED)


@paths
async def test_they_count_as_requests(start: Start, path: str) -> None:
    pair = await start(keys=[app(Limits(requests_per_minute=2))])
    assert (await ask(pair, path)).headers["X-RateLimit-Remaining-Requests"] == "1"
    assert (await pair.post(asking("sim:say"), CHAT, AUTHORIZED)).status == 200
    refused = await ask(pair, path)
    assert (refused.status, refused.error["type"]) == (429, "rate_limit_exceeded")
    assert 59 <= int(refused.headers["Retry-After"]) <= 61


@paths
async def test_they_are_among_the_requests_in_progress(start: Start, path: str) -> None:
    pair = await start(keys=[app(Limits(concurrent=1))])
    for _ in range(2):  # each gives its place back
        assert (await ask(pair, path)).status == 200
    async with pair.connect() as connection:
        connection.request(asking("sim:long?tokens=3000&pace_ms=5"), CHAT, AUTHORIZED)
        await connection.head()
        assert (await ask(pair, path)).status == 429
        connection.leave()


@paths
async def test_they_cost_neither_tokens_nor_money(start: Start, path: str) -> None:
    budget = Budget(tokens=10, usd=1e-9, per="total")
    pair = await start(keys=[app(Limits(tokens_per_minute=1), budget)])
    answer = await ask(pair, path)
    assert answer.status == 200, answer.body
    store = pair.runner.app[CURRENT].gateway.admission.store
    assert await store.spent("app", "total") == Spent()


async def test_they_go_on_when_tokens_and_money_are_spent(start: Start) -> None:
    budget = Budget(tokens=3000, per="total")
    pair = await start(keys=[app(Limits(requests_per_minute=100, tokens_per_minute=3000), budget)])
    # It costs more than was reserved for it, and so all there is.
    spending = asking(saying("a " * 4000), stream=False, max_tokens=1)
    assert (await pair.post(spending, CHAT, AUTHORIZED)).status == 200
    assert (await pair.post(spending, CHAT, AUTHORIZED)).status == 429
    for path in BODIES:
        answer = await ask(pair, path)
        assert answer.status == 200, answer.body
        assert "X-RateLimit-Remaining-Requests" in answer.headers


@paths
async def test_they_take_a_place_of_the_worker(start: Start, path: str) -> None:
    pair = await start(max_requests=1)
    capacity = pair.runner.app[CURRENT].gateway.capacity
    async with pair.connect() as connection:
        connection.request(asking("sim:long?tokens=3000&pace_ms=5"), CHAT)
        await connection.head()
        refused = await ask(pair, path)
        assert (refused.status, refused.error["code"]) == (503, "AT_CAPACITY")
        assert refused.headers["Retry-After"] == "1"
        connection.leave()
    while capacity.requests:
        await asyncio.sleep(0.01)
    assert (await ask(pair, path)).status == 200
    assert (capacity.requests, capacity.memory_bytes) == (0, 0)


@paths
async def test_their_bodies_are_held_to_the_memory(start: Start, path: str) -> None:
    pair = await start(max_memory_bytes=3 << 20)
    large = json.dumps({**BODIES[path], "context": {"padding": "a" * (600 << 10)}}).encode()
    async with pair.connect() as connection:
        connection.request(asking("sim:long?tokens=3000&pace_ms=5"), CHAT)
        await connection.head()
        refused = await pair.post(large, path)
        assert (refused.status, refused.error["code"]) == (503, "AT_CAPACITY")
        connection.leave()


async def test_what_is_refused_before_it_is_read_counts_nothing(start: Start) -> None:
    key = app(Limits(requests_per_minute=1))
    pair = await start(keys=[key, replace(key, name="other", secret=Secret("sk-sluice-other"))])
    for path in BODIES:
        assert (await pair.post(b"{", path, AUTHORIZED)).status == 400
    assert (await ask(pair, "/v1/scan")).status == 200
