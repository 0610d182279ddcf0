"""Who of several equals is asked next: their weights, or how quickly they have answered, in; an order out.

A *target* is whatever can be asked, by a name. Times are seconds of one steady clock, given as arguments.
Why somebody should not be asked at all is not known here (`breaker` knows).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Generic, Literal, TypeVar

from msgspec import Struct

T = TypeVar("T", bound=Hashable)
By = Literal["weighted", "least-latency"]

# A measurement counts half after so long: who was slow once is tried again in time.
_HALF_LIFE_S = 30.0


class _Known(Struct):
    """What is known of a target. `latency_s` as of `measured_at`, None before the first answer."""

    latency_s: float | None = None
    measured_at: float = 0.0
    under_way: int = 0
    rests_until: float = -math.inf


class Balance(Generic[T]):
    """The memory of one process: it grows with the targets of the configuration, not with requests."""

    def __init__(self) -> None:
        self._known: dict[T, _Known] = {}
        self._turns: dict[tuple[T, ...], dict[T, float]] = {}

    def order(self, weights: Mapping[T, float], by: By, now: float) -> list[T]:
        """All targets, the one to ask first first. Those that rest come last, the first to wake first.

        By weight, every run of requests as long as the sum of (whole) weights asks each target as often as
        its weight says, evenly mixed (the smooth weighted round-robin of nginx).
        """
        if len(weights) == 1:
            return [*weights]
        awake = {each: weight for each, weight in weights.items() if self._of(each).rests_until <= now}
        asleep = sorted(weights.keys() - awake.keys(), key=lambda each: self._of(each).rests_until)
        if by == "weighted":
            return [*self._by_turns(tuple(weights), awake), *asleep]
        # `sorted` keeps the given order between equals.
        return [*sorted(awake, key=lambda each: self._cost(each, now)), *asleep]

    def _by_turns(self, group: tuple[T, ...], awake: Mapping[T, float]) -> list[T]:
        if len(awake) < 2:
            return list(awake)
        turns = self._turns.setdefault(group, dict.fromkeys(group, 0.0))
        for each, weight in awake.items():
            turns[each] += weight
        order = sorted(awake, key=lambda each: -turns[each])
        turns[order[0]] -= sum(awake.values())
        return order

    def _cost(self, target: T, now: float) -> float:
        """Its latency, fading, times those who would share it. Who was never asked comes first."""
        known = self._of(target)
        if known.latency_s is None:
            return -1.0 / (1 + known.under_way)
        faded: float = 0.5 ** (max(0.0, now - known.measured_at) / _HALF_LIFE_S)
        return known.latency_s * faded * (1 + known.under_way)

    def began(self, target: T) -> None:
        self._of(target).under_way += 1

    def ended(self, target: T) -> None:
        self._of(target).under_way -= 1

    def answered(self, target: T, latency_s: float, now: float) -> None:
        """Its first word came after `latency_s`."""
        known = self._of(target)
        if known.latency_s is not None:
            old = 0.5 ** (max(0.0, now - known.measured_at) / _HALF_LIFE_S)
            # Worse news counts at once, better news by half: a queue builds up faster than trust.
            keep = 0.0 if latency_s > known.latency_s else 0.5 * old
            latency_s = known.latency_s * keep + latency_s * (1 - keep)
        known.latency_s, known.measured_at = latency_s, now

    def rest(self, target: T, until: float) -> None:
        """It has asked for no more requests until then."""
        self._of(target).rests_until = until

    def _of(self, target: T) -> _Known:
        return self._known.setdefault(target, _Known())
