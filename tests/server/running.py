"""A gateway and its provider, running, and a client that sees every byte.

`running` starts a gateway on a free port before a simulator, or before whatever speaks at `provider_url`.
`Connection` is one HTTP/1.1 exchange by hand: it can leave at any point, and it keeps the chunks as they came.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from aiohttp import web
from multidict import CIMultiDict

from gateway import simulator
from gateway.access.prices import Price
from gateway.config import (
    Audit,
    Cache,
    CircuitBreaker,
    Config,
    Guard,
    Key,
    Metrics,
    Model,
    Provider,
    Proxies,
    Retries,
    Route,
    Secret,
    Server,
    State,
    Timeouts,
    Traces,
)
from gateway.guard.policy import Policy
from gateway.server.serving import start
from gateway.simulator import Simulator

UpstreamKind = Literal["direct", "plain"]
Header = tuple[str, str]
# What nothing here takes when all is well; only a failing test waits so long.
PATIENCE_S = 10.0
PROVIDER_KEY = "provider-key-of-the-config"
DONE = b"data: [DONE]\n\n"
NEVER = CircuitBreaker(failures=1_000_000)


@dataclass
class Answer:
    """`chunks` are the HTTP chunks as they came, or the body in one; `ended` says it came to its end."""

    status: int
    headers: CIMultiDict[str]
    chunks: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error of an envelope, its shape checked."""
        envelope = self.json()
        assert list(envelope) == ["error"], envelope
        error = checked(envelope["error"])
        assert error["status"] == self.status
        assert error["request_id"] == self.headers["X-Request-ID"]
        return error

    @property
    def events(self) -> list[Any]:
        """What the frames of a stream hold; its end mark is taken off and must be there."""
        assert self.headers["content-type"] == "text/event-stream; charset=utf-8"
        frames = self.body.replace(b"\r\n", b"\n").split(b"\n\n")
        assert frames.pop() == b""
        data = [frame.removeprefix(b"data: ") for frame in frames if not frame.startswith(b":")]
        assert data.pop() == b"[DONE]"
        return [json.loads(each) for each in data]

    @property
    def stream_error(self) -> dict[str, Any]:
        """The error that ended a stream."""
        assert self.status == 200
        event = self.events[-1]
        assert list(event) == ["error"], event
        error = checked(event["error"])
        assert error["request_id"] == self.headers["X-Request-ID"]
        return error


def checked(error: dict[str, Any]) -> dict[str, Any]:
    assert {"message", "type", "code", "param", "status", "request_id"} <= set(error), error
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert error["type"] == error["type"].lower()
    assert isinstance(error["status"], int)
    return error


class Connection:
    """One exchange with a server, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._left: int | None = None  # bytes until the end of the body; None: it is chunked

    def send(self, raw: bytes) -> None:
        self._writer.write(raw)

    def request(
        self,
        body: bytes,
        path: str,
        headers: Iterable[Header] = (),
        method: str = "POST",
        host: str = "localhost",
    ) -> None:
        given = {name.lower() for name, _ in headers}
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += [] if "content-type" in given else ["Content-Type: application/json"]
        framed = given & {"content-length", "transfer-encoding"}
        lines += [] if framed else [f"Content-Length: {len(body)}"]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    async def head(self) -> Answer:
        """Status and headers."""
        async with asyncio.timeout(PATIENCE_S):
            raw = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode().split("\r\n")[:-2]
        answer = Answer(int(first.split()[1]), CIMultiDict(line.partition(": ")[::2] for line in lines))
        length = answer.headers.get("content-length")
        chunked = answer.headers.get("transfer-encoding") == "chunked"
        self._left = None if chunked else int(length or 0)
        return answer

    async def chunk(self) -> bytes:
        """The next chunk as the server wrote it; empty at the end."""
        async with asyncio.timeout(PATIENCE_S):
            if self._left is not None:
                size, self._left = self._left, 0
                return await self._reader.readexactly(size)
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            return (await self._reader.readexactly(size + 2))[:-2]

    async def rest(self, answer: Answer) -> Answer:
        """The body to its end, or to where the connection was cut."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while chunk := await self.chunk():
                answer.chunks.append(chunk)
            answer.ended = True
        return answer

    async def closed(self) -> bytes:
        """Wait for the server to close; what it still said."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.read()

    def leave(self) -> None:
        """As a client that dies: a reset, nothing said."""
        self._writer.transport.abort()


@contextlib.asynccontextmanager
async def connected(port: int, receive_buffer_bytes: int | None = None) -> AsyncIterator[Connection]:
    raw = socket.socket()
    raw.setblocking(False)
    if receive_buffer_bytes:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    try:
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=1 << 20)
    except BaseException:  # cancelled too
        raw.close()
        raise
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def asking(model: str, content: Any = "Hello", *, stream: bool = True, **more: Any) -> bytes:
    """The body of a chat request."""
    message = {"role": "user", "content": content}
    return json.dumps({"model": model, "stream": stream, "messages": [message], **more}).encode()


def picture(size: int) -> list[dict[str, Any]]:
    """Content that is long and takes no time, because nobody looks at it."""
    url = "data:image/png;base64," + "A" * size
    return [{"type": "image_url", "image_url": {"url": url}}]


def saying(text: str, options: str = "") -> str:
    """The simulator's model that answers with a text."""
    return f"sim:script?text={quote(text)}&{options}".rstrip("&")


