"""The two-way map of one request: a value to what stands for it, and back.

It lives in memory and dies with the request. It has no useful repr, so that no log, traceback or debugger
line shows a value by accident. In a one-way format it keeps nothing at all.

Placeholders are `[EMAIL_1]`: typed, numbered by first appearance, terminated, ASCII. Numbering in order
makes them stable from turn to turn, because the client sends the restored history again; a stable prompt
keeps the provider's prompt cache warm. Where the provider keeps the conversation, a request begins in the
middle of it and would count from one again; there a keyed id takes the number's place (`[EMAIL_k7f3qab]`),
which is the same for a value in every request under one key.

Each surface form has its own placeholder, so that restoring gives back exactly what stood there. What the
caller's own text already holds, in any form that the grammar accepts, is never issued: what the caller wrote
as `[EMAIL_1]` stays literally that.
"""

from __future__ import annotations

import base64
import hmac
import re
from sys import intern
from typing import NamedTuple

from gateway.privacy import formats
from gateway.privacy.beginnings import Opening
from gateway.privacy.entities import Entity
from gateway.privacy.formats import Format
from gateway.privacy.grammar import (
    LONGEST_PLACEHOLDER,
    OPENINGS,
    PLACEHOLDER,
    begun,
    issued,
    lookalikes,
    views,
    written_like,
)
from gateway.privacy.synthetic import StandIns

__all__ = ["UNDECIDED", "Format", "Placeholder", "Vault"]

# What may stand behind a label, as far as it goes: with numbers, and with keyed ids.
_NUMBER_BEGUN = re.compile("_(?:[0-9０-９]{1,7}(?:_.*)?)?").fullmatch
_KEYED_BEGUN = re.compile("_(?:k(?:[a-z2-7]{0,5}|[a-z2-7]{6}(?:_.*)?))?", re.IGNORECASE).fullmatch

_NO_HOSTS: frozenset[str] = frozenset()


class Placeholder(NamedTuple):
    """One in an answer, or a stand-in: from where to where, and its value as it is to be written there.

    The value is None if its number was never issued.
    """

    start: int
    end: int
    value: str | None


# It may be one, or still grow.
UNDECIDED = Placeholder(0, 0, None)


