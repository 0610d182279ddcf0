"""Other real clients: an old SSE library, the reader most people write, Node's SDK and a page in a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp_sse_client.client import EventSource  # type: ignore[import-untyped]

from tests.server.conftest import Start
from tests.server.running import CHAT, DONE, PATIENCE_S, Pair, asking, frame, serving

HERE = Path(__file__).parent
PROMPT = "Tell me about John Smith at john@example.com"
ANSWER = "Of course — you asked about John Smith, john@example.com. What should happen to John Smith?"
CUTS = [
    "delta=3",
    "bytes=1",
    "bytes=2",
    "bytes=random",
    "crlf=1",
    "crlf=1&bytes=random",
    "comments=1",
    "escape=1",
]


@pytest.mark.parametrize("cut", CUTS)
async def test_aiohttp_sse_client(gateway: Pair, cut: str) -> None:
    said = ""
    async with (
        aiohttp.ClientSession() as session,
        EventSource(
            gateway.url + CHAT,
            option={"method": "POST"},
            session=session,
            data=asking(f"sim:say?{cut}", PROMPT),
            headers={"Content-Type": "application/json"},
        ) as source,
    ):
        async for event in source:
            if event.data == "[DONE]":
                break
            said += json.loads(event.data)["choices"][0]["delta"].get("content") or ""
    assert said == ANSWER


@pytest.mark.parametrize("cut", [*CUTS, "delta=random&bytes=random&comments=1", "reasoning=1&bytes=3"])
async def test_the_reader_most_people_write(gateway: Pair, cut: str) -> None:
    said = ""
    async with (
        aiohttp.ClientSession() as session,
        session.post(gateway.url + CHAT, data=asking(f"sim:say?{cut}", PROMPT)) as response,
    ):
        assert response.status == 200
        async for piece in response.content.iter_any():
            for line in piece.decode().split("\n"):
                if line.startswith("data: "):
                    with contextlib.suppress(ValueError):
                        said += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
    assert said == ANSWER


async def test_requests_over_one_connection(gateway: Pair) -> None:
    """Answers in one piece, streams and errors follow one another on a kept connection."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        for model, status in [
            ("sim:say", 200),
            ("nobody", 404),
            ("sim:say?fail=drop:1", 200),
            ("sim:say", 200),
        ] * 2:
            for stream in (True, False):
                body = asking(model, PROMPT, stream=stream)
                async with session.post(gateway.url + CHAT, data=body) as response:
                    raw = await response.read()
                    assert response.status == (502 if "fail" in model and not stream else status)
                    assert (b"[DONE]" in raw) == (stream and response.status == 200)


async def test_a_client_of_http_1_0(gateway: Pair) -> None:
    """No chunks: the body ends with the connection."""
    body = asking("sim:say", PROMPT)
    async with gateway.connect() as connection:
        head = f"POST {CHAT} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.send(head.encode() + body)
        answer = await connection.head()
        raw = await connection.closed()
    assert "transfer-encoding" not in answer.headers
    assert raw.startswith(b"data: {")
    assert raw.endswith(DONE)


async def test_a_client_that_waits_to_be_told_to_go_on(gateway: Pair) -> None:
    body = asking("sim:say", PROMPT)
    async with gateway.connect() as connection:
        connection.request(b"", CHAT, [("Expect", "100-continue"), ("Content-Length", str(len(body)))])
        assert (await connection.head()).status == 100
        connection.send(body)
        answer = await connection.rest(await connection.head())
    assert answer.ended
    assert answer.body.endswith(DONE)


# --- Node -------------------------------------------------------------------------------------------------


async def test_the_openai_sdk_for_node(start: Start) -> None:
    if not shutil.which("node"):
        pytest.skip("node is not here")
    if not (HERE / "node/node_modules/openai").is_dir():
        pytest.skip("node_modules is not here: make test installs it")
    gateway = await start(models=["sim:say", "sim*"])
    process = await asyncio.create_subprocess_exec(
        *("node", "client.mjs", f"{gateway.url}/v1", PROMPT),
        cwd=HERE / "node",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    seen = json.loads(out)
    assert seen["whole"] == ANSWER
    assert seen["stream"]["text"] == ANSWER
    assert seen["stream"]["chunks"] > 10
    assert seen["final"] == [[ANSWER, "stop"]] * 2
    assert seen["usage"] > 0
    assert seen["arguments"] == {"to": "John Smith", "text": "john@example.com"}
    assert (seen["early"]["kind"], seen["early"]["status"]) == ("RateLimitError", 429)
    assert PROMPT in seen["early"]["message"]
    assert (seen["late"]["kind"], seen["late"]["code"]) == ("APIError", "SERVER_ERROR")
    assert (seen["truncated"]["kind"], seen["truncated"]["code"]) == ("APIError", "UPSTREAM_TRUNCATED")
    assert (seen["unknown"]["kind"], seen["unknown"]["code"]) == ("NotFoundError", "model_not_found")
    assert seen["models"] == ["sim:say"]
    assert seen["stopped"] == "chat.completion.chunk"
    await gateway.until(lambda it: not it.active)
    for request in gateway.simulator.requests:
        assert b"John" not in request.body
        assert b"example.com" not in request.body


# --- a page in a browser ----------------------------------------------------------------------------------

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="chromium is not here")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --disable-extensions "
    "--no-proxy-server"
).split()


