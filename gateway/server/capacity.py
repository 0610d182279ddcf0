"""How much is taken on at a time: requests, and the memory that they hold.

A request takes a place before its body is read and gives it back when its answer has gone. Beyond the limits
it is refused at once, with 503 and `Retry-After`: those under way are to end well.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from aiohttp import web

from gateway.errors import BodyTooLarge, Overloaded, RequestTimeout
from gateway.server import metrics
from gateway.wire.coding import decompressed

# What a request holds: its body as it came, as a tree, and as it is sent to the provider, each with copies
# that live for a moment. Measured at the peak: 3.2 for one long text or image, 5.7 for many short messages.
_PER_BODY_BYTE = 6
# And whatever it asks: connections, buffers, rules at work, the lanes of a stream.
_PER_REQUEST_BYTES = 128 << 10
_RETRY_AFTER_S = 1


class Capacity:
    """What a worker may hold. `requests` and `memory_bytes` are held now."""

    def __init__(self, max_requests: int, max_memory_bytes: int) -> None:
        self.requests = 0
        self.memory_bytes = 0
        self._max_requests = max_requests
        self._max_memory_bytes = max_memory_bytes

    def place(self) -> Place:
        return Place(self)

    def take(self, requests: int, memory_bytes: int) -> None:
        """Raises Overloaded. Whoever is alone here may hold what it must, else it could never be served."""
        if self.requests + requests > self._max_requests:
            what = f"{self._max_requests} requests at a time"
        elif self.memory_bytes + memory_bytes > self._max_memory_bytes and self.requests + requests > 1:
            what = "the memory that requests may hold"
        else:
            self.requests += requests
            self.memory_bytes += memory_bytes
            return
        metrics.REFUSALS.inc()
        message = f"the gateway is at its limit of {what}; try again"
        raise Overloaded(message, code="AT_CAPACITY", retry_after_s=_RETRY_AFTER_S)

    def give_back(self, requests: int, memory_bytes: int) -> None:
        self.requests -= requests
        self.memory_bytes -= memory_bytes


class Place:
    """One request's share. It is taken on entering and given back on leaving."""

    __slots__ = ("_capacity", "_held_bytes")

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._held_bytes = 0

    def __enter__(self) -> Place:
        self._capacity.take(1, _PER_REQUEST_BYTES)
        self._held_bytes = _PER_REQUEST_BYTES
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capacity.give_back(1, self._held_bytes)

    def let_go_of_body(self) -> None:
        """What the request was made of is gone: others may have that room."""
        self._capacity.give_back(0, self._held_bytes - _PER_REQUEST_BYTES)
        self._held_bytes = _PER_REQUEST_BYTES

    def hold(self, body_bytes: int) -> None:
        """Room for a body, or for more of it. Raises Overloaded."""
        self._capacity.take(0, body_bytes * _PER_BODY_BYTE)
        self._held_bytes += body_bytes * _PER_BODY_BYTE


PLACE = web.RequestKey("place", Place)

# A client that sends a byte now and then must not keep a place for ever. 16 KiB/s is a bad mobile network.
GRACE_S = 60.0
_SLOWEST_BYTES_S = 16 << 10


async def read_body(request: web.Request) -> bytes:
    """The body without its content coding, in a time that depends on how long it says it is.

    As long as there is room for it: what it says of its length is believed, then counted. Raises Overloaded,
    BodyTooLarge, RequestTimeout and InvalidRequest.
    """
    if request.content.is_eof():  # as most do, it came with the head: a timer would cost more than the rest
        body = await request.content.readany()
        _check(len(body), request.client_max_size)
        request[PLACE].hold(len(body))
        return await _unpacked(request, body, len(body))
    allowed_s = GRACE_S + (request.content_length or request.client_max_size) / _SLOWEST_BYTES_S
    try:
        async with asyncio.timeout(allowed_s):
            return await _read(request)
    except TimeoutError:
        raise RequestTimeout(f"the body has not come within {allowed_s:.0f} s") from None


async def _read(request: web.Request) -> bytes:
    hold, most = request[PLACE].hold, request.client_max_size
    held = min(request.content_length or 0, most)
    hold(held)
    body = bytearray()
    while piece := await request.content.readany():
        body += piece
        _check(len(body), most)
        if len(body) > held:
            more = max(len(body) - held, held)
            hold(more)
            held += more
    return await _unpacked(request, bytes(body), held)


def _check(size: int, most: int) -> None:
    if size > most:
        raise BodyTooLarge("the body is larger than [server] max_body_bytes allows")


async def _unpacked(request: web.Request, body: bytes, held: int) -> bytes:
    coding = request.headers.get("Content-Encoding", "")
    if not coding:
        return body
    unpacked = await asyncio.to_thread(decompressed, body, coding, request.client_max_size)
    request[PLACE].hold(max(0, len(unpacked) - held))
    return unpacked