CHAT = "/v1/chat/completions"


@dataclass
class Pair:
    """A running gateway and the simulator that is one of its providers."""

    port: int
    runner: web.AppRunner
    simulator: Simulator

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(
        self, receive_buffer_bytes: int | None = None
    ) -> contextlib.AbstractAsyncContextManager[Connection]:
        return connected(self.port, receive_buffer_bytes)

    async def post(
        self,
        body: bytes,
        path: str = CHAT,
        headers: Iterable[Header] = (),
        method: str = "POST",
        host: str = "localhost",
    ) -> Answer:
        """Send a raw body; the raw answer."""
        async with self.connect() as connection:
            connection.request(body, path, headers, method, host)
            return await connection.rest(await connection.head())

    async def chat(self, model: str, content: Any = "Hello", *, stream: bool = True, **more: Any) -> Answer:
        return await self.post(asking(model, content, stream=stream, **more))

    async def until(self, condition: Callable[[Simulator], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.simulator.until(condition)

    @property
    def credentials(self) -> list[str | None]:
        """The Authorization header of each request that the provider got."""
        return [CIMultiDict(it.headers).get("authorization") for it in self.simulator.requests]

    @property
    def saw(self) -> Any:
        """The body of the last request that the provider got."""
        return json.loads(self.simulator.requests[-1].body)


@contextlib.asynccontextmanager
async def running(
    upstream: UpstreamKind,
    *,
    provider_url: str | None = None,
    timeouts: Timeouts | None = None,
    models: Iterable[str] = ("sim*",),
    keys: Iterable[Key] = (),
    prices: Iterable[Price] = (),
    state: State | None = None,
    policies: Iterable[Policy] = (),
    model: Model | None = None,
    guards: Iterable[Guard] = (),
    others: Iterable[Provider] = (),
    provider_headers: dict[str, str] | None = None,
    metrics: Metrics | None = None,
    traces: Traces | None = None,
    audit: Audit | None = None,
    retries: Retries | None = None,
    breaker: CircuitBreaker | None = None,
    routes: Iterable[Route] = (),
    cache: Cache | None = None,
    **server: Any,
) -> AsyncIterator[Pair]:
    """A gateway before a simulator. `others` are listed behind it; `server` are options of `[server]`.

    Unless asked to, it neither asks twice nor gives the simulator a rest: most tests are of one attempt.
    """
    sim = await simulator.start()
    provider = Provider(
        name="simulated",
        base_url=provider_url or sim.url,
        api_key=Secret(PROVIDER_KEY),
        models=[*models],
        timeouts=timeouts or Timeouts(),
        headers=provider_headers or {},
        retries=retries or Retries(most=0),
        breaker=breaker or NEVER,
    )
    config = Config(
        server=Server(port=0, upstream=upstream, **server),
        providers=[provider, *others],
        routes=[*routes],
        cache=cache,
        keys=[*keys],
        prices=[*prices],
        state=state,
        policies=[*policies],
        model=model,
        metrics=metrics,
        traces=traces,
        audit=audit,
        guards=[*guards],
    )
    runner, port = await start(config, Proxies())
    try:
        yield Pair(port, runner, sim)
    finally:
        await runner.cleanup()
        await sim.close()


Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[str]:
    """A server of the test's own on a free port; its URL."""
    application = web.Application(client_max_size=64 << 20)
    application.router.add_route("*", "/{path:.*}", respond)
    runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def frame(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return (
        b"data: "
        + json.dumps({"id": "c1", "object": "chat.completion.chunk", "choices": [choice]}).encode()
        + b"\n\n"
    )


async def turns(number: int = 50) -> None:
    """Let the loop look at its sockets so many times."""
    for _ in range(number):
        await asyncio.sleep(0)
