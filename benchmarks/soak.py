"""`python -m benchmarks.soak`: a gateway at 80 % of a core, with clients and providers that fail.

Each client asks with values of its own and checks every character of what comes back; one in four leaves in
the middle, reads slowly, or asks what is refused, and one provider's answer in four breaks off, stalls, is
garbage or an error. Wrong is: an answer that is not what was asked for, an end that is not said to be one, a
value that the provider saw in clear, memory that drifts by more than 5 % after the warm-up, and sockets,
tasks or streams that are left when everybody has gone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Callable
from random import Random
from time import perf_counter
from typing import Any

import uvloop
from msgspec import Struct, field
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.victim import Victim, running

_LOAD = 0.8
_MOST_CLIENTS = 400
_MOST_FAULTS = 20
_DRIFT = 1.05
_WARM_UP_SHARE = 0.3
_PATIENCE_S = 60.0
_STALL_S = 2.0
_PLACEHOLDER = re.compile(r"\[[A-Z_]+_\d+\]")
_BEGUN = re.compile(r"\[[A-Z_0-9]*$")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PROSE = "The quick brown fox jumps over the lazy dog, and nobody minds at all. "
_FAULTS = ("reset", "close", "stall", "garbage", "error", "status")
_PROVIDERS = """
[[providers]]
name = "only"
dialect = "openai_chat"
base_url = "http://127.0.0.1:{port}/v1"
models = ["*"]
[providers.timeouts]
first_byte_s = 5.0
idle_s = {idle_s}
total_s = 60.0
"""


class Outcome(Struct):
    """`answers` counts how requests ended; the lists have a number for each second."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = []
    memory_kib: list[int] = []
    loads: list[float] = []
    clients: list[int] = []
    events: int = 0
    seconds: float = 0.0
    drift: float | None = None


