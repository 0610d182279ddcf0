"""A whole text in, spans out, left to right: at each position the first row that matches takes its span.

`find_in_steps` does the same a stretch at a time, for a text so long that others would have to wait.
A stretch says where a match begins; the match may reach beyond it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from string import ascii_lowercase
from typing import Any, NamedTuple

from gateway.privacy.entities import LEFT_CONTEXT, Entity
from gateway.privacy.probe import Probe
from gateway.privacy.rule import ENDING, Rule
from gateway.privacy.rules import LONG_RUN, RUN, Nearby, Rules, read_words
from gateway.privacy.shapes import long_runs, runs, shape

STRETCH = 1024
# So many searches are begun, or matches are found, in one step.
_AT_ONCE = 8
# In so few places it is matched: a search would go on as far as a match may reach.
_FEW = 2
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
    """As `find`, but adds to `spans` and stops after each step: the position up to which it is done."""
    while start < len(text):
        for done in find_stretch(text, rules, start, start + STRETCH, spans):
            yield done
        start = done


def find_between(
    text: str, rules: Rules, start: int, stop: int, spans: list[Span], limit: int = sys.maxsize
) -> int:
    """Add the spans that begin from `start` to before `stop`, and end by `limit`; where to go on."""
    for done in find_stretch(text, rules, start, stop, spans, limit):
        start = done
    return start


Window = tuple[int, int]
_A_DIGIT = re.compile("[0-9]").search


class _Watch:
    """A probe, what it has found next, and the windows that it still has to look at."""

    __slots__ = ("end", "found", "probe", "rule", "windows")

    def __init__(self, probe: Probe, windows: list[Window]) -> None:
        self.probe = probe
        self.windows = windows  # ascending, the last one first
        self.found: Any = None  # a match of the search
        self.rule: Rule | None = None  # the first rule that matches there, if that was asked already
        self.end = 0  # and where its match ends

    def seek(self, text: str, start: int) -> int:
        """Where from `start` on one of the rules may match next that begins in a window, -1 for nowhere.

        Rules that need no digit are asked at once: nearly all that looks like a match is none. Where digits
        stand many rules look at the same ones, and all but the first that matches need not be asked.
        """
        probe, windows = self.probe, self.windows
        behind, led_behind = probe.behind, probe.led_behind
        self.rule = None
        while windows:
            low, high = windows[-1]
            if low < start:
                low = start
            while low < high:
                # A match that begins in the window, and the character after it, are not cut by this end.
                end = high + probe.reach
                if high - low > _FEW:
                    found = probe.search(text, low - behind, end)
                    if found is None:
                        break
                elif (found := probe.match(text, low - behind, end)) is None:
                    low += 1
                    continue
                at = found.start() + behind
                if at >= high:
                    break
                low = at + 1
                if led_behind is not None and not led_behind[text[at - ENDING if at > ENDING else 0 : at]]:
                    continue
                self.found = found
                if probe.digit or self.check(text, at):
                    return int(at)
            windows.pop()
        return -1

    def check(self, text: str, at: int) -> bool:
        """Does a rule match there?"""
        rules, candidate = self.probe.rules_at(self.found)
        for rule in rules:
            if candidate is None:
                end = rule.match_at(text, at)
            else:
                end = rule.accept(text, at, candidate)
                candidate = None
            if end:
                self.rule, self.end = rule, end
                return True
        return False

    def hit(self, text: str, at: int, limit: int) -> tuple[int, Rule] | None:
        """The end of the first match there that ends by `limit`, and its rule."""
        if self.rule is None and not self.check(text, at):
            return None
        assert self.rule is not None
        end = self.rule.end_of_secret(text, self.end)
        if end <= limit:
            return end, self.rule
        for rule in self.probe.rules_at(self.found)[0]:
            end = rule.match_at(text, at)
            if end and (end := rule.end_of_secret(text, end)) <= limit:
                return end, rule
        return None


def find_stretch(
    text: str,
    rules: Rules,
    start: int,
    stop: int,
    spans: list[Span],
    limit: int = sys.maxsize,
    taken: Sequence[tuple[int, int]] = (),
) -> Iterator[int]:
    """Add the spans that begin from `start` to before `stop`, and end by `limit`; steps, as `find_in_steps`.

    None overlaps what is `taken`, ascending: a match that would is none.
    """
    stop = min(stop, len(text))
    ahead: list[tuple[int, int, _Watch]] = []
    for tie, (probe, windows) in enumerate(_probes(text, rules, start, stop)):
        one = _Watch(probe, windows)
        at = one.seek(text, start)
        if at >= 0:
            ahead.append((at, tie, one))
        if tie % _AT_ONCE == _AT_ONCE - 1:
            yield start
    heapify(ahead)
    others = iter((*taken, (sys.maxsize, sys.maxsize)))
    other, behind_other = next(others)
    seen = 0
    while ahead:
        at, tie, one = heappop(ahead)
        here = [(tie, one)]
        while ahead and ahead[0][0] == at:
            here.append(heappop(ahead)[1:])
        if at >= start:
            while behind_other <= at:
                other, behind_other = next(others)
            if other <= at:
                start = behind_other
            else:
                start = at + 1
                best: tuple[int, Rule] | None = None
                for _, one in here:
                    if best is None or one.probe.rules[0].order < best[1].order:
                        hit = one.hit(text, at, min(limit, other))
                        if hit is not None and (best is None or hit[1].order < best[1].order):
                            best = hit
                if best is not None:
                    start, rule = best
                    spans.append(Span(at + rule.entity.keep, start, rule.entity))
        for tie, one in here:
            at = one.seek(text, start)
            if at >= 0:
                heappush(ahead, (at, tie, one))
        seen += 1
        if seen % _AT_ONCE == 0 and start < stop:
            yield start
    yield max(start, stop)


# --- where to look ------------------------------------------------------------------------------------------


def _probes(text: str, rules: Rules, start: int, stop: int) -> Iterator[tuple[Probe, list[Window]]]:
    """The probes that may find something that begins from `start` to before `stop`, and in what windows."""
    behind = max(0, start - LEFT_CONTEXT)
    seen = text[start : stop + rules.shape_reach]
    shapes = shape(seen)
    for part, members in rules.by_shape:
        if part in shapes:
            for each in members:
                for string in each.strings:
                    if string in shapes:
                        yield each.probe, [(start, stop)]
                        break
    if "0" in shapes:
        yield from _by_token(rules, shapes, start, stop)
    between = runs(seen)
    for each in rules.by_signs:
        if _has_one_of(each.strings, between):
            yield each.probe, [(start, stop)]
    if LONG_RUN in long_runs(seen):
        for probe in (*rules.by_long_run, *rules.by_run) if RUN in between else rules.by_long_run:
            yield probe, [(start, stop)]
    plain = text.isascii()
    has_digit = "0" in shapes or _A_DIGIT(text, start, stop + rules.reach) is not None
    for probe in rules.probes if has_digit else rules.probes_without_digit:
        if probe.of_script and plain:
            continue
        if probe.sign is None or probe.sign(text, behind, stop + probe.reach):
            yield probe, [(start, stop)]
    if by_word := rules.by_word if has_digit else rules.by_word_without_digit:
        folded, words = read_words(text[behind : stop + rules.word_reach])
        known = by_word.keys() & words
        if behind_another := rules.pairs.keys() & words:
            known |= by_word.keys() & _pairs_in(words, behind_another, rules.pairs, cut=behind > 0)
        if known:
            near = [(word.rpartition(" ")[2], by_word[word]) for word in known]
            for nearby, windows in _windows(near, folded, behind, start, stop, shapes).items():
                yield nearby.probe, windows


def _pairs_in(
    words: list[str], seconds: Iterable[str], pairs: Mapping[str, tuple[str, ...]], cut: bool
) -> Iterator[str]:
    """The pairs of words that may stand there; what was before the first of the words is not known if cut."""
    joined = " ".join(words)
    for second in seconds:
        for pair in pairs[second]:
            if pair in joined or (cut and words[0] == second):
                yield pair


def _by_token(rules: Rules, shapes: str, start: int, stop: int) -> Iterable[tuple[Probe, list[Window]]]:
    """Of what a token of the shapes gives away, what may be there and where."""
    by_token = rules.by_token
    found: dict[Probe, list[Window]] = {}
    for token in by_token.find(shapes):
        if known := by_token[token[0]]:
            at = start + token.start()
            for probe, low, high in known:
                low, high = low + at, high + at
                if low < stop:
                    window = (low if low > start else start, high if high < stop else stop)
                    if probe in found:
                        found[probe].append(window)
                    else:
                        found[probe] = [window]
    for windows in found.values():
        windows.reverse()
    return found.items()


def _windows(
    near: list[tuple[str, tuple[Nearby, ...]]], folded: str, base: int, start: int, stop: int, shapes: str
) -> dict[Nearby, list[Window]]:
    """Where the matches can begin that are near one of these words; disjoint, the last one first."""
    found: dict[Nearby, list[Window]] = {}
    for word, every in near:
        places = list(_places(word, folded))
        if len(places) > 1:
            every = tuple(each for each in every if not each.strings or _has_one_of(each.strings, shapes))
        for at in places:
            first = base + at
            behind = first + len(word)
            for nearby in every:
                # Behind a cue, the match begins where the word has ended at the earliest.
                low = behind if nearby.latest < 0 else first - nearby.latest
                if low < start:
                    low = start
                high = first - nearby.earliest + 1
                if high > stop:
                    high = stop
                if low < high and nearby.strings:
                    low = _narrowed(low - start, high - start, nearby, shapes) + start
                if low < high:
                    if nearby in found:
                        found[nearby].append((low, high))
                    else:
                        found[nearby] = [(low, high)]
    for windows in found.values():
        if len(windows) > 1:
            windows[:] = _merged(windows)
    return found


def _has_one_of(strings: tuple[str, ...], shapes: str) -> bool:
    for string in strings:  # noqa: SIM110 - a generator takes three times as long
        if string in shapes:
            return True
    return False


def _narrowed(low: int, high: int, nearby: Nearby, shapes: str) -> int:
    """Where a window is to begin: where one of the strings is soon to come, or at its end."""
    first = high
    end = high + nearby.offset
    for string in nearby.strings:
        at = shapes.find(string, low, end + len(string) - 1)
        if at >= 0:
            at -= nearby.offset
            if at <= low:
                return low
            if at < first:
                first = at
    return first


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
