"""One suite over both ways to a provider (law 9), with real sockets and providers that misbehave."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest
import trustme

from gateway import __version__
from gateway.errors import (
    InternalError,
    ProviderGarbage,
    ProviderUnreachable,
    UpstreamTruncated,
)
from gateway.server.exchange import Exchange
from gateway.server.plain import PlainUpstream
from gateway.server.upstream import Upstream
from tests.server.odd_provider import House, Wire, settled
from tests.server.upstreams import (
    BODY,
    EVENTS,
    FRAMINGS,
    LIMIT,
    OK,
    PATIENT,
    SECRET,
    Recorder,
    answering,
    answers_half,
    answers_the_head,
    ask,
    fetch,
    in_chunks,
    server_side,
    stream,
    trusting,
    with_length,
)

# --- answers ----------------------------------------------------------------------------------------------


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
    sink = await stream(house.upstream(trust=trusting(authority)), place.url, seen=seen)
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
