"""What the matches of a pattern have in common, whatever their letters and digits are.

The shape of a text has a 0 for every digit, an A for every capital and an a for every small letter; looking
for a few characters in it is the quickest thing that can be done with a text. A pattern in; out come strings
of which the shape of every match holds one and how far from the match's beginning, and how many digits it
holds at least.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from string import digits
from typing import Any, NamedTuple

_SPACE = "\u00a0"
_HYPHENS = "\u2010\u2011\u2012\u2013"
# So many strings are looked for at most: more cost as much as a search.
_MANY = 8
_LARGEST_CLASS = 256
# What stands farther from the beginning does not say where that is.
_NEAR = 128
# How much a character says. Small letters are everywhere, and long words are in code.
_SAYS = {"0": 1.0, "A": 1.2, "a": 0.3, " ": 0.5, "x": 0.4}
_PUNCTUATION = 1.2
# What looking for one more string costs, and for small letters, which stand in no token (see `rules.Tokens`).
_ANOTHER = 0.6
_SMALL = 3.0

Strings = frozenset[str]
_NOTHING: Strings = frozenset({""})


class Needles(NamedTuple):
    """Strings of which one begins at most `offset` characters behind where the match does."""

    strings: tuple[str, ...]
    offset: int

    @property
    def says(self) -> float:
        """How much it says that one of them was found."""
        return min((sum(_SAYS.get(c, _PUNCTUATION) for c in each) for each in self.strings), default=0.0)

    @property
    def weight(self) -> float:
        """What they are worth."""
        if not self.strings:
            return 0.0
        return (
            self.says
            - _ANOTHER * (len(self.strings) - 1)
            - _SMALL * any("a" in each for each in self.strings)
        )


NO_NEEDLES = Needles((), 0)


def _image(code: int) -> int:
    """What a character of Latin-1 becomes."""
    c = chr(code)
    if c in digits:
        return ord("0")
    if c == _SPACE:
        return ord(" ")
    return ord("A") if c.isupper() else ord("a") if c.islower() else code


_SHAPE = bytes(map(_image, range(256)))
_RUNS = bytes(ord("x") if chr(c) in "0Aa" else c for c in _SHAPE)
_LONG_RUNS = bytes(ord("x") if chr(c) in "x_-=" else c for c in _RUNS)


def shape(text: str) -> str:
    """The text's shape, a character for a character; beyond Latin-1 they are all alike."""
    if text.isascii():
        return text.encode().translate(_SHAPE).decode()
    return _mapped(text, _SHAPE)


def runs(text: str) -> str:
    """Coarser: an x for every letter and digit."""
    return _mapped(text, _RUNS)


def long_runs(text: str) -> str:
    """Coarser still: hyphens, underscores and signs of equality are as letters."""
    return _mapped(text, _LONG_RUNS)


def _mapped(text: str, table: bytes) -> str:
    if text.isascii():
        return text.encode().translate(table).decode()
    return _latin(text).translate(table).decode("latin-1")


def _latin(text: str) -> bytes:
    for hyphen in _HYPHENS:
        text = text.replace(hyphen, "-")
    return text.encode("latin-1", "replace")


@lru_cache(maxsize=8192)
def needles(pattern: str, of: Callable[[str], str] = shape) -> Needles:
    """The strings that say most, of all that the pattern asks for in every match; none if there are none."""
    parsed = _parsed(pattern)
    if parsed is None:
        return NO_NEEDLES
    found = _Reader(of).runs(parsed, bool(parsed.state.flags & re.IGNORECASE), 0)
    return max((run for run in found if run.offset <= _NEAR), key=_weight)


@lru_cache(maxsize=8192)
def spelt_out(pattern: str, of: Callable[[str], str] = shape) -> Needles:
    """The shapes of all that matches, if they are few."""
    parsed = _parsed(pattern)
    every = parsed and _Reader(of).all_of(parsed, bool(parsed.state.flags & re.IGNORECASE))
    return _as_needles(every, 0) if every else NO_NEEDLES


@lru_cache(maxsize=4096)
def has_digit(pattern: str) -> bool:
    """Does every match of a pattern hold an ASCII digit? False where that is not plain to see."""
    parsed = _parsed(pattern)
    return parsed is not None and _digit_in(parsed)


def _parsed(pattern: str) -> Any:
    try:
        return _parser.parse(pattern)
    except re.error:  # something that only `regex` knows
        return None


def _weight(found: Needles) -> float:
    return found.weight


# --- strings ------------------------------------------------------------------------------------------------


