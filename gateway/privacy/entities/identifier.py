"""Rows of identifiers: those that a keyword must name, and those known by their shape alone.

A shape and a check in, rows of the table out. Nothing here knows who gives an identifier out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from gateway.privacy.entities.cue import NATIVE_SCRIPT, cue, is_native, native_cue, words
from gateway.privacy.entities.entity import Entity, Kind, Validator
from gateway.privacy.entities.groups import compact

# What rows without a keyword have in common: they are looked for together, where a text has the sign.
_DIGITS = "[0-9](?:[0-9]{4}|[0-9][ .-][0-9]{3})"
LETTERS = "[0-9][0-9](?:(?<=[A-Z][0-9]{2})|(?<=[A-Z][ -][0-9]{2}))"
_ATOMS = {"A": "[A-Z]", "9": "[0-9]", "X": "[A-Z0-9]", "_": " "}

# What stands without a keyword must stand alone: not in a UUID, a path or a longer number.
ALONE = r"[A-Za-z0-9_./-]"
_NOT_AFTER = r"[A-Za-z0-9_-]"


class Shape(NamedTuple):
    """A core, the length of its longest match, and how it begins: in classes, or letter by letter.

    `begins`: A a capital, 9 a digit, X either, _ a space, anything else itself; several ways with spaces
    between.
    """

    core: str
    longest: int
    first: str = "[0-9]"
    begins: str = ""

    @property
    def openings(self) -> tuple[tuple[str, ...], ...]:
        if not self.begins:
            return ((self.first,),)
        return tuple(tuple(_ATOMS.get(c, re.escape(c)) for c in way) for way in self.begins.split())


def digits(count: int) -> Shape:
    """So many digits, however they are grouped."""
    return Shape(rf"[0-9](?:[ ./-]?[0-9]){{{count - 1}}}", 2 * count - 1)


def checked(valid: Callable[[str], bool]) -> Validator:
    """The check of a whole candidate by its letters and digits; one character repeated is never a number."""

    def check(candidate: str) -> int:
        value = compact(candidate).upper()
        return len(candidate) if len(set(value)) > 1 and valid(value) else 0

    return check


def with_digits(count: int) -> Validator:
    """The number of a document has at least so many digits; a word that follows its keyword has none."""

    def check(candidate: str) -> int:
        return len(candidate) if sum(map(str.isdigit, candidate)) >= count else 0

    return check


def named(
    name: str,
    label: str,
    shape: Shape,
    keywords: str,
    validate: Validator,
    *,
    kind: Kind = "government",
    near: bool = True,
    veto: str = "",
    before: str = "[A-Za-z0-9]",
    rule: str = "",
    after: str = "[A-Za-z0-9]",
    digit: bool = False,
    aliases: tuple[str, ...] = (),
) -> tuple[Entity, ...]:
    """The rows of a value that a keyword must name: one for Latin script, one for others if there are any.

    `keywords` are separated by commas.
    `near`: a few words may stand between the two, which is for values that a checksum proves.
    """

    def row(rule: str, cue: str, words: frozenset[str], sign: str) -> Entity:
        return Entity(
            name=name,
            rule=rule,
            label=label,
            kind=kind,
            core=shape.core,
            longest=shape.longest,
            openings=shape.openings,
            validate=validate,
            before=before,
            after=after,
            cue=cue,
            veto=veto,
            words=words,
            sign=sign,
            digit=digit,
            aliases=aliases,
        )

    every = keywords.split(", ")
    latin = [keyword for keyword in every if not is_native(keyword)]
    native = [keyword for keyword in every if is_native(keyword)]
    rows: tuple[Entity, ...] = ()
    if latin:
        rows += (row(rule, cue(latin, near), words(latin), ""),)
    if native:
        rows += (row(rule or "NATIVE", native_cue(native), frozenset(), NATIVE_SCRIPT),)
    return rows


def shaped(
    name: str,
    label: str,
    shape: Shape,
    validate: Validator,
    *,
    kind: Kind = "government",
    words: frozenset[str] = frozenset(),
    sign: str = "",
    veto: str = "",
    aliases: tuple[str, ...] = (),
) -> Entity:
    """The row of a value that needs no keyword: its shape is unmistakable, and usually has a checksum."""
    return Entity(
        name=name,
        rule="SHAPE",
        label=label,
        kind=kind,
        core=shape.core,
        longest=shape.longest,
        openings=shape.openings,
        validate=validate,
        before=ALONE,
        veto=veto,
        after=_NOT_AFTER,
        words=words,
        sign=sign or ("" if words else _DIGITS if shape.begins[0].isdigit() else LETTERS),
        aliases=aliases,
    )
