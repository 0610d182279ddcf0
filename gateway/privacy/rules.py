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
from functools import cached_property, lru_cache
from itertools import groupby
from string import ascii_letters
from typing import Any, NamedTuple

import regex

from gateway.privacy.digits import has_digit
from gateway.privacy.entities import ENTITIES, LEFT_CONTEXT, Entity

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
    """A row and its place in the table, with each pattern compiled when it is first needed."""

    def __init__(self, entity: Entity, order: int) -> None:
        self.entity = entity
        self.order = order
        self.longest = entity.longest
        self._before = f"(?<!{entity.before})" if entity.before else ""
        self._after = f"(?!{entity.after})" if entity.after else ""
        self.digit = entity.digit or has_digit(entity.core) or (not entity.cue and has_digit(entity.sign))
        # A sign that no ASCII text holds is the script of a cue that has no ASCII words.
        self.of_script = bool(_ONE_CLASS.fullmatch(entity.sign) and not re.search(entity.sign, _ASCII))

    @cached_property
    def extend(self) -> Search:
        """What stands before is decided already; only the core can still grow."""
        pattern: Search = regex.compile(f"{self._before}(?:{self.entity.core})").fullmatch
        return pattern

    @cached_property
    def match(self) -> Search:
        pattern: Search = _compile(f"{self._before}(?:{self.entity.core}){self._after}").match
        return pattern

    @cached_property
    def cue(self) -> Search | None:
        return regex.compile(self.entity.cue, regex.REVERSE).match if self.entity.cue else None

    @cached_property
    def veto(self) -> Search | None:
        return regex.compile(self.entity.veto, regex.REVERSE).match if self.entity.veto else None

    @cached_property
    def until(self) -> Any:
        return regex.compile(self.entity.until) if self.entity.until else None

    @cached_property
    def first(self) -> str:
        """A class, without its brackets, of the characters that a match may begin with."""
        first = "".join(re.escape(each) for each in _ASCII if self.extend(each, 0, partial=True))
        return first + (_BEYOND_ASCII if _BEYOND_ASCII in first_characters(self.entity.openings) else "")

    @cached_property
    def begins(self) -> Search:
        return re.compile(f"[{self.first}]").match

    @cached_property
    def lead(self) -> str:
        """A pattern of no width for what must stand right before a match."""
        return (f"(?<=[{_last_characters(self.entity.cue)}])" if self.entity.cue else "") + self._before

    @cached_property
    def rest(self) -> str:
        """A pattern of no width for a match, which is its first group."""
        return f"(?=({self.entity.core}){self._after})"

    def fits(self, text: str, at: int) -> bool:
        """Does what stands before the position allow a match there?"""
        low = at - LEFT_CONTEXT if at > LEFT_CONTEXT else 0
        if self.cue is not None and self.cue(text, low, at) is None:
            return False
        return self.veto is None or self.veto(text, low, at) is None

    def match_at(self, text: str, at: int) -> int:
        """Where the match at a position ends, 0 if there is none. What `until` takes is not in it."""
        found = self.match(text, at)
        return 0 if found is None else self.accept(text, at, found[0])

    def accept(self, text: str, at: int, candidate: str) -> int:
        """As `match_at`, of a candidate that the pattern has found there."""
        low = at - LEFT_CONTEXT if at > LEFT_CONTEXT else 0
        if self.cue is not None and self.cue(text, low, at) is None:
            return 0
        length = self.entity.validate(candidate)
        # Few candidates are valid, and a veto is the dearest of the three.
        if not length or (self.veto is not None and self.veto(text, low, at) is not None):
            return 0
        return at + length

    def end_of_secret(self, text: str, end: int) -> int:
        """The end of a match whose core ends there: that of the `until` mark, or of the text."""
        if self.until is None:
            return end
        mark = self.until.search(text, end)
        return mark.end() if mark else len(text)

    def warm(self) -> None:
        """Compile what a stream or a search would compile."""
        for part in ("begins", "match", "cue", "veto", "until"):
            getattr(self, part)


