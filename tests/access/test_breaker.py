"""The circuit breaker: a state machine whose clock is an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.breaker import Breaker


def opened() -> Breaker:
    breaker = Breaker(failures=3, window_s=10.0, rest_s=5.0)
    for now in (0.0, 1.0, 2.0):
        assert breaker.admits(now)
        assert breaker.failed(now) == (now == 2.0)
    return breaker


def test_failures_within_the_window_open_it() -> None:
    breaker = opened()
    assert breaker.state(2.0) == "open"
    assert not breaker.admits(6.9)


def test_failures_too_far_apart_do_not() -> None:
    breaker = Breaker(failures=3, window_s=10.0, rest_s=5.0)
    for now in range(0, 100, 6):
        breaker.failed(float(now))
        assert breaker.state(now) == "closed"


def test_successes_make_up_for_failures() -> None:
    breaker = Breaker(failures=3, window_s=10.0, rest_s=5.0)
    for at in range(100):
        breaker.failed(at / 100)
        breaker.succeeded()
    assert breaker.state(1.0) == "closed"


def test_it_says_how_long_it_rests() -> None:
    breaker = opened()
    assert [breaker.rests_for_s(now) for now in (2.0, 6.5, 7.0, 9.0)] == [5.0, 0.5, 0.0, 0.0]
    assert Breaker(failures=3, window_s=10.0, rest_s=5.0).rests_for_s(1.0) == 0.0


def test_half_open_lets_one_call_try() -> None:
    breaker = opened()
    assert breaker.state(7.0) == "half_open"
    assert [breaker.admits(7.0) for _ in range(3)] == [True, False, False]
    assert breaker.state(7.0) == "half_open"


def test_the_try_closes_it_or_opens_it_again() -> None:
    breaker = opened()
    assert breaker.admits(7.0)
    assert breaker.failed(8.0)
    assert breaker.state(12.9) == "open"
    assert breaker.admits(13.0)
    breaker.succeeded()
    assert breaker.state(13.0) == "closed"
    breaker.failed(14.0)  # what failed before is forgotten
    assert breaker.state(14.0) == "closed"


def test_a_try_that_is_never_told_of_does_not_keep_it_open_for_good() -> None:
    breaker = opened()
    assert breaker.admits(7.0)
    assert not breaker.admits(11.9)
    assert breaker.admits(12.0)


@pytest.mark.parametrize("went_well", [True, False])
def test_outcomes_of_calls_from_before_change_nothing_while_it_rests(went_well: bool) -> None:
    breaker = opened()
    if went_well:
        breaker.succeeded()
    else:
        assert not breaker.failed(6.0)
    assert breaker.state(6.9) == "open"
    assert breaker.state(7.0) == "half_open"


@given(st.lists(st.tuples(st.sampled_from(["ask", "well", "ill"]), st.floats(0, 20)), max_size=40))
def test_it_always_comes_back_and_never_admits_while_it_rests(steps: list[tuple[str, float]]) -> None:
    breaker = Breaker(failures=2, window_s=10.0, rest_s=5.0)
    now = 0.0
    for what, later in steps:
        now += later
        state = breaker.state(now)
        if what == "ask":
            assert not (breaker.admits(now) and state == "open")
        elif what == "well":
            breaker.succeeded()
        else:
            breaker.failed(now)
    assert breaker.state(now + 5.0) != "open"
    assert breaker.admits(now + 5.0)
