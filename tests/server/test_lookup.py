"""The cache of whole answers: restored for each request from its own vault, and for nobody else's eyes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.access.cache import Cache as Store
from gateway.config import Cache, Key, Provider, Route, Secret
from gateway.guard.policy import Policy
from gateway.server.reload import CURRENT
from tests.server.conftest import Start
from tests.server.running import CHAT, NEVER, Answer, Pair, asking, picture, saying
from tests.server.scripted import WHOLE, provider, reply, scripted

BOB, EVE = "bob.stone@example.org", "eve.miller@example.net"


async def ask(
    gateway: Pair, content: Any = "Hello", model: str = "sim:echo", key: str = "", **headers: str
) -> Answer:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    own = [("Authorization", f"Bearer sk-sluice-{key}")] if key else []
    return await gateway.post(asking(model, content, stream=False), CHAT, [*named, *own])


def state(answer: Answer) -> str | None:
    return answer.headers.get("X-Sluice-Cache")


def text(answer: Answer) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def store(gateway: Pair) -> Store:
    found = gateway.runner.app[CURRENT].gateway.standing.cache
    assert found is not None
    return found


def sent(gateway: Pair) -> int:
    return len(gateway.simulator.requests)


async def test_without_the_table_there_is_no_cache(start: Start) -> None:
    gateway = await start()
    assert [state(await ask(gateway)) for _ in range(2)] == [None, None]
    assert sent(gateway) == 2


async def test_the_second_time_nobody_is_asked(start: Start) -> None:
    gateway = await start(cache=Cache())
    first, second = await ask(gateway), await ask(gateway)
    assert (state(first), state(second)) == ("miss", "hit")
    assert first.json() == second.json()
    assert sent(gateway) == 1
    assert "Age" in second.headers
    assert second.headers["X-Sluice-Provider"] == "simulated"
    assert second.headers["X-Sluice-Model"] == "sim:echo"


async def test_a_hit_restores_the_callers_own_values(start: Start) -> None:
    """Both prompts are the same once their values are hidden; each caller gets its own back."""
    gateway = await start(cache=Cache())
    first = await ask(gateway, f"Write to {BOB}.")
    second = await ask(gateway, f"Write to {EVE}.")
    assert (state(first), state(second)) == ("miss", "hit")
    assert (text(first), text(second)) == (f"Write to {BOB}.", f"Write to {EVE}.")
    assert sent(gateway) == 1


async def test_another_numbering_is_another_question(start: Start) -> None:
    gateway = await start(cache=Cache())
    prompts = [
        f"Write to {BOB}, not {EVE}.",
        f"Write to {EVE}, not {BOB}.",
        f"Write to {BOB}, not {BOB}.",
        f"Write to {BOB}, not [EMAIL_1].",
    ]
    answers = [await ask(gateway, each) for each in prompts]
    assert [state(each) for each in answers] == ["miss", "hit", "miss", "miss"]
    assert [text(each) for each in answers] == prompts


async def test_no_value_is_kept(start: Start) -> None:
    gateway = await start(cache=Cache())
    await ask(gateway, f"Write to {BOB}.")
    (entry,) = store(gateway)._entries.values()
    assert BOB.encode() not in entry.answer.body
    assert b"[EMAIL_1]" in entry.answer.body


async def test_tenants_share_nothing(start: Start) -> None:
    keys = [Key("a", Secret("sk-sluice-a")), Key("b", Secret("sk-sluice-b"))]
    gateway = await start(cache=Cache(), keys=keys)
    assert [state(await ask(gateway, key=key)) for key in "abab"] == ["miss", "miss", "hit", "hit"]


async def test_callers_with_keys_of_their_own_share_nothing(start: Start) -> None:
    gateway = await start(cache=Cache())
    asked = [await ask(gateway, X_Provider_API_Key=each) for each in ("x", "y", "x")]
    assert [state(each) for each in asked] == ["miss", "miss", "hit"]


async def test_policies_share_nothing(start: Start) -> None:
    gateway = await start(cache=Cache(), policies=[Policy("strict", request={"URL": "redact"})])
    asked = [await ask(gateway, X_Sluice_Policy=each) for each in ("default", "strict", "default")]
    assert [state(each) for each in asked] == ["miss", "miss", "hit"]


async def test_what_changes_the_answer_is_another_question(start: Start) -> None:
    gateway = await start(cache=Cache())
    bodies: list[dict[str, Any]] = [{}, {"temperature": 0.5}, {"max_tokens": 5}, {"n": 2}]
    asked = [await gateway.chat("sim:echo", stream=False, **each) for each in bodies]
    asked.append(await ask(gateway, model="simulated/sim:echo"))
    asked.append(await ask(gateway, OpenAI_Beta="x"))
    assert [state(each) for each in asked] == ["miss"] * 6


async def test_a_new_idempotency_key_is_no_other_question(start: Start) -> None:
    gateway = await start(cache=Cache())
    asked = [await ask(gateway, Idempotency_Key=each) for each in ("x", "y")]
    assert [state(each) for each in asked] == ["miss", "hit"]


async def test_long_requests_bypass_it(start: Start) -> None:
    gateway = await start(cache=Cache())
    assert state(await ask(gateway, picture(1 << 20), model="sim:say")) == "bypass"
    assert len(store(gateway)) == 0


async def test_streams_bypass_it_both_ways(start: Start) -> None:
    gateway = await start(cache=Cache())
    assert state(await gateway.chat("sim:echo")) == "bypass"
    assert len(store(gateway)) == 0
    await ask(gateway)
    assert state(await gateway.chat("sim:echo")) == "bypass"
    assert sent(gateway) == 3


async def test_a_request_may_ask_for_none_of_it(start: Start) -> None:
    gateway = await start(cache=Cache())
    asked = [
        await ask(gateway, Cache_Control="no-store"),
        await ask(gateway, Cache_Control="no-cache"),  # asks anew, and keeps the answer
        await ask(gateway),
        await ask(gateway, Cache_Control="no-cache"),
        await ask(gateway, Cache_Control="max-age=60"),
        await ask(gateway, Cache_Control="max-age=0"),
        await ask(gateway, Cache_Control="no-store"),
    ]
    assert [state(each) for each in asked] == ["bypass", "miss", "hit", "miss", "hit", "miss", "bypass"]
    assert sent(gateway) == 5


@pytest.mark.parametrize(
    ("header", "expected"),
    [("no-store", "miss"), ("no-cache", "miss"), ("max-age=0", "miss"), ("max-age=60", "hit"), ("", "hit")],
)
async def test_the_provider_may_forbid_it(start: Start, header: str, expected: str) -> None:
    headers = [("Cache-Control", header)] if header else []
    async with scripted(reply(200, WHOLE, headers)) as it:
        gateway = await start(cache=Cache(), provider_url=it.url, models=["m"])
        assert [state(await ask(gateway, model="m")) for _ in range(2)] == ["miss", expected]


def finished(reason: str | None) -> bytes:
    body: dict[str, Any] = json.loads(json.dumps(WHOLE))
    body["choices"][0]["finish_reason"] = reason
    return reply(200, body)


LEFT_OUT = {
    "an error": reply(500),
    "an error with status 200": reply(200, {"error": {"message": "no"}}),
    "a truncated answer": reply(200, WHOLE)[:-20],
    "one that met its limit": finished("length"),
    "one that a filter took": finished("content_filter"),
}


@pytest.mark.parametrize("said", LEFT_OUT.values(), ids=LEFT_OUT)
async def test_what_is_no_whole_answer_is_not_kept(start: Start, said: bytes) -> None:
    async with scripted(said) as it:
        gateway = await start(cache=Cache(), provider_url=it.url, models=["m"])
        assert [state(await ask(gateway, model="m")) for _ in range(2)] == ["miss", "miss"]
        assert len(store(gateway)) == 0
        assert it.asked == 2


async def test_a_blocked_answer_is_not_kept(start: Start) -> None:
    policy = Policy("default", answer={"EMAIL": "block"})
    gateway = await start(cache=Cache(), policies=[policy])
    for _ in range(2):
        answer = await ask(gateway, model=saying(f"Write to {BOB}."))
        assert answer.error["type"] == "policy_violation"
    assert len(store(gateway)) == 0


async def test_an_answer_of_another_dialect_is_said_again(start: Start) -> None:
    """The fallback's answer is kept in its own dialect; a hit is translated as the first answer was."""
    gateway = await start(cache=Cache())
    port = gateway.simulator.origin
    claude = Provider("claude", port, kind="anthropic", api_key=Secret("x"), breaker=NEVER)
    both = await start(
        cache=Cache(),
        others=[claude, provider("down", "http://127.0.0.1:9/v1")],
        routes=[Route(["chat"], ["down/m"], fallback=["claude/sim:echo"])],
    )
    answers = []
    for who in (BOB, EVE):
        body = asking("chat", f"Write to {who}.", stream=False, max_tokens=50)
        answers.append(await both.post(body))
    assert [state(each) for each in answers] == ["miss", "hit"]
    assert [text(each) for each in answers] == [f"Write to {BOB}.", f"Write to {EVE}."]
    assert answers[1].headers["X-Sluice-Provider"] == "claude"
    assert sent(gateway) == 1


async def test_a_hit_is_no_usage(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    gateway = await start(cache=Cache())
    for _ in range(2):
        await ask(gateway)
    first, second = [each.__dict__["facts"] for each in caplog.get_records("call")][-2:]
    assert first["cache"] == "miss"
    assert first["input_tokens"] > 0
    assert (second["cache"], second["attempts"], second["input_tokens"]) == ("hit", 0, None)


async def test_counting_tokens_is_not_kept(start: Start) -> None:
    gateway = await start(cache=Cache())
    claude = Provider("claude", gateway.simulator.origin, kind="anthropic", api_key=Secret("x"), models=["c"])
    counting = await start(cache=Cache(), others=[claude])
    body = {"model": "c", "messages": [{"role": "user", "content": "Hello"}]}
    for _ in range(2):
        answer = await counting.post(json.dumps(body).encode(), "/v1/messages/count_tokens")
        assert state(answer) in ("miss", "bypass")
