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
from sys import intern

import regex

from gateway.privacy import formats
from gateway.privacy.entities import Entity
from gateway.privacy.formats import Format
from gateway.privacy.grammar import Grammar, identity, lookalikes, placeholders, views, written_like
from gateway.privacy.synthetic import StandIns

__all__ = ["Format", "Grammar", "Vault"]

# A class that no character is in: what may follow a stand-in its own pattern says, but the next character
# must be known. (`regex` 2026.11 takes `[^\s\S]` for every character.)
_NO_CHARACTER = r"[^\x00-\U0010ffff]"

_NO_HOSTS: frozenset[str] = frozenset()


class Vault:
    """What was hidden in one request.

    `reserve` takes every raw text of the request first; `hide` then says what to write instead of a value;
    `reveal` gives values back, None for what was never issued. `key` is needed for hashes, `stable_key` asks
    for ids that outlive the request; both belong to one tenant. `seal` when all is hidden.
    """

    __slots__ = (
        "_given",
        "_key",
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
        self._given: dict[tuple[str, str], str] = {}
        self._values: dict[tuple[str, str], str] = {}
        self._reserved: set[tuple[str, str]] = set()
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
        placeholder = self._given.get((entity.label, value))
        if placeholder is None:
            label = entity.label
            number = self._keyed_id(label, value) if self._stable_key is not None else self._number(label)
            placeholder = self._given[label, value] = f"[{label}_{number}]"
            self._values[label, number] = value
        return placeholder

    def seal(self) -> None:
        """The request is made safe: what only hiding takes, its own words among that, is let go of.

        From here on there is only the way back: a reversible format has nothing to issue from.
        """
        if self.reversible:
            del self._given, self._next, self._reserved
        if self._stand_ins is not None:
            self._stand_ins.seal()

    def grammar(self) -> Grammar | None:
        """What to look for in the answer; None if nothing can be given back."""
        labels = frozenset(label for label, _ in self._values)
        tokens = placeholders(labels, self._stable_key is not None) if labels else None
        if not self._stand_ins:
            return tokens
        core, openings = self._stand_ins.core(), self._stand_ins.openings()
        if tokens is not None:
            core = f"(?i:{tokens.core})|{core}"
            openings += tokens.openings
        return Grammar(core=core, openings=openings, after=_NO_CHARACTER)

    def reveal(self, found: regex.Match[str]) -> str | None:
        """The value for a match of the grammar, encoded as the match is; None if it was never issued."""
        if self._stand_ins is not None and (value := self._stand_ins.reveal(found[0])) is not None:
            return value
        if not self._values or found["label"] is None:
            return None
        value = self._values.get(identity(found))
        return None if value is None else written_like(found, value)

    def _number(self, label: str) -> str:
        number = self._next.get(label, 0) + 1
        while (label, str(number)) in self._reserved:
            number += 1
        self._next[label] = number
        # Every vault has its 1 and its 2, and keeps them as long as its answer takes (64 bytes each).
        return intern(str(number))

    def _keyed_id(self, label: str, value: str) -> str:
        """30 bits of HMAC-SHA-256; the next 30 should another value of the request have them already."""
        assert self._stable_key is not None
        digest = hmac.digest(self._stable_key, f"{label}\0{value}".encode(errors="surrogatepass"), "sha256")
        while True:
            number = "k" + base64.b32encode(digest)[:6].decode().lower()
            if (label, number) not in self._values and (label, number) not in self._reserved:
                return number
            digest = hmac.digest(self._stable_key, digest, "sha256")
