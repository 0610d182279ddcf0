"""One row of the entity table, compiled, and where something may begin.

A rule is one row. It says whether it matches at a position (`match_at`) and whether more text could still
make or extend a match there (`extend`); both see left context only, and of it the last `LEFT_CONTEXT`
characters. `re` looks and `regex` says what is still possible: `re` searches several times faster, only
`regex` knows partial matches. `regex` is also what looks at cues: run backwards from the position, it costs
no more than the cue is long.

How patterns are laid out here decides what the scanner costs. `re` skips ahead in C only to a character or
a class that a pattern begins with, so every search does: it takes one character that may come first, and
looks at the rest from behind it, `[first](?<=(?<!before)(?=rest).)`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from itertools import groupby
from operator import attrgetter
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import Any

import regex

from gateway.privacy.beginnings import Opening
from gateway.privacy.entities import LEFT_CONTEXT, Entity
from gateway.privacy.shapes import Needles, has_digit, needles, shape, shape_pattern, spelt_out

BY_ORDER = attrgetter("order")
Search = Callable[..., Any]
ASCII = "".join(map(chr, range(128)))
ONE_CLASS = re.compile(r"\[[^\]\[]+\]")
_BEYOND_ASCII = r"\x80-\U0010ffff"
# Needles that say so much need no sign.
_TELLING = 3.0
# So many characters tell openings apart; the gate need not spell them to their end.
_TOLD_APART = 6
# What stands for what must not stand before a match begins so where it is a cue, which must.
AS_CUE = "(?<="
# So many letters say of most words that nothing begins there.
STARTS = 3
_MANY_STARTS = 4096
_ALPHANUMERIC = ascii_letters + digits


class Rule:
    """A row and its place in the table, with each pattern compiled when it is first needed."""

    def __init__(self, entity: Entity, order: int) -> None:
        self.entity = entity
        self.order = order
        self.longest = entity.longest
        self.validate = entity.validate
        self._before = f"(?<!{entity.before})" if entity.before else ""
        self._after = f"(?!{entity.after})" if entity.after else ""
        self.digit = entity.digit or has_digit(entity.core) or (not entity.cue and has_digit(entity.sign))
        # A sign that no ASCII text holds is the script of a cue that has no ASCII words.
        self.of_script = bool(ONE_CLASS.fullmatch(entity.sign) and not re.search(entity.sign, ASCII))
        self.waits = bool(entity.cue) and (bool(entity.words) or self.of_script)

    @cached_property
    def needles(self) -> Needles:
        """What the shape of every match holds, none if that says too little."""
        entity = self.entity
        core = needles(entity.core)
        if not entity.sign or entity.cue or entity.words:
            return core
        sign = spelt_out(entity.sign)
        if core.says >= (sign.says or _TELLING):
            return core
        return Needles(sign.strings, self.longest)

    @cached_property
    def extend(self) -> Search:
        """What stands before is decided already; only the core can still grow."""
        pattern: Search = _partial(f"{self._before}(?:{self.entity.core})").fullmatch
        return pattern

    @cached_property
    def match(self) -> Search:
        pattern: Search = _compile(f"{self._before}(?:{self.entity.core}){self._after}").match
        return pattern

    @cached_property
    def cue(self) -> Search | None:
        return _backwards(self.entity.cue).match if self.entity.cue else None

    @cached_property
    def veto(self) -> Search | None:
        return _backwards(self.entity.veto).match if self.entity.veto else None

    @cached_property
    def until(self) -> Any:
        return regex.compile(self.entity.until) if self.entity.until else None

    @cached_property
    def first(self) -> str:
        """A class, without its brackets, of the characters that a match may begin with."""
        first = "".join(re.escape(each) for each in ASCII if self.extend(each, 0, partial=True))
        return first + (_BEYOND_ASCII if _BEYOND_ASCII in first_characters(self.entity.openings) else "")

    @cached_property
    def _shape(self) -> Any:
        return _partial(shape_pattern(self.entity.core))

    def may(self, shapes: str) -> bool:
        """May a match begin a text that begins with this shape?"""
        return bool(self._shape.fullmatch(shapes, partial=True) or self._shape.match(shapes))

    @cached_property
    def begins(self) -> Search:
        return re.compile(f"[{self.first}]").match

    @cached_property
    def last(self) -> str:
        """A class, without its brackets, of the characters that may stand before a match, if it has a cue."""
        ends = re.compile(f"[{_last_characters(self.entity.cue)}]").match
        never = re.compile(self.entity.before or "(?!)").match
        return "".join(re.escape(c) for c in ASCII if ends(c) and not never(c)) + _BEYOND_ASCII

    @cached_property
    def lead(self) -> str:
        """A pattern of no width for what must stand right before a match."""
        return (f"(?<=[{_last_characters(self.entity.cue)}])" if self.entity.cue else "") + self._before

    @cached_property
    def rest(self) -> str:
        """A pattern of no width for a match, which is its first group."""
        return f"(?=({self.entity.core}){self._after})"

    @cached_property
    def _led_behind(self) -> ByEnding:
        return by_ending(self.entity.cue)

    @cached_property
    def _vetoed_behind(self) -> ByEnding:
        return by_ending(self.entity.veto)

    def maybe_led(self, text: str, at: int) -> bool:
        """May the rule's cue end at the position, by the last characters before it?"""
        return self._led_behind[text[at - ENDING if at > ENDING else 0 : at]]

    def led(self, text: str, at: int) -> bool:
        """Does the rule's cue end at the position, if it has one?"""
        if self.cue is None:
            return True
        if not self.maybe_led(text, at):
            return False
        return self.cue(text, at - LEFT_CONTEXT if at > LEFT_CONTEXT else 0, at) is not None

    def vetoed(self, text: str, at: int) -> bool:
        """Does what must not stand before a match end at the position?"""
        if self.veto is None or not self._vetoed_behind[text[at - ENDING if at > ENDING else 0 : at]]:
            return False
        return self.veto(text, at - LEFT_CONTEXT if at > LEFT_CONTEXT else 0, at) is not None

    def fits(self, text: str, at: int) -> bool:
        """Does what stands before the position allow a match there?"""
        return self.led(text, at) and not self.vetoed(text, at)

    def match_at(self, text: str, at: int) -> int:
        """Where the match at a position ends, 0 if there is none. What `until` takes is not in it."""
        found = self.match(text, at)
        return 0 if found is None else self.accept_found(text, at, found)

    def accept_found(self, text: str, at: int, found: Any) -> int:
        """As `match_at`, of what the pattern has found there."""
        if self.cue is not None and not self.maybe_led(text, at):
            return 0
        return self.accept(text, at, found[0])

    def accept(self, text: str, at: int, candidate: str) -> int:
        """As `match_at`, of a candidate that the pattern has found there, where the cue may end."""
        cue = self.cue
        if cue is not None and cue(text, at - LEFT_CONTEXT if at > LEFT_CONTEXT else 0, at) is None:
            return 0
        length = self.validate(candidate)
        # Few candidates are valid, and a veto is the dearest of the three.
        if not length or (self.veto is not None and self.vetoed(text, at)):
            return 0
        return at + length

    def end_of_secret(self, text: str, end: int) -> int:
        """The end of a match whose core ends there: that of the `until` mark, or of the text."""
        if self.until is None:
            return end
        mark = self.until.search(text, end)
        return mark.end() if mark else len(text)

    def warm(self) -> None:
        """Compile and load what a stream or a search would."""
        if self.entity.prepare is not None:
            self.entity.prepare()
        for part in ("begins", "match", "cue", "veto", "until"):
            getattr(self, part)


