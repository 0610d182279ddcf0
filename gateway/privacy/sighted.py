"""Where the shape of a text shows that rows may match: a token of a shape in, places in it out.

A token is digits, capitals and what stands between them, the densest part of a text full of numbers. Most
rows of numbers are a certain arrangement of those: in a token it can be told exactly where one may begin,
once for all tokens of a shape.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from operator import attrgetter
from string import digits
from typing import NamedTuple

from gateway.privacy.probe import Probe, probe_of
from gateway.privacy.rule import BY_ORDER, Rule
from gateway.privacy.shapes import NO_NEEDLES, Needles, begins_with, images, needles, shape, spelt_out

_TOKEN = frozenset("0A ./()+-")
_SHORTEST_TOKEN = 4
# A shorter sign is found in most texts.
_SHORTEST_SIGN = 3
_A_TOKEN = r"[0A(+.][0A ./()+-]{3,}"
_WITH_DIGIT = re.compile(f"(?=[^0]*0){_A_TOKEN}").fullmatch
_DIGITS = re.compile(r"0[0 ./()+-]{3,}").search
# Of what stands in tokens, what is known by its shape: all digits, or a character.
_CHARACTERS = {"0": digits} | {c: c for c in "./()+"}
# What stands in tokens, but does not begin one.
_NO_BEGINNING = " /)-"
_LONGEST_TOKEN = 64
_MANY_TOKENS = 4096


class Sighted:
    """Rules that are looked for where a shape has one of the strings, soon (`offset`) behind their start.

    `in_tokens` if every match begins in a token, or right before it, with what is looked for; those have a
    digit.
    """

    __slots__ = (
        "_anywhere",
        "_firsts",
        "_not_behind",
        "_sign",
        "before",
        "in_tokens",
        "narrows",
        "offset",
        "probe",
        "shortest",
        "strings",
    )

    def __init__(self, needles: Needles, probe: Probe) -> None:
        self.strings, self.offset = needles
        self.shortest = min(map(len, self.strings), default=0)
        self.probe = probe
        rules = probe.rules
        # Where a string stands that is the shape of a sign, the sign may be looked for.
        signs = {rule.entity.sign for rule in rules}
        sign = signs.pop() if len(signs) == 1 else ""
        shapes = spelt_out(sign) if sign and self.shortest >= _SHORTEST_SIGN else NO_NEEDLES
        known = shapes.strings == self.strings and not shapes.offset
        self._sign = re.compile(sign).match if sign and known else None
        # A match that begins with the string may begin nearly anywhere.
        self.narrows = self._sign is not None or self.offset > 0
        told = bool(self.strings) and all(map(_WITH_DIGIT, self.strings))
        inside = all(images(rule.entity.core) <= _TOKEN for rule in rules)
        # Where no string tells, the rows that begin as tokens do may begin anywhere in one.
        width = min(begins_with(rule.entity.core, _TOKEN, inside and rule.digit) for rule in rules)
        self.in_tokens = told or width >= _SHORTEST_TOKEN
        if not self.in_tokens:
            return
        self._firsts = "".join(c for c in _TOKEN if any(rule.may(c) for rule in rules))
        begins = not set(self._firsts) & set(_NO_BEGINNING)
        self._anywhere = begins and not told
        self.in_tokens = self._anywhere or told
        # So far before a token a match may begin.
        self.before = 0 if begins and (inside or self._anywhere) else self.offset
        if self._anywhere:
            self.shortest = width
        self._not_behind = "".join(
            c
            for c, of in _CHARACTERS.items()
            if all(len(re.findall(r.entity.before or "(?!)", of)) == len(of) for r in rules)
        )

    def window(self, text: str, shapes: str, start: int, stop: int) -> tuple[int, int] | None:
        """From where to where in the text the rules' matches may begin, by its shape from `start` on."""
        first, last = sys.maxsize, 0
        for string in self.strings:
            at = shapes.find(string)
            while at >= 0 and self._sign is not None and self._sign(text, start + at) is None:
                at = shapes.find(string, at + 1)
            if at >= 0:
                first = min(first, at)
                last = max(last, shapes.rfind(string))
        low, high = max(start, start + first - self.offset), min(stop, start + last + 1)
        return (low, high) if low < high else None

    def places(self, token: str) -> Iterator[tuple[int, int]]:
        """From where to where in a token the rules' matches may begin, or before it."""
        if self._anywhere:
            first, last = 0, len(token) - self.shortest + 1
        else:
            found = [at for string in self.strings if (at := token.find(string)) >= 0]
            if not found:
                return
            first, last = min(found) - self.offset, max(map(token.rfind, self.strings)) + 1
            first = max(first, -self.before)
        # Of a long token, which comes once, to look at every place costs more than to search it all.
        if len(token) > _LONGEST_TOKEN:
            yield first, last
            return
        low = first
        for low in range(first, last):
            if low < first or not self._may_begin(token, low):
                continue
            first = low + 1
            while first < last and self._may_begin(token, first):
                first += 1
            yield low, first

    def _may_begin(self, token: str, at: int) -> bool:
        if at < 0:
            return True
        if token[at] not in self._firsts or (at and token[at - 1] in self._not_behind):
            return False
        return any(rule.may(token[at:]) for rule in self.probe.rules)


