"""Google's SDK for Python as a client, before a provider that speaks Gemini and says the prompt back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.config import Provider, Secret
from tests.server.conftest import Start
from tests.server.running import PATIENCE_S, PROVIDER_KEY, Pair, serving

genai = pytest.importorskip("google.genai", reason="google-genai is not installed")
# The SDK's own doing.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

EMAIL = "john@example.com"
PROMPT = f"Write to {EMAIL}"
TOOL = {
    "function_declarations": [
        {
            "name": "send",
            "parameters_json_schema": {"type": "object", "properties": {"to": {"type": "string"}}},
        }
    ]
}


class Google:
    """Says the last text back in pieces of three characters, then calls `send` with what it was told."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    async def respond(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("x-goog-api-key"))
        told = body["contents"][-1]["parts"][0]["text"]
        if told == "fail":
            error = {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": []}
            return web.json_response({"error": error}, status=429)
        calls = [{"functionCall": {"name": "send", "args": {"to": told.split()[-1]}}}]
        usage = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
        if request.path.endswith(":generateContent"):
            parts = [{"text": told}, *(calls if "tools" in body else ())]
            candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
            return web.json_response({"candidates": [candidate], "usageMetadata": usage, "responseId": "r"})
        assert request.query["alt"] == "sse"
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        pieces: list[dict[str, Any]] = [{"text": told[at : at + 3]} for at in range(0, len(told), 3)]
        for part in [*pieces, *(calls if "tools" in body else ())]:
            await response.write(self._frame([part]))
        if told == "break":
            await response.write(
                b'data: {"error":{"code":503,"message":"gone","status":"UNAVAILABLE"}}\r\n\r\n'
            )
        else:
            await response.write(self._frame([{"text": ""}], finishReason="STOP"))
        return response

    def _frame(self, parts: list[dict[str, Any]], **more: Any) -> bytes:
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, **more}
        return b"data: " + json.dumps({"candidates": [candidate], "responseId": "r"}).encode() + b"\r\n\r\n"


@pytest.fixture
async def google() -> Google:
    return Google()


@pytest.fixture
async def gateway(start: Start, google: Google) -> AsyncIterator[Pair]:
    async with serving(google.respond) as url:
        provider = Provider("g", url, kind="gemini", api_key=Secret(PROVIDER_KEY), models=["gemini*"])
        yield await start(others=[provider])


@pytest.fixture
async def client(gateway: Pair) -> AsyncIterator[Any]:
    options = {
        "base_url": gateway.url,
        "timeout": int(PATIENCE_S * 1000),
        "retry_options": {"attempts": 1},
    }
    client = genai.Client(api_key="sk-sluice-anything", http_options=options, vertexai=False).aio
    yield client.models
    await client.aclose()


def assert_the_provider_saw_no_address(google: Google) -> None:
    assert google.bodies
    assert all(EMAIL not in json.dumps(body) for body in google.bodies)
    assert set(google.keys) == {PROVIDER_KEY}


async def test_a_whole_answer(client: Any, google: Google) -> None:
    answer = await client.generate_content(model="gemini-x", contents=PROMPT, config={"tools": [TOOL]})
    text, call = answer.candidates[0].content.parts
    assert text.text == PROMPT
    assert call.function_call.args == {"to": EMAIL}
    assert answer.usage_metadata.total_token_count == 7
    assert_the_provider_saw_no_address(google)


async def test_a_stream(client: Any, google: Google) -> None:
    chunks = await client.generate_content_stream(model="gemini-x", contents=PROMPT, config={"tools": [TOOL]})
    parts = [part async for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert "".join(part.text or "" for part in parts) == PROMPT
    assert [part.function_call.args for part in parts if part.function_call] == [{"to": EMAIL}]
    assert_the_provider_saw_no_address(google)


async def test_an_error_instead_of_an_answer(client: Any) -> None:
    async def stream() -> None:
        chunks = await client.generate_content_stream(model="gemini-x", contents="fail")
        [chunk async for chunk in chunks]

    for asked in (client.generate_content(model="gemini-x", contents="fail"), stream()):
        with pytest.raises(genai.errors.ClientError) as caught:
            await asked
        assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
        assert caught.value.message == "slow down"


async def test_an_error_in_a_stream(client: Any) -> None:
    chunks = await client.generate_content_stream(model="gemini-x", contents="break")
    with pytest.raises(genai.errors.APIError) as caught:
        [chunk async for chunk in chunks]
    assert caught.value.message == "gone"


@pytest.mark.parametrize("prompt", [PROMPT, "break"])
async def test_a_stream_as_an_array(gateway: Pair, google: Google, prompt: str) -> None:
    """What a client gets that does not ask for `alt=sse`."""
    body = {"contents": [{"parts": [{"text": prompt}]}]}
    url = f"{gateway.url}/v1beta/models/gemini-x:streamGenerateContent"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        assert response.content_type == "application/json"
        chunks = await response.json()
    last = chunks[-1]
    if prompt == "break":
        assert last["error"]["status"] == "UNAVAILABLE"
        return
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    assert "".join(part["text"] for part in parts) == PROMPT
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert_the_provider_saw_no_address(google)
