"""Many that wait long share one timer of the loop; nobody is called early, or once they have left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from gateway.server import timers


class Loop:
    """A loop's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.25
        self.set: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, call: Callable[..., None], *about: Any) -> None:
        self.set.append((at, lambda: call(*about)))

    def call_soon(self, call: Callable[[], None]) -> None:
        call()

    def move(self, to: float) -> None:
        self.now = to
        come, self.set = [e for e in self.set if e[0] <= to], [e for e in self.set if e[0] > to]
        for _, call in come:
            call()


class Waiting:
    def __init__(self, loop: Loop) -> None:
        self.looked_at: list[float] = []
        self._loop = loop

    def look_at_clock(self) -> None:
        self.looked_at.append(self._loop.now)


def _call_at(loop: Loop, at: float, waiting: Waiting) -> timers.Due:
    return timers.call_at(cast(asyncio.AbstractEventLoop, loop), at, waiting)


def test_those_of_one_second_share_a_timer_and_none_is_early() -> None:
    loop = Loop()
    many = [Waiting(loop) for _ in range(50)]
    for number, each in enumerate(many):
        _call_at(loop, loop.now + 14.8 + number / 100, each)
    assert [at for at, _ in loop.set] == [1016.0]
    loop.move(1015.9)
    assert not any(each.looked_at for each in many)
    loop.move(1016.0)
    assert all(each.looked_at == [1016.0] for each in many)


def test_what_is_to_come_within_moments_comes_on_time() -> None:
    loop = Loop()
    one, other = Waiting(loop), Waiting(loop)
    _call_at(loop, loop.now + 0.05, one)
    _call_at(loop, loop.now + 0.06, other)
    loop.move(1000.305)
    assert (one.looked_at, other.looked_at) == ([1000.305], [])


def test_whoever_has_left_is_not_called() -> None:
    loop = Loop()
    one, other = Waiting(loop), Waiting(loop)
    _call_at(loop, loop.now + 20, one).discard(one)
    _call_at(loop, loop.now + 20, other)
    loop.move(1030.0)
    assert (one.looked_at, other.looked_at) == ([], [1030.0])


def test_a_second_that_has_come_is_not_kept_and_may_be_asked_for_again() -> None:
    loop = Loop()
    one = Waiting(loop)
    _call_at(loop, 1010.0, one)
    loop.move(1010.0)
    _call_at(loop, 1010.0, one)
    loop.move(1010.0)
    assert one.looked_at == [1010.0, 1010.0]
    assert not loop.set
