"""Clients that leave, or do not read: the provider is left or held back, and nothing stays."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import pytest

from gateway.simulator import Simulator
from tests.server.conftest import Start
from tests.server.running import (
    CHAT,
    PATIENCE_S,
    Pair,
    asking,
    frame,
    saying,
    turns,
)
from tests.server.talking import ANSWER, PROMPT, asked, stands, text_of


def busy(simulator: Simulator) -> bool:
    return simulator.active == 1 and len(simulator.requests) == 1


def aborted(simulator: Simulator) -> bool:
    return simulator.active == 0 and simulator.aborted == 1


async def test_leaving_while_sending_reaches_no_provider(gateway: Pair) -> None:
    async with gateway.connect() as connection:
        connection.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
        )
        await turns()
        connection.leave()
    assert text_of(await gateway.chat("sim:say", PROMPT)) == ANSWER
    assert len(gateway.simulator.requests) == 1


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("place", ["head", "0"])
async def test_leaving_before_the_first_event(gateway: Pair, place: str, stream: bool) -> None:
    async with asked(gateway, f"sim:say?fail=stall:{place}", stream=stream) as connection:
        await gateway.until(busy)
        connection.leave()
        await gateway.until(aborted)


async def test_leaving_while_a_comment_bridges(start: Start) -> None:
    gateway = await start(keepalive_after_s=0.02)
    async with asked(gateway, "sim:say?fail=stall:head") as connection:
        await connection.head()
        await connection.chunk()
        connection.leave()
        await gateway.until(aborted)


async def test_leaving_while_text_is_held(gateway: Pair) -> None:
    # The role, "Hello " and "[EMAIL": half a placeholder waits for the rest, which never comes.
    model = saying("Hello [EMAIL_1]", "delta=6&fail=stall:3")
    async with asked(gateway, model) as connection:
        await connection.head()
        said = b""
        while b"Hello " not in said:
            said += await connection.chunk()
        await turns()
        connection.leave()
        await gateway.until(aborted)
    assert b'"content":"[' not in said


async def test_leaving_midway(gateway: Pair) -> None:
    async with asked(gateway, "sim:long?tokens=3000&pace_ms=1") as connection:
        await connection.head()
        await connection.chunk()
        await connection.chunk()
        connection.leave()
        await gateway.until(aborted)


async def test_leaving_half_closed_is_no_leaving(gateway: Pair) -> None:
    """A client may say that it will send no more and still read, as `nc -N` does."""
    async with asked(gateway, "sim:say") as connection:
        answer = await connection.rest(await connection.head())
    assert text_of(answer) == ANSWER


async def test_leaving_while_connecting(start: Start) -> None:
    """The provider accepts the connection and never says a word of TLS."""
    came, gone = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        with contextlib.suppress(ConnectionError):
            while await reader.read(1 << 16):
                pass
        gone.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        gateway = await start(provider_url=f"https://127.0.0.1:{port}")
        async with asked(gateway, "sim") as connection, asyncio.timeout(PATIENCE_S):
            await came.wait()
            connection.leave()
            await gone.wait()


class Flood(asyncio.Protocol):
    """A provider that writes as fast as it is read, and counts."""

    PIECE = frame({"content": "The river runs slowly through the valley. " * 400})
    OFFERED_BYTES = 128 << 20

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.lost = asyncio.Event()
        self.paused = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self.sent_bytes and self._transport:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            self._more()

    def _more(self) -> None:
        if self._transport and not self.paused and not self.lost.is_set():
            if self.sent_bytes < self.OFFERED_BYTES:
                self._transport.write(self.PIECE)
                self.sent_bytes += len(self.PIECE)
                asyncio.get_running_loop().call_soon(self._more)
            else:
                self._transport.close()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._more()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@contextlib.asynccontextmanager
async def flooding() -> AsyncIterator[tuple[Flood, str]]:
    flood = Flood()
    server = await asyncio.get_running_loop().create_server(lambda: flood, "127.0.0.1", 0)
    async with server:
        yield flood, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_client_that_does_not_read_stops_the_provider(start: Start) -> None:
    async with flooding() as (flood, url):
        gateway = await start(provider_url=url)
        async with gateway.connect(receive_buffer_bytes=4096) as connection:
            connection.request(asking("sim"), CHAT)
            await connection.head()
            sent_bytes = await stands(lambda: flood.sent_bytes)
            assert flood.paused
            # What the kernel's buffers of three connections hold, not what was offered.
            assert sent_bytes < flood.OFFERED_BYTES // 4
            # It goes on when the client does.
            read_bytes = 0
            while read_bytes < 4 << 20:
                read_bytes += len(await connection.chunk())
            connection.leave()
            async with asyncio.timeout(PATIENCE_S):
                await flood.lost.wait()
        assert flood.sent_bytes < flood.OFFERED_BYTES // 2


async def test_a_slow_reader_gets_every_byte(gateway: Pair) -> None:
    model = "sim:long?tokens=3000&seed=1"
    async with gateway.connect(receive_buffer_bytes=4096) as connection:
        connection.request(asking(model), CHAT)
        answer = await connection.head()
        await turns(1000)  # it dawdles
        await connection.rest(answer)
    assert answer.ended
    whole = await gateway.chat(model, stream=False)
    assert text_of(answer) == whole.json()["choices"][0]["message"]["content"]


async def test_the_client_leaves_a_large_request_that_the_provider_does_not_read(start: Start) -> None:
    """The request is still being written when the client goes."""
    came, gone = asyncio.Event(), asyncio.Event()

    class Deaf(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)
            self.transport.pause_reading()
            came.set()

        def data_received(self, data: bytes) -> None:
            pass

        def connection_lost(self, exc: Exception | None) -> None:
            gone.set()

    deaf = Deaf()
    server = await asyncio.get_running_loop().create_server(lambda: deaf, "127.0.0.1", 0)
    async with server, asyncio.timeout(PATIENCE_S):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        gateway = await start(provider_url=url)
        # A picture: it is not looked at, so that much of it costs no time.
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (24 << 20)}}
        async with gateway.connect() as connection:
            connection.request(asking("sim", [picture]), CHAT)
            await came.wait()
            connection.leave()
            await turns()
            deaf.transport.resume_reading()
            await gone.wait()
