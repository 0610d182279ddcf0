"""Texts made from the rows of a table themselves: matches, near matches, and what would be slow to refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from random import Random

from gateway.privacy.entities import Entity
from gateway.privacy.rule import Rule
from tests.privacy.entities.sampling import sample

SEPARATORS = (" ", "\n", ", ", ". ", "", '"', ": ", "é ", "x", "7", "-", "]")


def named(entity: Entity) -> str:
    return f"{entity.name}-{entity.rule}" if entity.rule else entity.name


@lru_cache(maxsize=2048)
def matches(entity: Entity, wanted: int = 3, tries: int = 400) -> tuple[tuple[str, str], ...]:
    """(cue, match) pairs in which the whole row matches; fewer than wanted if its check is hard to meet."""
    random = Random(named(entity))
    rule = Rule(entity, 0)
    found = []
    for _ in range(tries):
        cue, core = sample(entity.cue, random), sample(entity.core, random)
        if rule.match_at(cue + core, len(cue)):
            found.append((cue, core))
            if len(found) == wanted:
                break
    return tuple(found)


@lru_cache(maxsize=2048)
def candidates(entity: Entity, count: int) -> tuple[tuple[str, str], ...]:
    """(cue, core) pairs that the patterns match, whatever the check says of them."""
    random = Random(named(entity))
    return tuple((sample(entity.cue, random), sample(entity.core, random)) for _ in range(count))


def passage(table: Sequence[Entity], random: Random, length: int = 6) -> str:
    """A text of matches and near matches of any rows, one after another."""
    pieces = []
    for _ in range(length):
        entity = random.choice(table)
        known = matches(entity)
        cue, core = (
            random.choice(known) if known else (sample(entity.cue, random), sample(entity.core, random))
        )
        kind = random.random()
        if kind < 0.15:
            core = core[: random.randrange(len(core) + 1)]
        elif kind < 0.25:
            cue = ""
        elif kind < 0.3:
            core = sample(entity.core, random)[:64]
        pieces += [random.choice(SEPARATORS), cue, core]
    return "".join(pieces)


def hostile(entity: Entity) -> Iterator[str]:
    """Units that keep a row busy when they are repeated."""
    for cue, core in (matches(entity, wanted=1) or candidates(entity, 1))[:1]:
        for end in {1, 2, 3, len(core) // 2, len(core) - 1}:
            if core[:end]:
                yield core[:end]
        yield core
        if cue:
            yield cue
            yield cue + core
    for opening in entity.openings[:6]:
        plain = "".join(atom[-1] for atom in opening if len(re.sub(r"\\", "", atom)) == 1)
        if plain:
            yield plain
