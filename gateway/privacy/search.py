"""A whole text in, spans out, left to right: at each position the first row that matches takes its span.

`find_in_steps` does the same a stretch at a time, for a text so long that others would have to wait.
A stretch says where a match begins; the match may reach beyond it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from string import ascii_lowercase
from typing import NamedTuple

from gateway.privacy.entities import LEFT_CONTEXT, Entity
from gateway.privacy.rules import Nearby, Probe, Rule, Rules, fold, words_of

STRETCH = 1024
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
_Hit = tuple[int, int, int, Rule]  # position, order, end


def find_between(
    text: str, rules: Rules, start: int, stop: int, spans: list[Span], limit: int = sys.maxsize
) -> int:
    """Add the spans that begin from `start` to before `stop`, and end by `limit`; where to go on."""
    stop = min(stop, len(text))
    everywhere = ((start, stop),)
    behind = max(0, start - LEFT_CONTEXT)
    ahead: list[tuple[_Hit, Probe, Sequence[Window]]] = []
    for probe in rules.probes:
        if probe.sign is None or probe.sign(text, behind, stop + probe.reach):
            hit = _next_hit(probe, text, start, everywhere, limit)
            if hit is not None:
                ahead.append((hit, probe, everywhere))
    if rules.by_word:
        folded = fold(text[behind : stop + rules.word_reach])
        if not rules.by_word.keys().isdisjoint(words := words_of(folded)):
            for nearby, windows in _windows(rules, words, folded, behind, start, stop).items():
                hit = _next_hit(nearby.probe, text, start, windows, limit)
                if hit is not None:
                    ahead.append((hit, nearby.probe, windows))
    while ahead:
        (at, _, end, rule), _, _ = min(ahead, key=lambda known: known[0][:2])
        spans.append(Span(at + rule.entity.keep, end, rule.entity))
        start = end
        still = []
        for known in ahead:
            if known[0][0] >= start:
                still.append(known)
            elif again := _next_hit(known[1], text, start, known[2], limit):
                still.append((again, known[1], known[2]))
        ahead = still
    return max(start, stop)


def _windows(
    rules: Rules, words: list[str], folded: str, base: int, start: int, stop: int
) -> dict[Nearby, list[Window]]:
    """Where the matches can begin that are near one of these words; sorted, disjoint."""
    found: dict[Nearby, list[Window]] = {}
    for word in rules.by_word.keys() & words:
        for at in _places(word, folded):
            for nearby in rules.by_word[word]:
                # Behind a cue, the match begins where the word has ended at the earliest.
                low = base + (at + len(word) if nearby.latest < 0 else at - nearby.latest)
                high = base + at - nearby.earliest + 1
                if low < stop and high > start:
                    found.setdefault(nearby, []).append((max(low, start), min(high, stop)))
    return {nearby: _merged(windows) for nearby, windows in found.items()}


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
    return merged


def _next_hit(probe: Probe, text: str, start: int, windows: Sequence[Window], limit: int) -> _Hit | None:
    """The probe's first match from `start` on that begins in a window."""
    for low, high in windows:
        low = max(low, start)
        # A match that begins in the window, and the character after it, are not cut by this end.
        sight = high + probe.reach
        while low < high:
            found = probe.search(text, low, sight)
            if found is None or (at := found.start()) >= high:
                break
            for rule in probe.rules_at(found):
                end = rule.match_at(text, at)
                if end and (end := rule.end_of_secret(text, end)) <= limit:
                    return at, rule.order, end, rule
            low = at + 1
    return None
