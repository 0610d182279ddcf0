"""Limits over time: no minute holds more than the limit, and what was refused fits when it was said to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.access import limits
from gateway.access.limits import LEASE_MS, Leases, Window

MINUTE_MS = 60_000
START_MS = 1_800_000_000_123

# Milliseconds since the one before, and an amount.
steps = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 1500), st.integers(0, 70_000), st.sampled_from([999, 1000, 1001, 59_999, 60_000])),
        st.integers(0, 8),
    ),
    max_size=60,
)  # fmt: skip
Wait = Callable[[Window, int, int, int], int | None]


def admitted(wait_ms: Wait, script: list[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    window: Window = {}
    now_ms, found = START_MS, []
    for later_ms, amount in script:
        now_ms += later_ms
        window = limits.live(window, now_ms)
        if wait_ms(window, amount, limit, now_ms) == 0:
            limits.add(window, amount, now_ms)
            found.append((now_ms, amount))
    return found


def check_minutes(wait_ms: Wait, script: list[tuple[int, int]], limit: int) -> None:
    found = admitted(wait_ms, script, limit)
    for end_ms, _ in found:
        within = sum(amount for at_ms, amount in found if end_ms - MINUTE_MS <= at_ms <= end_ms)
        assert within <= limit


@given(steps, st.integers(1, 20))
def test_no_minute_holds_more_than_the_limit(script: list[tuple[int, int]], limit: int) -> None:
    check_minutes(limits.wait_ms, script, limit)


def test_the_law_catches_a_bucket_that_refills() -> None:
    """What most gateways do: it lets through twice the limit within some minute."""

    def refilled(window: Window, amount: int, limit: int, now_ms: int) -> int | None:
        left, last_ms = float(limit), None
        for bucket in sorted(window):
            at_ms = bucket * 1000
            left = limit if last_ms is None else min(limit, left + (at_ms - last_ms) * limit / MINUTE_MS)
            left, last_ms = left - window[bucket], at_ms
        if last_ms is not None:
            left = min(limit, left + (now_ms - last_ms) * limit / MINUTE_MS)
        return 0 if amount <= left else 1

    script = [(0, 4), (30_000, 2)]
    check_minutes(limits.wait_ms, script, 4)
    with pytest.raises(AssertionError):
        check_minutes(refilled, script, 4)


@given(steps, st.integers(1, 20), st.integers(1, 20))
def test_what_is_refused_fits_when_it_was_said_to_and_not_before(
    script: list[tuple[int, int]], limit: int, amount: int
) -> None:
    window: Window = {}
    now_ms = START_MS
    for later_ms, each in script:
        now_ms += later_ms
        window = limits.live(window, now_ms)
        if limits.wait_ms(window, each, limit, now_ms) == 0:
            limits.add(window, each, now_ms)
    wait_ms = limits.wait_ms(window, amount, limit, now_ms)
    if amount > limit:
        assert wait_ms is None
        return
    assert wait_ms is not None
    then_ms = now_ms + wait_ms
    assert limits.wait_ms(limits.live(window, then_ms), amount, limit, then_ms) == 0
    if wait_ms:
        assert limits.wait_ms(limits.live(window, then_ms - 1), amount, limit, then_ms - 1) == 1


@given(steps)
def test_everything_is_there_again_after_the_reset(script: list[tuple[int, int]]) -> None:
    window: Window = {}
    now_ms = START_MS
    for later_ms, amount in script:
        now_ms += later_ms
        window = limits.live(window, now_ms)
        limits.add(window, amount, now_ms)
    reset_ms = limits.reset_ms(window, now_ms)
    assert not limits.live(window, now_ms + reset_ms)
    assume(window)
    assert limits.live(window, now_ms + reset_ms - 1)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), max_size=20))
def test_what_is_corrected_within_the_minute_counts_as_it_really_was(amounts: list[tuple[int, int]]) -> None:
    window: Window = {}
    buckets = [limits.add(window, counted, START_MS + 100 * at) for at, (counted, _) in enumerate(amounts)]
    for bucket, (counted, real) in zip(buckets, amounts, strict=True):
        limits.correct(window, bucket, counted, real, START_MS + 30_000)
    assert sum(window.values()) == sum(real for _, real in amounts)
    assert all(amount >= 0 for amount in window.values())


def test_a_clock_that_is_set_back_lets_nothing_through_twice() -> None:
    window: Window = {}
    limits.add(window, 5, START_MS)
    back_ms = START_MS - 30_000
    window = limits.live(window, back_ms)
    assert limits.wait_ms(window, 1, 5, back_ms) == 91_000 - START_MS % 1000
    far_ms = START_MS - 3_600_000
    assert limits.live(window, far_ms) == {}


@given(st.lists(st.tuples(st.integers(0, LEASE_MS), st.sampled_from("abc"), st.integers(-1, 1)), max_size=40))
def test_places_of_workers_that_vouch_for_none_are_free(script: list[tuple[int, str, int]]) -> None:
    leases: Leases = {}
    now_ms = START_MS
    last: dict[str, tuple[int, int]] = {}
    for later_ms, worker, change in script:
        now_ms += later_ms
        count = limits.held(leases, worker, now_ms) + change
        limits.hold(leases, worker, count, now_ms)
        last[worker] = (max(0, count), now_ms)
        expected = sum(count for count, at_ms in last.values() if now_ms - at_ms < LEASE_MS)
        assert limits.in_progress(leases, now_ms) == expected
