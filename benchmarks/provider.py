"""A provider that costs next to nothing: it streams the answer of `dialogue` at a pace, or gives it whole.

It speaks just enough HTTP/1.1 for the proxies measured here, so that it is never what a run waits for. Each
event is a write of its own. Its dialect is told by the path. `GET /counts` tells what it has done so far.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from typing import cast

import msgspec
import uvloop

from benchmarks import dialogue, wires

_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: keep-alive\r\nCache-Control: no-cache\r\nServer: benchmark\r\n"
    b"OpenAI-Processing-Ms: 211\r\nX-Request-Id: req_0f3d6a1c5d9b4f0e8f6f6b1f7b0d2c55\r\n\r\n"
)
_END = b"0\r\n\r\n"


class Counts(msgspec.Struct):
    """Events and whole answers written, and requests in which the values were to be read."""

    events: int = 0
    wholes: int = 0
    in_clear: int = 0


class Provider:
    """What all connections share."""

    def __init__(self, events: int, pace_s: float) -> None:
        self.events = events
        self.pace_s = pace_s
        self.counts = Counts()
        self.call_at = asyncio.get_running_loop().call_at


class Connection(asyncio.Protocol):
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._held = b""
        self._chunks: list[bytes] = []
        self._next = 0
        self._due_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        head_ends = self._held.find(b"\r\n\r\n")
        if head_ends < 0:
            return
        end = head_ends + 4 + wires.content_length(self._held[:head_ends])
        if len(self._held) < end:
            return
        head, body = self._held[:head_ends], self._held[head_ends + 4 : end]
        self._held = self._held[end:]
        if head.startswith(b"GET /counts "):
            self._answer(b"200 OK", msgspec.json.encode(self._provider.counts))
            return
        wire = next((name for name, wire in wires.WIRES.items() if wire.path.encode() in head), None)
        asked = wires.read_request(body)
        if wire is None or asked is None:
            self._answer(b"400 Bad Request", b'{"error": {"message": "there is one question here only"}}')
            return
        self._provider.counts.in_clear += dialogue.in_clear(asked.values)
        if wires.streams(body):
            self._stream(wire, asked)
        else:
            self._provider.counts.wholes += 1
            self._answer(b"200 OK", wires.whole(wire, asked, self._provider.events))

    def _answer(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
            status,
            len(body),
        )
        self._transport.write(head + body)

    def _stream(self, wire: wires.Name, asked: dialogue.Asked) -> None:
        frames = wires.frames(wire, asked, self._provider.events)
        self._chunks = [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames]
        self._chunks[0] = _STREAM_HEAD + self._chunks[0]
        self._chunks[-1] += _END
        self._next = 0
        self._due_s = asyncio.get_running_loop().time()
        self._write_next()

    def _write_next(self) -> None:
        """By the clock, not from write to write, so that a late one does not slow the stream down."""
        if self._transport.is_closing():
            return
        self._transport.write(self._chunks[self._next])
        self._provider.counts.events += 1
        self._next += 1
        if self._next < len(self._chunks):
            self._due_s += self._provider.pace_s
            self._provider.call_at(self._due_s, self._write_next)


async def serve(events: int, pace_s: float) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    provider = Provider(events, pace_s)
    server = await loop.create_server(lambda: Connection(provider), "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.provider", description=__doc__)
    parser.add_argument("--events", type=int, default=101, help="in each answer (default: %(default)s)")
    parser.add_argument("--pace-ms", type=float, default=10, help="between two events (default: %(default)s)")
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.events, arguments.pace_ms / 1000))


if __name__ == "__main__":
    main()
