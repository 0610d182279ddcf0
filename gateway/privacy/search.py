"""A whole text in, spans out, left to right: at each position the first row that matches takes its span.

`find_in_steps` does the same a stretch at a time, for a text so long that others would have to wait.
A stretch says where a match begins; the match may reach beyond it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from heapq import heappop, heappush
from string import ascii_lowercase
from typing import Any, NamedTuple

from gateway.privacy.entities import LEFT_CONTEXT, Entity
from gateway.privacy.rules import Nearby, Probe, Rule, Rules, fold, words_of

STRETCH = 512
_LETTERS = frozenset(ascii_lowercase)


class Span(NamedTuple):
    """A match in a text."""

    start: int
    end: int
    entity: Entity


def find(text: str, rules: Rules, start: int = 0) -> list[Span]:
    """Every span from `start` on, left to right, none overlapping."""
    spans: list[Span] = []
    for _ in find_in_steps(text, rules, spans, start):
        pass
    return spans


def find_in_steps(text: str, rules: Rules, spans: list[Span], start: int = 0) -> Iterator[int]:
    """As `find`, but adds to `spans` and stops after each stretch: the position up to which it is done."""
    while start < len(text):
        start = find_between(text, rules, start, start + STRETCH, spans)
        yield start


Window = tuple[int, int]
_A_DIGIT = re.compile("[0-9]").search


class _Watch:
    """A probe and the windows that it still has to look at."""

    __slots__ = ("found", "probe", "windows")

    def __init__(self, probe: Probe, windows: list[Window]) -> None:
        self.probe = probe
        self.windows = windows  # ascending, the last one first
        self.found: Any = None

    def next(self, text: str, start: int) -> int:
        """Where from `start` on something may match next that begins in a window, -1 for nowhere."""
        probe, windows = self.probe, self.windows
        while windows:
            low, high = windows[-1]
            if low < start:
                low = start
            if low < high:
                # A match that begins in the window, and the character after it, are not cut by this end.
                found = probe.search(text, low, high + probe.reach)
                if found is not None:
                    start = int(found.start())
                    if start < high:
                        self.found = found
                        return start
            windows.pop()
        return -1


def find_between(
    text: str, rules: Rules, start: int, stop: int, spans: list[Span], limit: int = sys.maxsize
) -> int:
    """Add the spans that begin from `start` to before `stop`, and end by `limit`; where to go on."""
    stop = min(stop, len(text))
    behind = max(0, start - LEFT_CONTEXT)
    has_digit = _A_DIGIT(text, start, stop + rules.reach) is not None
    plain = text.isascii()
    ahead: list[tuple[int, int, _Watch]] = []

    def watch(probe: Probe, windows: list[Window]) -> None:
        one = _Watch(probe, windows)
        at = one.next(text, start)
        if at >= 0:
            heappush(ahead, (at, len(ahead), one))

    for probe in rules.probes:
        if (probe.digit and not has_digit) or (probe.of_script and plain):
            continue
        if probe.sign is None or probe.sign(text, behind, stop + probe.reach):
            watch(probe, [(start, stop)])
    if by_word := rules.by_word if has_digit else rules.by_word_without_digit:
        folded = fold(text[behind : stop + rules.word_reach])
        if words := by_word.keys() & words_of(folded):
            for nearby, windows in _windows(by_word, words, folded, behind, start, stop).items():
                watch(nearby.probe, windows)
    while ahead:
        at, tie, one = heappop(ahead)
        here = [(tie, one)]
        while ahead and ahead[0][0] == at:
            here.append(heappop(ahead)[1:])
        if at >= start:
            start = at + 1
            best: tuple[int, Rule] | None = None
            for _, one in here:
                best = _hit(text, at, one, limit, best)
            if best is not None:
                start, rule = best
                spans.append(Span(at + rule.entity.keep, start, rule.entity))
        for tie, one in here:
            at = one.next(text, start)
            if at >= 0:
                heappush(ahead, (at, tie, one))
    return max(start, stop)


def _hit(
    text: str, at: int, one: _Watch, limit: int, best: tuple[int, Rule] | None
) -> tuple[int, Rule] | None:
    """The end of the first match at a position in the rules' order, and the rule; `best` is known so far."""
    rules, candidate = one.probe.rules_at(one.found)
    for rule in rules:
        if best is not None and rule.order > best[1].order:
            break
        if candidate is None:
            end = rule.match_at(text, at)
        else:
            end = rule.accept(text, at, candidate)
            candidate = None
        if end and (end := rule.end_of_secret(text, end)) <= limit:
            return end, rule
    return best


def _windows(
    by_word: dict[str, tuple[Nearby, ...]], words: set[str], folded: str, base: int, start: int, stop: int
) -> dict[Nearby, list[Window]]:
    """Where the matches can begin that are near one of these words; disjoint, the last one first."""
    found: dict[Nearby, list[Window]] = {}
    for word in words:
        known = by_word[word]
        for at in _places(word, folded):
            first = base + at
            behind = first + len(word)
            for nearby in known:
                # Behind a cue, the match begins where the word has ended at the earliest.
                _, earliest, latest = nearby
                low = behind if latest < 0 else first - latest
                high = first - earliest + 1
                if low < stop and high > start:
                    window = (low if low > start else start, high if high < stop else stop)
                    if nearby in found:
                        found[nearby].append(window)
                    else:
                        found[nearby] = [window]
    for windows in found.values():
        if len(windows) > 1:
            windows[:] = _merged(windows)
    return found


def _places(word: str, folded: str) -> Iterator[int]:
    """Where the word stands as a whole word."""
    at = folded.find(word)
    while at >= 0:
        end = at + len(word)
        if (at == 0 or folded[at - 1] not in _LETTERS) and folded[end : end + 1] not in _LETTERS:
            yield at
        at = folded.find(word, end)


def _merged(windows: list[Window]) -> list[Window]:
    windows.sort()
    merged = [windows[0]]
    for low, high in windows[1:]:
        if low > merged[-1][1]:
            merged.append((low, high))
        elif high > merged[-1][1]:
            merged[-1] = (merged[-1][0], high)
    merged.reverse()
    return merged
