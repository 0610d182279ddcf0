"""While the shared store is away nothing fails, limits hold for each process, and no spending is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from gateway.access.account import Admitted, Denied
from gateway.access.budget import Budget, Spent
from gateway.access.limits import Limits
from gateway.store import StoreAway
from gateway.store.failover import Failover
from gateway.store.memory import MemoryStore
from gateway.store.redis import RedisStore
from tests.store.asking import ask
from tests.store.redis_server import RedisServer, is_installed

# Places in progress are vouched for by the clock.
START_MS = int(time() * 1000)


class Flaky(MemoryStore):
    """A shared store that can be away."""

    away = False

    def __getattribute__(self, name: str) -> Any:
        if name in ("admit", "settle", "renew", "keys", "spent", "tend") and object.__getattribute__(
            self, "away"
        ):
            raise StoreAway("gone")
        return super().__getattribute__(name)


PLENTY = ask(Limits(requests_per_minute=100, concurrent=3), Budget(tokens=1000), tokens=10)


async def test_what_was_spent_while_it_was_away_is_booked_when_it_is_back() -> None:
    shared = Flaky()
    store = Failover(shared, "w")
    before = await store.admit(PLENTY, START_MS)
    assert isinstance(before, Admitted)
    shared.away = True
    during = await store.admit(PLENTY, START_MS)
    still_open = await store.admit(PLENTY, START_MS)
    assert isinstance(during, Admitted)
    assert isinstance(still_open, Admitted)
    assert store.away
    await store.settle(before.reservation, Spent(0, 4), START_MS)
    await store.settle(during.reservation, Spent(0, 5), START_MS)
    with pytest.raises(StoreAway):
        await store.keys()
    shared.away = False
    assert await store.keys() is not None
    assert not store.away
    assert await shared.spent("app", "2027-01") == Spent(0, 9)
    await store.settle(still_open.reservation, Spent(0, 6), START_MS)
    assert await shared.spent("app", "2027-01") == Spent(0, 15)


async def test_limits_hold_for_the_process_and_what_is_in_progress_counts_on() -> None:
    shared = Flaky()
    store = Failover(shared, "w")
    open_ones = [await store.admit(PLENTY, START_MS) for _ in range(2)]
    shared.away = True
    third = await store.admit(PLENTY, START_MS)
    assert isinstance(third, Admitted)
    assert await store.admit(PLENTY, START_MS) == Denied("concurrent")
    assert isinstance(open_ones[0], Admitted)
    await store.settle(open_ones[0].reservation, Spent(), START_MS)
    assert isinstance(await store.admit(PLENTY, START_MS), Admitted)
    assert await store.admit(PLENTY, START_MS) == Denied("concurrent")


async def test_a_budget_goes_on_from_what_was_last_known() -> None:
    shared = Flaky()
    store = Failover(shared, "w")
    spend = ask(budget=Budget(tokens=100), tokens=60)
    assert isinstance(await store.admit(spend, START_MS), Admitted)
    shared.away = True
    assert await store.admit(spend, START_MS) == Denied("budget_tokens")


async def test_places_are_right_again_when_it_is_back() -> None:
    shared = Flaky()
    store = Failover(shared, "w")
    first = await store.admit(PLENTY, START_MS)
    shared.away = True
    second = await store.admit(PLENTY, START_MS)
    assert isinstance(first, Admitted)
    assert isinstance(second, Admitted)
    await store.settle(first.reservation, Spent(), START_MS)
    shared.away = False
    await store.keys()
    assert [count for count, _ in shared.accounts["app"].leases.values()] == [1]
    await store.settle(second.reservation, Spent(), START_MS)
    assert shared.accounts["app"].leases == {}


# --- a real server ----------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setattr("gateway.store.redis._TIMEOUT_S", 30.0)  # one that is gone says so at once
    if not is_installed():
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path, keep=True)
    server.start()
    yield server
    server.kill()


@contextlib.asynccontextmanager
async def opened(server: RedisServer) -> AsyncIterator[Failover]:
    store = Failover(RedisStore(server.url), "w")
    try:
        yield store
    finally:
        await store.close()


async def test_a_redis_that_is_killed_under_load_and_comes_back_fails_nobody(server: RedisServer) -> None:
    asked = ask(Limits(requests_per_minute=10**6, concurrent=1000), Budget(tokens=10**9), tokens=10)
    done = 0
    stop = asyncio.Event()

    async def client() -> None:
        nonlocal done
        while not stop.is_set():
            outcome = await store.admit(asked, START_MS)
            assert isinstance(outcome, Admitted)
            await asyncio.sleep(0.001)
            await store.settle(outcome.reservation, Spent(0, 3), START_MS)
            done += 1

    async def until(away: bool) -> None:
        async with asyncio.timeout(20):
            while store.away != away:
                await asyncio.sleep(0.02)
                with contextlib.suppress(StoreAway):
                    await store.keys()

    async with opened(server) as store:
        clients = [asyncio.ensure_future(client()) for _ in range(20)]
        for _ in range(2):
            await asyncio.sleep(0.2)
            server.kill()
            await until(away=True)
            await asyncio.sleep(0.2)
            await asyncio.to_thread(server.start)
            await until(away=False)
        await asyncio.sleep(0.2)
        stop.set()
        await asyncio.gather(*clients)
        assert not store.away
        # Of what was on its way when the server was killed it may have booked a part: at most the estimate of
        # each client, each time.
        spent = (await store.spent("app", "2027-01")).tokens
        assert done > 100
        assert 3 * done <= spent <= 3 * done + 2 * 20 * 10


async def test_a_redis_that_was_never_there(tmp_path: Path) -> None:
    async with opened(RedisServer(tmp_path)) as store:
        assert isinstance(await store.admit(PLENTY, START_MS), Admitted)
        assert store.away
        with pytest.raises(StoreAway):
            await store.keys()


async def test_a_client_that_leaves_while_redis_is_asked_leaves_nothing_behind(server: RedisServer) -> None:
    shared = RedisStore(server.url)
    asking = asyncio.ensure_future(shared.admit(PLENTY, START_MS))
    await asyncio.sleep(0)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    assert await shared.spent("app", "2027-01") == Spent()
    assert isinstance(await shared.admit(ask(Limits(concurrent=1)), START_MS), Admitted)
    await shared.close()


async def test_a_redis_that_hangs_is_away_soon(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.redis._TIMEOUT_S", 0.1)
    async with opened(server) as store:
        with server.stopped():
            async with asyncio.timeout(10):
                outcomes = await asyncio.gather(*(store.admit(PLENTY, START_MS) for _ in range(5)))
            assert [type(each) for each in outcomes] == [Admitted] * 3 + [Denied] * 2
            assert store.away
