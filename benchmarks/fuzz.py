"""`python -m benchmarks.fuzz`: a hundred thousand malformed or hostile requests at a running gateway.

The gateway is a process of its own, its provider is here. Wrong is: a process that ends, a request that is
never answered, a 500 (it is a bug of ours), anything at the provider that was not to reach it, a sound
request in between that is not answered as it should be, and memory that grows and grows. Slow clients hang on
all the while. A number given with a fault makes the same request again: `--only NUMBER`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import socket
from collections import Counter
from collections.abc import Callable
from time import perf_counter

import uvloop
from msgspec import Struct, field
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks import attacks
from benchmarks.attacks import UNANSWERED, Attack
from benchmarks.victim import running

_AT_ONCE = 40
_PATIENCE_S = 30.0
_MOMENT_S = 0.8
_PROBE_EVERY = 500
_MOST_FAULTS = 20
_SLOW_CLIENTS = 30
# By then each of them has had its time.
_SLOW_END_S = 150.0
# After this many requests everything has been made that is made once.
_WARM_SHARE = 0.2
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CANARY = re.compile(rb"canary[0-9a-f]{12}x")
_FINE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"fine"}}]}\n\n'
    b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
_FINE_WHOLE = (
    b'{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},'
    b'"finish_reason":"stop"}]}'
)


_PROVIDERS = """
[[providers]]
name = "only"
dialect = "openai_chat"
base_url = "http://127.0.0.1:{port}/v1"
models = ["fine"]

# Of its own, so that what it does wrong is not held against the other one.
[[providers]]
name = "hostile"
dialect = "openai_chat"
base_url = "http://127.0.0.1:{port}/v1"
models = ["junk*"]
timeouts = {{ first_byte_s = 5.0, idle_s = 5.0, total_s = 20.0 }}
retries = {{ most = 0 }}
breaker = {{ failures = 1000000 }}
"""


class Outcome(Struct):
    """`asked` counts by kind, `answered` by status (0: closed unanswered). `faults` says what was wrong."""

    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[int] = field(default_factory=Counter)
    faults: list[str] = []
    reached: int = 0
    slow_closed: int = 0
    memory_kib: list[int] = []
    seconds: float = 0.0


class Provider:
    """It hears requests, notes whose they are, and answers with what their model says."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self.requests = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            self.requests += 1
            self.heard.update(each.decode() for each in _CANARY.findall(head + body))
            stream = b'"stream":true' in body.replace(b" ", b"")
            if junk := re.search(rb'"model": ?"junk(\d+)"', body):
                writer.write(attacks.junk(int(junk[1]), stream=stream))
            elif stream:
                writer.write(_FINE)
            else:
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    b"Content-Length: %d\r\n\r\n%b" % (len(_FINE_WHOLE), _FINE_WHOLE)
                )
            await writer.drain()
        writer.close()


async def send(attack: Attack, number: int, port: int) -> bytes:
    """What the gateway answers, to the end of its answer or until it closes."""
    # A source address of 127/8 has ports of its own: so many connections would use up those of one.
    raw = socket.socket()
    raw.setblocking(False)
    raw.bind((f"127.0.{number >> 8 & 127}.{1 + number % 250}", 0))
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1 << 22)
    answer = b""
    try:
        for at, part in enumerate(attack.parts):
            if at:
                await asyncio.sleep(0.001)
            writer.write(part)
        waits = _MOMENT_S if attack.ends else None
        while not _is_whole(answer):
            try:
                async with asyncio.timeout(waits):
                    piece = await reader.read(1 << 16)
            except TimeoutError:
                # It waits for more. A client that closes its side too early would be dropped unheard.
                writer.write_eof()
                waits = None
                continue
            if not piece:
                break
            answer += piece
    except ConnectionError:
        pass  # it answered, and did not want the rest
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return answer


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    if length := _LENGTH.search(head):
        return len(body) >= int(length[1])
    return body.endswith(b"0\r\n\r\n")


