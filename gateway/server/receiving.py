"""A request's body, read to its end in a time that depends on how long it says it is."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway.errors import RequestTimeout

# A client that sends a byte now and then must not keep a place for ever. 16 KiB/s is a bad mobile network.
GRACE_S = 60.0
_SLOWEST_BYTES_S = 16 << 10


async def read(request: web.Request) -> bytes:
    """Raises RequestTimeout, and BodyTooLarge as aiohttp's HTTPRequestEntityTooLarge."""
    allowed_s = GRACE_S + (request.content_length or request.client_max_size) / _SLOWEST_BYTES_S
    try:
        async with asyncio.timeout(allowed_s):
            return await request.read()
    except TimeoutError:
        raise RequestTimeout(f"the body has not come within {allowed_s:.0f} s") from None
