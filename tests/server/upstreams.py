"""How tests ask over both ways to a provider, and what such a provider says."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib

import trustme

from gateway.config import Timeouts
from gateway.errors import (
    SluiceError,
)
from gateway.server.exchange import Exchange
from gateway.server.plain import PlainExchange, PlainUpstream
from gateway.server.upstream import Upstream
from tests.server.odd_provider import Script, Wire

PATIENT = Timeouts(connect_s=20, first_byte_s=20, idle_s=20, total_s=20)
SECRET = "sk-live-do-not-tell"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
LIMIT = 8 << 20
EVENTS = [b"data: %d\n\n" % number for number in range(5)]
BODY = b"".join(EVENTS)
Either = Exchange | PlainExchange


def server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class Recorder:
    """A sink. `some` is set with the first body, `ended` with the end."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ends: list[SluiceError | None] = []
        self.some = asyncio.Event()
        self.ended = asyncio.Event()

    def on_body(self, data: bytes) -> None:
        assert data
        assert not self.ends
        self.pieces.append(data)
        self.some.set()

    def on_end(self, error: SluiceError | None) -> None:
        self.ends.append(error)
        self.ended.set()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


async def ask(
    upstream: Upstream | PlainUpstream, url: str, timeouts: Timeouts = PATIENT, body: bytes = b"{}"
) -> Either:
    """Send, and wait for the head: the plain way fails in the first, the direct one in the second."""
    exchange = await upstream.send(url, [("Content-Type", "application/json")], body, timeouts)
    await exchange.head()
    return exchange


async def fetch(upstream: Upstream | PlainUpstream, url: str, timeouts: Timeouts = PATIENT) -> bytes:
    exchange = await ask(upstream, url, timeouts)
    try:
        return await exchange.read(LIMIT)
    finally:
        exchange.close()


async def stream(
    upstream: Upstream | PlainUpstream,
    url: str,
    timeouts: Timeouts = PATIENT,
    seen: asyncio.Event | None = None,
) -> Recorder:
    """What comes, to its end. `seen` is set once there is some of the body."""
    exchange = await ask(upstream, url, timeouts)
    sink = Recorder()
    exchange.deliver(sink)
    if seen is not None:
        await sink.some.wait()
        seen.set()
    await sink.ended.wait()
    exchange.close()
    assert len(sink.ends) == 1
    return sink


def answering(*pieces: bytes, end: bool = False) -> Script:
    """Reads requests and answers each with the pieces."""

    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(*pieces)
            if end:
                wire.end()
                return

    return script


def with_length(body: bytes, headers: bytes = b"") -> bytes:
    return OK + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


def in_chunks(*chunks: bytes) -> list[bytes]:
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    return [head, *(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks), b"0\r\n\r\n"]


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


FRAMINGS: dict[str, tuple[list[bytes], bool]] = {
    "chunked": (in_chunks(*EVENTS), False),
    "chunked in one piece": ([b"".join(in_chunks(*EVENTS))], False),
    "chunked byte by byte": ([bytes([byte]) for byte in b"".join(in_chunks(*EVENTS))], False),
    "with a length": ([with_length(BODY)], False),
    "until the end": ([OK + b"\r\n", *EVENTS], True),
    "interim first": (
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: 1\r\n\r\n", with_length(BODY)],
        False,
    ),
    "gzip": ([with_length(gzip.compress(BODY), b"Content-Encoding: gzip\r\n")], False),
    "deflate": ([with_length(zlib.compress(BODY), b"Content-Encoding: deflate\r\n")], False),
    "raw deflate": ([with_length(raw_deflate(BODY), b"Content-Encoding: deflate\r\n")], False),
    "http/1.0": ([b"HTTP/1.0 200 OK\r\n\r\n", BODY], True),
}


async def silent(wire: Wire) -> None:
    await wire.gone()


def proxy_at(address: str) -> str:
    return f"http://me:{SECRET}%40x@{address}"


async def answers_the_head(wire: Wire) -> None:
    await wire.request()
    await wire.send(OK + b"Content-Length: 9\r\n\r\n")


async def answers_half(wire: Wire) -> None:
    await wire.request()
    await wire.send(OK + b"Content-Length: 9\r\n\r\nhello")
