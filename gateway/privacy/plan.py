"""What one kind of text is scanned for: rules by what is done with a match, placeholders, and the gates.

A gate is one search in C for a place where something may begin. It runs on every token; nothing else does
unless it hits. Rules that wait for a cue word have gates of their own, in use only behind such a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

import regex
from msgspec.structs import replace

from gateway.privacy.entities import LEFT_CONTEXT
from gateway.privacy.rules import ByFirst, Opening, Rule, Rules, Search, combine, opening_gate
from gateway.privacy.vault import Grammar

Action = Literal["allow", "flag", "redact", "block"]
# How far back a URL may begin that would carry a restored value away.
URL_REACH = 2048
# Flagged rows look at text that has gone by, so many characters at a time.
FLAG_STRIDE = 128


class CueWord(NamedTuple):
    """The rules that wait for a word, and their gate."""

    gate: Search
    rules: tuple[Rule, ...]


class Plan:
    """`actions` says what to do by entity name; "redact" is meant where it says nothing.

    `left` is how much text behind the decided position must be kept in sight.
    """

    __slots__ = (
        "blocked",
        "by_first",
        "cues",
        "flagged",
        "flagged_reach",
        "gate",
        "left",
        "maybe_placeholder",
        "placeholder",
        "whole_words",
    )

    def __init__(
        self,
        rules: tuple[Rule, ...],
        grammar: Grammar | None = None,
        actions: Mapping[str, Action] | None = None,
    ) -> None:
        actions = actions or {}
        acting = [rule for rule in rules if actions.get(rule.entity.name, "redact") in ("redact", "block")]
        self.blocked = frozenset(name for name, action in actions.items() if action == "block")
        waiting = [rule for rule in acting if rule.entity.cue and rule.entity.words]
        always = [rule for rule in acting if not (rule.entity.cue and rule.entity.words)]
        openings = [(rule.entity.before, opening) for rule in always for opening in rule.entity.openings]
        self.left = 2 * LEFT_CONTEXT
        self.placeholder: Search | None = None
        self.maybe_placeholder: Search | None = None
        self.whole_words = False
        if grammar is not None:
            openings += [(grammar.before, opening) for opening in _openings(grammar)]
            before = f"(?<!{grammar.before})" if grammar.before else ""
            after = f"(?!{grammar.after})" if grammar.after else ""
            flags = regex.IGNORECASE if grammar.ignore_case else 0
            self.placeholder = regex.compile(f"{before}(?:{grammar.core}){after}", flags).match
            self.maybe_placeholder = regex.compile(f"{before}(?:{grammar.core})", flags).fullmatch
            self.whole_words = bool(grammar.after)
            self.left = URL_REACH
        self.gate = opening_gate(openings)
        self.by_first = ByFirst(always)
        self.cues = _cue_words(waiting)
        self.flagged: Rules | None = None
        self.flagged_reach = 0
        if flagged := [rule for rule in rules if actions.get(rule.entity.name) == "flag"]:
            # A secret's opening is all of it that is looked at where nothing is hidden.
            self.flagged = combine(Rule(replace(rule.entity, until=""), rule.order) for rule in flagged)
            self.flagged_reach = max(rule.longest for rule in flagged) + 1
            self.left = max(self.left, self.flagged_reach + FLAG_STRIDE + 2 * LEFT_CONTEXT)


def _openings(grammar: Grammar) -> list[Opening]:
    if not grammar.ignore_case:
        return list(grammar.openings)
    both = str.maketrans({chr(c): f"[{chr(c).upper()}{chr(c)}]" for c in range(ord("a"), ord("z") + 1)})
    return [
        tuple(atom.lower().translate(both) if len(atom) == 1 else atom for atom in opening)
        for opening in grammar.openings
    ]


def _cue_words(rules: list[Rule]) -> dict[str, CueWord]:
    by_word: dict[str, list[Rule]] = {}
    for rule in rules:
        for word in rule.entity.words:
            by_word.setdefault(word, []).append(rule)
    gates: dict[frozenset[tuple[str, Opening]], Search] = {}
    cues = {}
    for word, group in by_word.items():
        openings = frozenset(
            (rule.entity.before, opening) for rule in group for opening in rule.entity.openings
        )
        if openings not in gates:
            gates[openings] = opening_gate(openings)
        cues[word] = CueWord(gates[openings], tuple(group))
    return cues


_NO_ACTIONS: Mapping[str, Action] = {}


def plan_for(
    rules: tuple[Rule, ...], grammar: Grammar | None = None, actions: Mapping[str, Action] = _NO_ACTIONS
) -> Plan:
    return _plan_for(rules, grammar, frozenset(actions.items()))


@lru_cache(maxsize=256)
def _plan_for(
    rules: tuple[Rule, ...], grammar: Grammar | None, actions: frozenset[tuple[str, Action]]
) -> Plan:
    return Plan(rules, grammar, dict(actions))
