"""Strings that a pattern matches, drawn at random: the pattern is read by `re`'s own parser.

What has no width (an anchor, a look-around) is passed over: whoever needs it asks the pattern afterwards.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

# What a class is drawn from. A few beyond ASCII: a class may hold them, and case folding meets them.
ALPHABET = "".join(map(chr, range(32, 127))) + "\n\téÉß’–　１北ſK"
_MORE = 6  # so many more than the fewest, mostly: the longest are drawn too, but not always


_parsed = lru_cache(maxsize=4096)(parser.parse)


def sample(pattern: str, random: Random) -> str:
    return _sequence(_parsed(pattern), random)


def _sequence(items: Any, random: Random) -> str:
    return "".join(_item(kind, value, random) for kind, value in items)


def _item(kind: Any, value: Any, random: Random) -> str:
    if kind is op.LITERAL:
        return chr(value)
    if kind is op.NOT_LITERAL:
        return random.choice([c for c in ALPHABET if ord(c) != value])
    if kind is op.ANY:
        return random.choice(ALPHABET.replace("\n", ""))
    if kind is op.IN:
        return _one_of(tuple(value), random)
    if kind is op.BRANCH:
        return _sequence(random.choice(value[1]), random)
    if kind is op.SUBPATTERN:
        _, add, _, inner = value
        text = _sequence(inner, random)
        if add & op.SRE_FLAG_IGNORECASE:
            text = "".join(random.choice([c.lower(), c.upper() if len(c.upper()) == 1 else c]) for c in text)
        return text
    if kind is op.ATOMIC_GROUP:
        return _sequence(value, random)
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        fewest, most, inner = value
        most = fewest + 3 * _MORE if most is op.MAXREPEAT else int(most)
        times = random.choice([fewest, most, *[random.randint(fewest, min(most, fewest + _MORE))] * 4])
        return "".join(_sequence(inner, random) for _ in range(times))
    if kind in (op.AT, op.ASSERT, op.ASSERT_NOT):
        return ""
    raise NotImplementedError(kind)


def _one_of(members: Any, random: Random) -> str:
    negated = members[0][0] is op.NEGATE
    known = [m for m in members if m[0] is not op.NEGATE]
    if not negated:
        kind, value = random.choice(known)
        if kind is op.LITERAL:
            return chr(value)
        if kind is op.RANGE:
            return chr(random.randint(value[0], min(value[1], value[0] + 0xFF)))
    return random.choice(_fitting(members, negated))


@lru_cache(maxsize=1024)
def _fitting(members: Any, negated: bool) -> str:
    known = [member for member in members if member[0] is not op.NEGATE]
    return "".join(c for c in ALPHABET if any(_is_member(c, *m) for m in known) is not negated)


def _is_member(character: str, kind: Any, value: Any) -> bool:
    if kind is op.LITERAL:
        return bool(ord(character) == value)
    if kind is op.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    digit, space, word = character.isdigit(), character.isspace(), character.isalnum() or character == "_"
    categories: dict[Any, bool] = {
        op.CATEGORY_DIGIT: digit,
        op.CATEGORY_NOT_DIGIT: not digit,
        op.CATEGORY_SPACE: space,
        op.CATEGORY_NOT_SPACE: not space,
        op.CATEGORY_WORD: word,
        op.CATEGORY_NOT_WORD: not word,
    }
    return categories[value]
