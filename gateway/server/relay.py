"""From the provider's socket to the client's, in one callback.

`Relay` is the sink of an exchange: it is called from inside the read callback of the provider's
connection, feeds the `ResponseStream` and writes what comes out to the client's transport, with no task
switch in between. The handler's coroutine sleeps meanwhile; it is woken for the opening, when the client
cannot keep up, and at the end.

Every write is made of whole frames: the many clients that split each read at newlines keep working.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from time import perf_counter
from typing import Any

from aiohttp import web

from gateway.chat import Event
from gateway.errors import InternalError, PolicyViolation, SluiceError
from gateway.guard.judgements import Judgement, decision, message, told
from gateway.server import telemetry, timers
from gateway.server.call import Exchange
from gateway.server.checks import AnswerChecks
from gateway.server.reading import AnswerReader
from gateway.server.timing import TIMED_EVERY, Timing
from gateway.stream import ResponseStream

# What a provider may say before its first real event (comments); more is dropped.
_MOST_BEFORE_OPENING = 64 << 10


class Relay:
    """One answer on its way. `sent_at` is the loop's time of the last write to the client."""

    __slots__ = (
        "_chunked",
        "_early",
        "_exchange",
        "_holding",
        "_loop",
        "_paused",
        "_protocol",
        "_transport",
        "_wake",
        "sent_at",
        "stream",
        "timing",
    )

    def __init__(self, stream: ResponseStream, loop: asyncio.AbstractEventLoop) -> None:
        self.stream = stream
        self.sent_at = 0.0
        self.timing = Timing()
        self._loop = loop
        self._early: list[bytes] | None = []
        self._wake: asyncio.Future[None] | None = None
        self._paused = False
        self._holding = False

    def begin(self, stream: ResponseStream) -> None:
        """Another provider is asked: what the last one said before its opening is forgotten."""
        self.close()
        self.stream = stream
        self._early = []

    # Called from the provider's read callback.

    def on_body(self, data: bytes) -> None:
        stream = self.stream
        began_at = 0.0 if stream.frames % TIMED_EVERY and self._early is None else perf_counter()
        try:
            out = stream.feed(data)
        except Exception as error:
            out = self._broken(error)
        if out:
            self._write(out)
        if stream.ended or (self._early is not None and stream.opened):
            self._rouse()
        if began_at:
            self._time(began_at)
        if stream.outbox.waits or self._holding:
            self._hold()

    def _time(self, began_at: float) -> None:
        if self._early is None:  # what comes before is not like the rest: it makes what the rest uses
            self.timing.worked(perf_counter() - began_at)
        elif self.timing.first_at is None and self.stream.opened:
            self.timing.first_at = began_at

    def _hold(self) -> None:
        waiting = self.stream.outbox.waiting
        self._holding = waiting > 0
        self.timing.hold(perf_counter(), waiting)

    def on_whole(self, events: Sequence[Event]) -> None:
        """A whole answer where a stream was asked for."""
        self.timing.first_at = perf_counter()
        if out := self.stream.feed_whole(events):
            self._write(out)

    def on_end(self, error: SluiceError | None) -> None:
        try:
            out = self.stream.flush() if error is None else self.stream.fail(error)
        except Exception as bug:
            out = self._broken(bug)
        if out:
            self._write(out)
        if self._holding:
            self._hold()
        self._rouse()

    def _broken(self, bug: Exception) -> bytes:
        """What is held may be unsafe and stays here; the client gets an honest end."""
        telemetry.report(bug, "relay")
        return self.stream.abandon(InternalError("the gateway failed while it relayed the answer"))

    def _write(self, data: bytes) -> None:
        if self._early is not None:
            if self.stream.opened or sum(map(len, self._early)) < _MOST_BEFORE_OPENING:
                self._early.append(data)
            return
        transport = self._transport
        if transport.is_closing():
            return
        transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        if not self.sent_at:
            self.timing.written_at = perf_counter()
        self.sent_at = self._loop.time()
        if self._protocol.writing_paused and not self._paused:
            self._paused = True
            self._exchange.pause()
            self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def close(self) -> None:
        """Nobody waits for the answer any more."""

    # Called from the handler.

    def _asleep(self) -> asyncio.Future[None]:
        """To be awaited: until `_rouse`. A coroutine would be 270 bytes for as long."""
        self._wake = self._loop.create_future()
        return self._wake

    def look_at_clock(self) -> None:
        """It may have been quiet for long."""
        self._rouse()

    async def opening(self) -> None:
        """Wait until the provider has said something real, or has failed: then its error is raised."""
        stream = self.stream
        while not stream.opened and not stream.ended:
            await self._asleep()
        if not stream.opened and stream.error is not None:
            raise stream.error

    def attach(self, request: web.Request, response: web.StreamResponse, exchange: Exchange) -> None:
        """The client's headers are out: from now on write to its transport."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        self._transport = transport
        self._protocol = request.protocol
        # Not `response.chunked`: that says what was asked for, and HTTP/1.0 clients get none.
        self._chunked = response.headers.get("Transfer-Encoding") == "chunked"
        self._exchange = exchange
        early, self._early = self._early, None
        if early and (out := b"".join(early)):
            self._write(out)

    async def finished(self, request: web.Request, keepalive_s: float) -> None:
        """Wait for the end; meanwhile let a slow client drain, and keep a quiet stream alive."""
        while not self.stream.ended:
            if self._paused:
                await request.writer.drain()
                self._paused = False
                self._exchange.resume()
                continue
            due = timers.call_at(self._loop, self._loop.time() + keepalive_s, self)
            try:
                await self._asleep()
            finally:
                due.discard(self)
            if self._is_quiet(keepalive_s):
                self._write(self.stream.keepalive)
        if self._paused:
            self._exchange.resume()

    def _is_quiet(self, keepalive_s: float) -> bool:
        return not self.stream.ended and not self._paused and self._loop.time() - self.sent_at >= keepalive_s


class AttendedRelay(Relay):
    """A relay whose answer others look at on its way.

    A model reads its sentences, each as soon as it is there; rules judge it when it is complete, and
    `judgements` has what they said.
    """

    __slots__ = ("_checks", "_is_judging", "_reader", "_tasks", "judgements")

    def __init__(
        self,
        stream: ResponseStream,
        loop: asyncio.AbstractEventLoop,
        reader: AnswerReader | None,
        checks: AnswerChecks | None,
    ) -> None:
        super().__init__(stream, loop)
        self.judgements: list[Judgement] = []
        self._reader = reader
        self._checks = checks
        self._is_judging = False
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, stream: ResponseStream) -> None:
        super().begin(stream)
        self._is_judging = False
        self.judgements = []

    def on_body(self, data: bytes) -> None:
        super().on_body(data)
        self._ask()

    def on_whole(self, events: Sequence[Event]) -> None:
        super().on_whole(events)
        self._ask()

    def on_end(self, error: SluiceError | None) -> None:
        super().on_end(error)
        self._ask()

    def _ask(self) -> None:
        if self._reader is not None and (wanted := self.stream.wanted()):
            self._start(self._read(self._reader, wanted))
        if self.stream.is_said and self._checks is not None and not self._is_judging:
            self._is_judging = True
            self._start(self._judge(self._checks))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _judge(self, checks: AnswerChecks) -> None:
        stream = self.stream
        try:
            self.judgements = await checks.judge(stream.texts)
            done = decision(self.judgements)
            if done == "block":
                out = stream.fail(PolicyViolation(message(self.judgements, "the answer")))
            else:
                out = stream.judged(told(self.judgements, checks.request_id) if done == "flag" else None)
        except Exception as bug:
            out = self._broken(bug)
        if out:
            self._write(out)
        self._rouse()

    async def _read(self, reader: AnswerReader, wanted: Sequence[tuple[int, str]]) -> None:
        stream = self.stream
        out: list[bytes] = []
        try:
            found = await reader.model.read(text for _, text in wanted)
            for ticket, text in wanted:
                out.append(stream.answered(ticket, found[text]))
        except SluiceError as error:
            out.append(stream.fail(error))
        except Exception as bug:
            out.append(self._broken(bug))
        if data := b"".join(out):
            self._write(data)
        self._ask()
        self._rouse()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