def _sign_search(sign: str) -> Search:
    """`re` skips to a literal or to one class by itself, to anything else it must be led."""
    starts = regex.compile(sign).fullmatch
    first = "".join(re.escape(each) for each in _ASCII if starts(each, partial=True))
    if len(first) < 2 or any(map(starts, (" ", "\x80"))) or _ONE_CLASS.match(sign) is None:
        return re.compile(sign).search
    return re.compile(skip_to(first, (f"(?={sign})",))).search


@lru_cache(maxsize=1024)
def _last_characters(cue: str) -> str:
    """A class, without its brackets, of at least the characters that a cue may end with."""
    ends = regex.compile(cue, regex.REVERSE).fullmatch
    return "".join(re.escape(each) for each in _ASCII if ends(each, partial=True)) + _BEYOND_ASCII


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
    """Rules that are looked for with one search, compiled when it is first needed.

    `search` finds the next place where one of them may match, `rules_at` says which, in order, and what the
    first of them has found there, if that is known. No match is without a `sign` in it or its cue (None: not
    worth asking). Rules that are `spelt` are looked for by their openings first, if `anchored` only where the
    search begins.
    """

    def __init__(
        self, rules: Sequence[Rule], sign: str = "", spelt: bool = False, anchored: bool = False
    ) -> None:
        self.rules = rules
        self.reach = max(rule.longest for rule in rules) + 1
        self.digit = all(rule.digit for rule in rules)
        self.of_script = all(rule.of_script for rule in rules)
        self._sign = sign
        self._spelt = spelt
        self._anchored = anchored

    @cached_property
    def sign(self) -> Search | None:
        return _sign_search(self._sign) if self._sign else None

    @cached_property
    def search(self) -> Search:
        return self._compiled[0]

    @cached_property
    def rules_at(self) -> Callable[[Any], tuple[Sequence[Rule], str | None]]:
        return self._compiled[1]

    @cached_property
    def _compiled(self) -> tuple[Search, Callable[[Any], tuple[Sequence[Rule], str | None]]]:
        rules = self.rules
        first = "".join(dict.fromkeys(rule.first for rule in rules))
        leads = {rule.lead for rule in rules}
        # What all have in common is looked at once, and by a look-behind from behind the first character.
        lead = leads.pop() if len(leads) == 1 else ""
        heads = "|".join((rule.rest if lead or not rule.lead else rule.lead + rule.rest) for rule in rules)
        openings: list[Opening] = []
        opened = ""
        if self._spelt:
            openings = [opening for rule in rules for opening in rule.entity.openings]
            first = first_characters(openings)
            opened = f"(?={spelling(openings, cut=False)})"
        begins = re.compile(f"[{first}](?<={lead}{opened}(?s:.))")
        try:
            whole = re.compile(f"[{first}](?<={lead}{opened}(?:{heads})(?s:.))")
        except re.error:  # something that only `regex` knows
            by_first = ByFirst(rules)
            search = begins.match if self._anchored else begins.search
            return search, lambda found: (by_first[found[0]], None)
        search = whole.search
        if self._anchored:
            search = whole.match
        elif self._spelt:
            search = _opened_search(begins.search, whole.match, self.reach - max(map(len, openings)))
        # The group that closed last tells the first rule that may match; those before it do not.
        remaining: dict[int | None, Sequence[Rule]] = {}
        group = 1
        for index, rule in enumerate(rules):
            remaining[group] = rules[index:]
            group += re.compile(rule.rest).groups
        return search, lambda found: (remaining[found.lastindex], found[found.lastindex])

    def warm(self) -> None:
        for part in ("sign", "search", "rules_at"):
            getattr(self, part)
        for rule in self.rules:
            rule.warm()


