"""Providers that fail in the middle of something, over both ways: each time a typed error, and soon."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib

import pytest

from gateway.config import Timeouts
from gateway.errors import (
    ConfigError,
    InvalidRequest,
    ProviderError,
    ProviderGarbage,
    ProviderTimeout,
    ProviderUnreachable,
    SluiceError,
    UpstreamTruncated,
)
from tests.server.odd_provider import House, Wire
from tests.server.upstreams import (
    OK,
    PATIENT,
    SECRET,
    answering,
    ask,
    fetch,
    silent,
    stream,
    with_length,
)


async def test_nobody_listens(house: House) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        with pytest.raises(ProviderUnreachable) as caught:
            await ask(house.upstream(), f"http://127.0.0.1:{unheard.getsockname()[1]}/{SECRET}")
    assert SECRET not in repr(caught.value)


BEFORE_HEAD: dict[str, tuple[bytes, type[ProviderError]]] = {
    "before the first byte": (b"", ProviderUnreachable),
    "at the first byte": (b"H", ProviderUnreachable),
    "in the head": (OK, ProviderUnreachable),
    "garbage": (f"SSH-2.0-{SECRET}\r\n\r\n".encode(), ProviderGarbage),
    "a garbage status": (f"HTTP/1.1 2x0 {SECRET}\r\n\r\n".encode(), ProviderGarbage),
    "a huge head": (OK + b"X: " + SECRET.encode() * 10_000 + b"\r\n\r\n", ProviderGarbage),
}


@pytest.mark.parametrize(("sent", "expected"), BEFORE_HEAD.values(), ids=BEFORE_HEAD.keys())
async def test_fails_before_the_head(house: House, sent: bytes, expected: type[ProviderError]) -> None:
    place = await house.serve(answering(sent, end=True))
    with pytest.raises(expected) as caught:
        await ask(house.upstream(), place.url)
    assert SECRET not in repr(caught.value)


WITHIN_BODY: dict[str, tuple[bytes, bytes]] = {
    "chunked": (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"hello"),
    "in a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello", b"hello"),
    "with a length": (OK + b"Content-Length: 9\r\n\r\nhello", b"hello"),
    "in a coding": (
        OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"hello")[:-3],
        b"hello",
    ),
}


@pytest.mark.parametrize(("sent", "body"), WITHIN_BODY.values(), ids=WITHIN_BODY.keys())
@pytest.mark.parametrize("rudely", [False, True])
async def test_dies_within_the_body(house: House, sent: bytes, body: bytes, rudely: bool) -> None:
    seen = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(sent)
        await seen.wait()
        if rudely:
            wire.die(rudely)
        else:
            wire.end()

    place = await house.serve(script)
    upstream = house.upstream()
    sink = await stream(upstream, place.url, seen=seen)
    assert sink.body == body
    assert [type(end) for end in sink.ends] == [UpstreamTruncated]
    with pytest.raises(UpstreamTruncated):
        await fetch(upstream, place.url)


async def test_a_body_that_turns_to_garbage(house: House) -> None:
    seen = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await seen.wait()
        await wire.send(f"{SECRET}\r\n".encode())

    place = await house.serve(script)
    sink = await stream(house.upstream(), place.url, seen=seen)
    assert sink.body == b"hello"
    assert [type(end) for end in sink.ends] == [ProviderGarbage]
    assert SECRET not in repr(sink.ends)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_body_that_is_not_in_its_coding(house: House, coding: str) -> None:
    body = (f"{SECRET} " * 9).encode()
    place = await house.serve(answering(with_length(body, f"Content-Encoding: {coding}\r\n".encode())))
    with pytest.raises(ProviderGarbage) as caught:
        await fetch(house.upstream(), place.url)
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_is_defused(house: House, coding: str) -> None:
    bomb = (gzip.compress if coding == "gzip" else zlib.compress)(bytes(40 << 20))
    place = await house.serve(answering(with_length(bomb, f"Content-Encoding: {coding}\r\n".encode())))
    with pytest.raises(ProviderGarbage):
        await fetch(house.upstream(), place.url)


@pytest.mark.parametrize(
    ("timeouts", "sent", "words"),
    [
        (Timeouts(first_byte_s=0.05), b"", "no answer began"),
        (Timeouts(first_byte_s=0.05), OK, "no answer began"),
        (Timeouts(total_s=0.2), b"", "took longer"),
        (Timeouts(idle_s=0.05), OK + b"Content-Length: 9\r\n\r\n", "fell silent"),
        (Timeouts(idle_s=0.05), OK + b"Content-Length: 9\r\n\r\nhello", "fell silent"),
        (Timeouts(total_s=0.2), OK + b"Content-Length: 9\r\n\r\nhello", "took longer"),
    ],
    ids=["no byte", "half a head", "no byte in all", "only a head", "half a body", "half a body in all"],
)
async def test_a_provider_that_stalls_is_left(
    house: House, timeouts: Timeouts, sent: bytes, words: str
) -> None:
    place = await house.serve(answering(sent))
    with pytest.raises(ProviderTimeout, match=words):
        await fetch(house.upstream(), place.url, timeouts)


async def test_a_stall_ends_a_stream(house: House) -> None:
    place = await house.serve(answering(OK + b"Content-Length: 9\r\n\r\nhello"))
    sink = await stream(house.upstream(), place.url, Timeouts(idle_s=0.05))
    assert sink.body == b"hello"
    assert [type(end) for end in sink.ends] == [ProviderTimeout]


async def test_a_head_that_only_trickles_is_late(house: House) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        while True:
            await wire.send(b"X: 1\r\n")
            await asyncio.sleep(0.002)

    place = await house.serve(script)
    with pytest.raises(ProviderTimeout):
        await ask(house.upstream(), place.url, Timeouts(first_byte_s=0.05))


async def test_a_body_that_trickles_is_not_idle(house: House) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK + b"Content-Length: 30\r\n\r\n")
        for _ in range(30):
            await wire.send(b"x")
            await asyncio.sleep(0.01)

    place = await house.serve(script)
    assert await fetch(house.upstream(), place.url, Timeouts(idle_s=0.25)) == b"x" * 30


async def test_connecting_takes_too_long(house: House) -> None:
    place = await house.serve(silent)
    with pytest.raises(ProviderTimeout, match="no connection"):
        await ask(house.upstream(), place.url.replace("http", "https"), Timeouts(connect_s=0.05))


@pytest.mark.parametrize(
    ("url", "header", "expected"),
    [
        ("ftp://127.0.0.1/", ("X", "1"), ConfigError),
        ("http:///v1", ("X", "1"), ConfigError),
        ("http://127.0.0.1:port/", ("X", "1"), ConfigError),
        (f"http://{'a' * 64}.test/", ("X", "1"), ConfigError),
        (f"http://me:{SECRET}@127.0.0.1/", ("X", "1"), ConfigError),
        ("http://127.0.0.1:1/", ("X", f"{SECRET}\r\nY: 1"), InvalidRequest),
        ("http://127.0.0.1:1/ /x", ("X", "1"), InvalidRequest),
    ],
)
async def test_what_cannot_be_asked(
    house: House, url: str, header: tuple[str, str], expected: type[SluiceError]
) -> None:
    with pytest.raises(expected) as caught:
        await house.upstream().send(url, [header], b"", PATIENT)
    assert SECRET not in repr(caught.value)
