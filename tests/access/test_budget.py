"""Budgets: what is reserved and settled adds up, and a period is a day or a month of UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.budget import Budget, Period, Spent, corrected, ends_in_ms, exceeded, period_of, plus

amounts = st.builds(Spent, st.integers(0, 10**12), st.integers(0, 10**9))


@given(st.lists(st.tuples(amounts, amounts, st.booleans()), max_size=30))
def test_what_is_spent_is_what_was_real_and_what_is_still_reserved(
    requests: list[tuple[Spent, Spent, bool]],
) -> None:
    spent = Spent()
    for reserved, _, _ in requests:
        spent = plus(spent, reserved)
    for reserved, real, settled in requests:
        if settled:
            spent = corrected(spent, reserved, real)
    counted = [real if settled else reserved for reserved, real, settled in requests]
    assert spent == Spent(sum(each.nano_usd for each in counted), sum(each.tokens for each in counted))


@given(amounts, amounts)
def test_a_budget_is_met_to_the_last_token_and_not_passed(spent: Spent, more: Spent) -> None:
    total = plus(spent, more)
    if total.tokens:
        assert exceeded(Budget(tokens=total.tokens), spent, more) is None
    if total.tokens > 1:
        assert exceeded(Budget(tokens=total.tokens - 1), spent, more) == "tokens"


def test_money_is_met_to_the_last_billionth() -> None:
    assert exceeded(Budget(usd=0.000_000_003), Spent(1), Spent(2)) is None
    assert exceeded(Budget(usd=0.000_000_003), Spent(2), Spent(2)) == "usd"
    assert exceeded(Budget(usd=1_000_000), Spent(10**15), Spent(1)) == "usd"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("per", "now", "name", "next_begins"),
    [
        ("day", "2026-02-28T23:59:59.999", "2026-02-28", "2026-03-01"),
        ("day", "2026-03-01", "2026-03-01", "2026-03-02"),
        ("month", "2026-12-31T12:00", "2026-12", "2027-01-01"),
        ("month", "2028-02-29", "2028-02", "2028-03-01"),
    ],
)
def test_a_period_and_its_end(per: Period, now: str, name: str, next_begins: str) -> None:
    assert period_of(per, at(now)) == name
    assert at(now) + (ends_in_ms(per, at(now)) or 0) == at(next_begins)


def test_a_total_never_begins_anew() -> None:
    assert period_of("total", at("2026-01-01")) == "total"
    assert ends_in_ms("total", at("2026-01-01")) is None