class _Reader:
    """Reads a parsed pattern; `of` makes a text's shape."""

    def __init__(self, of: Callable[[str], str]) -> None:
        self._of = of

    def runs(self, items: Any, any_case: bool, before: int) -> list[Needles]:
        """What every match holds, run by run. `before` characters at most are taken before the items."""
        found = [NO_NEEDLES]
        run, at = _NOTHING, before  # what stands together, and where it begins at the latest
        for kind, value in items:
            every = self._all(kind, value, any_case)
            width = int(_parser.SubPattern(items.state, [(kind, value)]).getwidth()[1])
            joined = every and _joined(run, every)
            found.append(_as_needles(run, at))
            if joined:
                run = joined
            else:
                ahead, behind = self._ends(kind, value, any_case)
                found.append(_as_needles((ahead and _joined(run, ahead)) or run, at))
                found += self._within(kind, value, any_case, before)
                run, at = behind or _NOTHING, before
                if behind and behind != every:
                    at += width - min(map(len, behind))
            before += width
            if run == _NOTHING:
                at = before
        return [*found, _as_needles(run, at)]

    def _ends(self, kind: Any, value: Any, any_case: bool) -> tuple[Strings | None, Strings | None]:
        """Of what is repeated to an unknown number: how it begins and how it ends."""
        if kind is sre.MAX_REPEAT and value[0]:
            every = self.all_of(value[2], any_case)
            some = every and _times(every, value[0])
            return some, some
        every = self._all(kind, value, any_case)
        return None, every

    def _within(self, kind: Any, value: Any, any_case: bool, before: int) -> list[Needles]:
        if kind is sre.SUBPATTERN:
            return self.runs(value[3], _case_of(value, any_case), before)
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT) and value[0]:
            return self.runs(value[2], any_case, before)  # the first of them
        if kind is sre.BRANCH:
            each = [max(self.runs(branch, any_case, before), key=_weight) for branch in value[1]]
            strings = frozenset(string for found in each for string in found.strings)
            if all(found.strings for found in each) and len(strings) <= _MANY:
                return [_as_needles(strings, max(found.offset for found in each))]
        return []

    def all_of(self, items: Any, any_case: bool) -> Strings | None:
        """The shapes of everything that matches the items, None if they are many."""
        strings: Strings | None = _NOTHING
        for kind, value in items:
            every = self._all(kind, value, any_case)
            strings = strings and every and _joined(strings, every)
        return strings or None

    def _all(self, kind: Any, value: Any, any_case: bool) -> Strings | None:
        if kind is sre.LITERAL:
            return self._images({chr(value)}, any_case)
        if kind is sre.IN:
            members = _members(value)
            return None if members is None else self._images(members, any_case)
        if kind is sre.BRANCH:
            each = [self.all_of(branch, any_case) for branch in value[1]]
            return None if None in each else frozenset[str]().union(*filter(None, each))
        if kind is sre.SUBPATTERN:
            return self.all_of(value[3], _case_of(value, any_case))
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, items = value
            every = self.all_of(items, any_case)
            if every is None or high > max(low, 3):
                return None
            times = [_times(every, count) for count in range(low, high + 1)]
            return None if None in times else frozenset[str]().union(*filter(None, times))
        return _NOTHING if kind in (sre.ASSERT, sre.ASSERT_NOT, sre.AT) else None

    def _images(self, members: set[str], any_case: bool) -> Strings | None:
        if any_case:
            members = _in_any_case(members)
        images = frozenset(map(self._of, members))
        return images if len(images) <= _MANY else None


def _in_any_case(members: set[str]) -> set[str]:
    forms = {form for c in members for form in (c, c.lower(), c.upper())}
    # Letters beyond ASCII that match one of it in any case.
    return forms | {also for c, more in _ALSO.items() if c in forms for also in more}


_ALSO = {"s": "\u017f", "k": "\u212a", "i": "\u0130\u0131"}


def _as_needles(strings: Strings, offset: int) -> Needles:
    """The strings without those that hold another, which begins a little later."""
    if "" in strings:
        return NO_NEEDLES
    kept = tuple(sorted(one for one in strings if not any(other in one for other in strings - {one})))
    later = max(min(one.find(other) for other in kept if other in one) for one in strings)
    return Needles(kept, offset + later)


def _times(strings: Strings, count: int) -> Strings | None:
    if len(strings) == 1:
        return frozenset(each * count for each in strings)
    made: Strings | None = _NOTHING
    for _ in range(count):
        made = made and _joined(made, strings)
    return made


def _joined(some: Strings, more: Strings) -> Strings | None:
    if len(some) * len(more) > _MANY:
        return None
    return frozenset(one + other for one in some for other in more)


