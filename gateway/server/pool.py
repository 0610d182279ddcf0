"""Connections to providers: opened, and kept alive between requests.

A connection is always in the hands of one protocol: an exchange while a request is under way, `_Idle` in
between. What is said on a connection is not known here.
"""

from __future__ import annotations

import asyncio
import ssl

from gateway.errors import ShuttingDown
from gateway.server.connect import Route, connect


class Pool:
    """Idle connections per route; the most recently used is taken first."""

    def __init__(self, ssl_context: ssl.SSLContext, max_idle_per_route: int, idle_ttl_s: float) -> None:
        self._ssl_context = ssl_context
        self._max_idle_per_route = max_idle_per_route
        self._idle_ttl_s = idle_ttl_s
        self._idle: dict[Route, list[_Idle]] = {}
        self._closed = False

    async def open(self, there: Route, protocol: asyncio.Protocol, timeout_s: float) -> asyncio.Transport:
        """A fresh connection."""
        if self._closed:
            raise ShuttingDown("the gateway is shutting down")
        return await connect(there, protocol, self._ssl_context, timeout_s)

    def take(self, there: Route) -> asyncio.Transport | None:
        """A kept connection, for the taker to set its protocol."""
        pool = self._idle.get(there)
        while pool:
            idle = pool.pop()
            if not idle.transport.is_closing():
                return idle.take()
            idle.drop()
        return None

    def keep(self, there: Route, transport: asyncio.Transport) -> None:
        """Take back a connection on which everything has been said."""
        idle = self._idle.setdefault(there, [])
        if self._closed or transport.is_closing() or len(idle) >= self._max_idle_per_route:
            abandon(transport)
        else:
            idle.append(_Idle(idle, transport, self._idle_ttl_s))

    def close(self) -> None:
        self._closed = True
        for idle in [idle for kept in self._idle.values() for idle in kept]:
            idle.drop()


class _Idle(asyncio.Protocol):
    """Waits with a connection for the next request; whatever happens on it meanwhile ends it."""

    __slots__ = ("_pool", "_timer", "transport")

    def __init__(self, pool: list[_Idle], transport: asyncio.Transport, ttl_s: float) -> None:
        self.transport = transport
        self._pool = pool
        self._timer = asyncio.get_running_loop().call_later(ttl_s, self.drop)
        transport.set_protocol(self)

    def take(self) -> asyncio.Transport:
        self._timer.cancel()
        return self.transport

    def drop(self) -> None:
        self._timer.cancel()
        if self in self._pool:
            self._pool.remove(self)
        abandon(self.transport)

    def data_received(self, data: bytes) -> None:
        self.drop()

    def eof_received(self) -> None:
        self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop()


_NOBODY = asyncio.Protocol()


def abandon(transport: asyncio.Transport) -> None:
    """Close at once, and hear nothing more of it."""
    transport.set_protocol(_NOBODY)
    transport.abort()
