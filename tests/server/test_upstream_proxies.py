"""TLS and proxies, over both ways to a provider."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest
import trustme

from gateway.config import Proxies, Timeouts
from gateway.errors import (
    ProviderError,
    ProviderGarbage,
    ProviderTimeout,
    ProviderUnreachable,
)
from tests.server.odd_provider import House, Wire
from tests.server.upstreams import (
    BODY,
    EVENTS,
    FRAMINGS,
    SECRET,
    answering,
    ask,
    fetch,
    in_chunks,
    proxy_at,
    server_side,
    silent,
    stream,
    trusting,
    with_length,
)


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
