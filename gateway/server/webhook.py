"""Asking a guard over HTTP: a webhook that judges, or a classifier that gives labels.

In: texts that are to be judged. Out: a `Judgement`, or `Unusable`. Knows no policy, no fail mode and no
clock: whoever asks sets a limit and decides what a failure means. No text gets into a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import aiohttp
import msgspec
from msgspec import Struct

from gateway.config import Guard
from gateway.guard.judgements import Judgement, Unusable, of_labels, of_webhook, worst

_LARGEST_ANSWER_BYTES = 1 << 20
_AT_A_TIME = 8
# A classifier reads a few hundred tokens; what is longer is cut in pieces that overlap.
PIECE = 2000
OVERLAP = 200

Direction = Literal["request", "answer"]


class Told(NamedTuple):
    """A text and whose it is: `user`, `tool`, … of a request; `content`, `arguments`, … of an answer."""

    source: str
    text: str


class Question(Struct, frozen=True):
    direction: Direction
    policy: str
    request_id: str
    texts: Sequence[Told]


class Asked(Protocol):
    """Something that judges."""

    async def ask(self, question: Question) -> Judgement: ...

    async def close(self) -> None: ...


def pieces(text: str) -> list[str]:
    """The text in pieces that a classifier can read, cut between words where it can be."""
    found = []
    at = 0
    while len(text) - at > PIECE:
        end = text.rfind(" ", at + PIECE - OVERLAP, at + PIECE)
        end = at + PIECE if end < 0 else end
        found.append(text[at:end])
        at = end - OVERLAP
    found.append(text[at:])
    return found


class _Posting:
    """A session to one place."""

    def __init__(self, options: Guard) -> None:
        self.options = options
        self.rule = f"guard:{options.name}"
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: Any) -> Any:
        """What it answers. Raises Unusable."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers(), cookie_jar=aiohttp.DummyCookieJar()
            )
        raw = bytearray()
        try:
            async with self._session.post(
                self.options.url, data=msgspec.json.encode(body), allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise Unusable(f"it answered with status {response.status}")
                async for data in response.content.iter_chunked(1 << 16):
                    raw += data
                    if len(raw) > _LARGEST_ANSWER_BYTES:
                        raise Unusable("its answer is too long")
        except (aiohttp.ClientError, OSError):
            raise Unusable("it cannot be reached") from None
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            raise Unusable("its answer is no JSON") from None

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.options.secret is not None:
            name = self.options.secret_header
            bearer = "Bearer " if name.lower() == "authorization" else ""
            headers[name] = bearer + self.options.secret.reveal()
        return headers

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class Webhook(_Posting):
    """`POST {request_id, direction, policy, texts: [{source, text}]}`; `{decision, …}` comes back."""

    async def ask(self, question: Question) -> Judgement:
        body = {
            "request_id": question.request_id,
            "direction": question.direction,
            "policy": question.policy,
            "texts": [{"source": source, "text": text} for source, text in question.texts],
        }
        return of_webhook(self.rule, await self.post(body))


class HttpClassifier(_Posting):
    """`POST {"inputs": text}`, a text at a time; `[{"label", "score"}, …]` comes back.

    So answer Hugging Face's inference servers, such as text-embeddings-inference at `/predict`.
    """

    def __init__(self, options: Guard) -> None:
        super().__init__(options)
        self._at_a_time = asyncio.Semaphore(_AT_A_TIME)

    async def ask(self, question: Question) -> Judgement:
        parts = [piece for _, text in question.texts for piece in pieces(text)]
        asked = [asyncio.ensure_future(self._classify(each)) for each in parts]
        try:
            return worst(await asyncio.gather(*asked))
        finally:
            for each in asked:
                each.cancel()

    async def _classify(self, text: str) -> Judgement:
        async with self._at_a_time:
            answer = await self.post({"inputs": text})
        return of_labels(self.rule, answer, self.options.labels, self.options.threshold)
