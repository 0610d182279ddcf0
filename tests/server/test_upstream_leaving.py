"""Clients that read slowly or leave, over both ways to a provider: it is held back, or left, and nothing stays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
import trustme

from gateway.config import Proxies, Timeouts
from gateway.errors import (
    ProviderError,
    ShuttingDown,
    SluiceError,
)
from gateway.server.upstream import Upstream
from tests.server.odd_provider import House, Script, Wire
from tests.server.upstreams import (
    BODY,
    EVENTS,
    LIMIT,
    OK,
    Recorder,
    answering,
    answers_half,
    answers_the_head,
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
