"""The account: all checks of a request as one, nothing above a limit ever, and nothing lost when it is settled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.account import Account, Admitted, Ask, Denied, Reservation
from gateway.access.budget import Budget, Spent
from gateway.access.limits import LEASE_MS, Limits

MINUTE_MS = 60_000
START_MS = 1_800_000_000_123
LIMITS = Limits(requests_per_minute=5, tokens_per_minute=40, concurrent=3)
BUDGET = Budget(usd=1e-7, tokens=300)

estimates = st.builds(Spent, st.integers(0, 30), st.integers(0, 25))
# How long after the one before; what is asked, or which open one is settled and how much of it was used.
steps = st.tuples(
    st.one_of(st.integers(0, 900), st.integers(0, 20_000)),
    st.one_of(
        st.tuples(estimates, st.sampled_from("vw")), st.tuples(st.integers(0, 9), st.floats(0, 1, width=16))
    ),
)
scripts = st.lists(steps, max_size=50)


def check_account(make: Callable[[], Account], script: list[tuple[int, Any]]) -> None:
    """What is really used is never above what was reserved here, as it is with `max_tokens`."""
    account, now_ms = make(), START_MS
    open_ones: list[Reservation] = []
    admitted: list[tuple[int, int]] = []
    spent = Spent()
    for later_ms, (what, how) in script:
        # Each worker vouches in time for what it has.
        for until_ms in range(now_ms + LEASE_MS // 3, now_ms + later_ms, LEASE_MS // 3):
            for worker in "vw":
                account.renew(worker, sum(each.worker == worker for each in open_ones), until_ms)
        now_ms += later_ms
        if isinstance(what, Spent):
            outcome = account.admit(Ask("app", how, LIMITS, BUDGET, what, "total"), now_ms)
            if isinstance(outcome, Admitted):
                open_ones.append(outcome.reservation)
                admitted.append((now_ms, what.tokens))
                spent = Spent(spent.nano_usd + what.nano_usd, spent.tokens + what.tokens)
                assert outcome.spent == spent
        elif open_ones:
            reservation = open_ones.pop(what % len(open_ones))
            reserved = reservation.estimate
            real = Spent(int(reserved.nano_usd * how), int(reserved.tokens * how))
            account.settle(reservation, real, now_ms)
            spent = Spent(
                spent.nano_usd - reserved.nano_usd + real.nano_usd,
                spent.tokens - reserved.tokens + real.tokens,
            )
        assert account.spent.get("total", Spent()) == spent
        assert spent.nano_usd <= 100
        assert spent.tokens <= 300
        assert len(open_ones) <= 3
        recent = [tokens for at_ms, tokens in admitted if now_ms - at_ms <= MINUTE_MS]
        assert len(recent) <= 5


@given(scripts)
def test_nothing_is_ever_above_a_limit_and_nothing_is_lost(script: list[tuple[int, Any]]) -> None:
    check_account(Account, script)


class Unsettled(Account):
    """Gives the place back twice."""

    def settle(self, reservation: Reservation, real: Spent, now_ms: int) -> None:
        super().settle(reservation, real, now_ms)
        super().settle(
            Reservation("app", reservation.worker, Spent(), None, None, concurrent=True), Spent(), now_ms
        )


class Hasty(Account):
    """Reserves what it then refuses."""

    def admit(self, ask: Ask, now_ms: int) -> Admitted | Denied:
        self.note("total", Spent(0, self.spent.get("total", Spent()).tokens + ask.estimate.tokens))
        return super().admit(ask, now_ms)


ASK: tuple[int, Any] = (0, (Spent(0, 5), "w"))
SETTLE: tuple[int, Any] = (0, (0, 1.0))


@pytest.mark.parametrize(
    ("broken", "script"), [(Unsettled, [ASK] * 3 + [SETTLE] + [ASK] * 2), (Hasty, [ASK] * 4)]
)
def test_the_law_catches_a_broken_account(broken: type[Account], script: list[tuple[int, Any]]) -> None:
    check_account(Account, script)
    with pytest.raises(AssertionError):
        check_account(broken, script)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 20)), max_size=40))
def test_tokens_that_were_admitted_and_used_never_pass_the_limit_of_a_minute(
    script: list[tuple[int, int]],
) -> None:
    account, now_ms = Account(), START_MS
    used: list[tuple[int, int]] = []
    limits = Limits(tokens_per_minute=40)
    for later_ms, tokens in script:
        now_ms += later_ms
        outcome = account.admit(Ask("app", "w", limits, Budget(), Spent(0, tokens), "total"), now_ms)
        if isinstance(outcome, Admitted):
            account.settle(outcome.reservation, Spent(0, tokens // 2), now_ms)
            used.append((now_ms, tokens // 2))
        assert sum(tokens for at_ms, tokens in used if now_ms - at_ms <= MINUTE_MS) <= 40


def test_what_was_spent_is_kept_for_the_last_periods_and_in_all() -> None:
    account = Account()
    for period in ("total", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05"):
        account.note(period, Spent(1, 1))
    assert sorted(account.spent) == ["2026-03", "2026-04", "2026-05", "total"]
