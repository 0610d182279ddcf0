"""Candidates of several groups of characters, the checks that take fewer of them, and what leads to one."""

from __future__ import annotations

import re
from collections.abc import Iterator

# ASCII letters and what becomes one in lower case: a word ends where none of these goes on.
LETTER = r"A-Za-z\u017f\u212a"

_NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]")
_GROUP_END = re.compile(r"(?<=[0-9A-Za-z])(?=[^0-9A-Za-z]|\Z)")


def compact(candidate: str) -> str:
    """Letters and digits only."""
    return _NOT_ALPHANUMERIC.sub("", candidate)


def prefixes(candidate: str) -> Iterator[tuple[int, str]]:
    """(length, letters and digits) of every prefix of whole groups, longest first."""
    whole = len(candidate)
    if candidate and candidate[-1].isascii() and candidate[-1].isalnum():
        yield whole, compact(candidate)  # nearly always the one that counts
    else:
        whole += 1
    for end in reversed([m.start() for m in _GROUP_END.finditer(candidate)]):
        if end < whole:
            yield end, compact(candidate[:end])


def led_by(nouns: str, gap: int = 24) -> str:
    """A cue: one of the nouns, then at most `gap` characters without a digit or the end of a sentence.

    So `noun: value`, `"noun": "value"`, `noun number is value`, `<noun>value`. The gap may cross one line's
    end, for forms that put the value below its name, and a full stop only if no space or one of
    "no. nr. num." comes with it.
    """
    return (
        rf"(?<![{LETTER}])(?i:{nouns})(?![{LETTER}])(?:[^0-9\n.;!?{{}}]|(?i:(?<=no)|(?<=nr)|(?<=num))\.){{0,{gap}}}"
        r"(?:\n[ \t]{0,8})?"
    )
