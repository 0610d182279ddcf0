"""The entity table, compiled: rows in, searches out.

A rule is one row. It says whether it matches at a position (`match_at`) and whether more text could still
make or extend a match there (`extend`); both see left context only, and of it the last `LEFT_CONTEXT`
characters. `re` looks and `regex` says what is still possible: `re` searches several times faster, only
`regex` knows partial matches. `regex` is also what looks at cues: run backwards from the position, it costs
no more than the cue is long.

Rows are looked for together where that is cheaper (`Probe`), and rows with `words` only near one of their
words. What is asked of the table: words of a row with a cue stand in the cue, and end before the match. So
does the sign of a row with a cue and without words, if it is a class of letters of other scripts.

How patterns are laid out here decides what the scanner costs. `re` skips ahead in C only to a character or
a class that a pattern begins with, so every search does: it takes one character that may come first, and
looks at the rest from behind it, `[first](?<=(?<!before)(?=rest).)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from string import ascii_letters
from typing import Any, NamedTuple

import regex

from gateway.privacy.entities import LEFT_CONTEXT, Entity

Opening = tuple[str, ...]
Search = Callable[..., Any]
_ASCII = "".join(map(chr, range(128)))
_ONE_CLASS = re.compile(r"\[[^\]\[]+\]")
_BEYOND_ASCII = r"\x80-\U0010ffff"
# A cut word is read as a shorter one; it then stands farther from the place than any row allows.
_LONGEST_WORD = 2 * LEFT_CONTEXT
# So many characters tell openings apart; the gate need not spell them to their end.
_TOLD_APART = 6


class Rule:
    """A row with its patterns compiled; `order` is its place in the table."""

    __slots__ = (
        "begins",
        "cue",
        "entity",
        "extend",
        "first",
        "head",
        "longest",
        "match",
        "of_script",
        "order",
        "until",
        "veto",
    )

    def __init__(self, entity: Entity, order: int) -> None:
        before = f"(?<!{entity.before})" if entity.before else ""
        after = f"(?!{entity.after})" if entity.after else ""
        self.entity = entity
        self.order = order
        self.longest = entity.longest
        # A sign that no ASCII text holds is the script of a cue that has no ASCII words.
        self.of_script = bool(_ONE_CLASS.fullmatch(entity.sign) and not re.search(entity.sign, _ASCII))
        begins = regex.compile(entity.core).fullmatch
        self.first = "".join(re.escape(each) for each in _ASCII if begins(each, partial=True))
        if _BEYOND_ASCII in first_characters(entity.openings):
            self.first += _BEYOND_ASCII
        self.begins = re.compile(f"[{self.first}]").match
        self.head = f"{before}(?=({entity.core}){after})"
        self.match = _compile(f"{before}(?:{entity.core}){after}").match
        # What stands before is decided already; only the core can still grow.
        self.extend: Search = regex.compile(f"{before}(?:{entity.core})").fullmatch
        self.cue = regex.compile(entity.cue, regex.REVERSE).match if entity.cue else None
        self.veto = regex.compile(entity.veto, regex.REVERSE).match if entity.veto else None
        self.until = regex.compile(entity.until) if entity.until else None

    def fits(self, text: str, at: int) -> bool:
        """Does what stands before the position allow a match there?"""
        low = at - LEFT_CONTEXT if at > LEFT_CONTEXT else 0
        if self.cue is not None and self.cue(text, low, at) is None:
            return False
        return self.veto is None or self.veto(text, low, at) is None

    def match_at(self, text: str, at: int) -> int:
        """Where the match at a position ends, 0 if there is none. What `until` takes is not in it."""
        found = self.match(text, at)
        if found is None or not ((self.cue is None and self.veto is None) or self.fits(text, at)):
            return 0
        length = self.entity.validate(found[0])
        return at + length if length else 0

    def end_of_secret(self, text: str, end: int) -> int:
        """The end of a match whose core ends there: that of the `until` mark, or of the text."""
        if self.until is None:
            return end
        mark = self.until.search(text, end)
        return mark.end() if mark else len(text)


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
    plain = "".join(map(re.escape, re.findall(atom, _ASCII, re.DOTALL)))
    beyond = not atom.isascii() or atom == "." or "^" in atom or re.search(r"\\[a-zA-Z]", atom)
    return plain + (_BEYOND_ASCII if beyond else "")


def first_characters(openings: Iterable[Opening]) -> str:
    """A class, without its brackets, of the characters that openings begin with."""
    return "".join(dict.fromkeys(_firsts_of(opening[0]) for opening in openings))


def skip_to(first: str, alternatives: Iterable[str]) -> str:
    """A pattern for the places where one of the alternatives, each without width, holds."""
    return f"[{first}](?<=(?:{'|'.join(alternatives)})(?s:.))"


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
        behind = f"(?<!{before})" if before else ""
        alternatives.append(f"{behind}(?={spelling((opening for _, opening in group), cut=True)})")
    return re.compile(skip_to(first_characters(opening for _, opening in known), alternatives)).search


class ByFirst(dict[str, tuple[Rule, ...]]):
    """The rules that may begin with a character, in their order."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        super().__init__((character, self._of(character)) for character in _ASCII)

    def __missing__(self, character: str) -> tuple[Rule, ...]:
        return self._of(character)

    def _of(self, character: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self._rules if rule.begins(character))


# --- rules together -----------------------------------------------------------------------------------------


