"""A prompt that holds values, its answer, and a client that is in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from tests.server.running import (
    CHAT,
    PATIENCE_S,
    Answer,
    Connection,
    Pair,
    asking,
    turns,
)

PROMPT = "Tell me about John Smith at john@example.com"
ANSWER = "Of course — you asked about John Smith, john@example.com. What should happen to John Smith?"


def text_of(answer: Answer) -> str:
    return "".join(
        choice["delta"].get("content") or "" for event in answer.events for choice in event.get("choices", ())
    )


@contextlib.asynccontextmanager
async def asked(
    gateway: Pair, model: str, prompt: str = PROMPT, stream: bool = True
) -> AsyncIterator[Connection]:
    async with gateway.connect() as connection:
        connection.request(asking(model, prompt, stream=stream), CHAT)
        yield connection


async def stands(count: Callable[[], int]) -> int:
    """Wait until it changes no more: all that is ready has been done in so many turns of the loop."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            before = count()
            await turns(300)
            if count() == before:
                return before
