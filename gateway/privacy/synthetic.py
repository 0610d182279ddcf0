"""Stand-ins of one request: realistic values instead of placeholders, and the way back.

In: every raw text of the request, then the values to hide. Out: a stand-in for each, or None where the kind
has no reserved range (a placeholder is used then), and the way to find them again as whole words.

A stand-in never occurs in the request, and none is a part of another; only so is the way back exact. It comes
back exactly as it was issued or not at all: what a model inflects or abbreviates stays. People get a stand-in
a word, so that "Veldkamp" alone comes back as well, "Veldkamp's" keeps its ending, and two people who share
a name still do.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import regex

from gateway.privacy.entities import Entity
from gateway.privacy.reserved import LONGEST_STAND_IN, PER_VALUE, stand_in

# Rare names, that a model does not come upon by itself. None is a part of another.
_NAMES = (
    "Thessaly Brannock Corwin Veldkamp Isaura Quillfeather Evander Mossgrove Ottoline Hartwhistle "
    "Lysander Penhallow Marcelline Drachmann Peregrine Ashdown Seraphine Oakenshaw Leocadia Tarrington "
    "Barnaby Ellingworth Philippa Wetherell Cosima Blackthorne Ignatius Fairweather Rosamund Greyling "
    "Ambrose Winterbourne Clementine Stavros Hesper Dunmore Aurelio Kingsmill Zenobia Lockridge Cassius "
    "Merriweather Delphine Underhay Florian Hawksworth Imogen Castellane Jericho Nightingale Katinka "
    "Ravensdale Leander Springfellow Minerva Thistlewood Octavian Yarborough Perpetua Zimmerling Quentin "
    "Ackerley Rhiannon Bellweather Silvester Crowhurst Tabitha Dewhurst Ulysses Easterbrook Valentina "
    "Foxglove Wilhelmina Gathercole Xanthe Hollingbury Yolande Inchbald Zephyrine Jollifant"
).split()
# Small words inside names that name nobody.
_PARTICLES = frozenset(
    "al and bin da dal de del della den der di do dos du el ibn la le san st ten ter van von y zu".split()
)

_WORD = regex.compile(r"[A-Za-z0-9]+")
_NAME_WORD = regex.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# After so many in a row that are taken a value gets a placeholder: work stays linear in the number of values.
_ATTEMPTS = 16


class StandIns:
    """The two-way map of stand-ins. `reserve` every raw text first; `hide` hands out; `find` takes back."""

    __slots__ = (
        "_bounds",
        "_given",
        "_lengths",
        "_names",
        "_next",
        "_parts",
        "_reserved",
        "_sorted",
        "_values",
    )

    def __init__(self) -> None:
        self._reserved: set[str] = set()  # every word of the request, in lower case
        self._given: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._parts: set[str] = set()  # what a stand-in holds between word boundaries
        self._names: dict[str, str] = {}
        self._next: dict[str, int] = defaultdict(int)
        self._bounds: dict[str, tuple[str, str]] = {}  # what must stand neither before it nor behind
        self._sorted: list[str] = []
        self._lengths: list[int] = []  # the longest first

    def __len__(self) -> int:
        return len(self._values)

    def reserve(self, text: str) -> None:
        """Keep what stands in the caller's text from being issued."""
        self._reserved.update(word.lower() for word in _WORD.findall(text))

    def hide(self, entity: Entity, value: str) -> str | None:
        """The value's stand-in, the one it has or a new one; None if there is none for it."""
        known = self._given.get((entity.name, value))
        if known is None:
            made = self._person(entity, value) if entity.name == "PERSON" else self._whole(entity, value)
            if made is None:
                return None
            known = self._given[entity.name, value] = made
        return known

    def seal(self) -> None:
        """Nothing is hidden any more: the request's words are let go of."""
        del self._given, self._names, self._next, self._parts, self._reserved

    def find(self, text: str, at: int) -> tuple[str, str] | None:
        """The stand-in that stands at a position as a whole word, and its value."""
        known = text[at : at + LONGEST_STAND_IN]
        for length in self._lengths:
            made = known[:length]
            if made in self._values and self._is_whole(made, text, at):
                return made, self._values[made]
        return None

    def may_grow(self, text: str, at: int) -> bool:
        """Does the text end within what may become one, or with one that may go on?"""
        known = text[at : at + LONGEST_STAND_IN]
        if at + len(known) < len(text):
            return False
        first = bisect_left(self._sorted, known)
        for made in islice(self._sorted, first, None):
            if not made.startswith(known):
                return False
            if self._is_whole(made, text, at):
                return True
        return False

    def _is_whole(self, made: str, text: str, at: int) -> bool:
        before, after = self._bounds[made]
        end = at + len(made)
        return not (before and at and regex.match(before, text[at - 1])) and not (
            after and end < len(text) and regex.match(after, text[end])
        )

    def openings(self) -> tuple[tuple[str, ...], ...]:
        return tuple(sorted({tuple(map(regex.escape, text[:3])) for text in self._values}))

    def _whole(self, entity: Entity, value: str) -> str | None:
        per_value = entity.name in PER_VALUE
        number = 0 if per_value else self._next[entity.name]
        for _ in range(_ATTEMPTS):
            made = stand_in(entity, value, number)
            number += 1
            if made is None or not _bounded(entity, made):
                return None
            if self._is_free(made):
                self._keep(entity, made, value)
                break
        else:
            made = None
        if not per_value:
            self._next[entity.name] = number
        return made

    def _person(self, entity: Entity, value: str) -> str | None:
        """A stand-in a word. Small words stay, and so does what stands between words."""
        pieces: list[str] = []
        at = replaced = 0
        for found in _NAME_WORD.finditer(value):
            pieces.append(value[at : found.start()])
            at = found.end()
            if found[0] in _PARTICLES:
                pieces.append(found[0])
                continue
            word = self._name_for(entity, found[0])
            if word is None:
                return None
            pieces.append(word)
            replaced += 1
        pieces.append(value[at:])
        # Words that touch something else than a boundary (an underscore, perhaps) would not be found again.
        edges = zip(pieces[1::2], pieces[:-1:2], pieces[2::2], strict=True)
        if not replaced or not all(_stands_alone(entity, *edge) for edge in edges):
            return None
        return "".join(pieces)

    def _name_for(self, entity: Entity, word: str) -> str | None:
        if (known := self._names.get(word)) is None:
            for number in range(self._next["PERSON"], len(_NAMES)):
                self._next["PERSON"] = number + 1
                known = _NAMES[number].upper() if word.isupper() and len(word) > 1 else _NAMES[number]
                if _bounded(entity, known) and self._is_free(known):
                    self._names[word] = known
                    self._keep(entity, known, word)
                    return known
            return None
        return known

    def _is_free(self, made: str) -> bool:
        """Is it found neither in the request nor in another stand-in, nor another in it?

        Strict, so that it is quick: it must hold a word that the request does not.
        """
        words = _WORD.findall(made)
        if all(word.lower() in self._reserved for word in words):
            return False
        return made not in self._parts and not any(part in self._values for part in _parts(made))

    def _keep(self, entity: Entity, made: str, value: str) -> None:
        self._values[made] = value
        self._parts.update(_parts(made))
        if made not in self._bounds:
            insort(self._sorted, made)
        self._bounds[made] = entity.before, entity.after
        if len(made) not in self._lengths:
            self._lengths = sorted([*self._lengths, len(made)], reverse=True)


def _parts(text: str) -> Iterator[str]:
    """Every piece of a text from a word's beginning to a word's end."""
    words = list(_WORD.finditer(text))
    for index, first in enumerate(words):
        for last in words[index:]:
            yield text[first.start() : last.end()]
    yield text


def _bounded(entity: Entity, made: str) -> bool:
    """Does the row promise that a value ends where a word ends? Else it could not be found again."""
    return _ends_at(entity.before, made[0]) and _ends_at(entity.after, made[-1])


def _ends_at(boundary: str, edge: str) -> bool:
    if not edge.isalnum():
        return True
    return bool(boundary) and all(regex.match(boundary, c) for c in "aZ5")


def _stands_alone(entity: Entity, word: str, left: str, right: str) -> bool:
    return not (left and regex.match(entity.before, left[-1])) and not (
        right and regex.match(entity.after, right[0])
    )
