"""Every row of the table says of itself what is true: the engine skips text on the strength of it.

Each claim is tested on strings made from the row's own pattern, so a new row is tested when it is written.
"""

from __future__ import annotations

import re

import pytest
import regex
from msgspec.structs import replace

from gateway.privacy.entities import ENTITIES, Entity
from gateway.privacy.rule import Rule, spelling
from gateway.privacy.rules import combine, fold, word_places
from gateway.privacy.search import find
from gateway.privacy.shapes import shape
from tests.privacy.entities import rows
from tests.privacy.stand_in import STAND_IN

TABLE = tuple(dict.fromkeys((*ENTITIES, *STAND_IN)))
SAMPLES = 60
every_row = pytest.mark.parametrize("entity", TABLE, ids=rows.named)


def fault(entity: Entity) -> str | None:
    """What the row says of itself that is not so."""
    return next((said for check in CHECKS if (said := check(entity)) is not None), None)


def _pattern(entity: Entity) -> str | None:
    for pattern in (entity.core, entity.cue, entity.veto, entity.until):
        regex.compile(pattern)
    if re.search(r"\(\?(?:<[=!]|!)", entity.core) or "(?=" in entity.core[1:]:
        return "its core looks around"
    if re.search(r"\\[bBAZ]|(?<![\\\[])[\^$]", entity.core):
        return "its core has an anchor"
    if regex.fullmatch(entity.core, ""):
        return "its core matches nothing"
    return None


def _openings(entity: Entity) -> str | None:
    opening = re.compile(spelling(entity.openings, cut=True))
    for _, core in rows.candidates(entity, SAMPLES):
        if regex.match(entity.core, core) and not opening.match(core):
            return "a match begins with none of its openings"
    return None


def _sign(entity: Entity) -> str | None:
    if entity.sign:
        for cue, core in rows.candidates(entity, SAMPLES):
            if entity.validate(core) and not re.search(entity.sign, cue + core):
                return "its sign is not in every match"
    return None


def _needles(entity: Entity) -> str | None:
    known = Rule(entity, 0).needles
    for cue, core in rows.candidates(entity, SAMPLES) if known.strings else ():
        if not entity.validate(core) or not regex.match(entity.core, core):
            continue
        shapes = shape(core)
        if not any(0 <= shapes.find(string) <= known.offset for string in known.strings):
            return "the shape of a match has none of its needles"
        if not any(string in shape(cue + core + "é") for string in known.strings):
            return "what stands beside a match changes its shape"
    return None


def _digit(entity: Entity) -> str | None:
    if Rule(entity, 0).digit and any(not re.search("[0-9]", core) for _, core in rows.matches(entity, 40)):
        return "a match holds no digit"
    return None


def _words(entity: Entity) -> str | None:
    if not entity.words:
        return None
    if any(not re.fullmatch("[a-z]+(?: [a-z]+)?", word) for word in entity.words):
        return "a word is no run of lower-case ASCII letters, nor two"
    if any(len(word.partition(" ")[0]) > 32 for word in entity.words if " " in word):
        return "the first of two words is too long to be seen before the second"
    rule = Rule(entity, 0)
    for cue, core in rows.candidates(entity, SAMPLES):
        for before in ("", "x", " ", "é"):
            text, at = before + cue + core, len(before + cue)
            if not (rule.match(text, at) and rule.fits(text, at)):
                continue
            places = list(word_places(fold(text)))
            seen: set[str] = set()
            for index, found in enumerate(places):
                if not entity.cue or (found.end() <= at and at - found.start() <= entity.within):
                    seen |= {found[0], " ".join(each[0] for each in places[max(0, index - 1) : index + 1])}
            if entity.words.isdisjoint(seen):
                return f"{'a cue' if entity.cue else 'a match'} is without its words after {before!r}"
    return None


def _script(entity: Entity) -> str | None:
    if entity.cue and not entity.words and Rule(entity, 0).of_script:
        for cue, _ in rows.candidates(entity, SAMPLES):
            if not re.search(entity.sign, cue):
                return "a cue is without a letter of its script"
    return None


def _longest(entity: Entity) -> str | None:
    extend = Rule(entity, 0).extend
    for _, core in rows.candidates(entity, SAMPLES):
        found = regex.match(entity.core, core)
        if found and found.end() > entity.longest:
            return "a match is longer than its longest"
    for filler in "A1a0-. :_/@+=x,\"'\\é":
        if extend(filler * (entity.longest + 1), partial=True):
            return "longer text than its longest could still match"
    return None


CHECKS = (_pattern, _openings, _sign, _needles, _digit, _words, _script, _longest)


@every_row
def test_a_row_is_what_it_says(entity: Entity) -> None:
    assert fault(entity) is None


@every_row
def test_a_row_finds_its_own_matches(entity: Entity) -> None:
    table = combine([Rule(entity, 0)])
    for cue, core in rows.matches(entity):
        assert find(cue + core, table), (cue, core)


def _row(**changes: object) -> Entity:
    sound = Entity(
        name="SOUND",
        label="SOUND",
        kind="government",
        core="[A-C][0-9]{4}",
        longest=5,
        openings=(("[A-C]", "[0-9]"),),
        cue=r"(?i:\b(?:sound|noise)\b:? )",
        words=frozenset({"sound", "noise"}),
        sign="[0-9]",
    )
    return replace(sound, **changes)


WRONG = {
    "its openings": _row(openings=(("[AB]",),)),
    "its longest": _row(longest=4),
    "its sign": _row(sign="A"),
    "a word that is farther": _row(within=4),
    "a digit": _row(core="[A-C][0-9a-z]{4}", digit=True),
    "a word": _row(words=frozenset({"sound"})),
    "a word that may be longer": _row(cue=r"(?i:(?:sound|noise):? )"),
    "a word in capitals": _row(words=frozenset({"Sound", "noise"})),
    "a look-ahead": _row(core="[A-C][0-9]{4}(?! )"),
    "a look-behind": _row(core="(?<!x)[A-C][0-9]{4}"),
    "an anchor": _row(core=r"\b[A-C][0-9]{4}"),
    "its script": _row(cue="(?:номер|x) ?", words=frozenset(), sign="[а-я]"),
    "no end": _row(core="[A-C][0-9]+"),
}


def test_a_sound_row_has_no_fault() -> None:
    assert fault(_row()) is None


@pytest.mark.parametrize("entity", WRONG.values(), ids=WRONG.keys())
def test_a_fault_is_seen(entity: Entity) -> None:
    assert fault(entity) is not None


# --- work ---------------------------------------------------------------------------------------------------


@every_row
def test_what_keeps_a_row_busy_is_linear(entity: Entity) -> None:
    """Candidates that are given to the check, counted: their characters grow no faster than the text."""
    seen = 0

    def validate(candidate: str) -> int:
        nonlocal seen
        seen += len(candidate)
        return 0

    table = combine([Rule(replace(entity, validate=validate), 0)])
    for unit in rows.hostile(entity):
        counts = []
        for size in (1000, 2000):
            seen = 0
            find((unit * (size // len(unit) + 1))[:size], table)
            counts.append(seen)
        assert counts[1] <= 2.3 * counts[0] + 4 * entity.longest, unit
