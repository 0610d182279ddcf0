"""The load: clients that each ask, read the streamed answer to its end, and ask again.

In comes a `Load` as JSON on standard input. Out go the words `begin` and `end` around the time that counts,
when all clients are under way, and then an `Outcome` as JSON. The clients' starts are spread over the length
of an answer, so that they are at different places of their answers, as they are in life; `together`, they all
start at once, and events come in bursts. Answers are kept
while the load runs and checked afterwards.
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

from benchmarks import dialogue

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
    url: str
    streams: int
    events: int
    pace_ms: float
    window_s: float
    together: bool = False

    @property
    def answer_s(self) -> float:
        """How long the provider takes for an answer."""
        return (self.events - 1) * self.pace_ms / 1000


class Outcome(msgspec.Struct):
    """`first_ms` are the times to the first token of answers that began in the window, `gap_ms` those
    between two reads in it. `faults` says what was wrong with which answers."""

    answers: int = 0
    first_ms: list[float] = []
    gap_ms: list[float] = []
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
        if self._tail == _END and self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

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
        try:
            while not stopping.is_set():
                answers.append(await _ask_once(number, load, idle))
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
        _time(answer, begun_at, ended_at, outcome)
    return outcome


async def _ask_once(number: int, load: Load, idle: dict[int, Client]) -> Answer:
    client = idle.get(number)
    there = urlsplit(load.url)
    if client is None or client.transport is None:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(Client, there.hostname or "", there.port or 80)
        idle[number] = client
    body = dialogue.encode_request(dialogue.values(number))
    line = f"POST {there.path}/chat/completions HTTP/1.1\r\nHost: {there.netloc}\r\n".encode()
    client.received, client.times = [], []
    asked_at = await client.ask(line + _HEADERS + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return Answer(number, asked_at, client.received, client.times)


def _judge(answer: Answer, load: Load, outcome: Outcome) -> None:
    outcome.answers += 1
    bodies, fault = dialogue.split_responses(b"".join(answer.received))
    if fault is None and len(bodies) != 1:
        fault = f"{len(bodies)} answers came to one question"
    fault = fault or dialogue.fault(bodies[0], dialogue.values(answer.client), load.events)
    if fault is not None:
        outcome.faults.append(f"client {answer.client}: {fault}")


def _time(answer: Answer, begun_at: float, ended_at: float, outcome: Outcome) -> None:
    """The first token is the first read with an event: the head may come before it."""
    reads = zip(answer.received, answer.times, strict=True)
    times = [at for data, at in reads if b"data: " in data]
    if times and begun_at <= answer.asked_at < ended_at:
        outcome.first_ms.append((times[0] - answer.asked_at) * 1000)
    outcome.gap_ms += [
        (after - before) * 1000
        for before, after in pairwise(times)
        if begun_at <= before and after < ended_at
    ]


def main() -> None:
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    outcome = uvloop.run(run(load))
    sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")


if __name__ == "__main__":
    main()
