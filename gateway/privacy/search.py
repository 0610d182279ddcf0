"""A whole text in, spans out, left to right: at each position the first row that matches takes its span.

`find_in_steps` does the same a stretch at a time, for a text so long that others would have to wait.
A stretch says where a match begins; the match may reach beyond it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from operator import attrgetter
from typing import Any, NamedTuple

from gateway.privacy.entities import LEFT_CONTEXT, Entity
from gateway.privacy.probe import Probe
from gateway.privacy.rule import ENDING, Rule
from gateway.privacy.rules import LONG_RUN, RUN, Nearby, Rules, Woken, read_words
from gateway.privacy.shapes import long_runs, runs, shape
from gateway.privacy.sighted import Tokens

STRETCH = 1024
# So many searches are begun, or matches are found, in one step.
_AT_ONCE = 8
# In so few places it is matched: a search would go on as far as a match may reach.
_FEW = 2


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
Place = tuple[int, tuple[Rule, ...]]  # the rules that may match there, in their order
_NOWHERE = sys.maxsize
_NEVER = (_NOWHERE, _NOWHERE, 0)
_ORDER = attrgetter("order")
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
        behind, led_behind, only = probe.behind, probe.led_behind, probe.only
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
                if probe.digit:
                    return int(at)
                if only is None:
                    if self.check(text, at):
                        return int(at)
                elif end := only.accept(text, at, found[1]):
                    self.rule, self.end = only, end
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
    places, probes = _looks(text, rules, start, stop)
    ahead: list[tuple[int, int, _Watch]] = []
    for tie, (probe, windows) in enumerate(probes):
        one = _Watch(probe, windows)
        at = one.seek(text, start)
        if at >= 0:
            ahead.append((at, tie, one))
        if tie % _AT_ONCE == _AT_ONCE - 1:
            yield start
    heapify(ahead)
    places.append((_NOWHERE, ()))
    sighted = iter(places)
    place, some = next(sighted)
    others = iter((*taken, (_NOWHERE, _NOWHERE)))
    other, behind_other = next(others)
    most = limit if limit < other else other
    tried = 0
    while True:
        while ahead and ahead[0][0] < start:
            _, tie, one = ahead[0]
            if (at := one.seek(text, start)) >= 0:
                heapreplace(ahead, (at, tie, one))
            else:
                heappop(ahead)
        at = ahead[0][0] if ahead else _NOWHERE
        border = at if at < other else other
        while place < border:
            if place >= start:
                for rule in some:
                    found = rule.match(text, place)
                    if found is not None and (end := _end_of(rule, text, place, found, most)):
                        start = end
                        spans.append(Span(place + rule.entity.keep, end, rule.entity))
                        break
                tried += 1
                if tried % _AT_ONCE == 0 and start < stop:
                    yield max(start, place + 1)
            place, some = next(sighted)
        if place == at == _NOWHERE:
            break
        if border == other:
            start = max(start, behind_other)
            other, behind_other = next(others)
            most = limit if limit < other else other
        elif start <= at:
            start, best = at + 1, _first_of(ahead, text, at, most)
            for rule in some if place == at else ():
                if best is not None and best[1].order < rule.order:
                    break
                found = rule.match(text, at)
                if found is not None and (end := _end_of(rule, text, at, found, most)):
                    best = end, rule
                    break
            if best is not None:
                start, rule = best
                spans.append(Span(at + rule.entity.keep, start, rule.entity))
            tried += 1
            if tried % _AT_ONCE == 0 and start < stop:
                yield start
    yield max(start, stop)


def _end_of(rule: Rule, text: str, at: int, found: Any, limit: int) -> int:
    """Where what its pattern has found ends, 0 if it is no match that ends by `limit`."""
    end = rule.accept_found(text, at, found)
    if end and rule.until is not None:
        end = rule.end_of_secret(text, end)
    return end if end <= limit else 0


def _first_of(
    ahead: list[tuple[int, int, _Watch]], text: str, at: int, limit: int
) -> tuple[int, Rule] | None:
    """Of what may match at a place, the first in the table that does, and where it ends."""
    best: tuple[int, Rule] | None = None
    here = []
    while ahead and ahead[0][0] == at:
        _, tie, one = heappop(ahead)
        here.append((tie, one))
        if best is None or one.probe.rules[0].order < best[1].order:
            hit = one.hit(text, at, limit)
            if hit is not None and (best is None or hit[1].order < best[1].order):
                best = hit
    for tie, one in here:
        heappush(ahead, (at, tie, one))
    return best


# --- where to look ------------------------------------------------------------------------------------------


def _looks(
    text: str, rules: Rules, start: int, stop: int
) -> tuple[list[Place], list[tuple[Probe, list[Window]]]]:
    """Where from `start` to before `stop` what may begin by its token, and what to search in what windows."""
    behind = max(0, start - LEFT_CONTEXT)
    seen = text[start : stop + rules.shape_reach]
    shapes = shape(seen)
    found: list[tuple[Probe, list[Window]]] = []
    for part, members in rules.by_shape:
        if part in shapes:
            for each in members:
                for string in each.strings:
                    if string in shapes:
                        if not each.narrows:
                            found.append((each.probe, [(start, stop)]))
                        elif window := each.window(text, shapes, start, stop):
                            found.append((each.probe, [window]))
                        break
    between = runs(seen)
    for each in rules.by_signs:
        if _has_one_of(each.strings, between):
            found.append((each.probe, [(start, stop)]))
    if LONG_RUN in long_runs(seen):
        for probe in (*rules.by_long_run, *rules.by_run) if RUN in between else rules.by_long_run:
            found.append((probe, [(start, stop)]))
    plain = text.isascii()
    has_digit = "0" in shapes or _A_DIGIT(text, start, stop + rules.reach) is not None
    for probe in rules.probes if has_digit else rules.probes_without_digit:
        if probe.of_script and plain:
            continue
        if probe.sign is None or probe.sign(text, behind, stop + probe.reach):
            found.append((probe, [(start, stop)]))
    awake: list[tuple[int, int, int]] = []
    if by_word := rules.by_word if has_digit else rules.by_word_without_digit:
        folded, words = read_words(text[behind : stop + rules.word_reach])
        known = by_word.keys() & words
        if behind_another := rules.pairs.keys() & words:
            known |= by_word.keys() & _pairs_in(words, behind_another, rules.pairs, cut=behind > 0)
        if known:
            near = [by_word[word] for word in known]
            for nearby, windows in _windows(near, folded, behind, start, stop, shapes, awake).items():
                found.append((nearby.probe, windows))
    places = _in_tokens(rules.by_token, shapes, awake, start, stop, found) if "0" in shapes else []
    return places, found


def _pairs_in(
    words: list[str], seconds: Iterable[str], pairs: Mapping[str, tuple[str, ...]], cut: bool
) -> Iterator[str]:
    """The pairs of words that may stand there; what was before the first of the words is not known if cut."""
    joined = " ".join(words)
    for second in seconds:
        for pair in pairs[second]:
            if pair in joined or (cut and words[0] == second):
                yield pair


def _in_tokens(
    by_token: Tokens,
    shapes: str,
    awake: list[tuple[int, int, int]],
    start: int,
    stop: int,
    found: list[tuple[Probe, list[Window]]],
) -> list[Place]:
    """What may begin where by the shape of its token; what must be searched in a long one is added."""
    places: list[Place] = []
    searches: dict[Probe, list[Window]] = {}
    awake.sort()
    pending = iter((*awake, _NEVER))
    first, end, bits = next(pending)
    now: list[tuple[int, int]] = []
    near = 0
    for token in by_token.find(shapes):
        at = start + token.start()
        if awake:
            if now:
                now = [each for each in now if each[0] > at]
            behind = start + token.end()
            while first < behind:
                if end > at:
                    now.append((end, bits))
                first, end, bits = next(pending)
            near = 0
            for _, more in now:
                near |= more
        known, long = by_token[token[0], near]
        if known and known[0][0] < 0:
            for offset, some in known:
                _insert(places, at + offset, some)
        else:
            for offset, some in known:
                places.append((at + offset, some))
        for probe, low, high in long:
            low, high = max(at + low, start), min(at + high, stop)
            if low < high:
                searches.setdefault(probe, []).append((low, high))
    while places and places[-1][0] >= stop:
        places.pop()
    for probe, windows in searches.items():
        found.append((probe, _merged(windows) if len(windows) > 1 else windows))
    return places


def _insert(places: list[Place], place: int, some: tuple[Rule, ...]) -> None:
    """Before a token something may begin that stands in another."""
    index = len(places)
    while index and places[index - 1][0] > place:
        index -= 1
    if index and places[index - 1][0] == place:
        both = {*places[index - 1][1], *some}
        places[index - 1] = place, tuple(sorted(both, key=_ORDER))
    else:
        places.insert(index, (place, some))


def _windows(
    near: list[Woken],
    folded: str,
    base: int,
    start: int,
    stop: int,
    shapes: str,
    awake: list[tuple[int, int, int]],
) -> dict[Nearby, list[Window]]:
    """Where the matches can begin that are near one of these words; disjoint, the last one first.

    Where those may that tokens show is added to `awake`.
    """
    found: dict[Nearby, list[Window]] = {}
    spaced = f" {folded} "
    for word, length, in_tokens, every in near:
        places = []
        at = spaced.find(word)
        while at >= 0:
            places.append(at)
            first = base + at
            for earliest, latest, bits in in_tokens:
                # Behind a cue, the match begins where the word has ended at the earliest.
                low = first + length if latest < 0 else first - latest
                awake.append((low, first - earliest + 1, bits))
            at = spaced.find(word, at + length)
        if not every:
            continue
        if len(places) > 1:
            every = tuple(each for each in every if not each.strings or _has_one_of(each.strings, shapes))
        for at in places:
            first = base + at
            behind = first + length
            for nearby in every:
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
