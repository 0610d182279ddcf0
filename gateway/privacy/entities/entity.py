"""What a row of the entity table says.

A row gives the pattern's core, bounded in length and regular: no look-ahead, no look-behind, so that
"could more text still make or extend a match" has an exact answer. What must not stand before or
follow is one character class each (`before`, `after`; empty for none). Context is left context only, so
that a stream sees what the whole text sees: a `cue` is a pattern that must end where the match begins, a
`veto` one that must not, both within the `LEFT_CONTEXT` characters before it.

`openings` are all the ways a match can begin, each a sequence of regex atoms; the scanner's gate is built
from them, so a character that begins nothing costs nothing. `until` marks a secret whose end may be far
away: it is redacted from its opening to that pattern, or to the end. `keep` counts the characters at the
beginning of a match that stay. `sign` is a quick pattern that is found in every text with a match; without
one, it is the openings. `words` are an even quicker sign: lower-case words (runs of ASCII letters) of
which every text with a match holds at least one, in the match or in its cue; `id number` is the word
`number` where the word before it is `id`. `within` is how far before a match that word may begin, of a row
with a cue. `prepare` loads what the check needs, so that no text has to wait for it. `digit` says that every
match holds an ASCII digit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

# `ordinary` is data that is personal only beside other data (a date, a link): it is found, reported and
# redacted when asked for, and left alone by default.
Kind = Literal["personal", "payment", "government", "medical", "secret", "ordinary"]

# A check takes the candidate and returns the length of its longest valid prefix that ends where a group of
# characters ends, 0 for none: "4111 1111 1111 1111 12" holds a card although the whole does not pass Luhn.
Validator = Callable[[str], int]

LEFT_CONTEXT = 64


def whole(candidate: str) -> int:
    """The pattern alone decides."""
    return len(candidate)


class Entity(Struct, frozen=True):
    """`name` is what findings and policies call it, `rule` tells several rows of one name apart.

    `longest` counts characters; past it there is no match. `score` is how sure a match is, 0 to 1.
    """

    name: str
    label: str
    kind: Kind
    core: str
    longest: int
    openings: tuple[tuple[str, ...], ...]
    validate: Validator = whole
    prepare: Callable[[], object] | None = None
    before: str = r"[A-Za-z0-9]"
    after: str = r"[A-Za-z0-9]"
    cue: str = ""
    veto: str = ""
    words: frozenset[str] = frozenset()
    within: int = LEFT_CONTEXT
    sign: str = ""
    digit: bool = False
    until: str = ""
    keep: int = 0
    score: float = 0.85
    rule: str = ""
    aliases: tuple[str, ...] = ()


DIGIT = ((r"[0-9]",),)
WORD = ((r"[A-Za-z0-9]",),)


def spelt(*words: str) -> tuple[tuple[str, ...], ...]:
    """Openings spelt out character by character."""
    return tuple(tuple("\\" + c if c in "-.+[](){}*?^$|\\/" else c for c in word) for word in words)