class Page:
    """A page's server on a port of its own, and what the page has said."""

    def __init__(self) -> None:
        self.task: dict[str, str] = {}
        self.said: list[dict[str, Any]] = []
        self._spoke = asyncio.Condition()

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/task":
            return web.json_response(self.task)
        if request.path == "/seen":
            async with self._spoke:
                self.said.append(await request.json())
                self._spoke.notify_all()
            return web.Response()
        if request.path == "/":
            return web.FileResponse(HERE / "page.html")
        return web.Response(status=404)

    async def shows(self, text: str) -> None:
        """Wait until the page shows exactly this."""
        async with self._spoke:
            await self._spoke.wait_for(lambda: any(it["shown"] == text for it in self.said))

    async def done(self) -> dict[str, Any]:
        async with self._spoke:
            await self._spoke.wait_for(lambda: any(it.get("done") for it in self.said))
        return self.said[-1]


@contextlib.asynccontextmanager
async def browsing(url: str) -> AsyncIterator[None]:
    """A browser that shows a page."""
    assert BROWSER
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            *(BROWSER, *FLAGS, f"--user-data-dir={folder}", url),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


@needs_browser
async def test_a_page_shows_each_piece_as_it_comes(start: Start) -> None:
    """The provider sends a piece only when the page shows the one before, so each must have come alone."""
    page = Page()
    steps: list[tuple[str, str | None]] = [("Hello", "Hello")]
    steps += [(" dear", "Hello dear"), (" [PERSON_1]", "Hello dear John Smith")]
    steps += [(" at [EMA", None), ("IL_1]", "Hello dear John Smith at john@example.com"), ("!", None)]

    async def respond(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece, shown in steps:
            await response.write(frame({"content": piece}))
            if shown:
                await page.shows(shown)
        await response.write(frame({}, "stop") + DONE)
        return response

    async with serving(respond) as provider, serving(page.respond) as site:
        gateway = await start(provider_url=provider, cors_origins=[site])
        page.task = {"url": gateway.url + CHAT, "body": asking("sim", PROMPT).decode()}
        async with browsing(site), asyncio.timeout(3 * PATIENCE_S):
            seen = await page.done()
    assert seen["shown"] == "Hello dear John Smith at john@example.com!"
    assert seen["status"] == 200
    # A page may read what the gateway says about the answer.
    assert len(seen["id"]) == 26
    assert seen["entities"] == "2"


@needs_browser
async def test_a_page_of_another_origin_reads_nothing(start: Start) -> None:
    page = Page()
    async with serving(page.respond) as site:
        gateway = await start(cors_origins=["https://app.example"])
        page.task = {"url": gateway.url + CHAT, "body": asking("sim", PROMPT).decode()}
        async with browsing(site), asyncio.timeout(3 * PATIENCE_S):
            seen = await page.done()
    assert seen["failed"] == "TypeError: Failed to fetch"
    assert not gateway.simulator.requests


def cors(headers: Any) -> dict[str, str]:
    return {
        name.lower(): value for name, value in headers.items() if name.lower().startswith("access-control-")
    }


PREFLIGHT = [
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization,content-type,x-stainless-lang"),
]


@pytest.mark.parametrize("origin", ["https://app.example", "http://localhost:5173"])
async def test_a_listed_origin_gets_its_preflight_and_its_answer(start: Start, origin: str) -> None:
    gateway = await start(cors_origins=["https://app.example", "http://localhost:5173"])
    answer = await gateway.post(b"", headers=[("Origin", origin), *PREFLIGHT], method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    allowed = cors(answer.headers)
    assert allowed["access-control-allow-origin"] == origin
    assert "POST" in allowed["access-control-allow-methods"]
    assert allowed["access-control-allow-headers"] == PREFLIGHT[1][1]
    assert "access-control-allow-credentials" not in allowed
    assert "Origin" in answer.headers["Vary"]
    for stream in (True, False):
        answer = await gateway.post(asking("sim", PROMPT, stream=stream), headers=[("Origin", origin)])
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in answer.headers["Vary"]
    # An error that a page may not read looks like a network failure.
    answer = await gateway.post(b"{", headers=[("Origin", origin)])
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (400, origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://app.example.evil",
        "http://app.example",
        "https://app.example:8443",
        "null",
    ],
)
async def test_a_foreign_origin_gets_none(start: Start, origin: str) -> None:
    gateway = await start(cors_origins=["https://app.example"])
    answer = await gateway.post(b"", headers=[("Origin", origin), *PREFLIGHT], method="OPTIONS")
    assert answer.status >= 400
    assert not cors(answer.headers)
    answer = await gateway.post(asking("sim"), headers=[("Origin", origin)])
    assert answer.status == 403
    assert not cors(answer.headers)
    assert not gateway.simulator.requests


async def test_without_cors_nobody_gets_any(gateway: Pair) -> None:
    headers = [("Origin", "http://localhost:3000"), *PREFLIGHT]
    answer = await gateway.post(b"", headers=headers, method="OPTIONS")
    assert answer.status == 405
    assert not cors(answer.headers)