def _case_of(value: Any, any_case: bool) -> bool:
    _, added, removed, _ = value
    return bool((any_case or added & re.IGNORECASE) and not removed & re.IGNORECASE)


_DIGITS = frozenset(digits)


def _members(items: Any) -> set[str] | None:
    members: set[str] = set()
    for kind, value in items:
        if kind is sre.LITERAL:
            members.add(chr(value))
        elif kind is sre.RANGE and value[1] - value[0] < _LARGEST_CLASS:
            members |= set(map(chr, range(value[0], value[1] + 1)))
        else:
            return None
    return members


# --- patterns -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def shape_pattern(pattern: str) -> str:
    """A pattern that matches the shape of every match, and of every beginning of one the beginning."""
    parsed = _parsed(pattern)
    return ".*" if parsed is None else _shaped(parsed, bool(parsed.state.flags & re.IGNORECASE))


def _shaped(items: Any, any_case: bool) -> str:
    return "".join(_shaped_item(kind, value, any_case) for kind, value in items)


def _shaped_item(kind: Any, value: Any, any_case: bool) -> str:
    if kind is sre.LITERAL or kind is sre.IN:
        members = {chr(value)} if kind is sre.LITERAL else _members(value)
        if members is None:
            return "(?s:.)"
        images = (
            {image for c in _in_any_case(members) for image in shape(c)}
            if any_case
            else set(map(shape, members))
        )
        return f"[{''.join(map(re.escape, sorted(images)))}]"
    if kind is sre.BRANCH:
        return f"(?:{'|'.join(_shaped(branch, any_case) for branch in value[1])})"
    if kind is sre.SUBPATTERN:
        return f"(?:{_shaped(value[3], _case_of(value, any_case))})"
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        low, high, inner = value
        most = "" if high is sre.MAXREPEAT else high
        return f"(?:{_shaped(inner, any_case)}){{{low},{most}}}"
    if kind in (sre.ASSERT, sre.ASSERT_NOT, sre.AT):
        return ""
    return "(?s:.)" if kind in (sre.NOT_LITERAL, sre.ANY) else "(?s:.*)"


@lru_cache(maxsize=8192)
def images(pattern: str) -> frozenset[str]:
    """The characters that the shapes of all matches consist of, and "" where that cannot be told."""
    parsed = _parsed(pattern)
    return _NOTHING if parsed is None else _images(parsed)


@lru_cache(maxsize=8192)
def begins_with(pattern: str, alphabet: frozenset[str], has_digit: bool = False) -> int:
    """How many characters of an alphabet of shapes every match begins with.

    0 if no digit is among them, and it is not known either (`has_digit`) that there is one.
    """
    width, digit = 0, has_digit
    parsed = _parsed(pattern)
    for kind, value in parsed or ():
        some = _parser.SubPattern(parsed.state, [(kind, value)])
        if not _images(some) <= alphabet:
            break
        width += int(some.getwidth()[0])
        digit = digit or _is_digit(kind, value)
    return width if digit else 0


def _images(parsed: Any) -> frozenset[str]:
    return frozenset().union(*_images_of(parsed, bool(parsed.state.flags & re.IGNORECASE)))


def _images_of(items: Any, any_case: bool) -> Iterator[Strings]:
    for kind, value in items:
        if kind is sre.LITERAL or kind is sre.IN:
            members = {chr(value)} if kind is sre.LITERAL else _members(value)
            if members is None:
                yield _NOTHING
            else:
                yield frozenset(map(shape, _in_any_case(members) if any_case else members))
        elif kind is sre.BRANCH:
            for branch in value[1]:
                yield from _images_of(branch, any_case)
        elif kind is sre.SUBPATTERN:
            yield from _images_of(value[3], _case_of(value, any_case))
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            yield from _images_of(value[2], any_case)
        elif kind not in (sre.ASSERT, sre.ASSERT_NOT, sre.AT):
            yield _NOTHING


# --- digits -------------------------------------------------------------------------------------------------


def _digit_in(items: Any) -> bool:
    return any(_is_digit(kind, value) for kind, value in items)


def _is_digit(kind: Any, value: Any) -> bool:
    if kind is sre.LITERAL:
        return chr(value) in digits
    if kind is sre.IN:
        members = _members(value)
        return members is not None and members <= _DIGITS
    if kind is sre.BRANCH:
        return all(map(_digit_in, value[1]))
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return bool(value[0] > 0) and _digit_in(value[2])
    return kind is sre.SUBPATTERN and _digit_in(value[3])
