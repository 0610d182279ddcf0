"""Once something has gone to the client nobody else is asked; and whatever happens, nothing is left."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

from gateway.config import Retries, Route, Timeouts
from gateway.guard.policy import Policy
from gateway.guard.topics import Topic, Topics
from gateway.server.reload import CURRENT
from gateway.simulator import Simulator
from tests.server.conftest import Start
from tests.server.running import CHAT, DONE, Pair, asking, frame
from tests.server.scripted import (
    EMAIL,
    ERROR,
    QUICK,
    SAID,
    anthropic,
    fine,
    provider,
    reply,
    scripted,
    streamed,
    text_of,
)

# --- once something has gone to the client ----------------------------------------------------------------


async def test_after_a_keepalive_nobody_else_is_asked(start: Start) -> None:
    async with scripted(fine(True)) as other:
        gateway = await start(
            keepalive_after_s=0.05,
            retries=QUICK,
            timeouts=Timeouts(first_byte_s=0.3),
            others=[provider("other", other.url)],
            routes=[Route(["chat"], ["simulated/sim:say?fail=stall:head"], fallback=["other/m"])],
        )
        answer = await gateway.chat("chat")
        assert answer.body.startswith(b":")
        assert answer.stream_error["type"] == "provider_timeout"
        assert other.asked == 0


async def test_a_wait_may_be_bridged_by_keepalives(start: Start) -> None:
    """The failure came before anything had gone out; what follows the comment is the second answer."""
    async with scripted(reply(500), fine(True)) as it:
        gateway = await start(
            provider_url=it.url, keepalive_after_s=0.3, retries=Retries(most=1, first_wait_s=1.2)
        )
        answer = await gateway.chat("sim")
        assert answer.body.startswith(b":")
        assert text_of(answer, True) == SAID
        assert it.asked == 2


async def test_a_second_failure_after_a_keepalive_is_told_in_the_stream(start: Start) -> None:
    async with scripted(streamed(b"data: " + json.dumps(ERROR).encode() + b"\n\n"), reply(500)) as it:
        gateway = await start(
            provider_url=it.url, keepalive_after_s=0.3, retries=Retries(most=5, first_wait_s=1.2)
        )
        answer = await gateway.chat("sim")
        assert answer.stream_error["type"] == "server_error"
        assert it.asked == 2


async def test_leaving_while_waiting_asks_nobody(start: Start) -> None:
    async with scripted(reply(500)) as it:
        gateway = await start(provider_url=it.url, retries=Retries(most=5, first_wait_s=5))
        async with gateway.connect() as connection:
            connection.request(asking("sim"), CHAT)
            while not it.asked:
                await asyncio.sleep(0.01)
            connection.leave()
        await asyncio.sleep(0.05)
        assert it.asked == 1
        assert gateway_of(gateway).capacity.requests == 0


def gateway_of(pair: Pair) -> Any:
    return pair.runner.app[CURRENT].gateway


async def test_what_judges_whole_answers_begins_anew_with_each(start: Start) -> None:
    """The answer is held until it is judged; the first candidate's breaks off before that."""
    policy = Policy("default", topics=Topics([Topic("zoo", ["zebra"])]), hold="answer")
    async with (
        scripted(streamed(frame({"content": "A zebra, and"}))) as it,
        scripted(fine(True)) as good,
        scripted(streamed(frame({"content": "A zebra."}), frame({}, "stop"), DONE)) as bad,
    ):
        gateway = await start(
            provider_url=it.url,
            policies=[policy],
            others=[provider("good", good.url), provider("bad", bad.url)],
            routes=[
                Route(["chat"], ["simulated/m"], fallback=["good/m"]),
                Route(["zoo"], ["simulated/m"], fallback=["bad/m"]),
            ],
        )
        answer = await gateway.chat("chat")
        assert text_of(answer, True) == SAID
        assert b"zebra" not in answer.body
        refused = await gateway.chat("zoo")
        assert refused.status == 400
        assert refused.error["type"] == "policy_violation"
        assert it.asked == 2


# --- nothing is left --------------------------------------------------------------------------------------


FATES = ["sim:say", "sim:long?tokens=40&pace_ms=1", "sim:say?fail=slow_head:0.02"]
FATES += [f"sim:say?fail={fail}" for fail in ("error_first", "error_mid", "html", "empty", "truncate:2")]
FATES += [f"sim:say?fail={fail}:head" for fail in ("drop", "reset", "stall", "garbage")]
FATES += [f"sim:say?fail=status:{status}" for status in (400, 401, 429, 500, 503)]


async def test_whatever_happens_each_gets_one_answer_and_nothing_is_left(
    start: Start, claude: Simulator
) -> None:
    gateway = await start(
        retries=Retries(most=1, first_wait_s=0.005),
        timeouts=Timeouts(first_byte_s=0.5, idle_s=0.3),
        keepalive_after_s=0.2,
        others=[anthropic(claude)],
        routes=[
            Route(
                [f"fate{at}"],
                [f"simulated/{fate}", "claude/sim:say"],
                "weighted",
                fallback=["claude/sim:echo"],
            )
            for at, fate in enumerate(FATES)
        ],
    )
    chance = random.Random(7)
    ends: list[bool] = []

    async def live() -> None:
        model = f"fate{chance.randrange(len(FATES))}"
        stream, leaves = chance.random() < 0.7, chance.random() < 0.25
        async with gateway.connect() as connection:
            connection.request(asking(model, EMAIL, stream=stream, max_tokens=50), CHAT)
            if leaves:
                await asyncio.sleep(chance.random() * 0.05)
                connection.leave()
                return
            answer = await connection.rest(await connection.head())
            ends.append(answer.ended)
            if stream and answer.status == 200:
                assert answer.body.count(b"[DONE]") == 1
            assert answer.status in (200, 400)  # all else falls back

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(80):
            group.create_task(live())
    assert all(ends)
    shared = gateway_of(gateway)
    while shared.capacity.requests:
        await asyncio.sleep(0.01)
    assert shared.capacity.memory_bytes == 0
    assert {each.under_way for each in shared.standing.balance._known.values()} == {0}
    assert EMAIL.encode() not in b"".join(it.body for it in (*gateway.simulator.requests, *claude.requests))
