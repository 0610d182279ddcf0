"""Where in a text rules are to be looked for: a stretch of it in, places and windows out.

A place is one where some rules may match, by the shape of the token that stands there. A window is what a
search has to go through. Nothing here says what matches.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping

from gateway.privacy.entities import LEFT_CONTEXT
from gateway.privacy.probe import Probe
from gateway.privacy.rule import BY_ORDER, Rule
from gateway.privacy.rules import LONG_RUN, RUN, Nearby, Rules, Woken, read_words
from gateway.privacy.shapes import long_runs, runs, shape
from gateway.privacy.sighted import Tokens

Window = tuple[int, int]
Place = tuple[int, tuple[Rule, ...]]  # the rules that may match there, in their order
NOWHERE = sys.maxsize
_NEVER = (NOWHERE, NOWHERE, 0)
_A_DIGIT = re.compile("[0-9]").search


def places_in(
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
        places[index - 1] = place, tuple(sorted(both, key=BY_ORDER))
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
