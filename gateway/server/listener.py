"""aiohttp's connections, with what it answers and logs by itself in our words, and less that they keep.

A request that is no HTTP never reaches a handler: aiohttp answers it with a text that quotes what came, and
logs that too. Here it gets the one error envelope, and nothing of it is written down. And aiohttp keeps all
of a request's headers, in three forms, until the connection's next one: 6 KB in each stream that is open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from ulid import ULID

from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.errors import InternalError, InvalidRequest, SluiceError
from gateway.server import telemetry

# What a client does to us, as opposed to what we do wrong.
_CLIENTS_FAULT = (HttpProcessingError, web.RequestPayloadError, aiohttp.ClientError, ConnectionError)


class Runner(web.AppRunner):
    """aiohttp's runner, with connections of ours."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


def let_go_of_head(request: web.BaseRequest) -> None:
    """The request is being answered: nobody will ask for its headers, or waits for it to come."""
    if isinstance(request.headers, CIMultiDict):  # as `_Parser` makes them
        request.headers.clear()
    if isinstance(request.protocol, _Connection):
        request.protocol.wait_no_more()


_Parsed = tuple[Sequence[tuple[Any, Any]], bool, bytes]


class _Parser:
    """aiohttp's parser, a new one behind each request that ends where a read ends.

    It holds the headers of the last request until the next. Where it cannot be told that it is between two
    requests (a head in pieces, a chunked body, two requests in one read) it stays.
    """

    __slots__ = ("_connection", "_left_bytes", "_parser", "_payload")

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._parser: HttpRequestParser | None = None
        self._payload: StreamReader | None = None
        self._left_bytes: int | None = None  # until the end of the request, if that is known

    def feed_data(self, data: bytes) -> _Parsed:
        parser = self._parser
        if parser is not None:
            messages, upgraded, tail = parser.feed_data(data)
        elif data:
            parser = self._parser = self._connection.new_parser()
            messages, upgraded, tail = parser.feed_data(data)
            self._begin(data, messages)
        else:
            return (), False, b""
        if self._left_bytes is not None:
            self._left_bytes -= len(data)
            if self._left_bytes == 0 and self._payload is not None and self._payload.is_eof():
                self._parser = self._payload = None
        if messages:
            messages = [(_lighter(message), _read(payload)) for message, payload in messages]
        return messages, upgraded, tail

    def _begin(self, data: bytes, messages: Sequence[tuple[Any, Any]]) -> None:
        """Data that begins a request: how long is that?"""
        self._left_bytes = None
        if len(messages) == 1:
            message, self._payload = messages[0]
            head_ends = data.find(b"\r\n\r\n")
            if head_ends >= 0 and not (message.chunked or message.upgrade):
                self._left_bytes = head_ends + 4 + int(message.headers.get("Content-Length", 0))

    def message_consumed(self) -> None:
        if self._parser is not None:
            self._parser.message_consumed()

    def pause_reading(self) -> None:
        if self._parser is not None:
            self._parser.pause_reading()

    def set_upgraded(self, value: bool) -> None:
        if self._parser is not None:
            self._parser.set_upgraded(value)


def _lighter(message: RawRequestMessage) -> RawRequestMessage:
    """Without the headers' bytes, which nobody reads, and with headers that can be forgotten."""
    headers = cast(CIMultiDictProxy[str], CIMultiDict(message.headers))
    return message._replace(headers=headers, raw_headers=())


def _read(payload: StreamReader) -> StreamReader:
    """A body that came with its head needs no reader that could wait for more of it (1 KB)."""
    if payload is EMPTY_PAYLOAD or not payload.is_eof():
        return payload
    return cast(StreamReader, _Body(payload.read_nowait()))


class _Body:
    """As much of aiohttp's StreamReader as is asked of one at its end."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def readany(self) -> bytes:
        data, self._data = self._data, b""
        return data

    def is_eof(self) -> bool:
        return True

    def at_eof(self) -> bool:
        return not self._data

    def set_exception(self, error: BaseException, cause: BaseException | None = None) -> None:
        self._data = b""


class _Messages(list[Any]):
    """As much of a deque as aiohttp needs; it has one request at a time in it, and a deque is 760 bytes."""

    __slots__ = ()

    def popleft(self) -> Any:
        return self.pop(0)


class _Connection(web.RequestHandler):
    __slots__ = ()

    # aiohttp asks each connection for these, and keeps what it hears in it and in its request. Nobody here
    # asks who the peer is (it may be a proxy); our own address stands in for a Host header that is missing.
    ssl_context = None
    peername = None

    @property
    def sockname(self) -> tuple[Any, ...] | None:
        return None if self.transport is None else self.transport.get_extra_info("sockname")

    def __init__(self, manager: web.Server, *, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(manager, loop=loop, **options)
        self._parser = cast(HttpRequestParser, _Parser(self))
        self._messages = cast(deque[Any], _Messages())

    def new_parser(self) -> HttpRequestParser:
        """As aiohttp makes its own, less the decompression: that never ends on some bodies that are cut short
        (`capacity` does it).
        """
        return HttpRequestParser(
            self,
            self._loop,
            self._read_bufsize,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=self._max_msg_queue_size,
        )

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Only if it was paused: aiohttp parses nothing once more at the end of each body."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def wait_no_more(self) -> None:
        """Until there is a request to wait for again: then aiohttp sets the timer anew."""
        if self._keepalive_handle is not None:
            self._keepalive_handle.cancel()
            self._keepalive_handle = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        self.log_exception(exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way, an error cannot be another one")
        request_id = str(ULID())
        error: SluiceError = InternalError("the gateway failed; its log has the request id")
        if status < 500:
            error = InvalidRequest("the request is not valid HTTP")
            error.status = status
        response = web.Response(
            status=error.status,
            body=OPENAI_CHAT.encode_error(error.facts(request_id)),
            content_type="application/json",
            headers={"X-Request-ID": request_id, "Server": "sluice"},
        )
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        bug = kwargs.get("exc_info")
        if isinstance(bug, BaseException) and not isinstance(bug, _CLIENTS_FAULT):
            telemetry.report(bug, "receive")
