"""A provider that does on the wire exactly what a test's script says, and sees to it that nothing is left open.

A script is a coroutine that is called for every connection with a `Wire` to read requests from and write raw
bytes to. `House` starts them, makes the upstreams that call them, and at the end checks that every connection
has been closed and no task or socket is left.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from gateway.config import Proxies
from gateway.server.plain import PlainUpstream
from gateway.server.upstream import Upstream

Ways = type[Upstream] | type[PlainUpstream]


class Request(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes


class Wire:
    """The provider's end of one connection. `left` is set once the script and the client are done with it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.left = asyncio.Event()

    async def request(self) -> Request:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        line, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Request(line, headers, body)

    async def send(self, *data: bytes) -> None:
        for piece in data:
            if self.writer.is_closing():
                raise ConnectionResetError
            self.writer.write(piece)
            await self.writer.drain()

    def end(self) -> None:
        """Close once everything has been sent."""
        self.writer.close()

    def die(self, rudely: bool = False) -> None:
        """Drop the connection, rudely with a reset instead of an end (and without TLS's end either way)."""
        if rudely:
            linger_not_at_all = struct.pack("ii", 1, 0)
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has closed its end."""
        try:
            while await self.reader.read(1 << 20):
                pass
        except ConnectionError:
            pass


Script = Callable[[Wire], Awaitable[None]]


class Place:
    """Where a script is served; `wires` are its connections so far."""

    def __init__(self, url: str, wires: list[Wire]) -> None:
        self.url = url
        self.wires = wires

    @property
    def address(self) -> str:
        return self.url.partition("://")[2]


class House:
    """`patience_s` is how long a connection may take to be closed after the upstream has been."""

    def __init__(self, way: Ways, patience_s: float = 5.0) -> None:
        self._way = way
        self._patience_s = patience_s
        self._servers: list[asyncio.Server] = []
        self._upstreams: list[Upstream | PlainUpstream] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []

    async def __aenter__(self) -> House:
        self._sockets = _sockets()
        return self

    async def serve(self, script: Script, tls: ssl.SSLContext | None = None) -> Place:
        wires: list[Wire] = []

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._serving.add(task)
            wire = Wire(reader, writer)
            wires.append(wire)
            try:
                await script(wire)
                await wire.gone()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass  # the client left
            except BaseException as failure:
                self._failures.append(failure)
            finally:
                self._serving.discard(task)
                wire.left.set()
                writer.transport.abort()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, limit=1 << 26)
        self._servers.append(server)
        port = server.sockets[0].getsockname()[1]
        return Place(f"{'https' if tls else 'http'}://127.0.0.1:{port}", wires)

    def upstream(
        self,
        *,
        proxies: Proxies | None = None,
        trust: ssl.SSLContext | None = None,
        max_idle: int = 64,
        idle_ttl_s: float = 50.0,
    ) -> Upstream | PlainUpstream:
        upstream = self._way(
            proxies=proxies or Proxies(),
            ssl_context=trust,
            max_idle_per_origin=max_idle,
            idle_ttl_s=idle_ttl_s,
        )
        self._upstreams.append(upstream)
        return upstream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        for upstream in self._upstreams:
            await upstream.close()
        if error is not None:
            return
        serving = set(self._serving)
        if serving:
            # Every script ends when its client has closed the connection.
            _, left = await asyncio.wait(serving, timeout=self._patience_s)
            assert not left, "a connection was left open"
        assert not self._failures, self._failures
        await settled(lambda: asyncio.all_tasks() == {asyncio.current_task()} and _sockets() <= self._sockets)


async def settled(is_so: Callable[[], bool]) -> None:
    """Closing takes the loop a few rounds, of TLS a few more."""
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.001)
    raise AssertionError(
        f"left behind: {asyncio.all_tasks() - {asyncio.current_task()}}, {_sockets()} sockets"
    )


def _sockets() -> int:
    """How many are open. Which ones would say too much: uvloop makes two of its own anew for each run."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return found
