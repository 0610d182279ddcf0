"""The load: clients that each ask, read the streamed answer to its end, and ask again.

In comes a `Load` as JSON on standard input. Out go the words `begin` and `end` around the time that counts,
when all clients are under way, and then an `Outcome` as JSON. The clients' starts are spread over the length
of an answer, so that they are at different places of their answers, as they are in life; `together`, they all
start at once, and events come in bursts. Answers are kept while the load runs and checked afterwards.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from itertools import pairwise
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks import dialogue, wires
from benchmarks.results import FIRST_SHARES, GAP_SHARES, SHARES, percentiles

# What the official Python SDK sends: a proxy has to read it all.
_HEADERS = (
    b"Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
    b"Content-Type: application/json\r\nUser-Agent: OpenAI/Python 1.60.0\r\nX-Stainless-Lang: python\r\n"
    b"X-Stainless-Package-Version: 1.60.0\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n"
    b"X-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.12.0\r\n"
    b"Authorization: Bearer sk-benchmark\r\nX-Stainless-Async: false\r\nX-Stainless-Retry-Count: 0\r\n"
)
_END = b"\r\n0\r\n\r\n"
_PATIENCE_S = 20.0


class Load(msgspec.Struct):
    """`shapes` are what answers look like, by client in turn. Without `stream` answers come in one piece, and
    clients ask again at once. `wire` is the provider's dialect, `exact` whether frames must be its own,
    `masked` whether values are gone for good. `headers` are sent beside what an SDK sends."""

    url: str
    streams: int
    events: int
    pace_ms: float
    window_s: float
    together: bool = False
    stream: bool = True
    shapes: tuple[dialogue.Shape, ...] = ("prose",)
    wire: wires.Name = "openai"
    exact: bool = True
    masked: bool = False
    headers: list[tuple[str, str]] = []

    @property
    def answer_s(self) -> float:
        """How long the provider takes for an answer."""
        return (self.events - 1) * self.pace_ms / 1000 if self.stream else 0.0

    def asked(self, client: int) -> dialogue.Asked:
        return dialogue.Asked(dialogue.values(client), self.shapes[client % len(self.shapes)])


class Outcome(msgspec.Struct):
    """`first_ms` are the times to the first token of answers that began in the window (or to the whole one),
    `gap_ms` those between two reads in it. `late_ms` is how much later than the provider's pace events came,
    by the earliest of each answer, of answers in which no event was merged with another. Of each, in the end
    only the percentiles that `results` has places for. `faults` says what was wrong with which answers."""

    answers: int = 0
    in_window: int = 0
    first_ms: list[float] = []
    gap_ms: list[float] = []
    late_ms: list[float] = []
    faults: list[str] = []


class Client(asyncio.Protocol):
    """One connection, kept as long as the proxy keeps it. `times` has the moment of each read."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.times: list[float] = []
        self.transport: asyncio.Transport | None = None
        self._tail = b""
        self._ended: asyncio.Future[None] | None = None

    async def ask(self, request: bytes) -> float:
        """Returns when the answer has ended; the moment it was asked for."""
        assert self.transport is not None
        self._ended = asyncio.get_running_loop().create_future()
        asked_at = perf_counter()
        self.transport.write(request)
        async with asyncio.timeout(_PATIENCE_S):
            await self._ended
        return asked_at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.times.append(perf_counter())
        self.received.append(data)
        # Neither a head nor an event ends so, and nothing comes behind it before the next request.
        self._tail = (self._tail + data)[-len(_END) :]
        if (self._tail == _END or self._has_length()) and self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _has_length(self) -> bool:
        """Is this an answer that says its length, and all there?"""
        first = self.received[0]
        head_ends = first.find(b"\r\n\r\n")
        length = wires.content_length(first[: max(0, head_ends)])
        return length > 0 and sum(map(len, self.received)) >= head_ends + 4 + length

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(ConnectionResetError("the connection was closed within an answer"))


class Answer(msgspec.Struct):
    client: int
    asked_at: float
    received: list[bytes]
    times: list[float]


