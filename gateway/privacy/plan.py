"""What one kind of text is scanned for: rules by what is done with a match, placeholders, and the gates.

A gate is one search in C for a place where something may begin. It runs on every token; nothing else does
unless it hits. Rules that wait for a cue word have gates of their own, in use only behind such a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from copy import copy
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from gateway.privacy.beginnings import Opening, beginnings
from gateway.privacy.entities import LEFT_CONTEXT, Entity
from gateway.privacy.exfiltration import URL_REACH
from gateway.privacy.flagging import FLAG_STRIDE
from gateway.privacy.grammar import OPENINGS
from gateway.privacy.rule import (
    AS_CUE,
    BY_ORDER,
    ByShape,
    Rule,
    Search,
    opening_gate,
    plain_letters,
    plain_starts,
    spelling,
)
from gateway.privacy.rules import Rules, combine

Action = Literal["allow", "flag", "redact", "block"]


class CueWord(NamedTuple):
    """The rules that wait for a word (or for a letter of another script), and their gate.

    `behind` says more of the same word behind some others.
    """

    gate: Search
    rules: ByShape
    reach: int  # how far behind a word's beginning a match may begin
    letters: int  # no match begins with a longer plain word; -1: or one may begin within it
    behind: Mapping[str, CueWord] = MappingProxyType({})


Script = tuple[Callable[[str], Iterable[re.Match[str]]], CueWord]


class Plan:
    """`actions` says what to do by entity name; "redact" is meant where it says nothing.

    `left` is how much text behind the decided position must be kept in sight, `signed` the same plan without
    placeholders. `opening` is a gate for these alone, `opens` are the characters that one may begin with,
    `starts` is what `plain_starts` says of the gate, `waiting` whether any rule waits for a word.
    """

    __slots__ = (
        "_openings",
        "_restoring",
        "acting",
        "blocked",
        "by_shape",
        "cues",
        "flagged",
        "flagged_reach",
        "gate",
        "left",
        "opening",
        "opens",
        "scripts",
        "signed",
        "starts",
        "waiting",
    )

    def __init__(
        self,
        rules: Iterable[Rule],
        actions: Mapping[str, Action] = MappingProxyType({}),
    ) -> None:
        rules = tuple(rules)
        self.acting = acting = tuple(
            rule for rule in rules if actions.get(rule.entity.name, "redact") in ("redact", "block")
        )
        self.blocked = frozenset(name for name, action in actions.items() if action == "block")
        self.by_shape, self.cues, self.scripts = _told_apart(acting)
        self._openings = openings = _openings_of(rule for rule in acting if not rule.waits)
        self._restoring: Plan | None = None
        self.waiting = bool(self.cues or self.scripts)
        self.left = 2 * LEFT_CONTEXT
        self.opening: Search | None = None
        self.opens: frozenset[str] = frozenset()
        self.gate = _gate(openings)
        starts = _starts(openings)
        self.starts: Container[str] = _EVERY_START if starts is None else starts
        self.signed = self
        self.flagged: Rules | None = None
        self.flagged_reach = 0
        if flagged := tuple(rule for rule in rules if actions.get(rule.entity.name) == "flag"):
            self.flagged = _only_seen(flagged)
            self.flagged_reach = max(rule.longest for rule in flagged) + 1
            self.left = max(self.left, self.flagged_reach + 2 * FLAG_STRIDE + 2 * LEFT_CONTEXT)

    def restoring(self, openings: tuple[Opening, ...]) -> Plan:
        """The same and what is to be restored, by how it can begin (`Vault.openings`)."""
        if not openings:
            return self
        if openings is OPENINGS:
            if self._restoring is None:
                self._restoring = self._with(OPENINGS, _gate(self._openings | _TOKENS), _gate(_TOKENS))
            return self._restoring
        # Placeholders begin alike in every request, stand-ins do not: they are looked for by themselves, with
        # a pattern that compiles in a third of the time.
        stand_ins = [opening for opening in openings if opening not in OPENINGS]
        plan = self.restoring(OPENINGS) if len(stand_ins) < len(openings) else self
        search = re.compile(spelling(stand_ins, cut=True)).search
        either = search if plan.opening is None else _earlier(plan.opening, search)
        return plan._with(openings, _earlier(plan.gate, search), either)

    def _with(self, openings: tuple[Opening, ...], gate: Search, opening: Search) -> Plan:
        plan = copy(self)
        plan.gate, plan.opening = gate, opening
        plan.opens = frozenset(first[-1] for first, *_ in openings)  # behind a backslash, perhaps
        starts = plain_starts(("", opening) for opening in openings)
        plan.starts = (
            _EVERY_START if starts is None or not isinstance(self.starts, frozenset) else self.starts | starts
        )
        plan.left = max(self.left, URL_REACH)
        return plan

    def warm(self) -> None:
        """Compile every pattern now, so that no answer has to wait for one."""
        self.restoring(OPENINGS)
        for rule in self.acting:
            rule.may("")
        if self.flagged is not None:
            self.flagged.warm()

    @property
    def is_idle(self) -> bool:
        """Is there nothing to look for?"""
        return not self.acting and self.flagged is None and self.opening is None


@lru_cache(maxsize=64)
def _told_apart(rules: tuple[Rule, ...]) -> tuple[ByShape, dict[str, CueWord], tuple[Script, ...]]:
    """Rules that may begin anywhere, by how; that wait for a word, by it; for a letter, by its class."""
    always = ByShape(rule for rule in rules if not rule.waits)
    waiting = [rule for rule in rules if rule.waits]
    by_sign: dict[str, list[Rule]] = {}
    for rule in waiting:
        if not rule.entity.words:
            by_sign.setdefault(rule.entity.sign, []).append(rule)
    scripts = tuple((re.compile(sign).finditer, _cue_word(tuple(group))) for sign, group in by_sign.items())
    return always, _cue_words(waiting), scripts


@lru_cache(maxsize=64)
def _only_seen(rules: tuple[Rule, ...]) -> Rules:
    """The rules for flagging: of a secret, its opening is all that is looked at."""
    return combine(Rule(replace(rule.entity, until=""), rule.order) for rule in rules)


@lru_cache(maxsize=1024)
def _gate(openings: frozenset[tuple[str, Opening]]) -> Search:
    return opening_gate(openings)


@lru_cache(maxsize=256)
def _starts(openings: frozenset[tuple[str, Opening]]) -> frozenset[str] | None:
    return plain_starts(openings)


class _EveryStart:
    def __contains__(self, start: object) -> bool:
        return True


_EVERY_START = _EveryStart()
_TOKENS = frozenset(("", opening) for opening in OPENINGS)


def _earlier(first: Search, second: Search) -> Search:
    def search(text: str, at: int) -> Any:
        one, other = first(text, at), second(text, at)
        if one is None or other is None:
            return one or other
        return one if one.start() <= other.start() else other

    return search


def _openings_of(rules: Iterable[Rule]) -> frozenset[tuple[str, Opening]]:
    return frozenset((_behind(rule.entity), opening) for rule in rules for opening in rule.entity.openings)


def _behind(entity: Entity) -> str:
    """What must not stand before a match; or the cue, if that is of one length, which says more."""
    if entity.cue and not entity.before and _has_one_length(entity.cue):
        return f"{AS_CUE}{entity.cue})"
    return entity.before


@lru_cache(maxsize=256)
def _has_one_length(cue: str) -> bool:
    try:
        return bool(re.compile(f"(?<={cue})"))
    except re.error:
        return False


def _told_better(rules: Iterable[Rule]) -> Iterator[tuple[str, Opening]]:
    """The openings of rules that wait: of those that give one character only, what their patterns say."""
    for rule in rules:
        openings = rule.entity.openings
        if all(len(opening) == 1 for opening in openings):
            openings = beginnings(rule.entity.core) or openings
        for opening in openings:
            yield rule.entity.before, opening


def _cue_words(rules: list[Rule]) -> dict[str, CueWord]:
    by_word: dict[str, list[Rule]] = {}
    for rule in rules:
        for word in rule.entity.words:
            by_word.setdefault(word, []).append(rule)
    known = {word: _cue_word(tuple(group)) for word, group in by_word.items() if " " not in word}
    behind: dict[str, dict[str, CueWord]] = {}
    for pair, group in by_word.items():
        before, blank, word = pair.partition(" ")
        if blank:
            alone = by_word.get(word, [])
            both = tuple(sorted({*alone, *group}, key=BY_ORDER))
            behind.setdefault(word, {})[before] = _cue_word(both)
    for word, others in behind.items():
        known[word] = known.get(word, _cue_word(()))._replace(behind=others)
    return known


@lru_cache(maxsize=1024)
def _cue_word(rules: tuple[Rule, ...]) -> CueWord:
    openings = frozenset(_told_better(rules))
    within = max((rule.entity.within for rule in rules), default=0)
    letters = plain_letters(openings)
    return CueWord(_gate(openings), ByShape(rules), within, letters)


def plan_for(
    rules: tuple[Rule, ...],
    openings: tuple[Opening, ...] = (),
    actions: Mapping[str, Action] = MappingProxyType({}),
) -> Plan:
    """The plan for these, made once."""
    return _plan_for(rules, frozenset(actions.items())).restoring(openings)


@lru_cache(maxsize=256)
def _plan_for(rules: tuple[Rule, ...], actions: frozenset[tuple[str, Action]]) -> Plan:
    return Plan(rules, dict(actions))
