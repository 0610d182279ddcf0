"""How the matches of a pattern begin: a pattern in, openings out, character by character.

A row says of its matches only how their first character looks where that is all they have in common. Behind
a cue word every word of prose would then be a place to look at; the next characters rule out nearly all.
Characters are told apart as letters, digits and others, so that many patterns begin alike and share a gate.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

Opening = tuple[str, ...]

# Longer ones tell places apart no better, and are dearer.
_LONGEST = 6
_MANY = 24
_DIGIT = "[0-9]"
_KINDS = {"A-Z": frozenset(ascii_uppercase), "a-z": frozenset(ascii_lowercase), "0-9": frozenset(digits)}

# An opening, and whether it is as long as it is to be.
_State = tuple[Opening, bool]


@lru_cache(maxsize=1024)
def beginnings(core: str) -> tuple[Opening, ...]:
    """Openings of which every match of the pattern begins with one; none where that cannot be told."""
    try:
        parsed = _parser.parse(core)
    except re.error:  # something that only `regex` knows
        return ()
    found = {opening for opening, _ in _after(parsed, {((), False)})}
    return () if () in found or parsed.state.flags & re.IGNORECASE else tuple(sorted(found))


def _after(items: Any, states: set[_State]) -> set[_State]:
    """The states behind what the items match."""
    for kind, value in items:
        if all(done for _, done in states):
            break
        states = _grown(kind, value, states)
        if len(states) > _MANY:
            return {(opening, True) for opening, _ in states}
    return states


def _grown(kind: Any, value: Any, states: set[_State]) -> set[_State]:
    if kind is sre.SUBPATTERN and not value[1] & re.IGNORECASE:
        return _after(value[3], states)
    if kind is sre.BRANCH:
        return {state for branch in value[1] for state in _after(branch, states)}
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        low, high, inner = value
        return _repeated(inner, states, int(low), int(high))
    if kind in (sre.ASSERT, sre.ASSERT_NOT, sre.AT):
        return states
    atom = _atom(kind, value)
    grown = set()
    for opening, done in states:
        if not done and atom:
            opening = (*opening, atom)
            # A digit says enough: words have none.
            done = atom == _DIGIT or len(opening) == _LONGEST
        grown.add((opening, done or not atom))
    return grown


def _repeated(items: Any, states: set[_State], low: int, high: int) -> set[_State]:
    found = set() if low else set(states)
    for count in range(1, min(high, low + _LONGEST) + 1):
        states = _after(items, states)
        if count >= low or all(done for _, done in states):
            found |= states
        if all(done for _, done in states):
            break
    return found


def _atom(kind: Any, value: Any) -> str:
    """A class of at least the characters that an item matches, "" where it is no short list of one each."""
    members: set[str] = set()
    for what, of in value if kind is sre.IN else ((kind, value),):
        if what is sre.LITERAL:
            members.add(chr(of))
        elif what is sre.RANGE and of[1] < 0x80:
            members |= set(map(chr, range(of[0], of[1] + 1)))
        else:
            return ""
    found = [kind for kind, known in _KINDS.items() if members & known]
    others = members.difference(*_KINDS.values())
    return f"[{''.join(map(re.escape, sorted(others)))}{''.join(found)}]"