def _opened_search(begins: Search, match: Search, rest: int) -> Search:
    """Look for openings no farther than a match may begin; the end is that of the longest match."""

    def search(text: str, start: int, end: int) -> Any:
        while (opening := begins(text, start, end - rest)) is not None:
            if (found := match(text, start := opening.start(), end)) is not None:
                return found
            start += 1
        return None

    return search


class Nearby(NamedTuple):
    """Rules that are looked for near their words: where these may begin, counted from where a match does."""

    probe: Probe
    earliest: int
    latest: int


class Rules(tuple[Rule, ...]):
    """Rules in the order in which they are tried, and how to look for them in a whole text.

    `probes` run on all text, `near` only near words; `by_word` says which, and
    again for a text that holds no digit. `reach` is how far behind a
    match's beginning its digit may stand, `word_reach` how far a word of its may end.
    """

    probes: tuple[Probe, ...]
    near: tuple[Nearby, ...]
    by_word: dict[str, tuple[Nearby, ...]]
    by_word_without_digit: dict[str, tuple[Nearby, ...]]
    reach: int
    word_reach: int

    def warm(self) -> None:
        """Compile every pattern now, so that no text has to wait for one."""
        for probe in (*self.probes, *(nearby.probe for nearby in self.near)):
            probe.warm()


def compile_rules(entities: Iterable[Entity]) -> Rules:
    return _compile_rules(tuple(entities))


@lru_cache(maxsize=64)
def _compile_rules(entities: tuple[Entity, ...]) -> Rules:
    # A row of the table keeps its place there, so that every subset of the table shares its patterns.
    before = -len(entities)
    places = [_PLACES.get(entity, before + order) for order, entity in enumerate(entities)]
    if places != sorted(places):  # not a policy's own rows and then the table's
        places = list(range(len(entities)))
    return combine(map(_compile_rule, entities, places))


_PLACES = {entity: place for place, entity in enumerate(ENTITIES)}


@lru_cache(maxsize=4096)
def _compile_rule(entity: Entity, order: int) -> Rule:
    return Rule(entity, order)


def combine(some: Iterable[Rule]) -> Rules:
    """Rules put together for searching. They keep their order."""
    rules = Rules(some)
    always: dict[tuple[str, str, bool, bool], list[Rule]] = {}
    near: dict[tuple[frozenset[str], int, int, bool], list[Rule]] = {}
    opening: dict[Rule, frozenset[str]] = {}
    for rule in rules:
        entity = rule.entity
        if entity.words and entity.cue:
            near.setdefault((entity.words, -entity.within, -1, rule.digit), []).append(rule)
        elif entity.words:
            near.setdefault((entity.words, 0, rule.longest, rule.digit), []).append(rule)
        elif words := _opening_words(entity):
            opening[rule] = words
        else:
            spelt = all(len(opening) > 2 for opening in entity.openings) and not entity.cue
            before = entity.before if spelt else ""
            always.setdefault((before, entity.sign, spelt, rule.digit), []).append(rule)
    rules.probes = tuple(Probe(group, sign, spelt) for (_, sign, spelt, _), group in always.items())
    if opening:
        near[frozenset().union(*opening.values()), 0, 0, False] = list(opening)
    rules.near = tuple(
        Nearby(Probe(group, spelt=high == 0, anchored=high == 0), low, high)
        for (_, low, high, _), group in near.items()
    )
    places: dict[str, list[Nearby]] = {}
    for (words, *_), nearby in zip(near, rules.near, strict=True):
        for word in words:
            places.setdefault(word, []).append(nearby)
    rules.by_word = {word: tuple(known) for word, known in places.items()}
    rules.by_word_without_digit = {
        word: without
        for word, known in places.items()
        if (without := tuple(nearby for nearby in known if not nearby.probe.digit))
    }
    rules.reach = max((rule.longest for rule in rules if rule.digit), default=0) + 1
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
