"""A whole text in, spans out, left to right: at each position the first row that matches takes its span.

`find_in_steps` does the same a stretch at a time, for a text so long that others would have to wait.
A stretch says where a match begins; the match may reach beyond it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from typing import Any, NamedTuple

from gateway.privacy.entities import Entity
from gateway.privacy.places import NOWHERE, Window, places_in
from gateway.privacy.probe import Probe
from gateway.privacy.rule import ENDING, Rule
from gateway.privacy.rules import Rules

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
    places, probes = places_in(text, rules, start, stop)
    ahead: list[tuple[int, int, _Watch]] = []
    for tie, (probe, windows) in enumerate(probes):
        one = _Watch(probe, windows)
        at = one.seek(text, start)
        if at >= 0:
            ahead.append((at, tie, one))
        if tie % _AT_ONCE == _AT_ONCE - 1:
            yield start
    heapify(ahead)
    places.append((NOWHERE, ()))
    sighted = iter(places)
    place, some = next(sighted)
    others = iter((*taken, (NOWHERE, NOWHERE)))
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
        at = ahead[0][0] if ahead else NOWHERE
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
        if place == at == NOWHERE:
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
