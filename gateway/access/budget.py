"""What a key may spend in a day, in a month or in all, in US dollars and in tokens.

In: a budget, what has been spent, an amount. Out: whether it fits, and what has been spent then. An amount is
reserved by spending an estimate, and settled by correcting it to what it really was, so between the two it
counts in full, and what was never settled (the process was killed) stays spent as it was estimated.

Money is in whole billionths of a dollar: a token of the cheapest models costs tens of them, and sums of whole
numbers are the same everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from gateway.access.limits import Count

NANO = 10**9

Period = Literal["day", "month", "total"]
# Sums stay below 2**53, so that a database that counts in doubles counts exactly.
Usd = Annotated[float, Meta(gt=0, le=1_000_000)]


class Budget(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`per` says when it begins anew: with the day, with the month (both UTC), or never."""

    usd: Usd | None = None
    tokens: Count | None = None
    per: Period = "month"

    @property
    def nano_usd(self) -> int | None:
        return None if self.usd is None else round(self.usd * NANO)


class Spent(NamedTuple):
    nano_usd: int = 0
    tokens: int = 0


def exceeded(budget: Budget, spent: Spent, more: Spent) -> Literal["usd", "tokens"] | None:
    """Which part of the budget an amount does not fit into any more."""
    if budget.nano_usd is not None and spent.nano_usd + more.nano_usd > budget.nano_usd:
        return "usd"
    if budget.tokens is not None and spent.tokens + more.tokens > budget.tokens:
        return "tokens"
    return None


def plus(spent: Spent, more: Spent) -> Spent:
    return Spent(spent.nano_usd + more.nano_usd, spent.tokens + more.tokens)


def corrected(spent: Spent, reserved: Spent, real: Spent) -> Spent:
    """What has been spent once a reservation is settled. Never below nothing, whatever was lost meanwhile."""
    return Spent(
        max(0, spent.nano_usd - reserved.nano_usd + real.nano_usd),
        max(0, spent.tokens - reserved.tokens + real.tokens),
    )


def period_of(per: Period, now_ms: int) -> str:
    """The name of the period that a time lies in: `2026-11-21`, `2026-11` or `total`."""
    if per == "total":
        return per
    return _utc(now_ms).strftime("%Y-%m-%d" if per == "day" else "%Y-%m")


def ends_in_ms(per: Period, now_ms: int) -> int | None:
    """How long until the next period begins, None if there is none."""
    if per == "total":
        return None
    begins = _utc(now_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    next_begins = begins + timedelta(days=1)
    if per == "month":
        next_begins = (begins.replace(day=1) + timedelta(days=32)).replace(day=1)
    return int(next_begins.timestamp() * 1000) - now_ms


def _utc(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, UTC)
