"""Each program in examples/ runs against a gateway: its user reads the values, the provider never does."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from tests.conftest import ROOT
from tests.server.running import PATIENCE_S, Pair, running, serving
from tests.server.test_other_clients import browsing, needs_browser

EXAMPLES = ROOT / "examples"
# What a reader who tried them here leaves behind.
BUILT = ("node_modules", ".next", "__pycache__")
NODE_MODULES = ROOT / "tests/server/node/node_modules"
VALUES = ("john@example.com", "4111 1111 1111 1111")
PROMPT = f"Write to John Smith, {VALUES[0]}, about his card {VALUES[1]}"
# It says the prompt back, cut so that no placeholder stays whole.
MODEL = "sim:echo?delta=3&bytes=random"
STALLED = "sim:echo?delta=3&fail=stall:9"
# Google's SDK takes no `?` in a model's name.
PLAIN = "sim:echo"
PYTHON = sys.executable


def needs(module: str) -> pytest.MarkDecorator:
    top = module.partition(".")[0]
    here = importlib.util.find_spec(top) and importlib.util.find_spec(module)
    return pytest.mark.skipif(not here, reason=f"{module} is not installed")


needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not here")
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and (NODE_MODULES / "express").is_dir()),
    reason="node or its packages are not here: make test installs the packages",
)

PROGRAMS = [
    pytest.param(["sh", "curl.sh"], MODEL, id="curl", marks=needs_curl),
    pytest.param([PYTHON, "python_openai.py"], MODEL, id="python_openai", marks=needs("openai")),
    pytest.param([PYTHON, "python_anthropic.py"], MODEL, id="python_anthropic", marks=needs("anthropic")),
    pytest.param([PYTHON, "python_gemini.py"], PLAIN, id="python_gemini", marks=needs("google.genai")),
    pytest.param([PYTHON, "langchain_chat.py"], MODEL, id="langchain", marks=needs("langchain_openai")),
    pytest.param(["node", "node_openai.mjs"], MODEL, id="node_openai", marks=needs_node),
    pytest.param(["node", "node_anthropic.mjs"], MODEL, id="node_anthropic", marks=needs_node),
]
# Next.js itself is not installed: its route handler is a function of a Request, and this is a server for it.
NEXT = """
import http from "node:http";
import { POST } from "./nextjs/app/api/chat/route.js";
const server = http.createServer(async (request, response) => {
  const { body, headers } = await POST(new Request("http://localhost", { method: "POST", body: request, duplex: "half" }));
  response.writeHead(200, Object.fromEntries(headers));
  const reader = body.getReader();
  response.on("close", () => reader.cancel());
  for (let it = await reader.read(); !it.done; it = await reader.read()) response.write(it.value);
  response.end();
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/api/chat`));
"""
ENDPOINTS = [
    pytest.param(
        [PYTHON, "-m", "uvicorn", "--port", "0", "fastapi_app:app"], id="fastapi", marks=needs("fastapi")
    ),
    pytest.param(["node", "express_app.mjs"], id="express", marks=needs_node),
    pytest.param(["node", "--input-type=module", "-e", NEXT], id="nextjs", marks=needs_node),
]


@pytest.fixture
async def gateway() -> AsyncIterator[Pair]:
    async with running("direct") as pair:
        yield pair


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples as a reader has them: beside the packages that they were told to install."""
    ignored = shutil.ignore_patterns(*BUILT)
    shutil.copytree(EXAMPLES, tmp_path, ignore=ignored, dirs_exist_ok=True)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    return tmp_path


@contextlib.asynccontextmanager
async def started(
    command: list[str], folder: Path, gateway: Pair, model: str, err: int
) -> AsyncIterator[Process]:
    told = {"SLUICE_URL": gateway.url, "MODEL": model, "PORT": "0"}
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=kept | told, stdout=PIPE, stderr=err
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def text_of(stream: str) -> str:
    """What a stream says that was printed as it came."""
    chunks = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def assert_the_provider_saw_placeholders(gateway: Pair) -> None:
    assert gateway.saw["stream"] is True
    bodies = [request.body.decode() for request in gateway.simulator.requests]
    assert all("[EMAIL_1]" in body and "[CREDIT_CARD_1]" in body for body in bodies)
    assert not any(value in body for value in VALUES for body in bodies)


@pytest.mark.parametrize(("command", "model"), PROGRAMS)
async def test_a_program_prints_the_restored_answer(
    gateway: Pair, folder: Path, command: list[str], model: str
) -> None:
    async with started(command, folder, gateway, model, PIPE) as process:
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    said = out.decode()
    assert (text_of(said) or said.removesuffix("\n")) == PROMPT
    assert_the_provider_saw_placeholders(gateway)


@contextlib.asynccontextmanager
async def asked(
    command: list[str], folder: Path, gateway: Pair, model: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The response of an application's endpoint, once it has said where it listens."""
    async with (
        started(command, folder, gateway, model, STDOUT) as process,
        aiohttp.ClientSession() as session,
    ):
        assert process.stdout
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+\S*", said)):
            line = await process.stdout.readline()
            assert line, said
            said += line.decode()
        path = "" if command[0] == "node" else "/chat"
        async with session.post(found[0] + path, json={"message": PROMPT}) as response:
            assert response.status == 200
            assert response.content_type == "text/plain"
            yield response


@pytest.mark.parametrize("command", ENDPOINTS)
async def test_an_endpoint_streams_the_restored_answer(
    gateway: Pair, folder: Path, command: list[str]
) -> None:
    async with asked(command, folder, gateway, MODEL) as response:
        assert await response.text() == PROMPT
    assert_the_provider_saw_placeholders(gateway)


@pytest.mark.parametrize("command", ENDPOINTS)
async def test_an_endpoint_passes_on_what_has_come_and_ends_the_call_of_who_leaves(
    gateway: Pair, folder: Path, command: list[str]
) -> None:
    async with asked(command, folder, gateway, STALLED) as response:
        said = await response.content.readexactly(8)
        assert PROMPT.startswith(said.decode())
        response.close()
        await gateway.until(lambda it: not it.active)


REPORT = """
<script type="module">
  const shown = document.getElementById("answer");
  const tell = () => fetch("/shown", { method: "POST", body: shown.textContent });
  new MutationObserver(tell).observe(shown, { childList: true });
  document.querySelector("button").click();
</script>
"""


@needs_browser
async def test_a_page_shows_the_restored_answer() -> None:
    shown: asyncio.Queue[str] = asyncio.Queue()

    async def respond(request: web.Request) -> web.Response:
        if request.path == "/shown":
            shown.put_nowait(await request.text())
            return web.Response()
        page = (EXAMPLES / "browser.html").read_text() + REPORT
        return web.Response(text=page, content_type="text/html")

    async with serving(respond) as site, running("direct", cors_origins=[site]) as gateway:
        told = urlencode({"SLUICE_URL": gateway.url, "MODEL": MODEL})
        async with browsing(f"{site}/?{told}"), asyncio.timeout(3 * PATIENCE_S):
            while await shown.get() != PROMPT:
                pass
        assert_the_provider_saw_placeholders(gateway)


def test_every_example_is_listed_run_and_a_page_long() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    tested = Path(__file__).read_text()
    kinds = {".sh", ".py", ".mjs", ".js", ".html"}
    files = [
        path for path in EXAMPLES.rglob("*") if path.suffix in kinds and not {*BUILT}.intersection(path.parts)
    ]
    assert len(files) == 11
    for path in files:
        name = str(path.relative_to(EXAMPLES))
        assert f"({name})" in listed, name
        assert name.removesuffix(".py") in tested, name
        assert len(path.read_text().splitlines()) <= 60, name
