"""The simulator as a server: it waits, listens, keeps what came in and sends what `respond` says."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable

import msgspec
import uvloop
from aiohttp import web
from msgspec import Struct

from gateway.simulator.answer import Reply
from gateway.simulator.manual import EXAMPLES, MANUAL
from gateway.simulator.options import BREAKS
from gateway.simulator.route import respond
from gateway.simulator.script import encode


class Settings(Struct):
    pace_ms: float = 0
    record: str | None = None  # a file that gets a line of JSON for each request


class Recorded(Struct):
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes


class Simulator:
    def __init__(self, settings: Settings) -> None:
        self.origin = (
            ""  # scheme, host and port: the base URL of Anthropic, Gemini, Azure, Vertex and Bedrock
        )
        self.url = ""  # the base URL that OpenAI's SDK takes
        self.requests: list[Recorded] = []
        self.active = self.aborted = 0
        self.settings = settings
        self.changed = asyncio.Event()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self.handle)
        self.runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.01)

    async def until(self, condition: Callable[[Simulator], bool]) -> None:
        """Wait for the condition; it is looked at when a request has come and when an answer has ended."""
        while not condition(self):
            self.changed.clear()
            await self.changed.wait()

    async def close(self) -> None:
        await self.runner.cleanup()
        await self.until(lambda it: not it.active)

    def record(self, request: Recorded) -> None:
        self.requests.append(request)
        del self.requests[:-10_000]  # a benchmark sends more than anyone will look at
        self.changed.set()
        if self.settings.record:
            text = request.body.decode(errors="backslashreplace")
            with open(self.settings.record, "ab") as file:
                file.write(encode({**msgspec.structs.asdict(request), "body": text}) + b"\n")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.active += 1
        try:
            body = await request.read()
            headers = [(key.decode("latin-1"), it.decode("latin-1")) for key, it in request.raw_headers]
            self.record(Recorded(request.method, request.path_qs, headers, body))
            reply = respond(request.method, request.path_qs, request.headers, body, int(time.time()))
            return await self.send(request, reply)
        except (asyncio.CancelledError, ConnectionError) as left:
            self.aborted += 1
            if isinstance(left, ConnectionError):
                return web.Response()
            raise
        finally:
            self.active -= 1
            self.changed.set()

    async def send(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        loop, transport = asyncio.get_running_loop(), request.transport
        headers = {**reply.headers, "content-type": reply.content_type}
        response = web.StreamResponse(status=reply.status, headers=headers)
        response.content_length = reply.length_bytes
        kind, _, argument = reply.fail.partition(":")
        await asyncio.sleep(float(argument) if kind == "slow_head" else 0)
        if argument != "head":
            await response.prepare(request)
            pace_s = (self.settings.pace_ms if reply.pace_ms is None else reply.pace_ms) / 1000
            due_s = loop.time()
            for data in reply.writes:
                # Also without a pace: what is written in one turn of the loop leaves in one piece.
                await asyncio.sleep(max(0, due_s - loop.time()))
                await response.write(data)
                due_s += pace_s
        if kind == "stall":
            await loop.create_future()
        elif kind in BREAKS and transport:
            if kind == "garbage":
                transport.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            if kind == "reset":
                linger = struct.pack("ii", 1, 0)  # makes closing a reset
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.close()
        return response


async def start(host: str = "127.0.0.1", port: int = 0, settings: Settings | None = None) -> Simulator:
    simulator = Simulator(settings or Settings())
    await simulator.runner.setup()
    await web.TCPSite(simulator.runner, host, port).start()
    simulator.origin = f"http://{host}:{simulator.runner.addresses[0][1]}"
    simulator.url = f"{simulator.origin}/v1"
    return simulator


async def serve(host: str, port: int, settings: Settings) -> None:
    print((await start(host, port, settings)).url, flush=True)
    await asyncio.Event().wait()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m gateway.simulator", description=MANUAL, epilog=EXAMPLES)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=9000, help="0 takes a free one (%(default)s)")
    parser.add_argument("--pace-ms", type=float, default=0, help="unless a model's name says otherwise")
    parser.add_argument("--record", metavar="FILE", help="append each request to FILE as a line of JSON")
    given = parser.parse_args(argv)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(given.host, given.port, Settings(given.pace_ms, given.record)))
