"""The times of one streamed answer: plain numbers, added up per read and looked at once, at the end.

Times are of `time.perf_counter`. What the times are of is the relay's to know.
"""

from __future__ import annotations


class Timing:
    """When the answer began, what passing it on took, and how long text was held back.

    `first_at` is when the provider's first real event came, `written_at` when the first byte of the answer
    went to the client. `spent_s` is the work on all reads, `slowest_s` that on one. `held_s` is how long
    anything at all was held back, `waited_s` the sum over what was held (two frames for a second: two).
    """

    __slots__ = ("_at", "_waiting", "first_at", "held_s", "slowest_s", "spent_s", "waited_s", "written_at")

    def __init__(self) -> None:
        self.first_at: float | None = None
        self.written_at: float | None = None
        self.spent_s = self.slowest_s = self.held_s = self.waited_s = 0.0
        self._waiting = 0
        self._at = 0.0

    def note(self, began_at: float, ended_at: float, waiting: int) -> None:
        """A read has been worked on; so many frames are held back behind it."""
        spent_s = ended_at - began_at
        self.spent_s += spent_s
        if spent_s > self.slowest_s:
            self.slowest_s = spent_s
        if self._waiting:
            held_s = began_at - self._at
            self.held_s += held_s
            self.waited_s += held_s * self._waiting
        self._waiting = waiting
        self._at = ended_at
