"""One open stream in a process of its own, and what there holds its request.

In a process that has run other tests, looking at millions of objects takes a minute.

    python -m tests.server.one_stream token
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import sys
from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Any

import msgspec
import uvloop

from gateway.guard.policy import Policy
from tests.server.running import CHAT, asking, running

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Request-ID: req-%b\r\n\r\n"
_HELLO = {"choices": [{"index": 0, "delta": {"content": "Hello"}}]}


@contextlib.asynccontextmanager
async def lingering(request_id: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A provider that answers with one event and ends when it is told to; it keeps nothing of a request."""
    end = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        del head
        writer.write(_HEAD % request_id.encode() + b"data: %b\n\n" % json.dumps(_HELLO).encode())
        await end.wait()
        writer.write(b"data: [DONE]\n\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", end
    finally:
        end.set()
        server.close()
        await server.wait_closed()


def is_marked(mark: str, held: list[Any]) -> bool:
    """Is a longer text with the mark in it, or bytes, among these, or in what holds only texts and numbers?"""
    while held:
        longer = [each for each in held if type(each) in (str, bytes, bytearray) and len(each) > len(mark)]
        if any((mark if type(each) is str else mark.encode()) in each for each in longer):
            return True
        inside = [each for each in held if type(each) in (dict, tuple) and not gc.is_tracked(each)]
        held = gc.get_referents(*inside)
    return False


def holders(mark: str) -> list[str]:
    """The kind of everything that holds a longer text with the mark in it, or bytes."""
    gc.collect()
    found = [type(each) for each in gc.get_objects() if is_marked(mark, gc.get_referents(each))]
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in found]


async def look(format: str) -> None:
    """Raises AssertionError."""
    # Made here, so that no module holds them. The guard may know single words, so the text has more of them.
    text, key, request_id = f"nine {token_hex()} kettles", token_hex(), token_hex()
    email = f"{token_hex(8)}@example.com"
    policies = [msgspec.convert({"name": "default", "format": format}, Policy)]
    async with (
        lingering(request_id) as (url, end),
        running("direct", provider_url=url, policies=policies) as gateway,
        gateway.connect() as connection,
    ):
        body = asking("sim", f"There are {text}. Write to {email}.")
        connection.request(body, CHAT, [("Authorization", f"Bearer {key}")])
        del body
        answer = await connection.head()
        assert b"Hello" in await connection.chunk()
        assert holders(text) == []
        assert holders(key) == []
        assert holders(request_id) == []
        assert holders(email[:-1]), "what can be restored is there, and is found so"
        end.set()
        assert (await connection.rest(answer)).ended


if __name__ == "__main__":
    uvloop.run(look(sys.argv[1]))
