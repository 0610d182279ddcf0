"""The account of one key: all that is counted of it, and all checks of a request in one decision.

In: an account, what a request asks of it, the time. Out: `Admitted`, with the reservation that is to be
settled, or `Denied`. A request that is denied is counted nowhere. Where accounts are kept, and how they are
shared, is the store's business.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from gateway.access import budget as budgets
from gateway.access import limits as rates
from gateway.access.budget import Budget, Spent
from gateway.access.limits import Leases, Limits, Window

# Days and months of which it is still known what was spent: streams that cross midnight settle in their own.
_PERIODS_KEPT = 4

What = Literal["requests", "tokens", "concurrent", "budget_usd", "budget_tokens"]


class Ask(Struct, frozen=True):
    """What a request asks of the account `name`, and what that account allows. `estimate` is reserved.

    `period` is the budget's, `worker` the process that serves the request.
    """

    name: str
    worker: str
    limits: Limits
    budget: Budget
    estimate: Spent
    period: str


class Reservation(Struct, frozen=True):
    """What was reserved, and where. `bucket` is the second in which the tokens were counted."""

    name: str
    worker: str
    estimate: Spent
    bucket: int | None
    period: str | None
    concurrent: bool


class Left(Struct, frozen=True):
    """What is left of a limit, and how long until all of it is there again."""

    limit: int
    left: int
    reset_ms: int


class Admitted(Struct, frozen=True):
    """`spent` is what the period's budget has come to, this reservation included."""

    reservation: Reservation
    requests: Left | None = None
    tokens: Left | None = None
    spent: Spent = Spent()


class Denied(Struct, frozen=True):
    """Which limit the request meets, and when it would not: None if never, or nobody can say."""

    what: What
    retry_ms: int | None = None


class Account(Struct):
    """`spent` is by period."""

    requests: Window = field(default_factory=dict)
    tokens: Window = field(default_factory=dict)
    leases: Leases = field(default_factory=dict)
    spent: dict[str, Spent] = field(default_factory=dict)

    def admit(self, ask: Ask, now_ms: int) -> Admitted | Denied:
        """Check everything, then reserve everything."""
        limits, estimate = ask.limits, ask.estimate
        self.requests = rates.live(self.requests, now_ms)
        self.tokens = rates.live(self.tokens, now_ms)
        if (denied := self._denied(ask, now_ms)) is not None:
            return denied
        requests = tokens = bucket = period = None
        if limits.requests_per_minute is not None:
            rates.add(self.requests, 1, now_ms)
            requests = _left(self.requests, limits.requests_per_minute, now_ms)
        if limits.tokens_per_minute is not None:
            bucket = rates.add(self.tokens, estimate.tokens, now_ms)
            tokens = _left(self.tokens, limits.tokens_per_minute, now_ms)
        if limits.concurrent is not None:
            held = rates.held(self.leases, ask.worker, now_ms)
            rates.hold(self.leases, ask.worker, held + 1, now_ms)
        spent = Spent()
        if has_budget(ask.budget):
            period = ask.period
            spent = budgets.plus(self.spent.get(period, spent), estimate)
            self.note(period, spent)
        return Admitted(
            Reservation(ask.name, ask.worker, estimate, bucket, period, limits.concurrent is not None),
            requests,
            tokens,
            spent,
        )

    def _denied(self, ask: Ask, now_ms: int) -> Denied | None:
        limits = ask.limits
        if limits.requests_per_minute is not None:
            wait_ms = rates.wait_ms(self.requests, 1, limits.requests_per_minute, now_ms)
            if wait_ms != 0:
                return Denied("requests", wait_ms)
        if limits.tokens_per_minute is not None:
            wait_ms = rates.wait_ms(self.tokens, ask.estimate.tokens, limits.tokens_per_minute, now_ms)
            if wait_ms != 0:
                return Denied("tokens", wait_ms)
        if limits.concurrent is not None and rates.in_progress(self.leases, now_ms) >= limits.concurrent:
            return Denied("concurrent")
        match budgets.exceeded(ask.budget, self.spent.get(ask.period, Spent()), ask.estimate):
            case "usd":
                return Denied("budget_usd")
            case "tokens":
                return Denied("budget_tokens")
            case None:
                return None

    def settle(self, reservation: Reservation, real: Spent, now_ms: int) -> None:
        """Make what was reserved what it really was, and give back the place among those in progress."""
        if reservation.bucket is not None:
            self.tokens = rates.live(self.tokens, now_ms)
            rates.correct(self.tokens, reservation.bucket, reservation.estimate.tokens, real.tokens, now_ms)
        if reservation.concurrent:
            held = rates.held(self.leases, reservation.worker, now_ms)
            rates.hold(self.leases, reservation.worker, held - 1, now_ms)
        if reservation.period is not None:
            spent = self.spent.get(reservation.period, Spent())
            self.note(reservation.period, budgets.corrected(spent, reservation.estimate, real))

    def renew(self, worker: str, count: int, now_ms: int) -> None:
        """A worker vouches for what it has in progress."""
        rates.hold(self.leases, worker, count, now_ms)

    def note(self, period: str, spent: Spent) -> None:
        self.spent[period] = spent
        while len(self.spent) > _PERIODS_KEPT:
            del self.spent[min(self.spent)]  # names of periods sort by time, "total" behind them


def has_budget(budget: Budget) -> bool:
    return budget.usd is not None or budget.tokens is not None


def _left(window: Window, limit: int, now_ms: int) -> Left:
    return Left(limit, max(0, limit - sum(window.values())), rates.reset_ms(window, now_ms))
