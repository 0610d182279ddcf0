"""Every store decides as the account does, lets no two decisions mix, and keeps keys."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.access.account import Admitted, Ask, Denied, Reservation
from gateway.access.budget import Budget, Spent
from gateway.access.keys import Digest, StoredKey
from gateway.access.limits import LEASE_MS, Limits
from gateway.store import NameTaken, Store
from gateway.store.memory import MemoryStore
from tests.store.asking import START_MS, ask
from tests.store.conftest import Open

# --- the law: what happens is what the account decides ----------------------------------------------------

counts = st.one_of(st.none(), st.integers(1, 12))
asks = st.builds(
    ask,
    st.builds(Limits, counts, counts, counts),
    st.builds(Budget, st.sampled_from([None, 1e-8, 5e-7, 900_000.0]), st.one_of(st.none(), st.integers(1, 60))),
    tokens=st.integers(0, 13),
    nano_usd=st.sampled_from([0, 3, 40, 10**14]),
    worker=st.sampled_from("vw"),
    name=st.sampled_from(["app", "{a} b:*"]),
    period=st.sampled_from(["2027-01", "total"]),
)  # fmt: skip
later = st.one_of(st.integers(0, 2500), st.integers(0, 70_000), st.just(-1500))
# To settle: which of the open ones, and what it really was.
settlings = st.tuples(
    st.integers(0, 50), st.builds(Spent, st.sampled_from([0, 2, 90, 10**14]), st.integers(0, 30))
)
renewals = st.tuples(st.sampled_from("vw"), st.integers(0, 3))
scripts = st.lists(st.tuples(later, st.one_of(asks, asks, asks, settlings, renewals)), max_size=30)


async def played(store: Store, script: Sequence[tuple[int, Any]]) -> list[Any]:
    now_ms, seen, open_ones = START_MS, list[Any](), list[Reservation]()
    for later_ms, step in script:
        now_ms += later_ms
        if isinstance(step, Ask):
            outcome = await store.admit(step, now_ms)
            seen.append(outcome)
            if isinstance(outcome, Admitted):
                open_ones.append(outcome.reservation)
        elif isinstance(step[0], str):
            await store.renew(step[0], {"app": step[1]}, now_ms)
        elif open_ones:
            await store.settle(open_ones.pop(step[0] % len(open_ones)), step[1], now_ms)
    seen += [
        await store.spent(name, period) for name in ("app", "{a} b:*") for period in ("2027-01", "total")
    ]
    return seen


def test_a_store_decides_as_the_account_does(open_store: Open) -> None:
    with asyncio.Runner() as runner:

        @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
        @given(scripts)
        def law(script: list[tuple[int, Any]]) -> None:
            store = open_store()
            try:
                assert runner.run(played(store, script)) == runner.run(played(MemoryStore(), script))
            finally:
                runner.run(store.close())

        law()


def test_the_law_sees_a_store_that_forgets_to_settle(open_store: Open) -> None:
    """Or one whose clock is a second ahead, or that counts places twice: what it sees is any difference."""
    script = [
        (0, ask(Limits(tokens_per_minute=10), tokens=9)),
        (10, (0, Spent(0, 2))),
        (10, ask(Limits(tokens_per_minute=10), tokens=8)),
    ]

    class Forgetful(MemoryStore):
        async def settle(self, reservation: Reservation, real: Spent, now_ms: int) -> None:
            pass

    with asyncio.Runner() as runner:
        store = open_store()
        assert runner.run(played(store, script)) != runner.run(played(Forgetful(), script))
        runner.run(store.close())


# --- limits -----------------------------------------------------------------------------------------------


async def test_of_many_at_once_only_so_many_get_in(open_store: Open) -> None:
    store = open_store()
    asked = ask(Limits(requests_per_minute=7))
    outcomes = await asyncio.gather(*(store.admit(asked, START_MS) for _ in range(40)))
    assert sum(isinstance(each, Admitted) for each in outcomes) == 7
    refused = next(each for each in outcomes if isinstance(each, Denied))
    assert refused == Denied("requests", 61_000 - START_MS % 1000)
    await store.close()


async def test_places_come_back_when_they_are_given_back(open_store: Open) -> None:
    store = open_store()
    asked = ask(Limits(concurrent=1))
    first = await store.admit(asked, START_MS)
    assert isinstance(first, Admitted)
    assert await store.admit(asked, START_MS) == Denied("concurrent")
    await store.settle(first.reservation, Spent(), START_MS)
    assert isinstance(await store.admit(asked, START_MS), Admitted)
    await store.close()


async def test_the_places_of_a_worker_that_died_are_free_after_a_while(open_store: Open) -> None:
    store = open_store()
    for worker in ("dead", "alive"):
        await store.admit(ask(Limits(concurrent=2), worker=worker), START_MS)
    await store.renew("alive", {"app": 1}, START_MS + LEASE_MS - 1)
    third = ask(Limits(concurrent=2), worker="alive")
    assert await store.admit(third, START_MS + LEASE_MS - 1) == Denied("concurrent")
    assert isinstance(await store.admit(third, START_MS + LEASE_MS), Admitted)
    assert await store.admit(third, START_MS + LEASE_MS) == Denied("concurrent")
    await store.close()


async def test_a_budget_is_of_its_period(open_store: Open) -> None:
    store = open_store()
    spend = ask(budget=Budget(tokens=10), tokens=10)
    assert isinstance(await store.admit(spend, START_MS), Admitted)
    assert await store.admit(spend, START_MS) == Denied("budget_tokens")
    assert isinstance(
        await store.admit(ask(budget=Budget(tokens=10), tokens=10, period="2027-02"), START_MS), Admitted
    )
    assert await store.spent("app", "2027-01") == Spent(0, 10)
    await store.close()


# --- keys -------------------------------------------------------------------------------------------------


def key(name: str, **more: Any) -> StoredKey:
    return StoredKey(name, [Digest("ab" * 32)], created_ms=1, **more)


async def test_keys_are_kept_and_changes_are_seen(open_store: Open) -> None:
    store = open_store()
    empty = await store.keys()
    assert empty is not None
    assert list(empty.keys) == []
    full = key("b", models=["gpt-*"], limits=Limits(concurrent=2), budget=Budget(usd=0.5), expires_ms=5)
    await store.put_key(full, new=True)
    await store.put_key(key("a"), new=True)
    found = await store.keys(empty.version)
    assert found is not None
    assert sorted(found.keys, key=lambda each: each.name) == [key("a"), full]
    assert await store.keys(found.version) is None
    await store.put_key(key("a", revoked_ms=9))
    changed = await store.keys(found.version)
    assert changed is not None
    assert key("a", revoked_ms=9) in changed.keys
    await store.close()


async def test_a_name_is_given_once(open_store: Open) -> None:
    store = open_store()
    await store.put_key(key("a"), new=True)
    with pytest.raises(NameTaken):
        await store.put_key(key("a", models=[]), new=True)
    found = await store.keys()
    assert found is not None
    assert list(found.keys) == [key("a")]
    await store.close()
