"""The plain way to providers: aiohttp's client, the same shapes as `upstream`, a task per answer.

It exists to be compared with: what `upstream` does by hand, aiohttp does here. It is also the way out if the
other should ever fail somewhere. `[server] upstream = "plain"` chooses it.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Sequence
from types import SimpleNamespace
from weakref import WeakSet

import aiohttp
from yarl import URL

from gateway.config import Proxies, Timeouts
from gateway.errors import (
    ProviderGarbage,
    ProviderTimeout,
    ProviderUnreachable,
    ShuttingDown,
    SluiceError,
    UpstreamTruncated,
)
from gateway.server.call import Sink
from gateway.server.connect import route
from gateway.server.upstream import with_defaults
from gateway.wire.http1 import ResponseHead, decode_headers, encode_request

_MOST_HEAD_BYTES = 64 << 10
# aiohttp wants to be handed larger ones as a file, and reads them in pieces.
_LARGE_BODY_BYTES = 1 << 20
# How a kept connection fails that the provider closed just as the request went out.
_DIED_OF_AGE = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


class PlainUpstream:
    def __init__(
        self,
        *,
        proxies: Proxies,
        ssl_context: ssl.SSLContext | None = None,
        max_idle_per_origin: int = 64,
        idle_ttl_s: float = 50.0,
    ) -> None:
        # aiohttp has no limit on idle connections, only on open ones, and those must not be limited.
        self._proxies = proxies
        self._ssl_context = ssl_context or ssl.create_default_context()
        self._idle_ttl_s = idle_ttl_s
        self._session: aiohttp.ClientSession | None = None
        self._exchanges: WeakSet[PlainExchange] = WeakSet()
        self._closed = False

    async def send(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeouts: Timeouts,
        *,
        method: str = "POST",
    ) -> PlainExchange:
        """Write a request and wait for the head; the time for the first byte includes connecting."""
        there, target = route(url, self._proxies)
        headers = with_defaults(headers, there.authority)
        encode_request(method, target, headers, b"")  # refuses what the other way refuses
        total_at = asyncio.get_running_loop().time() + timeouts.total_s
        while True:
            if self._closed:
                raise ShuttingDown("the gateway is shutting down")
            facts = SimpleNamespace(reused=False, connected_at=None)
            total = asyncio.timeout_at(total_at)
            try:
                async with total, asyncio.timeout(timeouts.first_byte_s):
                    response = await self._open_session().request(
                        method,
                        URL(url, encoded=True),
                        data=io.BytesIO(body) if len(body) > _LARGE_BODY_BYTES else body or None,
                        headers=headers,
                        allow_redirects=False,
                        proxy=self._proxies.for_url(url),
                        timeout=aiohttp.ClientTimeout(
                            total=None, connect=timeouts.connect_s, sock_connect=timeouts.connect_s
                        ),
                        trace_request_ctx=facts,
                    )
            except aiohttp.ConnectionTimeoutError:
                late = ProviderTimeout(f"no connection to the provider within {timeouts.connect_s:g} s")
                late.asked = False
                raise late from None
            except TimeoutError:
                if total.expired():
                    raise ProviderTimeout(f"the answer took longer than {timeouts.total_s:g} s") from None
                raise ProviderTimeout(f"no answer began within {timeouts.first_byte_s:g} s") from None
            except (aiohttp.ClientError, OSError) as error:
                if self._closed:
                    raise ShuttingDown("the gateway is shutting down") from None
                if facts.reused and isinstance(error, _DIED_OF_AGE):
                    continue
                raise _before_head(error) from None
            exchange = PlainExchange(response, timeouts, total_at, facts.reused, facts.connected_at)
            self._exchanges.add(exchange)
            return exchange

    async def close(self) -> None:
        """Close every connection; answers that are not over end with an error."""
        self._closed = True
        for exchange in list(self._exchanges):
            exchange.fail(ShuttingDown("the gateway is shutting down"))
        if self._session is not None:
            await asyncio.sleep(0)  # each hears why, before its connection goes
            await self._session.close()
            # Closed transports let go of their sockets in the loop's next round.
            await asyncio.sleep(0)

    def _open_session(self) -> aiohttp.ClientSession:
        # Made here because it wants a running loop.
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(_note_connected)
            trace.on_connection_reuseconn.append(_note_reused)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._ssl_context, limit=0, keepalive_timeout=self._idle_ttl_s
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Content-Type"),
                max_line_size=_MOST_HEAD_BYTES,
                max_field_size=_MOST_HEAD_BYTES,
                trace_configs=[trace],
            )
        return self._session


async def _note_connected(session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
    context.trace_request_ctx.connected_at = asyncio.get_running_loop().time()


async def _note_reused(session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
    context.trace_request_ctx.reused = True
    context.trace_request_ctx.connected_at = asyncio.get_running_loop().time()


class PlainExchange:
    """One request and its answer; see `upstream.Exchange` for what each method promises."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        timeouts: Timeouts,
        total_at: float,
        reused: bool,
        connected_at: float | None,
    ) -> None:
        self._response = response
        self._timeouts = timeouts
        self._total_at = total_at
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._closed = False
        self.reused = reused
        self.connected_at = connected_at
        self.first_byte_at: float | None = self._loop.time()
        protocol = response.connection.protocol if response.connection is not None else None
        self._connection_end = protocol.closed if protocol is not None else None
        if self._connection_end is not None:
            # aiohttp makes this future when it is asked for, so somebody must hear of its exception.
            self._connection_end.remove_done_callback(_hear)
            self._connection_end.add_done_callback(_hear)
            self._connection_end.add_done_callback(self._connection_closed)

    async def head(self) -> ResponseHead:
        return ResponseHead(self._response.status, decode_headers(self._response.raw_headers))

    def deliver(self, sink: Sink) -> None:
        self._flowing.set()
        self._task = asyncio.create_task(self._relay(sink))

    async def read(self, limit_bytes: int) -> bytes:
        body: list[bytes] = []
        size = 0
        try:
            while piece := await self._next():
                body.append(piece)
                size += len(piece)
                if size > limit_bytes:
                    raise ProviderGarbage(f"the provider's answer is larger than {limit_bytes} bytes")
        except BaseException:
            self.close()
            raise
        return b"".join(body)

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        if self._connection_end is not None:  # a kept connection outlives its exchanges
            self._connection_end.remove_done_callback(self._connection_closed)
        self._response.close()

    def fail(self, error: SluiceError) -> None:
        """End it from outside; the sink, or whoever waits, is told."""
        self._flowing.set()
        if not self._response.content.is_eof():
            self._response.content.set_exception(error)

    def _connection_closed(self, closed: asyncio.Future[None]) -> None:
        # On bytes that it cannot parse aiohttp closes the connection, and lets whoever reads the body wait.
        content = self._response.content
        if closed.exception() is None and not content.is_eof() and content.exception() is None:
            content.set_exception(ProviderGarbage("the provider's answer is not valid HTTP"))

    async def _relay(self, sink: Sink) -> None:
        error = None
        try:
            while piece := await self._next():
                sink.on_body(piece)
        except SluiceError as fault:
            error = fault
            self._response.close()
        if not self._closed:
            sink.on_end(error)

    async def _next(self) -> bytes:
        """The next piece of body, empty at the end."""
        total = asyncio.timeout_at(self._total_at)
        try:
            async with total:
                return await self._next_in_time()
        except TimeoutError:
            if total.expired():
                raise ProviderTimeout(f"the answer took longer than {self._timeouts.total_s:g} s") from None
            raise ProviderTimeout(f"the provider fell silent for {self._timeouts.idle_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _within_body(error) from None

    async def _next_in_time(self) -> bytes:
        while True:
            await self._flowing.wait()
            try:
                async with asyncio.timeout(self._timeouts.idle_s):
                    return await self._response.content.readany()
            except TimeoutError:
                if self._flowing.is_set():  # else the silence is ours
                    raise


def _hear(closed: asyncio.Future[None]) -> None:
    closed.exception()


def _before_head(error: Exception) -> SluiceError:
    """aiohttp's error as ours. Its own text is left out: it quotes what was received."""
    if isinstance(error, aiohttp.ClientResponseError) and not isinstance(error, aiohttp.ClientHttpProxyError):
        return ProviderGarbage("the provider's answer is not valid HTTP")
    if isinstance(error, aiohttp.ClientConnectorError):
        unreachable = ProviderUnreachable(f"no connection to the provider ({type(error.os_error).__name__})")
        unreachable.asked = False
        return unreachable
    return ProviderUnreachable("the connection to the provider broke before it answered")


def _within_body(error: Exception) -> SluiceError:
    # aiohttp tells a cut body from a wrong one in words alone.
    if isinstance(error, aiohttp.ClientPayloadError) and "not completed" not in str(error):
        return ProviderGarbage("the provider's answer is not valid in its content coding")
    return UpstreamTruncated("the connection to the provider broke within its answer")
