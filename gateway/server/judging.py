"""Judging a request's texts a step at a time, and remembering what was judged.

In: passages. Out: a verdict on each. No policy is known here: what is remembered is what the detector said,
by a keyed digest of the text and its source, so that history costs a digest when it is sent again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from time import perf_counter

from gateway.conversation import Source
from gateway.guard.texts import Passage
from gateway.guard.threats import Detector, Judging, Thresholds, Verdict

# Other streams get their turn after so long; a single step takes less than a millisecond.
_TURN_S = 0.0005
_MOST_REMEMBERED = 16_384


class Judge:
    """`floors` are the thresholds from which on a detector says what it found."""

    def __init__(self, detector: Detector, floors: Mapping[Source, Thresholds]) -> None:
        self._detector = detector
        self._floors = floors
        self._key = secrets.token_bytes(32)
        self._remembered: dict[bytes, Verdict] = {}

    async def verdicts(self, passages: Iterable[Passage]) -> list[tuple[Passage, Verdict]]:
        """A verdict on each passage, in their order."""
        judged: list[tuple[Passage, Verdict]] = []
        turn_ends_at = perf_counter() + _TURN_S
        for passage in passages:
            # Not behind the last one: a request that is through has waited enough.
            if perf_counter() > turn_ends_at:
                await asyncio.sleep(0)
                turn_ends_at = perf_counter() + _TURN_S
            digest = self._digest(passage)
            verdict = self._remembered.pop(digest, None)
            if verdict is None:
                judging = Judging(passage.text, passage.source, self._detector, self._floors)
                while not judging.step():
                    if perf_counter() > turn_ends_at:
                        await asyncio.sleep(0)
                        turn_ends_at = perf_counter() + _TURN_S
                verdict = judging.verdict()
            while len(self._remembered) >= _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[digest] = verdict  # The last to be used is the last to go.
            judged.append((passage, verdict))
        return judged

    def _digest(self, passage: Passage) -> bytes:
        text = passage.text.encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=16, key=self._key, person=passage.source.encode()).digest()