@lru_cache(maxsize=1024)
def _last_characters(cue: str) -> str:
    """A class, without its brackets, of at least the characters that a cue may end with."""
    ends = regex.compile(cue, regex.REVERSE).fullmatch
    return "".join(re.escape(each) for each in ASCII if ends(each, partial=True)) + _BEYOND_ASCII


# So many characters before a place rule out nearly every cue.
ENDING = 3
_MANY_ENDINGS = 512


class ByEnding(dict[str, bool]):
    """May a match of one of some patterns end with these few characters? What was asked is kept.

    A cue is asked, backwards and with all that it may hold, about every place behind its word, which takes
    1 to 9 µs; most places are ruled out by what stands right before them.
    """

    def __init__(self, *patterns: str) -> None:
        super().__init__()
        self._ends = [_backwards(pattern).match for pattern in patterns]

    def __missing__(self, ending: str) -> bool:
        known = any(ends(ending, partial=True) for ends in self._ends)
        if len(self) >= _MANY_ENDINGS:
            self.clear()
        self[ending] = known
        return known


@lru_cache(maxsize=1024)
def by_ending(*patterns: str) -> ByEnding:
    return ByEnding(*patterns)


# Rows share patterns, and sets of rules rows: each pattern is compiled once.


@lru_cache(maxsize=4096)
def _partial(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)


