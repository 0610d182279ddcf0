"""What rules have found in texts that are sent again: system prompts, and the history of a conversation.

In: texts and the rules of a policy. Out: what is found in them, by offsets; looked for only if it is not
remembered. Texts are known by a keyed digest, and nothing of them is kept. What is done with a finding is
not known here.
"""

from __future__ import annotations

from collections.abc import Generator, MutableMapping
from hashlib import blake2b
from itertools import chain
from typing import Any, NamedTuple

from gateway.privacy.actions import Actions
from gateway.privacy.findings import find_all_in_steps, finished
from gateway.privacy.search import Span

# A digest takes as long as looking through so many characters.
_SHORTEST = 32
# Offsets take about as much memory each.
_MOST_SPANS = 64
_MOST_TEXTS = 8192


class Scanned(NamedTuple):
    """What the rules find in a text: what acts, and what is only flagged."""

    acting: list[Span]
    flagged: list[Span]


# What acts, then what is flagged, each three fields after the other; how many act stands first.
Kept = tuple[Any, ...]


def _keep(scanned: Scanned) -> Kept:
    """A third of what lists of spans would take: thousands of texts are remembered."""
    return len(scanned.acting), *chain.from_iterable(scanned.acting), *chain.from_iterable(scanned.flagged)


def _kept(kept: Kept) -> Scanned:
    spans = [Span(*kept[at : at + 3]) for at in range(1, len(kept), 3)]
    return Scanned(spans[: kept[0]], spans[kept[0] :])


class Remembered:
    """`known` may be shared with the memories of other policies: each has a `key` of its own."""

    def __init__(self, policy: Actions, key: bytes, known: MutableMapping[bytes, Kept]) -> None:
        self._policy = policy
        self._key = key
        self._known = known

    def scanned(self, text: str, context: str) -> Scanned:
        return finished(self.scanned_in_steps(text, context))

    def scanned_in_steps(self, text: str, context: str) -> Generator[object, None, Scanned]:
        """What the policy's rules find in a text behind a context, a stretch at a time. Not to be changed."""
        if len(text) < _SHORTEST:
            return (yield from scan_text_in_steps(text, context, self._policy))
        digest = self._digest(text, context)
        kept = self._known.get(digest)
        if kept is not None:
            return _kept(kept)
        scanned = yield from scan_text_in_steps(text, context, self._policy)
        if len(scanned.acting) + len(scanned.flagged) <= _MOST_SPANS:
            if len(self._known) >= _MOST_TEXTS:
                self._known.clear()  # in one step: threads share it
            self._known[digest] = _keep(scanned)
        return scanned

    def _digest(self, text: str, context: str) -> bytes:
        both = f"{len(context)} {context}{text}".encode("utf-8", "surrogatepass")
        return blake2b(both, digest_size=16, key=self._key).digest()


def scan_text_in_steps(text: str, context: str, policy: Actions) -> Generator[object, None, Scanned]:
    acting = yield from find_all_in_steps(text, policy.acting, context)
    flagged = (yield from find_all_in_steps(text, policy.flagged, context)) if policy.flagged else []
    return Scanned(acting, flagged)
