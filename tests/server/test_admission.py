"""Limits and budgets in the life of a request: who is let in, what they are told, what is settled in the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from aiohttp import web
from msgspec.structs import replace

from gateway.access.budget import Budget, Spent
from gateway.access.limits import Limits
from gateway.access.prices import Price
from gateway.config import Key, Provider, Secret
from gateway.server.estimate import UNSAID_OUTPUT, most_output
from gateway.server.reload import CURRENT
from gateway.store.failover import Failover
from tests.server.conftest import Start
from tests.server.running import CHAT, DONE, Answer, Pair, asking, frame, saying, serving

SECRET = "sk-sluice-app"
AUTHORIZED = [("Authorization", f"Bearer {SECRET}")]
PRICES = [Price("sim*", input=1000.0, output=2000.0)]  # a thousandth of a dollar for a token of the prompt


def key(limits: Limits | None = None, budget: Budget | None = None) -> Key:
    return Key("app", Secret(SECRET), limits=limits or Limits(), budget=budget or Budget())


def store_of(pair: Pair) -> Failover:
    return pair.runner.app[CURRENT].gateway.admission.store


async def asked(pair: Pair, model: str = "sim:say", content: str = "Hello", **more: Any) -> Answer:
    return await pair.post(asking(model, content, **more), headers=AUTHORIZED)


async def spent(pair: Pair) -> Spent:
    return await store_of(pair).spent("app", "total")


async def until_spent(pair: Pair, right: Callable[[Spent], bool]) -> Spent:
    """What was spent once it is settled: the client is gone before the gateway is done."""
    async with asyncio.timeout(5):
        while not right(await spent(pair)):
            await asyncio.sleep(0.005)
    return await spent(pair)


def budget(**more: Any) -> Budget:
    return Budget(per="total", **more)


# --- limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
async def test_more_requests_than_allowed_are_refused_and_told_when_to_come(
    start: Start, stream: bool
) -> None:
    pair = await start(keys=[key(Limits(requests_per_minute=2))])
    first = await asked(pair, stream=stream)
    assert first.status == 200
    assert first.headers["X-RateLimit-Limit-Requests"] == "2"
    assert first.headers["X-RateLimit-Remaining-Requests"] == "1"
    assert first.headers["X-RateLimit-Reset-Requests"].startswith(("60.", "1m0"))
    assert (await asked(pair, stream=stream)).headers["X-RateLimit-Remaining-Requests"] == "0"
    third = await asked(pair, stream=stream)
    assert (third.status, third.error["type"], third.error["code"]) == (
        429,
        "rate_limit_exceeded",
        "RATE_LIMIT_EXCEEDED",
    )
    assert 59 <= int(third.headers["Retry-After"]) <= 61
    assert third.headers["X-RateLimit-Remaining-Requests"] == "0"
    assert len(pair.simulator.requests) == 2


async def test_sdks_know_it_for_a_rate_limit(start: Start) -> None:
    pair = await start(keys=[key(Limits(requests_per_minute=1))])
    await asked(pair)
    async with openai.AsyncOpenAI(base_url=f"{pair.url}/v1", api_key=SECRET, max_retries=0) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(
                model="sim:say", messages=[{"role": "user", "content": "Hi"}]
            )
    assert "rate_limit" in str(caught.value)
    async with anthropic.AsyncAnthropic(base_url=pair.url, api_key=SECRET, max_retries=0) as claude:
        with pytest.raises(anthropic.RateLimitError) as refused:
            await claude.messages.create(
                model="sim:say", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
            )
    assert refused.value.response.json()["error"]["type"] == "rate_limit_error"


async def test_tokens_are_reserved_and_what_was_not_used_is_given_back(start: Start) -> None:
    pair = await start(keys=[key(Limits(tokens_per_minute=1000))])
    answer = await asked(pair, saying("Hi"), max_tokens=700)
    left = int(answer.headers["X-RateLimit-Remaining-Tokens"])
    assert 280 <= left <= 300
    again = await asked(pair, saying("Hi"), max_tokens=700)
    assert again.status == 200
    assert int(again.headers["X-RateLimit-Remaining-Tokens"]) < left


async def test_a_request_that_can_never_fit_is_told_so_and_not_to_try_again(start: Start) -> None:
    pair = await start(keys=[key(Limits(tokens_per_minute=100))])
    answer = await asked(pair, max_tokens=101)
    assert (answer.status, answer.error["type"]) == (429, "rate_limit_exceeded")
    assert "max_tokens" in answer.error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert "Retry-After" not in answer.headers


async def test_a_place_is_given_back_when_the_stream_ends_or_the_client_leaves(start: Start) -> None:
    pair = await start(keys=[key(Limits(concurrent=1))])
    slow = asking("sim:long?tokens=5000&pace_ms=5")
    async with pair.connect() as connection:
        connection.request(slow, CHAT, AUTHORIZED)
        assert (await connection.head()).status == 200
        refused = await asked(pair)
        assert (refused.status, refused.error["type"]) == (429, "rate_limit_exceeded")
        assert refused.headers["Retry-After"] == "1"
        connection.leave()
    await pair.until(lambda it: not it.active)
    for stream in (True, False) * 5:
        assert (await asked(pair, stream=stream)).status == 200


async def test_a_key_without_limits_does_not_touch_the_store(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = await start(keys=[key()])
    store = store_of(pair)
    for name in ("admit", "settle", "keys", "spent"):
        monkeypatch.setattr(store, name, None)
    answer = await asked(pair)
    assert answer.status == 200
    assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]


async def test_another_configuration_keeps_what_was_counted(start: Start) -> None:
    pair = await start(keys=[key(Limits(requests_per_minute=2))])
    await asked(pair)
    gateway = pair.runner.app[CURRENT].gateway
    gateway.config = replace(gateway.config, keys=[key(Limits(requests_per_minute=3))])
    gateway.admission.take(gateway.config)
    assert (await asked(pair)).headers["X-RateLimit-Remaining-Requests"] == "1"


# --- budgets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
async def test_what_the_provider_counted_is_what_was_spent(start: Start, stream: bool) -> None:
    pair = await start(keys=[key(budget=budget(usd=100.0, tokens=10**6))], prices=PRICES)
    answer = await asked(pair, stream=stream, stream_options={"include_usage": True} if stream else None)
    usage = (answer.events[-1] if stream else answer.json())["usage"]
    used = Spent(
        1_000_000 * usage["prompt_tokens"] + 2_000_000 * usage["completion_tokens"], usage["total_tokens"]
    )
    assert await until_spent(pair, lambda found: found.tokens < UNSAID_OUTPUT) == used


@pytest.mark.parametrize("part", [{"usd": 2.0}, {"tokens": 1000}])
async def test_a_budget_that_is_spent_is_an_error_of_its_own(start: Start, part: dict[str, Any]) -> None:
    pair = await start(keys=[key(budget=budget(**part))], prices=PRICES)
    refused = await asked(pair, max_tokens=1000)
    assert (refused.status, refused.error["type"]) == (429, "insufficient_quota")
    assert refused.headers["x-should-retry"] == "false"
    assert "Retry-After" not in refused.headers
    assert await spent(pair) == Spent()
    assert (await asked(pair, max_tokens=500)).status == 200


async def test_a_budget_of_a_day_says_when_the_next_one_begins(start: Start) -> None:
    pair = await start(keys=[key(budget=Budget(tokens=1, per="day"))])
    refused = await asked(pair)
    assert refused.error["type"] == "insufficient_quota"
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400


async def test_a_model_without_a_price_is_refused_where_money_counts(start: Start) -> None:
    pair = await start(keys=[key(budget=budget(usd=1.0))])
    refused = await asked(pair)
    assert (refused.status, refused.error["code"], refused.error["param"]) == (
        403,
        "model_price_unknown",
        "model",
    )
    assert not pair.simulator.requests


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("failure", ["status:500", "status:429", "drop:head", "error_first"])
async def test_what_failed_before_the_answer_costs_nothing(start: Start, failure: str, stream: bool) -> None:
    pair = await start(keys=[key(budget=budget(tokens=10**6))])
    answer = await asked(pair, f"sim:say?fail={failure}", stream=stream)
    assert answer.status >= 400
    assert await spent(pair) == Spent()


async def test_what_the_gateway_refuses_costs_nothing(start: Start) -> None:
    pair = await start(keys=[key(budget=budget(tokens=10**6))])
    body = asking("sim:say", n="three", stop={"a": 1}, messages=[{"role": "user"}])
    assert (await pair.post(body, "/v1/anthropic/messages", AUTHORIZED)).status in (400, 404)
    assert await spent(pair) == Spent()


async def test_a_stream_that_breaks_costs_what_has_streamed(start: Start) -> None:
    pair = await start(keys=[key(budget=budget(tokens=10**6))])
    answer = await asked(pair, saying("x" * 400, "delta=4&fail=drop:50"), "p" * 40)
    assert answer.status == 200
    found = await until_spent(pair, lambda found: found.tokens < UNSAID_OUTPUT)
    assert 10 + 40 <= found.tokens <= 10 + 60


async def test_a_client_that_leaves_pays_for_the_prompt_and_what_has_streamed(start: Start) -> None:
    pair = await start(keys=[key(budget=budget(tokens=10**6))])
    async with pair.connect() as connection:
        connection.request(asking("sim:long?tokens=5000&pace_ms=2", "p" * 4000), CHAT, AUTHORIZED)
        await connection.head()
        got = b""
        while len(got) < 20_000:
            got += await connection.chunk()
        connection.leave()
    await pair.until(lambda it: not it.active)
    found = await until_spent(pair, lambda found: found.tokens != 1001 + UNSAID_OUTPUT)
    assert 1001 + 20 < found.tokens < 1001 + UNSAID_OUTPUT


async def test_without_usage_the_text_is_counted(start: Start) -> None:
    async def provider(request: web.Request) -> web.StreamResponse:
        if json.loads(await request.read())["stream"]:
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await response.prepare(request)
            await response.write(frame({"content": "abcd" * 50}) + frame({}, "stop") + DONE)
            return response
        message = {"role": "assistant", "content": "abcd" * 50}
        return web.json_response({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    async with serving(provider) as url:
        other = Provider(name="quiet", base_url=url, models=["quiet"])
        pair = await start(keys=[key(budget=budget(tokens=10**6))], others=[other])
        await asked(pair, "quiet", "p" * 40)
        streamed = await until_spent(pair, lambda found: found.tokens < 500)
        assert 10 + 50 <= streamed.tokens <= 20 + 50
        await asked(pair, "quiet", "p" * 40, stream=False)
        both = await until_spent(pair, lambda found: found.tokens < 500)
        assert 10 + 50 <= both.tokens - streamed.tokens <= 20 + 50 + 40  # the body's JSON is counted too


async def test_counting_tokens_costs_none(start: Start) -> None:
    pair = await start(keys=[key(Limits(requests_per_minute=9), budget(tokens=10**6))])
    body = {"model": "sim:say", "messages": [{"role": "user", "content": "Hello"}]}
    await pair.post(json.dumps(body).encode(), "/v1/messages/count_tokens", AUTHORIZED)
    assert await spent(pair) == Spent()


# --- what is estimated ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "most"),
    [
        ({}, UNSAID_OUTPUT),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6, "max_tokens": 5}, 6),
        ({"max_output_tokens": 7}, 7),
        ({"generationConfig": {"maxOutputTokens": 8, "candidateCount": 2}}, 16),
        ({"max_tokens": 5, "n": 3}, 15),
        ({"max_tokens": True, "n": "x"}, UNSAID_OUTPUT),
        ({"max_tokens": -1, "generationConfig": []}, UNSAID_OUTPUT),
    ],
)
def test_the_most_that_may_be_answered(body: dict[str, Any], most: int) -> None:
    assert most_output(body) == most
