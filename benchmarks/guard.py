"""What the guard phase of a request costs: its threats judged, then its personal data and secrets hidden.

In milliseconds of a request with one message of so many characters, each seen for the first time; of the same
request again; of one more turn of a long conversation; and the longest that another stream waits meanwhile.
Texts are made here, of harmless sentences in ever new orders. Processor time, so that a busy machine does not
count.
"""

from __future__ import annotations

import asyncio
import copy
import gc
from collections.abc import Iterator
from random import Random
from time import process_time
from typing import Any

from gateway.access.keys import Caller
from gateway.config import Config, Provider, Proxies
from gateway.conversation import ChatRequest
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.guard.texts import passages
from gateway.server.call import Call, Gateway
from gateway.server.guarding import guard
from gateway.server.judging import Judge
from gateway.server.reload import build

Row = tuple[str, str, float, str]
# Characters: milliseconds at the median, and at the 99th percentile.
_GOALS = {200: ("0.15", "0.4"), 2_000: ("0.7", "1.5"), 20_000: ("5", "9")}
_ROUNDS = {200: 2000, 2_000: 600, 20_000: 80}
_TURNS = 40
_WARM = 20

_SENTENCES = """\
The committee met on Tuesday to discuss next year's budget, and everyone agreed that visitors had grown.
We should ask about the password policy later, because the license of the software is permissive.
Please summarize the second paragraph and tell me which of the two authors you find more convincing.
Could you rewrite this function so that it returns early when the list of orders is empty?
The system prompts the user for a name, then it ignores empty lines and previous entries.
I would like a recipe for six people that needs no oven and takes less than an hour.
Our service returns status 502 when the upstream closes its connection before the headers are complete.
Explain to a new colleague how the release is made, and what must be checked before it is announced.
Translate the following notice into French, and keep the numbers and the names of the streets as they are.
My train leaves at 7:45 from platform 12; is there a later one that still arrives before noon?
"""


def measure() -> Iterator[Row]:
    """(what, which, milliseconds, goal)."""
    with asyncio.Runner() as runner:
        yield from runner.run(_measure())


async def _measure() -> list[Row]:
    config = Config(providers=[Provider(name="openai", base_url="http://127.0.0.1:1")])
    gateway, random = await build(config, Proxies()), Random(5)
    rows: list[Row] = []
    for size, (median, late) in _GOALS.items():
        bodies = [_body(_text(random, size)) for _ in range(_WARM + _ROUNDS[size])]
        gc.collect()
        first = sorted([await _cost(gateway, body) for body in bodies][_WARM:])
        again = sorted([await _cost(gateway, bodies[-1]) for _ in range(_ROUNDS[size])])
        judged = sorted([await _judged(gateway, _body(_text(random, size))) for _ in range(_ROUNDS[size])])
        what = f"{size:,} characters"
        rows += [
            (what, "threats, median", judged[len(judged) // 2], median),
            (what, "threats, p99", judged[int(len(judged) * 0.99)], late),
            (what, "whole phase, median", first[len(first) // 2], ""),
            (what, "whole phase, p99", first[int(len(first) * 0.99)], ""),
            (what, "whole phase, sent again, median", again[len(again) // 2], ""),
        ]
    rows += await _conversation(gateway, random)
    rows.append(("20,000 characters", "longest that others wait", await _longest_wait(gateway, random), "2"))
    await gateway.upstream.close()
    return rows


async def _conversation(gateway: Gateway, random: Random) -> list[Row]:
    """The last turn of a conversation of 40, and the same conversation judged from nothing."""
    turns = [
        {"role": ("user", "assistant")[number % 2], "content": _text(random, 500)} for number in range(_TURNS)
    ]
    for upto in range(2, _TURNS, 2):
        await _judged(gateway, {"model": "m", "messages": turns[:upto]})
    known = await _judged(gateway, {"model": "m", "messages": turns})
    judge = gateway.judge
    gateway.judge = Judge(judge._detector, judge._floors)
    fresh = await _judged(gateway, {"model": "m", "messages": turns})
    gateway.judge = judge
    what = f"a conversation of {_TURNS} turns, {sum(len(turn['content']) for turn in turns):,} characters"
    return [(what, "threats, one turn is new", known, ""), (what, "threats, all are new", fresh, "")]


async def _longest_wait(gateway: Gateway, random: Random) -> float:
    """How long a task that always wants to run is kept waiting, at the worst of many requests."""
    longest: list[float] = []

    async def watch() -> None:
        last = process_time()
        while True:
            await asyncio.sleep(0)
            now = process_time()
            longest.append(now - last)
            last = now

    worst = []
    for _ in range(30):
        body = _body(_text(random, 20_000))
        longest.clear()
        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await _judged(gateway, body)
        watching.cancel()
        worst.append(max(longest) * 1000)
    return sorted(worst)[len(worst) // 2]  # Of a busy machine the very worst says nothing.


async def _cost(gateway: Gateway, body: dict[str, Any]) -> float:
    call, chat = Call("benchmark", 0.0), ChatRequest(copy.deepcopy(body), "m")
    caller = Caller()
    # What looking at one request costs beside guarding is not counted.
    protection = await gateway.protections.of({}, caller, "m", "/v1/chat/completions")
    began_at = process_time()
    await guard(gateway, call, caller, protection, chat, OPENAI_CHAT)
    return (process_time() - began_at) * 1000


async def _judged(gateway: Gateway, body: dict[str, Any]) -> float:
    began_at = process_time()
    parts = passages(OPENAI_CHAT.sources(body), OPENAI_CHAT.classifier(False), OPENAI_CHAT.field_names)
    await gateway.judge.verdicts(parts)
    return (process_time() - began_at) * 1000


def _body(text: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def _text(random: Random, size: int) -> str:
    sentences = _SENTENCES.splitlines()
    made: list[str] = []
    length = 0
    while length < size:
        words = random.choice(sentences).split()
        at = random.randrange(len(words))
        words[at] = f"{words[at]}{random.randrange(10_000)}"  # No text was ever seen before.
        made.append(" ".join(words))
        length += len(made[-1]) + 1
    return " ".join(made)[:size]
