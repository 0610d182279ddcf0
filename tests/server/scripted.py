"""Providers that answer by a script, one reply a request, and who asks them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.config import Provider, Retries, Secret
from gateway.simulator import Simulator
from tests.server.running import DONE, NEVER, Answer, Header, frame

QUICK = Retries(most=2, first_wait_s=0.01)
EMAIL = "bob.stone@example.org"
SAID = "All is well."
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}
ERROR = {"error": {"message": "The engine is overloaded.", "type": "server_error", "code": "overloaded"}}
RESET = b""


def reply(
    status: int, body: Any = ERROR, headers: Iterable[Header] = (), kind: str = "application/json"
) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(raw)}"]
    lines += ["Connection: close", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def streamed(*frames: bytes) -> bytes:
    return reply(200, b"".join(frames), kind="text/event-stream")


def fine(stream: bool) -> bytes:
    return streamed(frame({"content": SAID}), frame({}, "stop"), DONE) if stream else reply(200, WHOLE)


@dataclass
class Scripted:
    """A provider that answers each request with the next thing of its script, and the last one for good."""

    url: str
    script: list[bytes]
    requests: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return len(self.requests)


@contextlib.asynccontextmanager
async def scripted(*script: bytes) -> AsyncIterator[Scripted]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in head.split("\r\n"))
            }
            it.requests.append(await reader.readexactly(int(headers["content-length"])))
            it.keys.append(headers.get("authorization", ""))
            said = it.script.pop(0) if len(it.script) > 1 else it.script[0]
            if said == RESET:
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                writer.transport.abort()
                return
            writer.write(said)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    it = Scripted(f"http://127.0.0.1:{port}/v1", [*script])
    async with server:
        yield it


def nobody() -> str:
    """A place where connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def provider(name: str, url: str, **more: Any) -> Provider:
    more = {"api_key": Secret(f"key-of-{name}"), "retries": QUICK, "breaker": NEVER, **more}
    return Provider(name=name, base_url=url, models=["nothing"], **more)


def anthropic(sim: Simulator) -> Provider:
    return provider("claude", sim.origin, kind="anthropic")


def text_of(answer: Answer, stream: bool) -> str:
    if not stream:
        return str(answer.json()["choices"][0]["message"]["content"])
    choices = [choice for event in answer.events for choice in event["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def told(answer: Answer) -> dict[str, str | None]:
    names = ("Provider", "Model", "Attempts", "Maybe-Billed")
    return {name: answer.headers.get(f"X-Sluice-{name}") for name in names}


def logged(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The last request's facts."""
    found: dict[str, Any] = caplog.get_records("call")[-1].__dict__["facts"]
    return found


both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
