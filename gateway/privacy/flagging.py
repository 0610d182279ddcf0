"""What rows that only flag see of a run: text that has gone by in, counts out.

They hold nothing, so nobody waits for them: they look at a stride of text at a time, a step with each piece.
They compete among themselves for what text the rows that act have left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.privacy.rules import Rules
from gateway.privacy.search import Span, find_stretch

# So many characters at a time: a longer stride costs less a character, and more text is kept for it.
FLAG_STRIDE = 768


class Flagging:
    """The flagged rows of one run. Offsets are the run's; `base` is that of a text's first character.

    `counts` takes what is found, by entity name; `reach` is how far from its beginning a match may end.
    """

    __slots__ = ("_base", "_counts", "_done", "_reach", "_rules", "_spans", "_sweep", "_taken")

    def __init__(self, rules: Rules, reach: int, counts: Counter[str]) -> None:
        self._rules = rules
        self._reach = reach
        self._counts = counts
        self._done = 0  # where matches begin before it has been seen
        self._taken: list[tuple[int, int]] = []  # spans that acted and that are still to be seen
        self._sweep: Iterator[int] | None = None  # the search under way, in the text of some pieces ago ...
        self._base = 0  # ... and that text's offset
        self._spans: list[Span] = []  # what it has found

    def take(self, start: int, end: int) -> None:
        """A row that acts has taken this: a match that would overlap it is none."""
        self._taken.append((start, end))

    def due(self) -> int:
        """Once what is before it is decided, there is something to do."""
        return 0 if self._sweep is not None else self._done + self._reach + FLAG_STRIDE

    def step(self, text: str, base: int, pos: int) -> None:
        """Look at a little more of what is decided, which is what stands before `pos`."""
        if self._sweep is None and pos > self.due():
            self._begin(text, base, pos - self._reach, pos)
        if self._sweep is not None:
            self._go_on()
        while pos - self._done > self._reach + 2 * FLAG_STRIDE:  # pieces so long that steps fall behind
            if self._sweep is None:
                self._begin(text, base, pos - self._reach, pos)
            self._go_on()

    def finish(self, text: str, base: int, stop: int) -> None:
        """Look at all that stands before `stop`."""
        while self._sweep is not None:
            self._go_on()
        self._begin(text, base, stop, stop)
        while self._sweep is not None:
            self._go_on()

    def _begin(self, text: str, base: int, stop: int, known: int) -> None:
        """Search for matches that begin before `stop`; what acts is known up to `known`."""
        taken = [(start - base, end - base) for start, end in self._taken]
        self._base = base
        self._sweep = find_stretch(
            text, self._rules, self._done - base, stop - base, self._spans, known - base, taken
        )

    def _go_on(self) -> None:
        assert self._sweep is not None
        at = next(self._sweep, None)
        if at is not None:
            self._done = self._base + at
            return
        self._sweep = None
        self._taken = [span for span in self._taken if span[1] > self._done]
        self._counts.update(span.entity.name for span in self._spans)
        self._spans.clear()
