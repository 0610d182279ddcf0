"""The simulator as a server: what is sent is the reply, faults are real ones, and nothing hangs."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from gateway import simulator
from gateway.simulator import Settings, Simulator
from tests.conftest import ROOT
from tests.simulator.test_openai_chat import (
    KEY,
    MAIL,
    NOTE,
    TALK,
    TEXT,
    Json,
    ask,
    assemble,
    chunks,
    respond,
)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Simulator]:
    found = await simulator.start(settings=Settings(record=str(tmp_path / "record.jsonl")))
    yield found
    await found.close()
    assert found.active == 0


@pytest.fixture
async def client(running: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(running.url + "/", headers=KEY) as session:
        yield session


async def test_what_is_sent_is_the_reply(client: aiohttp.ClientSession) -> None:
    for model in ("sim?seed=1", "sim?seed=1&bytes=1", "sim?seed=1&pace_ms=1"):
        for stream in (True, False):
            request = ask(model, stream=stream)
            async with client.post("chat/completions", json=request) as response:
                found, whole = await response.read(), b"".join(respond(request).writes)
                assert re.sub(rb'"created":\d+', b"", found) == re.sub(rb'"created":\d+', b"", whole)
                assert response.headers["x-request-id"].startswith("req_")
                assert ("text/event-stream" in response.headers["content-type"]) is stream
    async with client.get("models") as response:
        assert (await response.json())["data"][0]["id"] == "sim"


async def test_what_came_in_is_kept_and_recorded(running: Simulator, client: aiohttp.ClientSession) -> None:
    data = [json.dumps(ask("sim")).encode(), '{"é": "\\"'.encode(), b"\xff"]
    for it in data:
        async with client.post("chat/completions?x=1", data=it):
            pass
    assert [it.body for it in running.requests] == data
    assert dict(running.requests[0].headers)["authorization"] == KEY["authorization"]
    assert running.settings.record
    lines = [json.loads(line) for line in Path(running.settings.record).read_text().splitlines()]
    assert [(it["method"], it["path"]) for it in lines] == [("POST", "/v1/chat/completions?x=1")] * 3
    assert [it["body"] for it in lines[:2]] == [it.decode() for it in data[:2]]


async def exchange(running: Simulator, request: Json) -> tuple[bytes, bool]:
    """Every byte that the provider sends, and whether the connection was reset."""
    host, _, port = running.url.removeprefix("http://").removesuffix("/v1").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    data = json.dumps(request).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: x\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    received = bytearray()
    try:
        while more := await reader.read(65536):
            received += more
    except ConnectionResetError:
        return bytes(received), True
    finally:
        writer.close()
    return bytes(received), False


@pytest.mark.parametrize("place", ["head", "0", "3", ""])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fail", ["drop", "reset", "garbage"])
async def test_a_broken_connection(running: Simulator, fail: str, stream: bool, place: str) -> None:
    request = ask(f"sim?seed=1&fail={fail}:{place}", stream=stream)
    received, reset = await exchange(running, request)
    assert reset is (fail == "reset")
    # A reset may overtake what was sent before it.
    if not reset:
        assert received.startswith(b"HTTP/1.1 200 OK\r\n") is (place != "head")
        assert received.endswith(b"this is not HTTP\r\n\r\n") is (fail == "garbage")
        assert not received.endswith(b"0\r\n\r\n"), "the end of the body may not be said"
        sent = 0 if place == "head" else len(respond(request).writes)
        assert received.count(b"data: " if stream else b'"id"') == (sent if stream else min(sent, 1))


async def test_too_many_requests_say_when_to_come_back(client: aiohttp.ClientSession) -> None:
    async with client.post("chat/completions", json=ask("sim?fail=status:429")) as response:
        assert (response.status, response.headers["retry-after"]) == (429, "1")


@pytest.mark.parametrize("model", ["sim?fail=stall", "sim?fail=stall:head", "sim?fail=slow_head:60"])
async def test_a_client_that_leaves_is_noticed(
    running: Simulator, client: aiohttp.ClientSession, model: str
) -> None:
    asking = asyncio.ensure_future(client.post("chat/completions", json=ask(model, stream=True)))
    await running.until(lambda it: bool(it.requests))
    assert (running.active, running.aborted) == (1, 0)
    if model == "sim?fail=stall":
        response = await asking
        assert await response.content.readuntil(b"\n\n")
        response.close()
    else:
        asking.cancel()
    await running.until(lambda it: not it.active)
    assert running.aborted == 1


async def test_closing_ends_what_hangs(client: aiohttp.ClientSession, running: Simulator) -> None:
    async with client.post("chat/completions", json=ask("sim?fail=stall", stream=True)) as response:
        await running.close()
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_the_official_sdk_understands_it(running: Simulator) -> None:
    async with openai.AsyncOpenAI(api_key="any", base_url=running.url, max_retries=0) as sdk:
        talk: Any = TALK
        tools: Any = [MAIL, NOTE]
        async with sdk.chat.completions.stream(
            model="sim:tool?calls=2", messages=talk, tools=tools, n=2, stream_options={"include_usage": True}
        ) as stream:
            completion = await stream.get_final_completion()
        assert completion.usage
        for choice in completion.choices:
            assert choice.finish_reason == "tool_calls"
            assert [it.function.name for it in choice.message.tool_calls or []] == ["mail", "note"]
        whole = await sdk.chat.completions.create(model="sim", messages=talk)
        assert whole.choices[0].message.content == TEXT
        with pytest.raises(openai.RateLimitError, match="PERSON_1"):
            await sdk.chat.completions.create(model="sim?fail=status:429", messages=talk)
        with pytest.raises(openai.APIError, match="PERSON_1"):
            async for _ in await sdk.chat.completions.create(
                model="sim?fail=error_mid", messages=talk, stream=True
            ):
                pass
        assert [it.id async for it in sdk.models.list()] == list(simulator.NAMES)


async def test_it_runs_alone(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "gateway.simulator"],
        *["--port", "0", "--record", str(record), "--pace-ms", "1"],
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        url = (await process.stdout.readline()).decode().strip()
        async with (
            aiohttp.ClientSession(headers=KEY) as session,
            session.post(f"{url}/chat/completions", json=ask("sim:echo", stream=True)) as response,
        ):
            assert assemble(chunks(await response.read()))[0]["message"]["content"] == TALK[1]["content"]
        assert json.loads(json.loads(record.read_text())["body"])["messages"] == TALK
    finally:
        process.terminate()
        await process.wait()


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        simulator.main(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert "curl -N" in text
    for option in simulator.Options.__struct_encode_fields__:
        assert f"{option}=" in text, "every option is explained"
    for name in simulator.SCRIPTS:
        assert re.search(rf"\b{name}  ", text) or f"; {name}:" in text, "every script is explained"
    for failure in simulator.FAILURES:
        assert failure in text
