"""Who asks, and with what body: the first phases of every request that has one."""

from __future__ import annotations

from time import perf_counter

from aiohttp import web

from gateway.access.keys import Caller
from gateway.server.call import CALL, GATEWAY
from gateway.server.capacity import read_body


async def received(request: web.Request) -> tuple[Caller, bytes]:
    """The caller and the body: nobody unknown gets as far as sending one.

    Raises what `Admission.identify` and `read_body` raise.
    """
    call = request[CALL]
    call.phase = "identify"
    caller = await request[GATEWAY].admission.identify(request.headers, request.query)
    call.key = caller.key.name if caller.key else None
    call.phase = "parse"
    raw = await read_body(request)
    call.received_at = perf_counter()
    call.size_bytes = len(raw)
    return caller, raw