class Probe:
    """Rules that are looked for with one search.

    `search` finds the next place where one of them may match and `rules_at` says which, in order. No match
    is without a `sign` in it or its cue (None: not worth asking). `spelt` rules are looked for by openings.
    """

    __slots__ = ("reach", "rules", "rules_at", "search", "sign")

    def __init__(self, rules: Sequence[Rule], sign: str = "", spelt: bool = False) -> None:
        self.rules = rules
        self.reach = max(rule.longest for rule in rules) + 1
        self.sign: Search | None = re.compile(sign).search if sign else None
        first = "".join(dict.fromkeys(rule.first for rule in rules))
        self.rules_at: Callable[[Any], Sequence[Rule]]
        if spelt:
            self.search: Search = _spelt_search(rules)
            by_first = ByFirst(rules)
            self.rules_at = lambda found: by_first[found[0]]
            return
        try:
            pattern = re.compile(skip_to(first, (rule.head for rule in rules)))
        except re.error:
            self.search = regex.compile("|".join(rule.head for rule in rules)).search
            self.rules_at = lambda _: rules
            return
        self.search = pattern.search
        # The group that closed last tells the first rule that may match; those before it do not.
        remaining: dict[int | None, Sequence[Rule]] = {}
        group = 1
        for index, rule in enumerate(rules):
            remaining[group] = rules[index:]
            group += re.compile(rule.head).groups
        self.rules_at = lambda found: remaining[found.lastindex]


def _spelt_search(rules: Iterable[Rule]) -> Search:
    """For rules that have the same `before`."""
    openings = [opening for rule in rules for opening in rule.entity.openings]
    (before,) = {rule.entity.before for rule in rules}
    behind = f"(?<!{before}(?s:.))" if before else ""
    head = f"(?<=(?={spelling(openings, cut=False)})(?s:.))"
    return re.compile(f"[{first_characters(openings)}]{behind}{head}").search


class Nearby(NamedTuple):
    """Rules that are looked for near their words: where these may begin, counted from where a match does."""

    probe: Probe
    earliest: int
    latest: int


class Rules(tuple[Rule, ...]):
    """Rules in the order in which they are tried, and how to look for them in a whole text.

    `probes` run on all text, `near` only near words; `by_word` says which. `word_reach` is how far behind a
    match's beginning its word may end.
    """

    probes: tuple[Probe, ...]
    near: tuple[Nearby, ...]
    by_word: dict[str, tuple[Nearby, ...]]
    word_reach: int


def compile_rules(entities: Iterable[Entity]) -> Rules:
    return _compile_rules(tuple(entities))


@lru_cache(maxsize=64)
def _compile_rules(entities: tuple[Entity, ...]) -> Rules:
    return combine(_compile_rule(entity, order) for order, entity in enumerate(entities))


@lru_cache(maxsize=4096)
def _compile_rule(entity: Entity, order: int) -> Rule:
    return Rule(entity, order)


def combine(some: Iterable[Rule]) -> Rules:
    """Rules put together for searching. They keep their order."""
    rules = Rules(some)
    always: dict[tuple[str, bool], list[Rule]] = {}
    near: dict[tuple[frozenset[str], int, int], list[Rule]] = {}
    for rule in rules:
        entity = rule.entity
        if entity.words and entity.cue:
            near.setdefault((entity.words, -LEFT_CONTEXT, -1), []).append(rule)
        elif entity.words:
            near.setdefault((entity.words, 0, rule.longest), []).append(rule)
        elif words := _opening_words(entity):
            near.setdefault((words, 0, 0), []).append(rule)
        else:
            spelt = all(len(opening) > 2 for opening in entity.openings) and not entity.cue
            always.setdefault((entity.before if spelt else entity.sign, spelt), []).append(rule)
    rules.probes = tuple(
        Probe(group, "" if spelt else sign, spelt) for (sign, spelt), group in always.items()
    )
    rules.near = tuple(Nearby(Probe(group), low, high) for (_, low, high), group in near.items())
    places: dict[str, tuple[Nearby, ...]] = {}
    for (words, _, _), nearby in zip(near, rules.near, strict=True):
        for word in words:
            places[word] = (*places.get(word, ()), nearby)
    rules.by_word = places
    rules.word_reach = max((nearby.latest for nearby in rules.near), default=0) + _LONGEST_WORD
    return rules


_PLAIN_ATOM = re.compile(r"\\?[^\w\s]|\w", re.ASCII)
_LETTERS_FIRST = re.compile(r"([A-Za-z]{2,})[^A-Za-z]")


def _opening_words(entity: Entity) -> frozenset[str]:
    """The words that a row's matches begin with, empty if it has others: `ghp` for `ghp_`."""
    if not entity.before or len(re.findall(entity.before, ascii_letters)) < len(ascii_letters):
        return frozenset()
    words = set()
    for opening in entity.openings:
        plain = "".join(atom[-1] if _PLAIN_ATOM.fullmatch(atom) else "\0" for atom in opening)
        found = _LETTERS_FIRST.match(plain)
        if found is None or plain[found.end() - 1] == "\0":
            return frozenset()
        words.add(found[1].lower())
    return frozenset(words)


_WORD = re.compile("[a-z]+")


def fold(text: str) -> str:
    """Lower case, a character for a character, with what `re` takes for an ASCII letter made one."""
    if not text.isascii():
        text = text.replace("İ", "i").replace("ı", "i").replace("ſ", "s")
    return text.lower()


def words_of(folded: str) -> list[str]:
    return _WORD.findall(folded)


def word_places(folded: str) -> Iterator[re.Match[str]]:
    return _WORD.finditer(folded)
