"""What requests add to the metrics, in plain dicts until it is written down.

In: a metric, its labels, an amount. Out, by `write`: the same, added to Prometheus' own values. In a process
of several, each of those is a lock, a system call and a piece of a mapped file; a request has a dozen, which
came to 8 % of what it cost beside judging its texts, and here to 1 %. What a process had not written when it
was killed is not counted. All of this belongs to one thread, the event loop's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

_Labels = tuple[str, ...]


class Distribution(Histogram):
    """A histogram that takes many values at once."""

    @property
    def bounds(self) -> Sequence[float]:
        """The greatest value of each bucket; the last is infinite."""
        return self._upper_bounds

    def observe_all(self, counts: Sequence[float], total: float) -> None:
        """As if so many values in each bucket, which come to `total`, had been observed one by one."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


_added: dict[tuple[Counter | Gauge, _Labels], float] = {}
# How many values are in each bucket, and behind them what all come to.
_observed: dict[tuple[Distribution, _Labels], list[float]] = {}


def add(of: Counter | Gauge, *labels: str, by: float = 1.0) -> None:
    series = (of, labels)
    _added[series] = _added.get(series, 0.0) + by


def observe(of: Distribution, value: float, *labels: str) -> None:
    series = (of, labels)
    seen = _observed.get(series)
    if seen is None:
        seen = _observed[series] = [0.0] * (len(of.bounds) + 1)
    seen[bisect_left(of.bounds, value)] += 1
    seen[-1] += value


def write() -> None:
    """Write down what has been added since the last time."""
    for (of, labels), amount in _added.items():
        (of.labels(*labels) if labels else of).inc(amount)
    for (distribution, labels), seen in _observed.items():
        one = distribution.labels(*labels) if labels else distribution
        one.observe_all(seen[:-1], seen[-1])
    _added.clear()
    _observed.clear()
