"""A circuit breaker: outcomes of calls and the time in, whether to call at all out.

Closed, every call goes. Too many failures in a short time open it: no call goes until it has rested. Then it
is half open: one call tries, and its outcome closes or opens it again. It knows nothing of what is called
and reads no clock: times are seconds of one steady clock, such as the loop's.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

State = Literal["closed", "open", "half_open"]


class Breaker:
    """Opens when failures within `window_s` outnumber the successes among them by `failures`.

    It rests for `rest_s`. A try whose outcome is never told (a cancelled call) is taken for lost after as
    long again. Outcomes of calls that were admitted before it opened are ignored until something is tried.
    """

    __slots__ = ("_failed_at", "_next_try_at", "_rest_s", "_trying", "_window_s")

    def __init__(self, failures: int, window_s: float, rest_s: float) -> None:
        self._failed_at: deque[float] = deque(maxlen=failures)
        self._window_s = window_s
        self._rest_s = rest_s
        self._next_try_at: float | None = None  # None: closed
        self._trying = False

    def state(self, now: float) -> State:
        if self._next_try_at is None:
            return "closed"
        return "half_open" if self._trying or now >= self._next_try_at else "open"

    def rests_for_s(self, now: float) -> float:
        """How long no call may go; 0 if one may."""
        return 0.0 if self._next_try_at is None else max(0.0, self._next_try_at - now)

    def admits(self, now: float) -> bool:
        """May a call go? Half open one call may, the try: its outcome is to be told."""
        if self._next_try_at is None:
            return True
        if now < self._next_try_at:
            return False
        self._next_try_at = now + self._rest_s
        self._trying = True
        return True

    def succeeded(self) -> None:
        """A call that was admitted went well: that closes, or makes up for a failure."""
        if self._trying:
            self._next_try_at = None
            self._trying = False
            self._failed_at.clear()
        elif self._failed_at and self._next_try_at is None:
            self._failed_at.popleft()

    def failed(self, now: float) -> bool:
        """A call that was admitted failed: has that opened it?"""
        opens = self._trying
        if self._next_try_at is None:
            failed_at = self._failed_at
            failed_at.append(now)
            opens = len(failed_at) == failed_at.maxlen and now - failed_at[0] <= self._window_s
        if opens:
            self._next_try_at = now + self._rest_s
            self._trying = False
        return opens
