"""Where the shape of a text shows that rows may match: a token of a shape in, places in it out.

A token is digits, capitals and what stands between them, the densest part of a text full of numbers. Most
rows that need no keyword are a certain arrangement of those: in a token it can be told exactly where one may
begin, once for all tokens of a shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from string import digits

from gateway.privacy.probe import Probe
from gateway.privacy.shapes import Needles, begins_with, images

_TOKEN = frozenset("0A ./()+-")
_SHORTEST_TOKEN = 4
_A_TOKEN = r"[0A(+.][0A ./()+-]{3,}"
_WITH_DIGIT = re.compile(f"(?=[^0]*0){_A_TOKEN}").fullmatch
# Of what stands in tokens, what is known by its shape: all digits, or a character.
_CHARACTERS = {"0": digits} | {c: c for c in "./()+"}
# What stands in tokens, but does not begin one.
_NO_BEGINNING = " /)-"
_LONGEST_TOKEN = 64
_MANY_TOKENS = 4096


class Sighted:
    """Rules that are looked for where a shape has one of the strings, soon (`offset`) behind their start.

    `in_tokens` if every match begins in a token, with what is looked for; those have a digit.
    """

    __slots__ = (
        "_anywhere",
        "_firsts",
        "_inside",
        "_not_behind",
        "in_tokens",
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
        self._firsts = "".join(c for c in _TOKEN if any(rule.may(c) for rule in rules))
        begins = not set(self._firsts) & set(_NO_BEGINNING)
        self._inside = begins and all(images(rule.entity.core) <= _TOKEN for rule in rules)
        # Where no string tells, the rows that begin as tokens do may begin anywhere in one.
        width = min(begins_with(rule.entity.core, _TOKEN) for rule in rules)
        told = all(map(_WITH_DIGIT, self.strings))
        self._anywhere = begins and width >= _SHORTEST_TOKEN and not told
        self.in_tokens = self._anywhere or told
        if self._anywhere:
            self.shortest = width
        self._not_behind = "".join(
            c
            for c, of in _CHARACTERS.items()
            if all(len(re.findall(r.entity.before or "(?!)", of)) == len(of) for r in rules)
        )

    def places(self, token: str) -> Iterator[tuple[int, int]]:
        """From where to where in a token the rules' matches may begin, or before it."""
        if self._anywhere:
            first, last = 0, len(token) - self.shortest + 1
        else:
            found = [at for string in self.strings if (at := token.find(string)) >= 0]
            if not found:
                return
            first, last = min(found) - self.offset, max(map(token.rfind, self.strings)) + 1
        # Of a long token, which comes once, to look at every place costs more than to search it all.
        if not (self._inside or self._anywhere) or len(token) > _LONGEST_TOKEN:
            yield first, last
            return
        low = first = max(first, 0)
        for low in range(first, last):
            if low < first or not self._may_begin(token, low):
                continue
            first = low + 1
            while first < last and self._may_begin(token, first):
                first += 1
            yield low, first

    def _may_begin(self, token: str, at: int) -> bool:
        if token[at] not in self._firsts or (at and token[at - 1] in self._not_behind):
            return False
        return any(rule.may(token[at:]) for rule in self.probe.rules)


class Tokens(dict[str, tuple[tuple[Probe, int, int], ...]]):
    """Which of some rules may match by a token of a shape, and from where to where in it they may begin.

    A token is digits, capitals and what stands between them. It holds nothing of a text but its shape, and
    the same few come again and again: they are kept.
    """

    find = re.compile(_A_TOKEN).finditer

    def __init__(self, members: Iterable[Sighted]) -> None:
        super().__init__()
        self.members = tuple(members)
        self._by_length = sorted(self.members, key=lambda each: each.shortest)

    def __missing__(self, token: str) -> tuple[tuple[Probe, int, int], ...]:
        known: list[tuple[Probe, int, int]] = []
        if "0" in token:
            length = len(token)
            for each in self._by_length:
                if each.shortest > length:
                    break
                known += [(each.probe, low, high) for low, high in each.places(token)]
        if len(token) <= _LONGEST_TOKEN:
            if len(self) >= _MANY_TOKENS:
                self.clear()
            self[token] = tuple(known)
        return tuple(known)
