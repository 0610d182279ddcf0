"""The times of one streamed answer: plain numbers, looked at once, when it is over.

A clock is read for one event in `TIMED_EVERY`, and whenever text begins or ceases to be held back: looking
must not cost what is looked at. Times are of `time.perf_counter`; what they are of is the relay's to know.
"""

from __future__ import annotations

TIMED_EVERY = 16


class Timing:
    """When the answer began, what passing it on takes, and how long text was held back.

    `first_at` is when the provider's first real event came, `written_at` when the first byte of the answer
    went to the client. `held_s` is how long anything at all was held back, `waited_s` the sum over what was
    held (two events for a second: two).
    """

    __slots__ = ("_at", "_spent_s", "_timed", "_waiting", "first_at", "held_s", "waited_s", "written_at")

    def __init__(self) -> None:
        self.first_at: float | None = None
        self.written_at: float | None = None
        self.held_s = self.waited_s = 0.0
        self._waiting = 0
        self._spent_s = 0.0
        self._timed = 0
        self._at = 0.0

    @property
    def read_s(self) -> float | None:
        """The work on a read; None for an answer too short to tell."""
        return self._spent_s / self._timed if self._timed else None

    def worked(self, spent_s: float) -> None:
        """A read that was timed took so long."""
        self._spent_s += spent_s
        self._timed += 1

    def hold(self, now: float, waiting: int) -> None:
        """So many events are held back from now on."""
        if self._waiting:
            held_s = now - self._at
            self.held_s += held_s
            self.waited_s += held_s * self._waiting
        self._waiting = waiting
        self._at = now
