"""One request to a provider and its answer, as the protocol of the connection.

Per read of the socket four things happen: note the time, parse, join, call the sink. No task runs for a
piece of body, and no timer is reset: when it fires, it is looked whether the time has really come.
What a body means, redirects and other providers are not known here.
"""

from __future__ import annotations

import asyncio

from gateway.config import Timeouts
from gateway.errors import (
    InternalError,
    ProviderGarbage,
    ProviderTimeout,
    ProviderUnreachable,
    SluiceError,
    UpstreamTruncated,
)
from gateway.server import timers
from gateway.server.call import Sink
from gateway.server.connect import Route
from gateway.server.pool import Pool, abandon
from gateway.wire.http1 import ResponseHead, ResponseParser

# Body that waits for `deliver` or `read`; with more, reading pauses.
_MOST_KEPT_BYTES = 64 << 10
# A large request is written in pieces, so that TLS does not encrypt all of it in one go.
_WRITE_BYTES = 256 << 10


class Exchange(asyncio.Protocol):
    """One request and its answer.

    `head` first, then `deliver` or `read`. `close` at any time, more than once; the sink hears nothing after
    it. `connected_at` and `first_byte_at` are the loop's time; `reused` tells of a connection from the pool.
    While it is not over it stands in `under_way`.
    """

    __slots__ = (
        "_asked_at",
        "_awaits_head",
        "_closed",
        "_due",
        "_ended",
        "_error",
        "_kept",
        "_kept_bytes",
        "_loop",
        "_method",
        "_parser",
        "_paused",
        "_pool",
        "_read_at",
        "_request",
        "_sent",
        "_sink",
        "_there",
        "_timeouts",
        "_total_at",
        "_transport",
        "_under_way",
        "_waiter",
        "_writing_paused",
        "connected_at",
        "first_byte_at",
        "reused",
    )

    def __init__(
        self,
        pool: Pool,
        there: Route,
        method: str,
        request: bytes,
        timeouts: Timeouts,
        under_way: set[Exchange],
    ) -> None:
        self._pool = pool
        self._under_way = under_way
        self._there = there
        self._method = method
        self._request = request
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._total_at = self._loop.time() + timeouts.total_s
        self._sink: Sink | None = None
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._due: timers.Due | None = None
        self._closed = False
        self.connected_at: float | None = None
        self.first_byte_at: float | None = None
        self._transport: asyncio.Transport | None = None
        self._ended = False

    def _reset(self) -> None:
        """What is so at the start of each attempt."""
        self._parser = ResponseParser(method=self._method)
        self._transport = None
        self._awaits_head = True
        self._ended = False
        self._error: SluiceError | None = None
        self._paused = False
        self._writing_paused = False
        self._sent = False
        self._asked_at = self._read_at = self._loop.time()
        self.reused = False

    # --- for the caller -----------------------------------------------------------------------------------

    async def head(self) -> ResponseHead:
        """Status and headers, as soon as they are there."""
        try:
            while (head := self._parser.head) is None:
                if not self._ended:
                    await self._wait()
                elif self._died_of_age():
                    await self.start(None)
                elif self._error is not None:
                    raise self._error
        except BaseException:
            self.close()
            raise
        return head

    def deliver(self, sink: Sink) -> None:
        """From now on body goes to the sink from inside the read callback, what has come already at once.

        A read's pieces are one `on_body`. `on_end` follows exactly once, unless `close` comes before it.
        """
        self._sink = sink
        kept = self._take_kept()
        self.resume()
        if kept:
            sink.on_body(kept[0] if len(kept) == 1 else b"".join(kept))
        if self._ended and not self._closed:
            sink.on_end(self._error)

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body."""
        body: list[bytes] = []
        size = 0
        try:
            while True:
                size += self._kept_bytes
                body += self._take_kept()
                if size > limit_bytes:
                    raise ProviderGarbage(f"the provider's answer is larger than {limit_bytes} bytes")
                if self._ended:
                    break
                self.resume()
                await self._wait()
            if self._error is not None:
                raise self._error
        except BaseException:
            self.close()
            raise
        return b"".join(body)

    def pause(self) -> None:
        """Stop reading; the kernel's buffers fill, then the provider waits."""
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._read_at = self._loop.time()
            self._transport.resume_reading()

    def close(self) -> None:
        """Be done with it: an answer that is not over loses its connection."""
        self._closed = True
        self._take_kept()
        self._finish(ProviderUnreachable("the exchange with the provider was closed"))
        self._sink = None  # it has this exchange: neither would be freed before the collector comes by

    def fail(self, error: SluiceError) -> None:
        """End it from outside; the sink, or whoever waits, is told."""
        self._finish(error)

    # --- asking -------------------------------------------------------------------------------------------

    async def start(self, transport: asyncio.Transport | None) -> None:
        """Write the request, to a kept connection or a fresh one."""
        self._reset()
        self._under_way.add(self)
        if transport is not None:
            self.reused = True
            transport.set_protocol(self)
        else:
            left_s = self._total_at - self._loop.time()
            transport = await self._pool.open(self._there, self, min(self._timeouts.connect_s, left_s))
            if self._ended:  # closed meanwhile, or the provider spoke first and hung up
                abandon(transport)
                return
        self._transport = transport
        self.connected_at = self._asked_at = self._loop.time()
        self._arm()
        await self._write(transport)

    async def _write(self, transport: asyncio.Transport) -> None:
        request = memoryview(self._request)
        for start in range(0, len(request), _WRITE_BYTES):
            while self._writing_paused and self._awaits_head and not self._ended:
                await self._wait()
            if not self._awaits_head or self._ended:
                return  # answered before it was all asked: the rest is of no use
            transport.write(request[start : start + _WRITE_BYTES])
            self._asked_at = self._loop.time()
        self._sent = True

    def _died_of_age(self) -> bool:
        """The provider closed a kept connection just as the request went out: it has not seen it."""
        unanswered = self.reused and self.first_byte_at is None
        return unanswered and not self._closed and isinstance(self._error, ProviderUnreachable)

    # --- called by the transport --------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._read_at = self._loop.time()
        fault: SluiceError | None = None
        parser = self._parser
        try:
            pieces = parser.feed(data)
        except SluiceError as error:
            pieces, fault = parser.rest(), error
        if self._awaits_head:
            self._look_for_head()
        if pieces:
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            if self._sink is not None:
                self._sink.on_body(body)
            else:
                self._keep(body)
        if fault is not None or parser.complete:
            self._finish(fault)

    def eof_received(self) -> None:
        try:
            self._parser.eof()
        except SluiceError as error:
            self._finish(error)
        else:
            self._finish(None)

    def connection_lost(self, exc: Exception | None) -> None:
        # Nothing announced the end: even a body that ends with its connection may have been cut.
        if exc is not None and not isinstance(exc, OSError):
            self._finish(InternalError("the gateway failed while it read the provider's answer"))
        elif self._parser.head is None:
            self._finish(ProviderUnreachable("the connection to the provider broke before it answered"))
        else:
            self._finish(UpstreamTruncated("the connection to the provider broke within its answer"))

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    def _look_for_head(self) -> None:
        if self.first_byte_at is None:
            self.first_byte_at = self._read_at
            self._request = b""  # it will not be sent again
        if self._parser.head is not None:
            self._awaits_head = False
            self._wake()
            if self._transport is not None:
                self._arm()

    def _keep(self, body: bytes) -> None:
        self._kept.append(body)
        self._kept_bytes += len(body)
        if self._kept_bytes > _MOST_KEPT_BYTES:
            self.pause()
            self._wake()

    def _take_kept(self) -> list[bytes]:
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        return kept

    # --- time, and the end --------------------------------------------------------------------------------

    def _silent_until(self) -> float:
        if self._awaits_head:
            return self._asked_at + self._timeouts.first_byte_s
        return self._read_at + self._timeouts.idle_s

    def _arm(self) -> None:
        self._disarm()
        self._due = timers.call_at(self._loop, min(self._silent_until(), self._total_at), self)

    def _disarm(self) -> None:
        if self._due is not None:
            self._due.discard(self)
            self._due = None

    def look_at_clock(self) -> None:
        """It is the earliest time at which something could be late; mostly nothing is."""
        if self._ended:
            return
        now = self._loop.time()
        if self._paused:
            self._read_at = now  # the silence is ours
        if now >= self._total_at:
            self._finish(ProviderTimeout(f"the answer took longer than {self._timeouts.total_s:g} s"))
        elif now < self._silent_until():
            self._arm()
        elif self._awaits_head:
            self._finish(ProviderTimeout(f"no answer began within {self._timeouts.first_byte_s:g} s"))
        else:
            self._finish(ProviderTimeout(f"the provider fell silent for {self._timeouts.idle_s:g} s"))

    def _finish(self, error: SluiceError | None) -> None:
        """The answer is over. The connection is let go of first: the sink may send the next request."""
        if self._ended:
            return
        self._ended = True
        self._error = error
        self._disarm()
        self._under_way.discard(self)
        transport, self._transport = self._transport, None
        if transport is not None:
            if error is None and self._may_keep(transport):
                if self._paused:
                    transport.resume_reading()
                self._pool.keep(self._there, transport)
            else:
                abandon(transport)
        self._parser.release()
        self._wake()
        if self._sink is not None and not self._closed:
            self._sink.on_end(error)

    def _may_keep(self, transport: asyncio.Transport) -> bool:
        return self._parser.keep_alive and self._sent and not transport.get_write_buffer_size()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