class Vault:
    """What was hidden in one request.

    `reserve` takes every raw text of the request first; `hide` then says what to write instead of a value;
    `find` gives values back. `key` is needed for hashes, `stable_key` asks for ids that outlive the request;
    both belong to one tenant. `seal` when all is hidden.
    """

    __slots__ = (
        "_given",
        "_key",
        "_labels",
        "_next",
        "_reserved",
        "_stable_key",
        "_stand_ins",
        "_values",
        "format",
        "hosts",
    )

    def __init__(
        self, format: Format = "token", *, key: bytes = b"", stable_key: bytes | None = None
    ) -> None:
        if format == "hash" and not key:
            raise ValueError(
                "the hash format needs a key: without one, values can be found by trying them out"
            )
        self.format = format
        self.hosts: frozenset[str] = _NO_HOSTS
        self._key = key
        self._stable_key = stable_key
        self._stand_ins = StandIns() if format == "synthetic" else None
        self._given: dict[tuple[str, str], str] = {}  # by label and value
        self._values: dict[str, str] = {}  # by what stands in the brackets
        self._labels = "]"  # `]EMAIL_]PERSON_]`: what is in it, behind a bracket, begins one
        self._reserved: set[str] = set()
        self._next: dict[str, int] = {}

    def __len__(self) -> int:
        """How many values can be given back."""
        return len(self._values) + len(self._stand_ins or ())

    def __repr__(self) -> str:
        return f"<Vault of {len(self)}>"

    def __reduce__(self) -> str:
        raise TypeError("a vault is never written anywhere")

    @property
    def reversible(self) -> bool:
        return self.format in ("token", "synthetic")

    def reserve(self, text: str) -> None:
        """Keep what stands in the caller's raw text from being issued."""
        if not self.reversible:
            return
        self._reserved.update(lookalikes(text))
        if self._stand_ins is not None:
            for view in views(text):
                self._stand_ins.reserve(view)

    def hide(self, entity: Entity, value: str, stand_in: bool = True) -> str:
        """What to write instead of a value. In a reversible format, what it already has, or something new.

        Without `stand_in` that is a placeholder in the synthetic format too.
        """
        if self.format == "redact":
            return formats.label_only(entity)
        if self.format == "mask":
            return formats.masked(entity, value)
        if self.format == "hash":
            return formats.hashed(entity, value, self._key)
        made = self._stand_ins.hide(entity, value) if self._stand_ins is not None and stand_in else None
        if made is not None:
            return made
        label = entity.label
        placeholder = self._given.get((label, value))
        if placeholder is None:
            if label not in self._next:
                self._next[label] = 1
                self._labels += f"{label}_]"
            name = self._keyed(label, value) if self._stable_key is not None else self._numbered(label)
            self._values[name] = value
            placeholder = self._given[label, value] = f"[{name}]"
        return placeholder

    def seal(self) -> None:
        """The request is made safe: what only hiding takes, its own words among that, is let go of.

        From here on there is only the way back: a reversible format has nothing to issue from.
        """
        if self.reversible:
            del self._given, self._next, self._reserved
        if self._stand_ins is not None:
            self._stand_ins.seal()

    def openings(self) -> tuple[Opening, ...]:
        """How what is to be looked for in the answer can begin; empty if nothing can be given back."""
        tokens = OPENINGS if self._values else ()
        return tokens + self._stand_ins.openings() if self._stand_ins else tokens

    def find(self, text: str, at: int, final: bool) -> Placeholder | None:
        """What stands at an opening in an answer; None if it is text like any other.

        A placeholder under a label that nothing was hidden under is such text. A text that is not final may
        end within one: `UNDECIDED`.
        """
        if self._stand_ins:
            if not final and self._stand_ins.may_grow(text, at):
                return UNDECIDED
            if (stand_in := self._stand_ins.find(text, at)) is not None:
                made, value = stand_in
                return Placeholder(at, at + len(made), value)
            if not self._values:
                return None
        if text[at] == "[":  # as issued, most likely; the pattern takes five times as long
            if (end := text.find("]", at, at + LONGEST_PLACEHOLDER)) >= 0:
                if (known := self._values.get(text[at + 1 : end])) is not None:
                    return Placeholder(at, end + 1, known)
            elif not final and self._is_begun(text[at + 1 : at + LONGEST_PLACEHOLDER]):
                return UNDECIDED
            first = text[at + 1 : at + 4].lstrip()[:1]
            if f"]{first.upper()}" not in self._labels and first.isascii():
                return None
        found = PLACEHOLDER.match(text, at, partial=not final)
        if found is None:
            return None
        if found.partial:
            return UNDECIDED if self._may_become(begun(found[0])) else None
        label, number = issued(found)
        if f"]{label}_]" not in self._labels or number.isdigit() is not (self._stable_key is None):
            return None
        known = self._values.get(f"{label}_{number}")
        return Placeholder(at, found.end(), None if known is None else written_like(found, known))

    def _is_begun(self, said: str) -> bool:
        """Is a placeholder begun, as it is issued?"""
        label, _, number = said.rpartition("_")
        return f"]{said}" in self._labels or (
            f"]{label}_]" in self._labels and self._is_number(f"_{number}", 0)
        )

    def _may_become(self, said: str) -> bool:
        """May what looks like the beginning of a placeholder be that of one that was issued?"""
        labels = self._labels[1:-1].split("]")
        return f"]{said}" in self._labels or any(
            said.startswith(label) and self._is_number(said, len(label) - 1) for label in labels
        )

    def _is_number(self, said: str, at: int) -> bool:
        begun = _NUMBER_BEGUN if self._stable_key is None else _KEYED_BEGUN
        return begun(said, at) is not None

    def _numbered(self, label: str) -> str:
        number = self._next[label]
        while (name := f"{label}_{number}") in self._reserved:
            number += 1
        self._next[label] = number + 1
        # Every vault has its EMAIL_1, and keeps it as long as its answer takes (64 bytes).
        return intern(name)

    def _keyed(self, label: str, value: str) -> str:
        """30 bits of HMAC-SHA-256; the next 30 should another value of the request have them already."""
        assert self._stable_key is not None
        digest = hmac.digest(self._stable_key, f"{label}\0{value}".encode(errors="surrogatepass"), "sha256")
        while True:
            name = f"{label}_k{base64.b32encode(digest)[:6].decode().lower()}"
            if name not in self._values and name not in self._reserved:
                return name
            digest = hmac.digest(self._stable_key, digest, "sha256")