@lru_cache(maxsize=4096)
def _backwards(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.REVERSE)


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> Any:
    """For `re` if it knows what the pattern uses, else for `regex`."""
    try:
        return re.compile(pattern)
    except re.error:
        return regex.compile(pattern)


# --- where something may begin ------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _firsts_of(atom: str) -> str:
    """A class, without its brackets, of at least the characters that an atom matches."""
    plain = "".join(map(re.escape, re.findall(atom, ASCII, re.DOTALL)))
    beyond = not atom.isascii() or atom == "." or "^" in atom or re.search(r"\\[a-zA-Z]", atom)
    return plain + (_BEYOND_ASCII if beyond else "")


def first_characters(openings: Iterable[Opening]) -> str:
    """A class, without its brackets, of the characters that openings begin with."""
    return "".join(dict.fromkeys(_firsts_of(opening[0]) for opening in openings))


@lru_cache(maxsize=4096)
def one_of(characters: str) -> str:
    """The class of these characters, written as what is looked for soonest: an ASCII bitmap, perhaps negated.

    With a range beyond ASCII beside it, a search takes 1.4 times as long to pass over what is not in it.
    """
    known = f"[{characters}]"
    members = set(re.findall(known, ASCII))
    if len(members) == 1 or len(members) == len(ASCII):
        return known
    if re.match(known, "\x80"):
        return f"[^{''.join(re.escape(c) for c in ASCII if c not in members)}]"
    return f"[{''.join(re.escape(c) for c in ASCII if c in members)}]"


def skip_to(first: str, alternatives: Iterable[str]) -> str:
    """A pattern for the places where one of the alternatives, each without width, holds."""
    return f"{one_of(first)}(?<=(?:{'|'.join(alternatives)})(?s:.))"


def spelling(openings: Iterable[Opening], cut: bool) -> str:
    """A pattern for any of the openings; with `cut`, the end of the text may stand within one."""
    branches = []
    for atom, group in groupby(sorted(set(openings)), key=lambda opening: opening[0]):
        rests = [opening[1:] for opening in group]
        if () in rests:
            branches.append(atom)
        else:
            end = r"\Z|" if cut else ""
            branches.append(f"{atom}(?:{end}{spelling(rests, cut)})")
    return "|".join(branches)