async def run(
    count: int, seed: int, tell: Callable[[int, Outcome], None], only: int | None = None
) -> Outcome:
    """`tell` hears now and then how many have been sent, and what came of them."""
    outcome, provider = Outcome(), Provider()
    began_at = perf_counter()
    server = await asyncio.start_server(provider.answer, "127.0.0.1", 0, limit=1 << 23)
    numbers = iter(range(count) if only is None else [only])
    own_port = server.sockets[0].getsockname()[1]
    async with running(_PROVIDERS.format(port=own_port), "max_body_bytes = 4194304") as victim:
        process, port = victim.process, victim.port
        slow = [
            asyncio.create_task(_hang_on(port, each)) for each in range(_SLOW_CLIENTS if only is None else 0)
        ]
        forbidden: set[str] = set()

        async def attacker() -> None:
            for number in numbers:
                if process.poll() is not None or len(outcome.faults) >= _MOST_FAULTS:
                    return
                attack = attacks.make(number, seed)
                if not attack.may_reach:
                    forbidden.add(attack.canary)
                if fault := await _judge(attack, number, port, outcome):
                    outcome.faults.append(f"number {number} ({attack.kind}): {fault}")
                if number % _PROBE_EVERY == 0:
                    await _probe(port, outcome, number)
                    outcome.memory_kib.append(victim.memory_kib())
                    tell(number, outcome)

        await asyncio.gather(*(attacker() for _ in range(_AT_ONCE)))
        if process.poll() is not None:
            outcome.faults.append(f"the gateway ended with {process.returncode}")
        else:
            await _probe(port, outcome, count)
        outcome.slow_closed = sum(each.done() for each in slow)
        if perf_counter() - began_at > _SLOW_END_S and outcome.slow_closed < len(slow):
            outcome.faults.append(f"{len(slow) - outcome.slow_closed} slow clients still hang on")
        for each in slow:
            each.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        for canary in sorted(forbidden & provider.heard)[:5]:
            outcome.faults.append(f"{canary} reached the provider")
        outcome.faults += [f"the log: {line[:600]}" for line in victim.bugs()]
    outcome.reached = provider.requests
    outcome.seconds = perf_counter() - began_at
    if growth := _growth(outcome.memory_kib):
        outcome.faults.append(growth)
    server.close()
    return outcome


async def _judge(attack: Attack, number: int, port: int, outcome: Outcome) -> str | None:
    """What is wrong with how the gateway took it."""
    outcome.asked[attack.kind] += 1
    try:
        async with asyncio.timeout(_PATIENCE_S):
            answer = await send(attack, number, port)
    except TimeoutError:
        return f"no answer within {_PATIENCE_S:g} s"
    except OSError as error:
        return f"no connection: {error}"
    may_be_unanswered = attack.kind in UNANSWERED
    statuses = [int(each) for each in _STATUS.findall(answer)]
    outcome.answered[statuses[0] if statuses else 0] += 1
    if b"internal_error" in answer:
        return "internal_error"
    if 500 in statuses and attack.kind != "hostile providers":
        return "status 500"
    if not statuses and not may_be_unanswered:
        return "closed without an answer"
    return None


async def _probe(port: int, outcome: Outcome, number: int) -> None:
    """A sound request in between."""
    attack = Attack(
        "sound", "", [attacks.request(json.dumps(attacks.sound("friend")).encode())], may_reach=True
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            answer = await send(attack, number, port)
    except (TimeoutError, OSError) as error:
        outcome.faults.append(f"near number {number} a sound request failed: {type(error).__name__}")
        return
    if b'"content":"fine"' not in answer or b"data: [DONE]" not in answer:
        outcome.faults.append(f"near number {number} a sound request got {answer[:80]!r}")


async def _hang_on(port: int, number: int) -> None:
    """A client that sends a byte now and then, of a head or of a body, until the gateway has had enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
    writer.write((head + b"\r\n{") if number % 2 else head if number % 4 else b"")
    try:
        while not reader.at_eof():
            writer.write(b" " if number % 2 else b"X-%d: y\r\n" % number if number % 4 else b"\r\n")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    if not await reader.read(1000):
                        return
    except ConnectionError:
        pass
    finally:
        writer.close()


def _growth(memory_kib: list[int]) -> str | None:
    """Memory that is half as large again at the end as after the warm-up has not been given back."""
    warm = memory_kib[int(len(memory_kib) * _WARM_SHARE) :]
    if len(warm) < 20:
        return None
    first, last = min(warm[: len(warm) // 4]), min(warm[-len(warm) // 4 :])
    return f"memory grew from {first} to {last} KiB" if last > 1.5 * first else None


def report(outcome: Outcome, console: Console) -> None:
    table = Table("kind", title=f"{sum(outcome.asked.values()):,} requests in {outcome.seconds:,.0f} s")
    table.add_column("sent", justify="right")
    for kind, number in outcome.asked.most_common():
        table.add_row(kind, f"{number:,}")
    console.print(table)
    answers = ", ".join(
        f"{status or 'closed'}: {number:,}" for status, number in sorted(outcome.answered.items())
    )
    console.print(f"answers  {answers}")
    console.print(f"asked of the provider {outcome.reached:,}")
    console.print(f"slow clients that were cut off {outcome.slow_closed} of {_SLOW_CLIENTS}")
    if outcome.memory_kib:
        memory = outcome.memory_kib
        first, last, most = memory[0], memory[-1], max(memory)
        console.print(f"memory  {first:,} KiB at first, {last:,} at last, {most:,} at most")
    for fault in outcome.faults:
        console.print(f"[red]wrong[/]  {fault}", highlight=False, markup=True)
    console.print(
        "[green]nothing is wrong[/]" if not outcome.faults else f"[red]{len(outcome.faults)} faults[/]"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="other requests for another number")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="only this one")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("attacking", total=arguments.count)

        def tell(number: int, outcome: Outcome) -> None:
            bar.update(task, completed=number, description=f"attacking, {len(outcome.faults)} faults")

        outcome = uvloop.run(run(arguments.count, arguments.seed, tell, arguments.only))
    report(outcome, console)
    return bool(outcome.faults)


if __name__ == "__main__":
    raise SystemExit(main())