class Provider:
    """It repeats the placeholders that it was sent, a few characters at a time, and fails now and then."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.in_clear = 0
        self.events = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                if not await self._say(json.loads(body), writer):
                    break
        writer.close()

    async def _say(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        """Whether the connection can be used again."""
        random = self._random
        prompt = str(asked["messages"][-1]["content"])
        self.in_clear += "@" in prompt
        mail, card, *_ = _PLACEHOLDER.findall(prompt)
        text = answer_text(mail, card, int(prompt.rpartition(" ")[2]))
        fault = random.choice(_FAULTS) if random.random() < 0.25 else ""
        if fault == "status":
            return self._whole(writer, b"503 Busy", b'{"error":{"message":"busy","type":"server_error"}}')
        if not asked.get("stream"):
            message = {"role": "assistant", "content": text}
            whole = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
            return self._whole(writer, b"200 OK", json.dumps(whole).encode())
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        pieces = _cut(random, text)
        breaks_at = random.randrange(len(pieces)) if fault else -1
        for at, piece in enumerate(pieces):
            if at == breaks_at:
                return await self._break(fault, writer)
            self._event(writer, {"content": piece})
            await writer.drain()
            await asyncio.sleep(random.random() * 0.02)
        self._event(writer, {}, "stop")
        self._chunk(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        return True

    async def _break(self, fault: str, writer: asyncio.StreamWriter) -> bool:
        if fault == "stall":
            await asyncio.sleep(_STALL_S * 2)
        elif fault == "garbage":
            self._chunk(writer, b"data: {garbage\n\n")
        elif fault == "error":
            self._chunk(writer, b'data: {"error":{"message":"broken","type":"server_error"}}\n\n')
        elif fault == "reset":
            writer.transport.abort()
        return False

    def _event(self, writer: asyncio.StreamWriter, delta: dict[str, Any], finish: str | None = None) -> None:
        self.events += 1
        chunk = {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        self._chunk(writer, b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def _chunk(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if writer.is_closing():
            raise ConnectionResetError("the gateway has gone")
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _whole(self, writer: asyncio.StreamWriter, status: bytes, body: bytes) -> bool:
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (status, len(body)) + body)
        return True


def answer_text(mail: str, card: str, length: int) -> str:
    return f"Dear {mail}, about {card}: {_PROSE * length}Yours, and not {mail}'s."


def _cut(random: Random, text: str) -> list[str]:
    pieces = []
    at = 0
    while at < len(text):
        size = random.randint(1, 9)
        pieces.append(text[at : at + size])
        at += size
    return pieces


class Client:
    """Asks again and again, each time with other values, and looks at what comes back."""

    def __init__(self, number: int, seed: int, victim: Victim, outcome: Outcome) -> None:
        self._random = Random(f"{seed}:{number}")
        self._number = number
        self._victim = victim
        self._outcome = outcome
        self.stopping = False

    async def run(self) -> None:
        while not self.stopping and len(self._outcome.faults) < _MOST_FAULTS:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    how, fault = await self._ask()
            except TimeoutError:
                how, fault = "hung", f"no end within {_PATIENCE_S:g} s"
            except OSError as error:
                how, fault = "unreachable", f"no connection: {error}"
            self._outcome.answers[how] += 1
            if fault:
                self._outcome.faults.append(f"client {self._number}: {how}: {fault}")

    async def _ask(self) -> tuple[str, str | None]:
        """How it ended, and what was wrong."""
        random = self._random
        mail = f"user{random.randrange(10**6)}@corp{random.randrange(99)}.example.com"
        card = random.choice(("4111 1111 1111 1111", "5500 0000 0000 0004", "3400 000000 00009"))
        length, stream = random.randint(1, 12), random.random() < 0.85
        whim = random.choice(("leave", "slow", "refused")) if random.random() < 0.25 else ""
        anthropic = random.random() < 0.25
        body = {
            "model": "m",
            "stream": stream,
            "max_tokens": 99,
            "messages": [{"role": "user", "content": f"I am {mail}, my card is {card}. Sentences: {length}"}],
        }
        if whim == "refused":
            body["messages"] = "none"
        raw = json.dumps(body).encode()
        path = "/v1/messages" if anthropic else "/v1/chat/completions"
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += f"Content-Length: {len(raw)}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", self._victim.port, limit=1 << 16)
        answer = b""
        try:
            writer.write(head.encode() + raw)
            leaves_at = random.randint(0, 2000) if whim == "leave" else None
            while piece := await reader.read(512 if whim == "slow" else 1 << 16):
                answer += piece
                if leaves_at is not None and len(answer) > leaves_at:
                    writer.transport.abort()
                    return "left", None
                if whim == "slow":
                    await asyncio.sleep(0.05)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return _judged(answer, answer_text(mail, card, length), stream=stream, refused=whim == "refused")


def _judged(answer: bytes, expected: str, *, stream: bool, refused: bool) -> tuple[str, str | None]:
    """How an answer ended, and what was wrong with it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head else 0
    if refused:
        return "refused", None if status == 400 else f"status {status} instead of 400"
    if status != 200:
        return "error", None if status in (502, 503, 504) and b'"error"' in body else f"status {status}"
    if not stream:
        said = json.loads(body)
        text = said["content"][0]["text"] if "content" in said else said["choices"][0]["message"]["content"]
        return "whole", None if text == expected else f"{text[:200]!r} instead of {expected[:200]!r}"
    text, ended, failed = _read(_unchunked(body))
    if failed:
        text = _BEGUN.sub("", text)  # a provider that broke off within a placeholder
    if not expected.startswith(text):
        return "wrong", f"{text[:200]!r} instead of {expected[:200]!r}"
    if failed:
        return "failed", None
    if not ended:
        return "cut", "the stream has no end"
    return "streamed", None if text == expected else f"only {len(text)} of {len(expected)} characters"


def _unchunked(body: bytes) -> bytes:
    pieces = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        pieces.append(body[:length])
        body = body[length + 2 :]
    return b"".join(pieces)


def _read(body: bytes) -> tuple[str, bool, bool]:
    """The text of a stream in either dialect, whether it has ended, and whether it says that it failed."""
    text, ended, failed = "", False, False
    for line in body.split(b"\n"):
        if not line.startswith(b"data: "):
            continue
        if line == b"data: [DONE]":
            ended = True
            continue
        event = json.loads(line[6:])
        if event.get("error"):
            failed = True
        elif event.get("type") == "content_block_delta":
            text += event["delta"].get("text", "")
        elif event.get("type") == "message_stop":
            ended = True
        for choice in event.get("choices", ()):
            text += choice["delta"].get("content") or ""
    return text, ended, failed


