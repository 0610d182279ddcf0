"""Gateways that share their state: limits are exact across processes, keys are known without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway import simulator
from gateway.access.budget import Budget
from gateway.access.limits import Limits
from gateway.config import Key, Secret, State
from gateway.server.reload import CURRENT
from tests.conftest import ROOT
from tests.server.conftest import Start
from tests.server.running import CHAT, Answer, asking, connected
from tests.store.redis_server import RedisServer, is_installed


async def started(*arguments: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


async def sluice(*arguments: str) -> str:
    """What a command prints; it must succeed."""
    process = await started(*arguments)
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out.decode().strip()


async def post(port: int, secret: str, body: bytes) -> Answer:
    async with connected(port) as connection:
        connection.request(body, CHAT, [("Authorization", f"Bearer {secret}")])
        return await connection.rest(await connection.head())


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[str]:
    """A configuration whose provider is a simulator."""
    sim = await simulator.start()
    path = tmp_path / "sluice.toml"
    path.write_text(f"""
        [server]
        port = 0
        workers = 1
        [[providers]]
        name = "sim"
        base_url = "{sim.url}"
        api_key = "env:TEST_PROVIDER_KEY"
        [state]
        path = "state"
        """)
    yield str(path)
    await sim.close()


@pytest.fixture
async def ports(file: str) -> AsyncIterator[list[int]]:
    """Two gateways with this configuration, each a process of its own."""
    processes = [
        await started("serve", "--config", file, "--quiet", TEST_PROVIDER_KEY="sk-x") for _ in range(2)
    ]
    try:
        found = []
        for process in processes:
            assert process.stderr is not None
            line = (await process.stderr.readline()).decode()
            assert "listens on" in line, line + (await process.stderr.read()).decode()
            found.append(int(line.rpartition(":")[2]))
        yield found
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in processes:
            _, said = await process.communicate()
            assert b"away" not in said, said.decode()


BODY = asking("sim:say", stream=False)


async def test_two_processes_let_in_exactly_what_a_key_may_ask(file: str, ports: list[int]) -> None:
    secret = await sluice("keys", "create", "app", "--requests-per-minute", "60", "--config", file)
    answers = await asyncio.gather(*(post(ports[at % 2], secret, BODY) for at in range(150)))
    assert Counter(each.status for each in answers) == {200: 60, 429: 90}
    places = await sluice("keys", "create", "narrow", "--concurrent", "4", "--config", file)
    slow = asking("sim:long?tokens=5000&pace_ms=20")
    async with contextlib.AsyncExitStack() as stack:
        statuses = []
        for at in range(6):
            connection = await stack.enter_async_context(connected(ports[at % 2]))
            connection.request(slow, CHAT, [("Authorization", f"Bearer {places}")])
            statuses.append((await connection.head()).status)
        assert statuses == [200] * 4 + [429] * 2


async def test_running_gateways_know_of_every_change_of_a_key(file: str, ports: list[int]) -> None:
    assert (await post(ports[0], "sk-sluice-guess", BODY)).status == 200  # nobody has made a key yet
    secret = await sluice("keys", "create", "app", "--config", file)
    assert secret.startswith("sk-sluice-")
    for port in ports:
        assert (await post(port, secret, BODY)).status == 200
    assert (await post(ports[0], "sk-sluice-guess", BODY)).status == 401
    new = await sluice("keys", "rotate", "app", "--keep-old", "1h", "--config", file)
    for each in (new, secret):
        assert (await post(ports[1], each, BODY)).status == 200
    await sluice("keys", "revoke", "app", "--config", file)
    async with asyncio.timeout(10):
        for port in ports:
            while (await post(port, new, BODY)).status != 401:
                await asyncio.sleep(0.05)


# --- Redis ------------------------------------------------------------------------------------------------


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setattr("gateway.store.redis._TIMEOUT_S", 30.0)  # one that is gone says so at once
    if not is_installed():
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


async def test_redis_is_killed_and_comes_back_under_load_and_no_request_fails(
    start: Start, redis: RedisServer
) -> None:
    key = Key(
        "app",
        Secret("sk-sluice-app"),
        limits=Limits(requests_per_minute=10**6, tokens_per_minute=10**9, concurrent=500),
        budget=Budget(tokens=10**9),
    )
    pair = await start(keys=[key], state=State(redis=Secret(redis.url)))
    store = pair.runner.app[CURRENT].gateway.admission.store
    statuses: Counter[int] = Counter()
    stop = asyncio.Event()

    async def client(stream: bool) -> None:
        body = asking("sim:say", stream=stream)
        while not stop.is_set():
            answer = await post(pair.port, "sk-sluice-app", body)
            assert answer.ended
            statuses[answer.status] += 1

    async def until(away: bool) -> None:
        async with asyncio.timeout(20):
            while store.away != away:
                await asyncio.sleep(0.02)

    clients = [asyncio.ensure_future(client(stream=at % 2 == 0)) for at in range(10)]
    await asyncio.sleep(0.3)
    assert not store.away
    redis.kill()
    await until(away=True)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(redis.start)
    await until(away=False)
    await asyncio.sleep(0.3)
    stop.set()
    await asyncio.gather(*clients)
    assert set(statuses) == {200}
    assert not store.away


async def test_keys_of_redis_are_known_too(
    start: Start, redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sluice.toml"
    path.write_text('[state]\nredis = "env:TEST_REDIS"\n')
    file = str(path)
    monkeypatch.setenv("TEST_REDIS", redis.url)
    key = Key("other", Secret("sk-sluice-other"))
    pair = await start(keys=[key], state=State(redis=Secret(redis.url)))
    secret = await sluice("keys", "create", "app", "--concurrent", "1", "--config", file)
    assert (await post(pair.port, secret, BODY)).status == 200
    assert '"name":"app"' in await sluice("keys", "list", "--json", "--config", file)
    redis.kill()
    assert (await post(pair.port, secret, BODY)).status == 200
    assert (await post(pair.port, "sk-sluice-guess", BODY)).status == 503


async def test_a_key_that_cannot_be_looked_for_is_no_stranger(start: Start, tmp_path: Path) -> None:
    state = State(redis=Secret(f"unix://{tmp_path}/none.sock"))
    closed = await start(keys=[Key("other", Secret("sk-sluice-other"))], state=state)
    assert (await post(closed.port, "sk-sluice-app", BODY)).status == 503
    assert (await post(closed.port, "sk-sluice-other", BODY)).status == 200
    open_to_all = await start(state=state)
    assert (await post(open_to_all.port, "sk-sluice-app", BODY)).status == 503
    assert (await open_to_all.post(BODY)).status == 200
