"""`python -m benchmarks.restart`: what clients notice of a rolling restart, a reload and a killed worker.

A provider and the service run in processes of their own, as they do at an operator's; the clients are here.
Each round opens so many streams, does it to the service while they and new requests go on, and says how many
broke and how long the slowest new request waited for its first byte.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import perf_counter

import aiohttp

_CONFIG = """\
[server]
port = 0
workers = {workers}
[[providers]]
name = "simulated"
base_url = "{url}"
api_key = "env:PROVIDER_KEY"
"""


async def main(streams: int, workers: int, pace_ms: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with _process("gateway.simulator", "--port", "0") as (_, provider):
            config = Path(folder) / "sluice.toml"
            config.write_text(_CONFIG.format(workers=workers, url=provider))
            arguments = ("gateway", "serve", "--quiet", "--config", str(config))
            async with _process(*arguments) as (process, url), _clients() as session:
                print(f"{workers} workers, {streams} streams")
                for pid in _workers(process):
                    print(f"  worker {pid} at rest: {_memory(pid)}")
                for name, number in (("reload", signal.SIGHUP), ("rolling restart", signal.SIGUSR2)):
                    act = functools.partial(process.send_signal, number)
                    await _round(session, url, streams, pace_ms, name, act)
                kill = functools.partial(os.kill, _workers(process)[-1], signal.SIGKILL)
                await _round(session, url, streams, pace_ms, "SIGKILL of a worker", kill)


async def _round(
    session: aiohttp.ClientSession, url: str, streams: int, pace_ms: int, name: str, act: Callable[[], None]
) -> None:
    # Long enough to last from before the act to well behind it.
    tokens = 20_000 // pace_ms
    model = f"sim:long?tokens={tokens}&pace_ms={pace_ms}"
    opened = asyncio.Semaphore(0)
    under_way = [asyncio.create_task(_stream(session, url, model, opened)) for _ in range(streams)]
    for _ in range(streams):
        await opened.acquire()
    act()
    waits: list[float] = []
    failed = 0
    while not all(task.done() for task in under_way):
        began = perf_counter()
        first = asyncio.Semaphore(0)
        asked = asyncio.create_task(_stream(session, url, "sim:long?tokens=2", first))
        await asyncio.wait({asked})
        failed += not asked.result()
        waits.append(perf_counter() - began)
    broken = sum(not task.result() for task in under_way)
    print(
        f"  {name}: {broken} of {streams} streams broke; {failed} of {len(waits)} new requests failed, "
        f"the slowest took {max(waits):.2f} s, the first {waits[0]:.2f} s"
    )


async def _stream(session: aiohttp.ClientSession, url: str, model: str, opened: asyncio.Semaphore) -> bool:
    """Whether the whole answer came."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    seen = b""
    first = True
    try:
        async with session.post(f"{url}/v1/chat/completions", data=json.dumps(body)) as response:
            async for data in response.content.iter_any():
                if first:
                    opened.release()
                    first = False
                seen = seen[-200:] + data
    except aiohttp.ClientError:
        pass
    if first:
        opened.release()
    return seen.endswith(b"data: [DONE]\n\n") and b'"error"' not in seen


@contextlib.asynccontextmanager
async def _clients() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=120)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:
        yield session


@contextlib.asynccontextmanager
async def _process(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A program of ours, and the URL that it says it listens on."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        env={**os.environ, "PROVIDER_KEY": "k"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        while line := (await process.stdout.readline()).decode():
            if (start := line.find("http://")) >= 0:
                yield process, line[start:].split()[0]
                break
        else:
            raise RuntimeError("it did not start")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _workers(process: asyncio.subprocess.Process) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in listed]


def _memory(pid: int) -> str:
    fields = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    kib = {name.rstrip(":"): int(size) for name, size, _ in fields}
    own = kib["Private_Clean"] + kib["Private_Dirty"]
    return f"{kib['Pss'] >> 10} MB its share (PSS), {own >> 10} MB its own, {kib['Rss'] >> 10} MB resident"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.restart", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pace-ms", type=int, default=200)
    given = parser.parse_args()
    asyncio.run(main(given.streams, given.workers, given.pace_ms))