def opening_gate(openings: Iterable[tuple[str, Opening]]) -> Search:
    """A search for every place where something may begin: pairs of what must not stand before, and how."""
    known = sorted({(before, opening[:_TOLD_APART]) for before, opening in openings}, reverse=True)
    if not known:
        return re.compile("(?!)").search
    alternatives = []
    for before, group in groupby(known, key=lambda pair: pair[0]):
        behind = before if before.startswith(AS_CUE) else f"(?<!{before})" if before else ""
        alternatives.append(f"{behind}(?={spelling((opening for _, opening in group), cut=True)})")
    first = first_characters(opening for _, opening in known)
    pattern = f"{one_of(first)}{_not_within(known)}(?<=(?:{'|'.join(alternatives)})(?s:.))"
    return re.compile(pattern).search


def _not_within(known: list[tuple[str, Opening]]) -> str:
    """A quick look from behind its first character: no opening stands within a word. Most letters do."""
    within = {opening[0] for before, opening in known if not _ends_words(before)}
    letters = "".join(c for c in ascii_letters if not any(re.match(atom, c) for atom in within))
    return f"(?<![A-Za-z0-9][{letters}])" if letters else ""


@lru_cache(maxsize=1024)
def _ends_words(before: str) -> bool:
    if not before or before.startswith(AS_CUE):
        return False
    return len(re.findall(before, _ALPHANUMERIC)) == len(_ALPHANUMERIC)


# A plain word is one of ASCII letters, small but for the first, which may be a capital.


def plain_starts(openings: Iterable[tuple[str, Opening]]) -> frozenset[str] | None:
    """How a plain word behind a blank begins where something may: its first `STARTS` letters, or all.

    None if these are too many, or if something may begin at the blank or within such a word.
    """
    starts: set[str] = set()
    for before, opening in openings:
        first, *others = (*opening, *["[a-z]"] * STARTS)[:STARTS]
        if re.match(first, " ") or (_letters(first)[1] and not _ends_words(before)):
            return None
        grown = set("".join(_letters(first)))
        starts |= grown
        for atom in others:
            grown = {start + letter for start in grown for letter in _letters(atom)[1]}
            starts |= grown
            if len(starts) > _MANY_STARTS:
                return None
    return frozenset(starts)


def plain_letters(openings: Iterable[tuple[str, Opening]]) -> int:
    """How long a plain word may be at most that something begins with; -1 if it may begin within one."""
    most = 0
    for before, (first, *others) in openings:
        capitals, small = _letters(first)
        if small and not _ends_words(before):
            return -1
        if capitals or small:
            most = max(
                most, next((n for n, atom in enumerate(others, 1) if not _letters(atom)[1]), sys.maxsize)
            )
    return most


@lru_cache(maxsize=1024)
def _letters(atom: str) -> tuple[str, str]:
    """The capitals and the small letters that an atom matches."""
    return "".join(re.findall(atom, ascii_uppercase)), "".join(re.findall(atom, ascii_lowercase))


class ByFirst(dict[str, tuple[Rule, ...]]):
    """The rules that may begin with a character, in their order."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        super().__init__()
        self._rules = tuple(rules)

    def __missing__(self, character: str) -> tuple[Rule, ...]:
        known = tuple(rule for rule in self._rules if rule.begins(character))
        if character.isascii():
            self[character] = known
        return known


class ByShape(dict[str, tuple[Rule, ...]]):
    """The rules that may match where a text begins with a character and goes on with a shape.

    The same few shapes come again and again: they are kept.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        super().__init__()
        self._by_first = ByFirst(rules)

    def at(self, text: str, at: int) -> tuple[Rule, ...]:
        """The rules that may match at a position, in their order."""
        return self[text[at] + shape(text[at + 1 : at + _LONGEST_SHAPE])]

    def __missing__(self, beginning: str) -> tuple[Rule, ...]:
        first = beginning[0]
        shapes = shape(first) + beginning[1:]
        known = tuple(rule for rule in self._by_first[first] if rule.may(shapes))
        if len(self) >= _MANY_SHAPES:
            self.clear()
        self[beginning] = known
        return known


_LONGEST_SHAPE = 24
_MANY_SHAPES = 4096
