"""What an open stream keeps alive, and what is left when it is over: laws on objects, not on bytes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from collections.abc import AsyncIterator
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
    every = gc.get_objects()
    found = []
    for at in range(0, len(every), 4096):  # a few million, so not one by one
        some = every[at : at + 4096]
        if is_marked(mark, gc.get_referents(*some)):
            found += [type(each) for each in some if is_marked(mark, gc.get_referents(each))]
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in found]


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
        assert holders(text) == []
        assert holders(key) == []
        assert holders(request_id) == []
        assert holders(email[:-1]), "what can be restored is there, and is found so"
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
        gc.freeze()  # what is there by now is not looked at
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
            gc.unfreeze()
    assert [each for each in sorted(left) if each.startswith("gateway.") and "simulator" not in each] == []
