"""A store of whole answers: digests and bytes in, bytes out, for a time and within a size.

`Cache` holds what it is given; `Control` reads `Cache-Control`. What is in the bytes, and how a key is made,
is not known here. Times are seconds of one steady clock.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from msgspec import Struct

# What an entry costs beside its bytes: two dicts' slots, the key, the struct. Measured, rounded up.
_ENTRY_BYTES = 512


class Control(NamedTuple):
    """What a `Cache-Control` header asks for (RFC 9111 section 5.2). `max_age_s` is None where unsaid."""

    no_store: bool = False
    no_cache: bool = False
    max_age_s: float | None = None


def control(header: str) -> Control:
    """The directives that matter here. What cannot be read is taken for the strictest."""
    no_store = no_cache = False
    max_age_s: float | None = None
    for directive in header.lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name == "no-store":
            no_store = True
        elif name == "no-cache":
            no_cache = True
        elif name == "max-age":
            digits = value.strip().strip('"')
            age_s = float(digits) if digits.isdecimal() and digits.isascii() and len(digits) < 10 else 0.0
            max_age_s = age_s if max_age_s is None else min(max_age_s, age_s)
    return Control(no_store, no_cache, max_age_s)


class Answer(Struct, frozen=True):
    """What a provider said to a redacted request, and who it was: what it takes to say it again."""

    body: bytes
    dialect: str
    provider: str
    model: str


class _Entry(NamedTuple):
    answer: Answer
    size: int
    stored_at: float
    until: float


class Cache:
    """The least recently used entries go when there are more than `max_bytes`. `size` is what is held."""

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self.size = 0
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes, now: float, max_age_s: float | None = None) -> tuple[Answer, float] | None:
        """The answer and its age in seconds, if there is one that is fresh, and younger than `max_age_s`."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if now >= entry.until:
            self._drop(key)
            return None
        age_s = now - entry.stored_at
        if max_age_s is not None and age_s >= max_age_s:
            return None
        self._entries.move_to_end(key)
        return entry.answer, age_s

    def put(self, key: bytes, answer: Answer, now: float, ttl_s: float | None = None) -> None:
        """Keep it for the store's time, or `ttl_s` if that is shorter. One that is too large is not kept."""
        if key in self._entries:
            self._drop(key)
        lasts_s = self._ttl_s if ttl_s is None else min(ttl_s, self._ttl_s)
        size = len(answer.body) + len(key) + _ENTRY_BYTES
        if size > self._max_bytes or lasts_s <= 0:
            return
        self._entries[key] = _Entry(answer, size, now, now + lasts_s)
        self.size += size
        while self.size > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: bytes) -> None:
        self.size -= self._entries.pop(key).size
