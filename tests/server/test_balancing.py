"""Which of several candidates is asked first, and who is given a rest."""

from __future__ import annotations

import asyncio

import pytest

from gateway.config import CircuitBreaker, Route, Secret
from gateway.simulator import Simulator
from tests.server.conftest import Start
from tests.server.running import asking, frame
from tests.server.scripted import (
    QUICK,
    SAID,
    anthropic,
    fine,
    provider,
    reply,
    scripted,
    streamed,
    text_of,
    told,
)

# --- which of several -------------------------------------------------------------------------------------


async def test_weights_are_kept(start: Start, claude: Simulator) -> None:
    gateway = await start(
        others=[anthropic(claude)],
        routes=[Route(["chat"], ["simulated/sim:say", "claude/sim:say"], "weighted", [3, 1])],
    )
    for _ in range(8):
        assert (await gateway.chat("chat", max_tokens=9)).status == 200
    assert len(gateway.simulator.requests) == 6
    assert len(claude.requests) == 2


async def test_a_pattern_keeps_the_models_name(start: Start) -> None:
    gateway = await start(models=["nothing"], routes=[Route(["sim*"], ["simulated/*"])])
    answer = await gateway.chat("sim:say")
    assert answer.status == 200
    assert gateway.saw["model"] == "sim:say"


async def test_a_request_that_names_the_provider_takes_no_route(start: Start) -> None:
    async with scripted(fine(True)) as other:
        gateway = await start(
            others=[provider("other", other.url)], routes=[Route(["*", "sim"], ["other/m"])]
        )
        assert (await gateway.chat("simulated/sim:say")).headers["X-Sluice-Provider"] == "simulated"
        answer = await gateway.post(asking("sim"), "/v1/simulated/chat/completions")
        assert answer.headers["X-Sluice-Provider"] == "simulated"
        assert (await gateway.chat("sim")).headers["X-Sluice-Provider"] == "other"


async def test_routes_are_listed_as_models(start: Start) -> None:
    gateway = await start(models=["sim"], routes=[Route(["chat", "gpt-*"], ["simulated/sim"])])
    models = (await gateway.post(b"", "/v1/models", method="GET")).json()["data"]
    assert {each["id"]: each["owned_by"] for each in models} == {"sim": "simulated", "chat": "simulated"}


@pytest.mark.parametrize("number", [401, 429])
async def test_another_key_of_the_provider_is_asked_at_once(start: Start, number: int) -> None:
    """Nobody waits an hour where another key can answer now; and who is at rest is asked last."""
    async with scripted(reply(number, headers=[("Retry-After", "3600")]), fine(True)) as it:
        keys = [Secret("key-1"), Secret("key-2")]
        two = provider("two", it.url, api_key=None, api_keys=keys)
        gateway = await start(others=[two], routes=[Route(["chat"], ["two/m"])])
        assert text_of(await gateway.chat("chat"), True) == SAID
        assert it.keys == ["Bearer key-1", "Bearer key-2"]
        for _ in range(3):
            assert (await gateway.chat("chat")).status == 200
        if number == 429:
            assert set(it.keys[2:]) == {"Bearer key-2"}


async def test_requests_are_spread_over_keys(start: Start) -> None:
    async with scripted(fine(True)) as it:
        three = provider("three", it.url, api_keys=[Secret("key-2"), Secret("key-3")])
        gateway = await start(others=[three], routes=[Route(["chat"], ["three/m"])])
        for _ in range(6):
            await gateway.chat("chat")
        assert sorted(it.keys) == sorted(["Bearer key-of-three", "Bearer key-2", "Bearer key-3"] * 2)


async def test_the_quickest_is_preferred(start: Start) -> None:
    async with scripted(fine(True)) as other:
        gateway = await start(
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/sim:say?fail=slow_head:0.2", "other/m"], "least-latency")],
        )
        for _ in range(5):
            assert (await gateway.chat("chat")).status == 200
        assert len(gateway.simulator.requests) == 1
        assert other.asked == 4


# --- the breaker ------------------------------------------------------------------------------------------


async def test_a_failing_provider_is_given_a_rest_and_then_one_try(start: Start) -> None:
    async with scripted(*[reply(500)] * 3, fine(True)) as it:
        gateway = await start(
            provider_url=it.url, breaker=CircuitBreaker(failures=3, window_s=60, rest_s=0.3)
        )
        for _ in range(3):
            assert (await gateway.chat("sim")).error["type"] == "server_error"
        answer = await gateway.chat("sim")
        assert answer.status == 503
        assert answer.error["code"] == "CIRCUIT_OPEN"
        assert answer.headers["Retry-After"] == "1"
        assert it.asked == 3
        await asyncio.sleep(0.35)
        assert text_of(await gateway.chat("sim"), True) == SAID
        assert text_of(await gateway.chat("sim"), True) == SAID
        assert it.asked == 5


async def test_a_failed_try_is_another_rest(start: Start) -> None:
    async with scripted(reply(500)) as it:
        gateway = await start(
            provider_url=it.url, retries=QUICK, breaker=CircuitBreaker(failures=2, window_s=60, rest_s=0.2)
        )
        await gateway.chat("sim")
        assert it.asked == 2  # the third attempt was not admitted
        await asyncio.sleep(0.25)
        await gateway.chat("sim")
        assert it.asked == 3
        assert (await gateway.chat("sim")).error["code"] == "CIRCUIT_OPEN"
        assert it.asked == 3


async def test_requests_go_past_a_provider_at_rest(start: Start) -> None:
    async with scripted(reply(500)) as it, scripted(fine(True)) as other:
        gateway = await start(
            provider_url=it.url,
            breaker=CircuitBreaker(failures=2, window_s=60, rest_s=60),
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/m"], fallback=["other/m"])],
        )
        for _ in range(5):
            assert text_of(await gateway.chat("chat"), True) == SAID
        assert (it.asked, other.asked) == (2, 5)
        assert told(await gateway.chat("chat"))["Attempts"] is None


async def test_refusals_open_no_breaker(start: Start) -> None:
    async with scripted(reply(400), reply(429), reply(401), fine(True)) as it:
        gateway = await start(provider_url=it.url, breaker=CircuitBreaker(failures=1, rest_s=60))
        statuses = [(await gateway.chat("sim")).status for _ in range(4)]
        assert statuses == [400, 429, 401, 200]


async def test_answers_that_break_off_open_it_too(start: Start) -> None:
    async with scripted(streamed(frame({"content": "All is"}))) as it:
        gateway = await start(provider_url=it.url, breaker=CircuitBreaker(failures=2, rest_s=60))
        for _ in range(2):
            assert (await gateway.chat("sim")).stream_error["type"] == "upstream_truncated"
        assert (await gateway.chat("sim")).error["code"] == "CIRCUIT_OPEN"
        assert it.asked == 2
