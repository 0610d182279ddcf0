"""How much a key may ask for at a time: requests and tokens in any minute, requests in progress.

In: what has been counted so far, an amount, a limit and the time. Out: whether the amount fits, and if not,
when it would. Time is an argument, in whole milliseconds since 1970, so that the same rule can run in a
database's script and give the same answer. Keys, money and where the counts are kept are not known here.

A minute is counted in 60 buckets of a second and the bucket that is only partly in it is counted whole, so no
60 seconds, wherever they begin, ever hold more than the limit; in exchange an amount leaves up to one second
late. (A token bucket that allows bursts would let through nearly twice the limit in some minute.)
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

BUCKET_MS = 1_000
BUCKETS = 60

# A lease on a place among the requests in progress. Whoever holds it renews it well before its end, so that
# the places of a process that was killed are free again after this time.
LEASE_MS = 30_000

Count = Annotated[int, Meta(ge=1, le=10**12)]

# What was counted, by the number of its second since 1970.
Window = dict[int, int]
# By the worker that serves them: how many requests are in progress, and until when it vouches for that.
Leases = dict[str, tuple[int, int]]


class Limits(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Tokens are those of prompt and answer together; `concurrent` are requests in progress."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent: Count | None = None


def live(window: Window, now_ms: int) -> Window:
    """What still counts. Seconds ahead of the clock do as well, unless it must have been set back far."""
    at = now_ms // BUCKET_MS
    return {bucket: amount for bucket, amount in window.items() if abs(at - bucket) <= BUCKETS}


def wait_ms(window: Window, amount: int, limit: int, now_ms: int) -> int | None:
    """How long until the amount fits into a live window: 0 if it does now, None if it never will."""
    if amount > limit:
        return None
    excess = sum(window.values()) + amount - limit
    at = now_ms
    for bucket in sorted(window):
        if excess <= 0:
            break
        excess -= window[bucket]
        at = _leaves_ms(bucket)
    return at - now_ms


def add(window: Window, amount: int, now_ms: int) -> int:
    """Count an amount in a live window; the bucket it went into."""
    bucket = max(now_ms // BUCKET_MS, *window, 0)
    window[bucket] = window.get(bucket, 0) + amount
    return bucket


def correct(window: Window, bucket: int, counted: int, real: int, now_ms: int) -> None:
    """In a live window, make what was counted what it really was.

    Less is taken off where it was counted, and more is counted now: it came in the meantime.
    """
    if real > counted:
        add(window, real - counted, now_ms)
    elif bucket in window:
        window[bucket] = max(0, window[bucket] + real - counted)


def reset_ms(window: Window, now_ms: int) -> int:
    """How long until nothing of a live window counts any more."""
    return _leaves_ms(max(window)) - now_ms if window else 0


def _leaves_ms(bucket: int) -> int:
    return (bucket + BUCKETS + 1) * BUCKET_MS


def in_progress(leases: Leases, now_ms: int) -> int:
    """Requests in progress, of all workers that still vouch for theirs."""
    return sum(count for count, until_ms in leases.values() if until_ms > now_ms)


def hold(leases: Leases, worker: str, count: int, now_ms: int) -> None:
    """A worker says how many it has now. Others that no longer vouch for theirs are forgotten."""
    for each in [each for each, (_, until_ms) in leases.items() if until_ms <= now_ms]:
        del leases[each]
    if count > 0:
        leases[worker] = (count, now_ms + LEASE_MS)
    else:
        leases.pop(worker, None)


def held(leases: Leases, worker: str, now_ms: int) -> int:
    """How many a worker has by the leases."""
    count, until_ms = leases.get(worker, (0, 0))
    return count if until_ms > now_ms else 0
