"""What an open stream keeps alive, and what is left when it is over: laws on objects, not on bytes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from collections.abc import AsyncIterator, Iterator
from secrets import token_hex
from typing import Any, Literal

import pytest

from gateway.config import Retries
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


def holders(mark: str) -> Iterator[tuple[str, Any]]:
    """Everything that holds a longer text with the mark in it, or bytes: its kind, and what it holds."""
    gc.collect()
    for holder in gc.get_objects():
        held = gc.get_referents(holder)
        while held:
            each = held.pop()
            if type(each) in (dict, tuple) and not gc.is_tracked(each):  # such as hold only texts and numbers
                held += gc.get_referents(each)
                continue
            said = each.encode(errors="replace") if type(each) is str else each
            if type(said) in (bytes, bytearray) and len(said) > len(mark) and mark.encode() in said:
                yield f"{type(holder).__module__}.{type(holder).__qualname__}", each


@pytest.mark.parametrize("format", ["token", "synthetic"])
async def test_while_an_answer_streams_nothing_holds_its_request(
    format: Literal["token", "synthetic"],
) -> None:
    """Neither its body, as text or tree or bytes, nor its headers; nor the headers of the answer."""
    # Made here, so that no module holds them. The guard may know single words, so the text has more of them.
    text, key, request_id = f"nine {token_hex()} kettles", token_hex(), token_hex()
    email = f"{token_hex(8)}@example.com"
    policies = [Policy("default", format=format)]
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
        assert [*holders(text)] == []
        assert [*holders(key)] == []
        assert [*holders(request_id)] == []
        assert [held for _, held in holders(email[:-1])], "what can be restored is there, and is found so"
        end.set()
        assert (await connection.rest(answer)).ended


ENDINGS = {
    "an answer": "sim:say",
    "a refusal": "sim:say?fail=status:429",
    "an error in the middle": "sim:say?fail=error_mid",
    "broken off": "sim:say?fail=drop",
    "no JSON": "sim:say?fail=malformed",
    "nothing": "sim:say?fail=empty",
}


@pytest.mark.parametrize("model", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_that_is_over_is_freed_without_the_collector(model: str, stream: bool) -> None:
    """Else what it held stays for as long as the collector takes to come by: many times what is open."""
    async with running("direct", retries=Retries(most=1, first_wait_s=0.001)) as gateway:
        await gateway.chat(model, stream=stream)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await gateway.chat(model, stream=stream)
            await asyncio.sleep(0)
            gc.collect()
            left = {f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.garbage}
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert [each for each in sorted(left) if each.startswith("gateway.") and "simulator" not in each] == []
