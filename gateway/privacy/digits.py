"""Does a pattern need a digit? A pattern in, yes or no out: most texts, and most of a text, hold none."""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from string import digits
from typing import Any


@lru_cache(maxsize=1024)
def has_digit(pattern: str) -> bool:
    """Does every match of a pattern hold an ASCII digit? False where that is not plain to see."""
    try:
        return _sequence(_parser.parse(pattern))
    except re.error:  # something that only `regex` knows
        return False


def _sequence(items: Any) -> bool:
    return any(_item(kind, value) for kind, value in items)


def _item(kind: Any, value: Any) -> bool:
    if kind is sre.LITERAL:
        return chr(value) in digits
    if kind is sre.IN:
        return all(_member(*member) for member in value)
    if kind is sre.BRANCH:
        return all(map(_sequence, value[1]))
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return bool(value[0] > 0) and _sequence(value[2])
    return kind is sre.SUBPATTERN and _sequence(value[3])


def _member(kind: Any, value: Any) -> bool:
    if kind is sre.RANGE:
        return chr(value[0]) in digits and chr(value[1]) in digits
    return kind is sre.LITERAL and chr(value) in digits
