"""Rules that are looked for with one search: rules in, a search and a match for all of them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import regex

from gateway.privacy.beginnings import Opening
from gateway.privacy.rule import (
    ASCII,
    ONE_CLASS,
    ByEnding,
    ByFirst,
    Rule,
    Search,
    by_ending,
    first_characters,
    one_of,
    skip_to,
    spelling,
)


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
    def match(self) -> Search:
        """As `search`, at one place."""
        return self._compiled[1]

    @cached_property
    def rules_at(self) -> Callable[[Any], tuple[Sequence[Rule], str | None]]:
        return self._compiled[2]

    @cached_property
    def only(self) -> Rule | None:
        """The one rule, if `re` knows its pattern: its match is the first group of what is found."""
        return self.rules[0] if len(self.rules) == 1 and self._compiled[4] else None

    @cached_property
    def behind(self) -> int:
        """How many characters before it what `search` and `match` find begins."""
        return self._compiled[3]

    @cached_property
    def _compiled(
        self,
    ) -> tuple[Search, Search, Callable[[Any], tuple[Sequence[Rule], str | None]], int, bool]:
        rules = self.rules
        first = "".join(dict.fromkeys(rule.first for rule in rules))
        last = "".join({rule.last for rule in rules}) if all(rule.entity.cue for rule in rules) else ""
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
        begins = re.compile(f"{one_of(first)}(?<={lead}{opened}(?s:.))")
        try:
            # Most characters may begin a password, few stand before one.
            behind = int(not self._spelt and last != "" and _many(first) > 2 * _many(last))
            if behind:
                whole = re.compile(f"{one_of(last)}(?={one_of(first)}){lead}(?:{heads})")
            else:
                whole = re.compile(f"{one_of(first)}(?<={lead}{opened}(?:{heads})(?s:.))")
        except re.error:  # something that only `regex` knows
            by_first = ByFirst(rules)
            search = begins.match if self._anchored else begins.search
            return search, begins.match, lambda found: (by_first[found[0]], None), 0, False
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
        at = lambda found: (remaining[found.lastindex], found[found.lastindex])  # noqa: E731
        return search, whole.match, at, behind, True

    @cached_property
    def led_behind(self) -> ByEnding | None:
        """What may stand right before a match, if all rules have a cue. None where any word may."""
        if not all(rule.entity.cue for rule in self.rules):
            return None
        known = by_ending(*{rule.entity.cue: None for rule in self.rules})
        return None if known["qz "] else known

    def warm(self) -> None:
        for part in ("sign", "search", "rules_at", "led_behind", "only"):
            getattr(self, part)
        for rule in self.rules:
            rule.warm()


@lru_cache(maxsize=1024)
def _many(characters: str) -> int:
    """Of how many of ASCII's characters a class is."""
    return len(re.findall(f"[{characters}]", ASCII))


def _sign_search(sign: str) -> Search:
    """`re` skips to a literal or to one class by itself, to anything else it must be led."""
    starts = regex.compile(sign).fullmatch
    first = "".join(re.escape(each) for each in ASCII if starts(each, partial=True))
    if len(first) < 2 or any(map(starts, (" ", "\x80"))) or ONE_CLASS.match(sign) is None:
        return re.compile(sign).search
    return re.compile(skip_to(first, (f"(?={sign})",))).search


def _opened_search(begins: Search, match: Search, rest: int) -> Search:
    """Look for openings no farther than a match may begin; the end is that of the longest match."""

    def search(text: str, start: int, end: int) -> Any:
        while (opening := begins(text, start, end - rest)) is not None:
            if (found := match(text, start := opening.start(), end)) is not None:
                return found
            start += 1
        return None

    return search


@lru_cache(maxsize=4096)
def probe_of(rules: tuple[Rule, ...], sign: str = "", spelt: bool = False, anchored: bool = False) -> Probe:
    """Sets of rules share what they have in common."""
    return Probe(rules, sign, spelt, anchored)
