"""One suite over both ways to a provider (law 9), with real sockets and providers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import ssl
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trustme

from gateway import __version__
from gateway.config import Proxies, Timeouts
from gateway.errors import (
    ConfigError,
    InternalError,
    InvalidRequest,
    ProviderError,
    ProviderGarbage,
    ProviderTimeout,
    ProviderUnreachable,
    ShuttingDown,
    SluiceError,
    UpstreamTruncated,
)
from gateway.server.exchange import Exchange
from gateway.server.plain import PlainExchange, PlainUpstream
from gateway.server.upstream import Upstream
from tests.server.odd_provider import House, Script, Ways, Wire, settled

PATIENT = Timeouts(connect_s=20, first_byte_s=20, idle_s=20, total_s=20)
SECRET = "sk-live-do-not-tell"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
LIMIT = 8 << 20
EVENTS = [b"data: %d\n\n" % number for number in range(5)]
BODY = b"".join(EVENTS)
Either = Exchange | PlainExchange


@pytest.fixture(params=[Upstream, PlainUpstream], ids=["direct", "plain"])
def way(request: pytest.FixtureRequest) -> Ways:
    chosen: Ways = request.param
    return chosen


@pytest.fixture
async def house(way: Ways) -> AsyncIterator[House]:
    async with House(way) as house:
        yield house


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


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


async def stream(upstream: Upstream | PlainUpstream, url: str, timeouts: Timeouts = PATIENT) -> Recorder:
    exchange = await ask(upstream, url, timeouts)
    sink = Recorder()
    exchange.deliver(sink)
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


# --- answers ----------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize(("pieces", "end"), FRAMINGS.values(), ids=FRAMINGS.keys())
async def test_reads_every_kind_of_body(house: House, pieces: list[bytes], end: bool) -> None:
    place = await house.serve(answering(*pieces, end=end))
    upstream = house.upstream()
    sink = await stream(upstream, place.url)
    assert (sink.body, sink.ends) == (BODY, [None])
    assert await fetch(upstream, place.url) == BODY


async def test_the_request_on_the_wire(house: House) -> None:
    seen = []

    async def script(wire: Wire) -> None:
        seen.append(await wire.request())
        await wire.send(with_length(b""))

    place = await house.serve(script)
    exchange = await house.upstream().send(
        f"{place.url}/v1/chat%2Fx?a=b", [("Authorization", f"Bearer {SECRET}"), ("X-A", "é")], b"{}", PATIENT
    )
    await exchange.head()
    exchange.close()
    [request] = seen
    assert request.line == "POST /v1/chat%2Fx?a=b HTTP/1.1"
    assert request.body == b"{}"
    assert {name: value for name, value in request.headers.items() if name != "connection"} == {
        "host": place.address,
        "user-agent": f"sluice/{__version__}",
        "accept-encoding": "identity",
        "authorization": f"Bearer {SECRET}",
        "x-a": "é",
        "content-length": "2",
    }


async def test_a_redirect_is_just_a_head(house: House) -> None:
    place = await house.serve(
        answering(
            b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nno"
        )
    )
    exchange = await ask(house.upstream(), place.url)
    head = await exchange.head()
    assert (head.status, head.get("x-a"), len(place.wires)) == (307, "1", 1)
    assert await exchange.read(LIMIT) == b"no"
    exchange.close()


async def test_keeps_body_that_comes_with_the_head(house: House) -> None:
    body = bytes(3 << 20)
    place = await house.serve(answering(with_length(body)))
    exchange = await ask(house.upstream(), place.url)
    await asyncio.sleep(0.01)
    assert await exchange.read(LIMIT) == body
    exchange.close()


async def test_an_answer_over_the_limit_is_refused(house: House) -> None:
    place = await house.serve(answering(with_length(bytes(100_000))))
    exchange = await ask(house.upstream(), place.url)
    with pytest.raises(ProviderGarbage):
        await exchange.read(99_999)


async def test_notes_when_things_happened(house: House) -> None:
    place = await house.serve(answering(with_length(b"")))
    began_at = asyncio.get_running_loop().time()
    exchange = await ask(house.upstream(), place.url)
    assert exchange.connected_at is not None
    assert exchange.first_byte_at is not None
    assert began_at <= exchange.connected_at <= exchange.first_byte_at
    exchange.close()


async def test_an_error_may_come_before_the_request_has_been_read(house: House) -> None:
    async def script(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\n\r\nno")

    place = await house.serve(script)
    exchange = await ask(house.upstream(), place.url, body=bytes(24 << 20))
    assert (await exchange.head()).status == 413
    assert await exchange.read(LIMIT) == b"no"
    exchange.close()


async def test_a_large_request_arrives_whole(house: House) -> None:
    body = random.Random(1).randbytes(24 << 20)

    async def script(wire: Wire) -> None:
        request = await wire.request()
        await wire.send(with_length(str(request.body == body).encode()))

    place = await house.serve(script)
    exchange = await ask(house.upstream(), place.url, body=body)
    assert await exchange.read(LIMIT) == b"True"
    exchange.close()


# --- kept connections -------------------------------------------------------------------------------------


async def test_a_connection_is_used_again(house: House) -> None:
    place = await house.serve(answering(*in_chunks(*EVENTS)))
    upstream = house.upstream()
    for _ in range(3):
        assert (await stream(upstream, place.url)).body == BODY
        assert await fetch(upstream, place.url) == BODY
    assert len(place.wires) == 1


async def test_a_connection_that_is_to_be_closed_is_not_used_again(house: House) -> None:
    place = await house.serve(answering(with_length(BODY, b"Connection: close\r\n")))
    upstream = house.upstream()
    for _ in range(2):
        assert await fetch(upstream, place.url) == BODY
    assert len(place.wires) == 2


@pytest.mark.parametrize("rudely", [False, True])
async def test_a_kept_connection_that_dies_of_age_is_replaced_once(house: House, rudely: bool) -> None:
    async def script(wire: Wire) -> None:
        request = await wire.request()
        await wire.send(with_length(request.body))
        await wire.request()
        wire.die(rudely)

    place = await house.serve(script)
    upstream = house.upstream()
    for body in (b"1", b"2", b"3"):
        exchange = await ask(upstream, place.url, body=body)
        assert await exchange.read(LIMIT) == body
        exchange.close()
    assert len(place.wires) == 3


async def test_a_kept_connection_that_the_provider_closed_is_not_used(house: House) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(with_length(BODY))
        wire.end()

    place = await house.serve(script)
    upstream = house.upstream()
    for _ in range(3):
        assert await fetch(upstream, place.url) == BODY
    assert len(place.wires) == 3


@pytest.mark.parametrize("rudely", [False, True])
async def test_a_fresh_connection_that_dies_is_not_replaced(house: House, rudely: bool) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        wire.die(rudely)

    place = await house.serve(script)
    with pytest.raises(ProviderUnreachable):
        await ask(house.upstream(), place.url)
    assert len(place.wires) == 1


# --- faults -----------------------------------------------------------------------------------------------


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
    exchange = await ask(upstream, place.url)
    sink = Recorder()
    exchange.deliver(sink)
    await sink.some.wait()
    seen.set()
    await sink.ended.wait()
    exchange.close()
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
    exchange = await ask(house.upstream(), place.url)
    sink = Recorder()
    exchange.deliver(sink)
    await sink.some.wait()
    seen.set()
    await sink.ended.wait()
    exchange.close()
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


async def silent(wire: Wire) -> None:
    await wire.gone()


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


# --- TLS and proxies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pieces", "end"), FRAMINGS.values(), ids=FRAMINGS.keys())
async def test_tls(house: House, authority: trustme.CA, pieces: list[bytes], end: bool) -> None:
    place = await house.serve(answering(*pieces, end=end), server_side(authority.issue_cert("127.0.0.1")))
    upstream = house.upstream(trust=trusting(authority))
    sink = await stream(upstream, place.url)
    assert (sink.body, sink.ends) == (BODY, [None])
    assert await fetch(upstream, place.url) == BODY
    assert len(place.wires) == (2 if end else 1)


@pytest.mark.parametrize("fault", ["unknown authority", "another's name"])
async def test_a_certificate_is_refused(house: House, authority: trustme.CA, fault: str) -> None:
    issuer, name = (trustme.CA(), "127.0.0.1") if fault == "unknown authority" else (authority, "example.com")
    place = await house.serve(answering(with_length(BODY)), server_side(issuer.issue_cert(name)))
    with pytest.raises(ProviderUnreachable):
        await ask(house.upstream(trust=trusting(authority)), place.url)
    with pytest.raises(ProviderUnreachable):
        await ask(house.upstream(), place.url)


async def test_no_tls_where_tls_is_due(house: House) -> None:
    async def script(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 400 Bad\r\n\r\n")

    place = await house.serve(script)
    with pytest.raises(ProviderUnreachable):
        await ask(house.upstream(), place.url.replace("http", "https"))


CREDENTIALS = "Basic " + b64encode(f"me:{SECRET}@x".encode()).decode()


def proxy_at(address: str) -> str:
    return f"http://me:{SECRET}%40x@{address}"


async def test_http_through_a_proxy(house: House) -> None:
    seen = []

    async def script(wire: Wire) -> None:
        while True:
            seen.append(await wire.request())
            await wire.send(with_length(BODY))

    proxy = await house.serve(script)
    upstream = house.upstream(proxies=Proxies(http=proxy_at(proxy.address)))
    for _ in range(2):
        assert await fetch(upstream, "http://provider.test/v1/x?y=z") == BODY
    assert len(proxy.wires) == 1
    for request in seen:
        assert request.line == "POST http://provider.test/v1/x?y=z HTTP/1.1"
        assert request.headers["host"] == "provider.test"
        assert request.headers["proxy-authorization"] == CREDENTIALS


async def test_https_through_a_proxy(house: House, authority: trustme.CA) -> None:
    place = await house.serve(
        answering(*in_chunks(*EVENTS)), server_side(authority.issue_cert("provider.test"))
    )
    seen = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.write_eof()

    async def script(wire: Wire) -> None:
        seen.append(await wire.request())
        port = int(place.address.partition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await wire.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(pump(wire.reader, writer), pump(reader, wire.writer), return_exceptions=True)
        writer.transport.abort()

    proxy = await house.serve(script)
    upstream = house.upstream(proxies=Proxies(https=proxy_at(proxy.address)), trust=trusting(authority))
    for _ in range(2):
        assert (await stream(upstream, "https://provider.test:4433/v1")).body == BODY
    [request] = seen
    assert request.line == "CONNECT provider.test:4433 HTTP/1.1"
    assert request.headers["host"] == "provider.test:4433"
    assert request.headers["proxy-authorization"] == CREDENTIALS


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 407 Who Are You\r\nContent-Length: 0\r\n\r\n", ProviderUnreachable),
        (b"", ProviderUnreachable),
        (f"{SECRET}\r\n".encode(), ProviderGarbage),
    ],
)
async def test_a_proxy_refuses(house: House, answer: bytes, expected: type[ProviderError]) -> None:
    proxy = await house.serve(answering(answer, end=True))
    upstream = house.upstream(proxies=Proxies(https=proxy_at(proxy.address)))
    with pytest.raises(expected) as caught:
        await ask(upstream, "https://provider.test/")
    assert SECRET not in repr(caught.value)


async def test_a_proxy_stalls(house: House) -> None:
    proxy = await house.serve(silent)
    upstream = house.upstream(proxies=Proxies(https=proxy_at(proxy.address)))
    with pytest.raises(ProviderTimeout):
        await ask(upstream, "https://provider.test/", Timeouts(connect_s=0.05))


# --- backpressure -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True])
async def test_a_paused_stream_holds_the_provider_back(
    house: House, authority: trustme.CA, secure: bool
) -> None:
    block = bytes(64 << 10)
    blocks = 1024
    written = 0

    async def script(wire: Wire) -> None:
        nonlocal written
        await wire.request()
        await wire.send(OK + b"Content-Length: %d\r\n\r\n" % (blocks * len(block)))
        for _ in range(blocks):
            await wire.send(block)
            written += 1

    tls = server_side(authority.issue_cert("127.0.0.1")) if secure else None
    place = await house.serve(script, tls)
    exchange = await ask(house.upstream(trust=trusting(authority)), place.url)

    class Pausing(Recorder):
        def on_body(self, data: bytes) -> None:
            super().on_body(data)
            if len(self.pieces) == 1:
                exchange.pause()

    sink = Pausing()
    exchange.deliver(sink)
    await sink.some.wait()
    before = -1
    while before != written:
        before = written
        await asyncio.sleep(0.02)
    assert written < blocks / 4
    assert len(sink.body) < 2 << 20
    exchange.resume()
    await sink.ended.wait()
    exchange.close()
    assert (len(sink.body), sink.ends) == (blocks * len(block), [None])


async def test_the_silence_of_a_paused_stream_is_not_the_providers(house: House) -> None:
    going_on = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK + b"Content-Length: %d\r\n\r\n" % len(BODY), BODY[:9])
        await going_on.wait()
        await wire.send(BODY[9:])

    place = await house.serve(script)
    exchange = await ask(house.upstream(), place.url, Timeouts(idle_s=0.2))
    sink = Recorder()
    exchange.deliver(sink)
    await sink.some.wait()
    exchange.pause()
    await asyncio.sleep(0.3)
    going_on.set()
    exchange.resume()
    await sink.ended.wait()
    exchange.close()
    assert (sink.body, sink.ends) == (BODY, [None])


async def test_an_answer_that_nobody_reads_holds_the_provider_back(house: House) -> None:
    written = 0

    async def script(wire: Wire) -> None:
        nonlocal written
        await wire.request()
        await wire.send(OK + b"\r\n")
        while True:
            await wire.send(bytes(64 << 10))
            written += 1

    place = await house.serve(script)
    exchange = await ask(house.upstream(), place.url)
    before = -1
    while before != written:
        before = written
        await asyncio.sleep(0.02)
    assert written < 256
    exchange.close()


# --- leaving ----------------------------------------------------------------------------------------------


async def answers_the_head(wire: Wire) -> None:
    await wire.request()
    await wire.send(OK + b"Content-Length: 9\r\n\r\n")


async def answers_half(wire: Wire) -> None:
    await wire.request()
    await wire.send(OK + b"Content-Length: 9\r\n\r\nhello")


async def until_connected(wires: list[Wire]) -> None:
    while not wires:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("phase", ["connect", "tunnel", "write", "head"])
async def test_cancelling_closes(house: House, phase: str) -> None:
    place = await house.serve(silent)
    url = "https://provider.test/" if phase == "tunnel" else place.url
    if phase == "connect":
        url = url.replace("http", "https")
    body = bytes(64 << 20) if phase == "write" else b""
    upstream = house.upstream(proxies=Proxies(https=proxy_at(place.address)) if phase == "tunnel" else None)
    asking = asyncio.create_task(ask(upstream, url, body=body))
    await until_connected(place.wires)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await place.wires[0].left.wait()


async def test_cancelling_a_read_closes(house: House) -> None:
    place = await house.serve(answers_half)
    exchange = await ask(house.upstream(), place.url)
    reading = asyncio.create_task(exchange.read(LIMIT))
    await until_connected(place.wires)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await place.wires[0].left.wait()


@pytest.mark.parametrize("script", [answers_the_head, answers_half])
@pytest.mark.parametrize("phase", ["head", "paused", "stream", "within on_body"])
async def test_closing_closes(house: House, script: Callable[[Wire], Awaitable[None]], phase: str) -> None:
    place = await house.serve(script)
    exchange = await ask(house.upstream(), place.url)

    class Leaving(Recorder):
        def on_body(self, data: bytes) -> None:
            super().on_body(data)
            if phase == "within on_body":
                exchange.close()

    sink = Leaving()
    if phase != "head":
        exchange.deliver(sink)
        if script is answers_half:
            await sink.some.wait()
    if phase == "paused":
        exchange.pause()
    exchange.close()
    exchange.close()
    exchange.pause()
    exchange.resume()
    await place.wires[0].left.wait()
    assert not sink.ends


async def test_closing_wakes_whoever_reads(house: House) -> None:
    place = await house.serve(answers_half)
    exchange = await ask(house.upstream(), place.url)
    reading = asyncio.create_task(exchange.read(LIMIT))
    await until_connected(place.wires)
    exchange.close()
    with pytest.raises(ProviderError):
        await reading


async def test_closing_the_upstream_ends_what_is_under_way(house: House) -> None:
    place = await house.serve(answers_half)
    upstream = house.upstream()
    exchange = await ask(upstream, place.url)
    sink = Recorder()
    exchange.deliver(sink)
    await sink.some.wait()
    await upstream.close()
    await sink.ended.wait()
    assert isinstance(sink.ends[0], SluiceError)
    assert len(sink.ends) == 1
    with pytest.raises(ShuttingDown):
        await ask(upstream, place.url)
    exchange.close()


async def test_two_hundred_at_once_with_faults_leave_nothing(house: House) -> None:
    fate = random.Random(7)
    scripts: list[Script] = [
        answering(*in_chunks(*EVENTS)),
        answering(with_length(BODY)),
        answering(OK + b"\r\n", BODY, end=True),
        answering(b"", end=True),
        answering(OK, end=True),
        answering(b"garbage\r\n\r\n"),
        answering(OK + b"Content-Length: 9\r\n\r\nhello", end=True),
        answering(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        answers_half,
        silent,
    ]

    async def script(wire: Wire) -> None:
        await fate.choice(scripts)(wire)

    place = await house.serve(script)
    upstream = house.upstream()

    async def one(number: int) -> None:
        timeouts = Timeouts(first_byte_s=0.2, idle_s=0.2)
        asking = asyncio.create_task((stream if number % 2 else fetch)(upstream, place.url, timeouts))
        if number % 5 == 0:
            await until_connected(place.wires)
            asking.cancel()
        await asyncio.wait({asking})
        if not asking.cancelled():
            assert asking.exception() is None or isinstance(asking.exception(), ProviderError)

    await asyncio.gather(*map(one, range(200)))


@pytest.mark.parametrize("way", [Upstream], indirect=True)
async def test_closing_the_upstream_ends_a_connection_that_is_being_made(house: House) -> None:
    place = await house.serve(silent)
    upstream = house.upstream()
    asking = asyncio.create_task(ask(upstream, place.url))
    await asyncio.sleep(0)  # far enough to be connecting, and no further
    await upstream.close()
    with pytest.raises(ShuttingDown):
        await asking


class Careless(Upstream):
    """Forgets what is under way, and what it keeps."""

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("answer", [with_length(BODY), OK + b"Content-Length: 9\r\n\r\nhello"])
async def test_the_house_catches_a_connection_left_open(answer: bytes) -> None:
    house = House(Careless, patience_s=0.05)
    await house.__aenter__()
    upstream = house.upstream()
    place = await house.serve(answering(answer))
    exchange = await ask(upstream, place.url)
    exchange.deliver(Recorder())
    with pytest.raises(AssertionError, match="left open"):
        await house.__aexit__(None, None, None)
    await Upstream.close(upstream)  # type: ignore[arg-type]
    await place.wires[0].left.wait()


# --- tasks ------------------------------------------------------------------------------------------------


async def calls_of_on_body(house: House, reads: int) -> tuple[list[bytes], set[asyncio.Task[object] | None]]:
    """What the sink was given, and the tasks it was called from, for a body of so many reads."""
    step = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        head, *chunks, last = in_chunks(*EVENTS)
        await wire.send(head)
        for _ in range(reads):
            await step.wait()
            step.clear()
            await wire.send(b"".join(chunks))
        await wire.send(last)

    callers = set()

    class Stepping(Recorder):
        def on_body(self, data: bytes) -> None:
            super().on_body(data)
            callers.add(asyncio.current_task())
            step.set()

    place = await house.serve(script)
    exchange = await ask(house.upstream(), place.url)
    sink = Stepping()
    exchange.deliver(sink)
    step.set()
    await sink.ended.wait()
    exchange.close()
    return sink.pieces, callers


@pytest.mark.parametrize("way", [Upstream], indirect=True)
async def test_each_read_is_one_call_and_no_task_runs_for_it(house: House) -> None:
    assert await calls_of_on_body(house, 50) == ([BODY] * 50, {None})


@pytest.mark.parametrize("way", [PlainUpstream], indirect=True)
async def test_the_law_catches_a_task_that_runs_for_a_read(house: House) -> None:
    _, callers = await calls_of_on_body(house, 3)
    assert None not in callers


# --- the direct way alone ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [Upstream], indirect=True)
async def test_what_follows_an_answer_spoils_only_the_connection(house: House) -> None:
    # aiohttp refuses the answer too.
    place = await house.serve(answering(with_length(BODY) + SECRET.encode()))
    upstream = house.upstream()
    for _ in range(2):
        assert await fetch(upstream, place.url) == BODY
    assert len(place.wires) == 2


@pytest.mark.parametrize("way", [Upstream], indirect=True)
async def test_packets_leave_at_once(house: House, authority: trustme.CA) -> None:
    for tls in (None, server_side(authority.issue_cert("127.0.0.1"))):
        place = await house.serve(answers_half, tls)
        exchange = await ask(house.upstream(trust=trusting(authority)), place.url)
        assert isinstance(exchange, Exchange)
        assert exchange._transport is not None
        with socket.socket(fileno=socket.dup(exchange._transport.get_extra_info("socket").fileno())) as same:
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        exchange.close()


@pytest.mark.parametrize("way", [Upstream], indirect=True)
async def test_no_more_connections_are_kept_than_allowed(house: House) -> None:
    everyone = asyncio.Barrier(4)

    async def script(wire: Wire) -> None:
        await wire.request()
        await everyone.wait()
        await wire.send(with_length(BODY))

    place = await house.serve(script)
    upstream = house.upstream(max_idle=2)
    assert await asyncio.gather(*(fetch(upstream, place.url) for _ in range(4))) == [BODY] * 4
    await settled(lambda: [wire.left.is_set() for wire in place.wires].count(True) == 2)
    assert len(place.wires) == 4


@pytest.mark.parametrize("way", [Upstream], indirect=True)
async def test_a_kept_connection_is_closed_after_a_while(house: House) -> None:
    place = await house.serve(answering(with_length(BODY)))
    assert await fetch(house.upstream(idle_ttl_s=0.05), place.url) == BODY
    await place.wires[0].left.wait()


@pytest.mark.parametrize("way", [Upstream], indirect=True)
async def test_whoever_cuts_a_tls_connection_does_not_end_a_body(house: House, authority: trustme.CA) -> None:
    # Without TLS's own end (close_notify), a body that lasts until the end may have been cut by anybody.
    seen = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK + b"\r\n" + BODY)
        await seen.wait()
        wire.die()

    place = await house.serve(script, server_side(authority.issue_cert("127.0.0.1")))
    exchange = await ask(house.upstream(trust=trusting(authority)), place.url)
    sink = Recorder()
    exchange.deliver(sink)
    await sink.some.wait()
    seen.set()
    await sink.ended.wait()
    exchange.close()
    assert sink.body == BODY
    assert [type(end) for end in sink.ends] == [UpstreamTruncated]


@pytest.mark.parametrize("way", [Upstream], indirect=True)
async def test_a_sink_that_fails_ends_the_exchange(house: House) -> None:
    delivering = asyncio.Event()

    async def script(wire: Wire) -> None:
        await answers_the_head(wire)
        await delivering.wait()
        await wire.send(b"hello")

    class Failing(Recorder):
        def on_body(self, data: bytes) -> None:
            raise ZeroDivisionError

    failures: list[type] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: failures.append(type(context["exception"])))
    place = await house.serve(script)
    exchange = await ask(house.upstream(), place.url)
    sink = Failing()
    exchange.deliver(sink)
    delivering.set()
    await sink.ended.wait()
    exchange.close()
    assert failures == [ZeroDivisionError]
    assert [type(end) for end in sink.ends] == [InternalError]
