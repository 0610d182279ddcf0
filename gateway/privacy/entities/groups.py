"""Candidates of several groups of characters, and the checks that take fewer of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]")
_GROUP_END = re.compile(r"(?<=[0-9A-Za-z])(?=[^0-9A-Za-z]|\Z)")


def compact(candidate: str) -> str:
    """Letters and digits only."""
    return _NOT_ALPHANUMERIC.sub("", candidate)


def prefixes(candidate: str) -> Iterator[tuple[int, str]]:
    """(length, letters and digits) of every prefix of whole groups, longest first."""
    for end in reversed([m.start() for m in _GROUP_END.finditer(candidate)]):
        yield end, compact(candidate[:end])
