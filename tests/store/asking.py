"""What the tests of stores ask."""

from __future__ import annotations

from gateway.access.account import Ask
from gateway.access.budget import Budget, Spent
from gateway.access.limits import Limits

START_MS = 1_800_000_000_123


def ask(
    limits: Limits | None = None,
    budget: Budget | None = None,
    *,
    tokens: int = 0,
    nano_usd: int = 0,
    worker: str = "w",
    name: str = "app",
    period: str = "2027-01",
) -> Ask:
    return Ask(name, worker, limits or Limits(), budget or Budget(), Spent(nano_usd, tokens), period)