async def run(
    minutes: float, seed: int, tell: Callable[[float, Outcome], None], load: float = _LOAD
) -> Outcome:
    """`tell` hears once a second how much of it is done, and what came of it."""
    outcome, provider = Outcome(), Provider(seed)
    server = await asyncio.start_server(provider.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with running(_PROVIDERS.format(port=port, idle_s=_STALL_S)) as victim:
        at_first = victim.sockets()
        clients: list[Client] = []
        tasks: list[asyncio.Task[None]] = []
        began_at = perf_counter()
        ends_at = began_at + minutes * 60
        used_s, looked_at = victim.cpu_s(), began_at
        wanted = 5.0
        while (now := perf_counter()) < ends_at and len(outcome.faults) < _MOST_FAULTS:
            while len(clients) < min(int(wanted), _MOST_CLIENTS):
                clients.append(Client(len(clients), seed, victim, outcome))
                tasks.append(asyncio.create_task(clients[-1].run()))
            await asyncio.sleep(1.0)
            now, spent_s = perf_counter(), victim.cpu_s()
            busy = (spent_s - used_s) / (now - looked_at)
            used_s, looked_at = spent_s, now
            # Only ever more clients: memory is what so many need.
            if busy < load and now - began_at < minutes * 60 * _WARM_UP_SHARE:
                wanted = max(wanted, min(wanted * 1.2, wanted * load / max(busy, 0.05)))
            outcome.loads.append(busy)
            outcome.clients.append(len(clients))
            outcome.memory_kib.append(victim.memory_kib())
            tell((now - began_at) / (minutes * 60), outcome)
            if victim.process.poll() is not None:
                outcome.faults.append(f"the gateway ended with {victim.process.returncode}")
                break
        for each in clients:
            each.stopping = True
        await asyncio.gather(*tasks)
        outcome.seconds = perf_counter() - began_at
        outcome.events = provider.events
        if provider.in_clear:
            outcome.faults.append(f"the provider saw {provider.in_clear} values in clear")
        outcome.drift = _drift(outcome.memory_kib)
        if outcome.drift is not None and outcome.drift > _DRIFT:
            outcome.faults.append(f"memory drifted by {outcome.drift - 1:.1%}")
        outcome.faults += [f"the log: {line[:600]}" for line in victim.bugs()]
        outcome.faults += await _left(victim, at_first)
    server.close()
    return outcome


def _drift(memory_kib: list[int]) -> float | None:
    """Memory at the end to memory after the warm-up, of a run long enough to tell."""
    warm = memory_kib[int(len(memory_kib) * _WARM_UP_SHARE) :]
    if len(warm) < 40:
        return None
    part = len(warm) // 4
    return sorted(warm[-part:])[part // 2] / sorted(warm[:part])[part // 2]


async def _left(victim: Victim, at_first: int) -> list[str]:
    """What is still there a while after everybody has gone."""
    kept: dict[str, float] = {}
    for _ in range(20):
        await asyncio.sleep(0.5)
        shown = await asyncio.to_thread(_metrics, victim.metrics_port)
        names = ("sluice_streams_in_flight", "sluice_open_connections", "sluice_tasks")
        kept = {name: shown.get(name, -1.0) for name in names}
        kept["sockets"] = victim.sockets() - at_first
        # 64 idle connections are kept per provider; the watcher, the server and this look at it are tasks.
        most = {"sluice_streams_in_flight": 0, "sluice_open_connections": 0, "sluice_tasks": 6, "sockets": 66}
        if all(0 <= kept[name] <= most[name] or (name == "sockets" and kept[name] <= 66) for name in most):
            return []
    return [f"left behind: {', '.join(f'{name} {number:g}' for name, number in kept.items())}"]


def _metrics(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")
    }


def report(outcome: Outcome, console: Console) -> None:
    total = sum(outcome.answers.values())
    console.print(f"{total:,} answers and {outcome.events:,} events in {outcome.seconds:,.0f} s")
    console.print("  " + ", ".join(f"{how}: {number:,}" for how, number in outcome.answers.most_common()))
    if outcome.loads:
        loads = sorted(outcome.loads[len(outcome.loads) // 3 :]) or outcome.loads
        console.print(
            f"load  {loads[len(loads) // 2]:.0%} of a core, with up to {max(outcome.clients)} clients"
        )
        memory = outcome.memory_kib
        drift = "too short to tell" if outcome.drift is None else f"{outcome.drift - 1:+.1%}"
        console.print(f"memory  {memory[0]:,} KiB at first, {memory[-1]:,} at last; drift {drift}")
    for fault in outcome.faults:
        console.print(f"wrong  {fault}", style="red", highlight=False, markup=False)
    console.print(
        "[green]nothing is wrong[/]" if not outcome.faults else f"[red]{len(outcome.faults)} faults[/]"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: %(default)s)")
    parser.add_argument("--load", type=float, default=_LOAD, help="of a core (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="other requests for another number")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def tell(share: float, outcome: Outcome) -> None:
            state = (
                f"{outcome.clients[-1]} clients, {outcome.loads[-1]:.0%} busy, {outcome.memory_kib[-1]:,} KiB"
            )
            bar.update(task, completed=share, description=f"{state}, {len(outcome.faults)} faults")

        outcome = uvloop.run(run(arguments.minutes, arguments.seed, tell, arguments.load))
    report(outcome, console)
    return bool(outcome.faults)


if __name__ == "__main__":
    raise SystemExit(main())