def sighted_in_tokens(rule: Rule) -> Sighted | None:
    """How one rule is looked for in tokens, if every match of it begins in one or right before it."""
    probe = probe_of((rule,))
    for known in (rule.needles, _digits_of(rule)):
        one = Sighted(known, probe)
        if one.in_tokens:
            return one
    return None


def _digits_of(rule: Rule) -> Needles:
    """Of what every match holds, whatever its letters, the digits."""
    strings, offset = needles(rule.entity.core, _letters_alike)
    found = [_DIGITS(string) for string in strings]
    return Needles(
        tuple({each[0] for each in found if each}) if all(found) else (),
        offset + max((each.start() for each in found if each), default=0),
    )


def _letters_alike(text: str) -> str:
    return shape(text).replace("A", "a")


class Seen(NamedTuple):
    """Where in a token rules may match: at places, counted from its beginning, in the order of the table.

    A long token is to be searched from one place to another.
    """

    places: tuple[tuple[int, tuple[Rule, ...]], ...]
    searches: tuple[tuple[Probe, int, int], ...] = ()


class Tokens(dict[tuple[str, int], Seen]):
    """Which of some rules may match by a token of a shape, and where in it they may begin.

    `near` are rules that wait for a word: a bit each says which of them may match there. A token is digits,
    capitals and what stands between them. It holds nothing of a text but its shape, and the same few come
    again and again: they are kept.
    """

    find = re.compile(_A_TOKEN).finditer

    def __init__(self, members: Iterable[Sighted], near: Iterable[Sighted] = ()) -> None:
        super().__init__()
        self.members = tuple(sorted(members, key=attrgetter("shortest")))
        self.near = tuple(near)

    def __missing__(self, key: tuple[str, int]) -> Seen:
        token, near = key
        if "0" not in token:
            seen = _NOTHING
        elif near:
            woken = [each for bit, each in enumerate(self.near) if near >> bit & 1]
            seen = _seen(token, woken, self[token, 0])
        else:
            seen = _seen(token, self.members, _NOTHING)
        if len(token) <= _LONGEST_TOKEN:
            if len(self) >= _MANY_TOKENS:
                self.clear()
            self[key] = seen
        return seen


def _seen(token: str, members: Iterable[Sighted], more: Seen) -> Seen:
    """What the members say of a token, and more that is known of it."""
    length = len(token)
    found = {at: list(rules) for at, rules in more.places}
    searches = list(more.searches)
    for each in members:
        if each.shortest > length:
            continue
        for low, high in each.places(token):
            if length > _LONGEST_TOKEN:
                searches.append((each.probe, low, high))
                continue
            for at in range(low, high):
                found.setdefault(at, []).extend(each.probe.rules)
    return Seen(tuple((at, tuple(sorted(found[at], key=BY_ORDER))) for at in sorted(found)), tuple(searches))


_NOTHING = Seen(())
