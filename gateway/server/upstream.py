"""The way to providers: a raw asyncio protocol over kept connections.

`Upstream.send` takes a URL, headers and a body, and returns the `Exchange` that will tell the answer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

from gateway import __version__
from gateway.config import Proxies, Timeouts
from gateway.errors import ShuttingDown
from gateway.server.connect import route
from gateway.server.exchange import Exchange
from gateway.server.pool import Pool
from gateway.wire.http1 import encode_request

# `identity`, because a compressed stream costs time to no one's gain.
_DEFAULTS = (
    ("User-Agent", f"sluice/{__version__}"),
    ("Accept-Encoding", "identity"),
    ("Connection", "keep-alive"),
)
_DEFAULT_NAMES = frozenset({"host", *(name.lower() for name, _ in _DEFAULTS)})


class Upstream:
    """Sends requests, each to be closed by its sender; `close` ends what is left."""

    def __init__(
        self,
        *,
        proxies: Proxies,
        ssl_context: ssl.SSLContext | None = None,
        max_idle_per_origin: int = 64,
        idle_ttl_s: float = 50.0,
    ) -> None:
        self._proxies = proxies
        self._pool = Pool(ssl_context or ssl.create_default_context(), max_idle_per_origin, idle_ttl_s)
        self._under_way: set[Exchange] = set()

    async def send(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeouts: Timeouts,
        *,
        method: str = "POST",
    ) -> Exchange:
        """Write a request. Cancelling closes the connection."""
        there, target = route(url, self._proxies)
        headers = with_defaults(headers, there.authority)
        if there.proxy is not None and there.proxy.authorization is not None and not there.tls:
            headers.append(("Proxy-Authorization", there.proxy.authorization))
        request = encode_request(method, target, headers, body)
        exchange = Exchange(self._pool, there, method, request, timeouts, self._under_way)
        try:
            await exchange.start(self._pool.take(there))
        except BaseException:
            exchange.close()
            raise
        return exchange

    async def close(self) -> None:
        """Close every connection; answers that are not over end with an error."""
        self._pool.close()
        for exchange in list(self._under_way):
            exchange.fail(ShuttingDown("the gateway is shutting down"))
        # Closed transports let go of their sockets in the loop's next round.
        await asyncio.sleep(0)


def with_defaults(headers: Sequence[tuple[str, str]], authority: str) -> list[tuple[str, str]]:
    """The headers every request has, where the caller has not set them."""
    given = {name.lower() for name, _ in headers}
    defaults = [("Host", authority), *_DEFAULTS]
    if not _DEFAULT_NAMES.isdisjoint(given):
        defaults = [each for each in defaults if each[0].lower() not in given]
    return [*defaults, *headers]
