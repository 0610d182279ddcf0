"""Who asks, and with what body: the first phases of every request that has one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from time import perf_counter

from aiohttp import web

from gateway.access.keys import Caller
from gateway.server.call import CALL, GATEWAY
from gateway.server.capacity import PLACE, read_body

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def placed(handler: Handler) -> Handler:
    """The handler, its requests among those that a worker takes on at a time. Raises Overloaded."""

    @wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        with request[GATEWAY].capacity.place() as request[PLACE]:
            return await handler(request)

    return handle


async def received(request: web.Request) -> tuple[Caller, bytes]:
    """The caller and the body: nobody unknown gets as far as sending one.

    Raises what `Admission.identify` and `read_body` raise.
    """
    call = request[CALL]
    call.phase = "identify"
    query = request.query if request.rel_url.raw_query_string else {}  # it would be kept, empty or not
    caller = await request[GATEWAY].admission.identify(request.headers, query)
    call.key = caller.key.name if caller.key else None
    call.phase = "parse"
    raw = await read_body(request)
    call.received_at = perf_counter()
    call.size_bytes = len(raw)
    return caller, raw


async def admitted_free(request: web.Request, caller: Caller) -> None:
    """Count a request that no model answers among those of its key. Raises RateLimited."""
    call = request[CALL]
    call.phase = "admit"
    await request[GATEWAY].admission.admit_free(call, caller.key)
