"""What aiohttp's parser is told by and by, and what of it is kept: as much as if it were never made anew."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from gateway.server.listener import _Connection, _Parser

REQUESTS = (
    b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nX-One: 2\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n\r\n\r\n\r\n",
    b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"\r\nPOST /d HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
    b"POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab",  # not valid
)


@st.composite
def reads(draw: st.DrawFn) -> list[bytes]:
    """Some requests, one behind the other, cut anywhere: often where one ends."""
    sent = draw(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=5))
    whole = b"".join(sent)
    ends = [sum(map(len, sent[: count + 1])) for count in range(len(sent))]
    at = st.one_of(st.sampled_from(ends), st.integers(0, len(whole)))
    cuts = sorted({0, len(whole), *draw(st.lists(at, max_size=6))})
    return [whole[start:end] for start, end in pairwise(cuts)]


async def connection() -> _Connection:
    async def nobody(request: web.BaseRequest) -> web.Response:
        raise NotImplementedError

    return _Connection(web.Server(nobody), loop=asyncio.get_running_loop())


async def heard(parser: _Parser | HttpRequestParser, reads: list[bytes]) -> list[Any]:
    """The requests as a handler sees them, and the kind of the fault that ended them.

    Up to the first that is the connection's last: aiohttp answers nothing behind it, whatever it reads there.
    """
    messages: list[Any] = []
    said: list[Any] = []
    fault: type[Exception] | None = None
    try:
        for data in reads:
            found, upgraded, tail = parser.feed_data(data)
            assert (upgraded, tail) == (False, b"")
            messages += found
            for _ in found:
                parser.message_consumed()
    except HttpProcessingError as error:
        fault = type(error)
    for message, payload in messages:
        body = b""
        while payload.is_eof() and not payload.at_eof():
            body += await payload.readany()
        facts = (message.method, message.path, message.version, message.should_close, message.chunked)
        said.append((facts, list(message.headers.items()), body, payload.is_eof()))
        if message.should_close:
            return said
    return [*said, fault]


@given(reads())
def test_any_cut_of_any_requests_is_read_as_aiohttp_reads_it(reads: list[bytes]) -> None:
    async def both() -> tuple[list[Any], list[Any]]:
        ours, theirs = await connection(), await connection()
        return await heard(_Parser(ours), reads), await heard(theirs.new_parser(), reads)

    ours, theirs = asyncio.run(both())
    assert ours == theirs


async def test_between_requests_nothing_of_the_last_is_kept() -> None:
    parser = _Parser(await connection())
    for request in REQUESTS[:3]:
        parser.feed_data(request)
        assert parser._parser is None
    for request in REQUESTS[1:3]:
        parser.feed_data(request[:-1])
        assert parser._parser is not None, "its body is still to come"
        parser.feed_data(request[-1:])
        assert parser._parser is None


async def test_a_long_body_that_is_read_slowly_comes_to_its_end() -> None:
    """Its parser has part of it still, though all of it has come."""
    ours, body = await connection(), b"a" * (1 << 20)
    ours.data_received(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    _, payload = ours._messages.popleft()
    read = b""
    async with asyncio.timeout(10):
        while piece := await payload.readany():
            read += piece
    assert read == body