async def run(load: Load) -> Outcome:
    answers: list[Answer] = []
    outcome = Outcome()
    stopping = asyncio.Event()

    async def ask_again_and_again(number: int) -> None:
        await asyncio.sleep(0 if load.together else load.answer_s * number / load.streams)
        turn = 0
        try:
            while not stopping.is_set():
                turn += 1
                answers.append(await _ask_once(number, turn, load, idle))
        except (OSError, TimeoutError) as error:
            outcome.faults.append(f"client {number}: {error!r}")

    idle: dict[int, Client] = {}
    gc.freeze()
    gc.disable()  # what the load keeps would make its pauses longer and longer
    clients = [asyncio.create_task(ask_again_and_again(number)) for number in range(load.streams)]
    await asyncio.sleep(load.answer_s + 0.1)
    begun_at = perf_counter()
    print("begin", flush=True)
    await asyncio.sleep(load.window_s)
    ended_at = perf_counter()
    print("end", flush=True)
    stopping.set()
    await asyncio.gather(*clients)
    for client in idle.values():
        if client.transport is not None:
            client.transport.close()
    for answer in answers:
        _judge(answer, load, outcome)
        _time(answer, load, begun_at, ended_at, outcome)
    outcome.first_ms = percentiles(outcome.first_ms, FIRST_SHARES)
    outcome.gap_ms = percentiles(outcome.gap_ms, GAP_SHARES)
    outcome.late_ms = percentiles(outcome.late_ms, SHARES)
    return outcome


async def _ask_once(number: int, turn: int, load: Load, idle: dict[int, Client]) -> Answer:
    client = idle.get(number)
    there = urlsplit(load.url)
    if client is None or client.transport is None:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(Client, there.hostname or "", there.port or 80)
        idle[number] = client
    body = wires.encode_request(load.asked(number), turn, stream=load.stream)
    line = f"POST {there.path}/chat/completions HTTP/1.1\r\nHost: {there.netloc}\r\n".encode()
    own = "".join(f"{name}: {value}\r\n" for name, value in load.headers).encode()
    client.received, client.times = [], []
    asked_at = await client.ask(line + _HEADERS + own + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return Answer(number, asked_at, client.received, client.times)


def _judge(answer: Answer, load: Load, outcome: Outcome) -> None:
    outcome.answers += 1
    asked = load.asked(answer.client)
    bodies, fault = wires.split_responses(b"".join(answer.received))
    if fault is None and len(bodies) != 1:
        fault = f"{len(bodies)} answers came to one question"
    if fault is None:
        (body,) = bodies
        if load.stream:
            fault = wires.fault(body, load.wire, asked, load.events, exact=load.exact, masked=load.masked)
        else:
            fault = wires.fault_of_whole(body, load.wire, asked, load.events, masked=load.masked)
    if fault is not None:
        outcome.faults.append(f"client {answer.client}: {fault}")


def _time(answer: Answer, load: Load, begun_at: float, ended_at: float, outcome: Outcome) -> None:
    """The first token is the first read with an event: the head may come before it."""
    is_mine = begun_at <= answer.asked_at < ended_at
    if not load.stream:
        if is_mine and answer.times[-1] < ended_at:
            outcome.in_window += 1
            outcome.first_ms.append((answer.times[-1] - answer.asked_at) * 1000)
        return
    reads = [(data, at) for data, at in zip(answer.received, answer.times, strict=True) if b"data: " in data]
    times = [at for _, at in reads]
    if times and is_mine:
        outcome.in_window += 1
        outcome.first_ms.append((times[0] - answer.asked_at) * 1000)
    outcome.gap_ms += [
        (after - before) * 1000
        for before, after in pairwise(times)
        if begun_at <= before and after < ended_at
    ]
    came = [at for data, at in reads for _ in range(data.count(b"data: "))]
    if len(came) == load.events:
        shifts = [at - number * load.pace_ms / 1000 for number, at in enumerate(came)]
        least = min(shifts)
        outcome.late_ms += [
            (shift - least) * 1000
            for shift, at in zip(shifts, came, strict=True)
            if begun_at <= at < ended_at
        ]


def main() -> None:
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    outcome = uvloop.run(run(load))
    sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")


if __name__ == "__main__":
    main()
