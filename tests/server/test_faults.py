"""Providers that fail, in every phase: an honest end for the client, and nothing left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import re
import socket
from typing import Any

import pytest
from aiohttp import web

from gateway.config import Timeouts
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault
from gateway.server import exchange, plain, relay
from gateway.stream import ResponseStream
from tests.server.conftest import Start
from tests.server.running import (
    CHAT,
    DONE,
    Pair,
    UpstreamKind,
    asking,
    frame,
    running,
    saying,
    serving,
    turns,
)
from tests.server.talking import ANSWER, PROMPT, asked, stands, text_of

# --- the provider fails -----------------------------------------------------------------------------------


UNREACHABLE, GARBAGE, TRUNCATED = "provider_unreachable", "provider_garbage", "upstream_truncated"
EARLY = [
    ("drop:head", UNREACHABLE),
    ("reset:head", UNREACHABLE),
    ("garbage:head", GARBAGE),
    ("drop:0", TRUNCATED),
    ("reset:0", TRUNCATED),
    ("garbage:0", None),
    ("truncate:0", TRUNCATED),
    ("malformed:0", GARBAGE),
    ("error_first", "server_error"),
    ("html", GARBAGE),
    ("empty", None),
    ("status:418", "invalid_request_error"),
    ("status:500", "server_error"),
]
LATE = [
    ("drop:1", TRUNCATED),
    ("drop", TRUNCATED),
    ("reset:1", TRUNCATED),
    ("reset", TRUNCATED),
    ("garbage:1", None),
    ("garbage", None),
    ("truncate:1", TRUNCATED),
    ("truncate", TRUNCATED),
    ("malformed:1", GARBAGE),
    ("malformed", GARBAGE),
    ("error_mid:1", "server_error"),
    ("error_mid", "server_error"),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("fail", "kind"), EARLY)
async def test_a_failure_before_the_first_event_is_a_status(
    gateway: Pair, fail: str, kind: str | None, stream: bool
) -> None:
    answer = await gateway.chat(f"sim:say?fail={fail}", PROMPT, stream=stream)
    assert answer.ended
    assert answer.status == (int(fail[7:]) if fail.startswith("status") else 502)
    error = answer.error
    if kind and (stream or fail not in ("truncate:0", "malformed:0")):
        assert error["type"] == kind
    assert error["type"] in (UNREACHABLE, GARBAGE, TRUNCATED, "server_error", "invalid_request_error")
    assert "[PERSON_1]" not in error["message"]
    assert "<" not in error["message"]


@pytest.mark.parametrize(("fail", "kind"), LATE)
async def test_a_failure_midway_is_an_event_and_the_end(gateway: Pair, fail: str, kind: str | None) -> None:
    answer = await gateway.chat(f"sim:say?fail={fail}", PROMPT)
    assert answer.ended
    error = answer.stream_error
    assert error["status"] == 502
    assert error["type"] in ([kind] if kind else [GARBAGE, TRUNCATED])
    assert error["code"] == error["type"].upper()
    assert answer.body.count(b"[DONE]") == 1
    assert ANSWER.startswith(text_of(answer).partition("[")[0])
    events = answer.events[:-1]
    assert all(choice["finish_reason"] is None for event in events for choice in event["choices"])


async def test_a_failure_midway_says_what_the_provider_said_restored(gateway: Pair) -> None:
    error = (await gateway.chat("sim:say?fail=error_mid", PROMPT)).stream_error
    assert error["message"] == f"The request failed: {PROMPT}"


@pytest.mark.parametrize("fail", ["error_mid", "malformed", "truncate", "drop", "reset", "garbage"])
async def test_a_whole_answer_that_fails_is_a_status(gateway: Pair, fail: str) -> None:
    answer = await gateway.chat(f"sim:say?fail={fail}", PROMPT, stream=False)
    assert answer.status == 502
    assert answer.error["type"] in (GARBAGE, TRUNCATED, "server_error")


@pytest.mark.parametrize("stream", [True, False])
async def test_json_instead_of_a_stream_is_still_an_answer(gateway: Pair, stream: bool) -> None:
    answer = await gateway.chat("sim:say?fail=json", PROMPT, stream=stream)
    if stream:
        assert text_of(answer) == ANSWER
        assert answer.events[-1]["choices"][0]["finish_reason"] == "stop"
    else:
        assert answer.json()["choices"][0]["message"]["content"] == ANSWER


async def test_an_answer_without_an_end_mark_is_whole(gateway: Pair) -> None:
    answer = await gateway.chat("sim:say?no_done=1&seed=1", PROMPT)
    answer.chunks.append(DONE)
    assert text_of(answer) == ANSWER
    assert answer.events[-1]["choices"][0]["finish_reason"] == "stop"


BROKEN_TEXT = [
    b'data: {"choices": [{"index": 0, "delta": {"content": "\xff\xfe"}}]}\n\n',
    b'data: {"choices": [{"index": 0, "delta": {"other": "\xc3("}}]}\n\n',
    b"data: \xff\n\n",
    b"data: 7\n\n",
    b"data: null\n\n",
    b'data: {"choices": [7]}\n\n',
    b'data: {"choices": {"delta": 1}, "choices": [null]}\n\n',
    b'data: {"choices": [{"delta": {"tool_calls": [7]}}]}\n\n',
    b'data: {"choices": [{"delta": {"tool_calls": {"function": 7}}}]}\n\n',
    b"data: " + b"[" * 100_000 + b"\n\n",
    b'data: {"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n\n",
]


@pytest.mark.parametrize("raw", BROKEN_TEXT, ids=range(len(BROKEN_TEXT)))
@pytest.mark.parametrize("first", [True, False])
async def test_a_frame_that_is_no_chunk_is_a_typed_error(start: Start, raw: bytes, first: bool) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        await request.read()
        before = b"" if first else frame({"content": "Hello"})
        return web.Response(body=before + raw, content_type="text/event-stream")

    async with serving(respond) as url:
        gateway = await start(provider_url=url)
        answer = await gateway.chat("sim", PROMPT)
    error = answer.error if answer.status != 200 else answer.stream_error
    assert error["type"] in (GARBAGE, TRUNCATED)
    assert (answer.status == 200) == (not first) or error["type"] == TRUNCATED


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"7",
        b"[]",
        b"null",
        b'"text"',
        b"{",
        b'{"choices": "\xff"}',
        b"[" * 100_000,
        b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=range(9),
)
@pytest.mark.parametrize("stream", [True, False])
async def test_json_that_is_no_answer_is_a_typed_error(start: Start, raw: bytes, stream: bool) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=raw, content_type="application/json")

    async with serving(respond) as url:
        gateway = await start(provider_url=url)
        answer = await gateway.chat("sim", PROMPT, stream=stream)
    assert (answer.status, answer.error["type"]) == (502, GARBAGE)


async def test_a_provider_that_nobody_listens_for_is_unreachable(start: Start) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        raise AssertionError

    async with serving(never) as url:
        pass
    gateway = await start(provider_url=url)
    answer = await gateway.chat("sim", PROMPT)
    assert (answer.status, answer.error["type"]) == (502, UNREACHABLE)
    assert url.removeprefix("http://") not in answer.error["message"]


async def test_the_gateway_serves_on_after_every_failure(gateway: Pair) -> None:
    for fail, _ in EARLY + LATE:
        await gateway.chat(f"sim:say?fail={fail}", PROMPT)
        assert text_of(await gateway.chat("sim:say", PROMPT)) == ANSWER


# --- the provider is slow ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
async def test_no_head_within_the_first_byte_time_is_a_status(start: Start, stream: bool) -> None:
    gateway = await start(timeouts=Timeouts(first_byte_s=0.05))
    answer = await gateway.chat("sim:say?fail=stall:head", PROMPT, stream=stream)
    assert (answer.status, answer.error["type"]) == (504, "provider_timeout")
    await gateway.until(lambda it: not it.active)


@pytest.mark.parametrize("place", ["0", "head"])
@pytest.mark.parametrize("stream", [True, False])
async def test_silence_before_the_first_event_is_a_status(start: Start, place: str, stream: bool) -> None:
    gateway = await start(timeouts=Timeouts(first_byte_s=0.1, idle_s=0.1))
    answer = await gateway.chat(f"sim:say?fail=stall:{place}", PROMPT, stream=stream)
    assert (answer.status, answer.error["type"]) == (504, "provider_timeout")
    await gateway.until(lambda it: not it.active)


async def test_silence_midway_is_an_event_and_the_end(start: Start) -> None:
    gateway = await start(timeouts=Timeouts(idle_s=0.1))
    answer = await gateway.chat("sim:say?fail=stall:4", PROMPT)
    error = answer.stream_error
    assert (error["type"], error["status"]) == ("provider_timeout", 504)
    assert ANSWER.startswith(text_of(answer))
    assert text_of(answer).startswith("Of course")
    await gateway.until(lambda it: not it.active)


async def test_a_stream_has_a_total_time(start: Start) -> None:
    gateway = await start(timeouts=Timeouts(total_s=1))
    answer = await gateway.chat("sim:say?fail=stall:4", PROMPT)
    assert answer.stream_error["type"] == "provider_timeout"
    await gateway.until(lambda it: not it.active)


async def test_a_whole_answer_has_a_total_time(start: Start) -> None:
    gateway = await start(timeouts=Timeouts(total_s=0.1))
    answer = await gateway.chat("sim:say?fail=stall:1", PROMPT, stream=False)
    assert (answer.status, answer.error["type"]) == (504, "provider_timeout")
    await gateway.until(lambda it: not it.active)


async def test_a_slow_head_is_bridged_with_comments(start: Start) -> None:
    gateway = await start(keepalive_after_s=0.02)
    answer = await gateway.chat("sim:say?fail=slow_head:0.2", PROMPT)
    assert answer.status == 200
    assert answer.chunks[0] == b": keep-alive\n\n"
    assert text_of(answer) == ANSWER


async def test_silence_midway_is_bridged_with_comments(start: Start) -> None:
    gateway = await start(keepalive_after_s=0.02, timeouts=Timeouts(idle_s=0.2))
    answer = await gateway.chat("sim:say?fail=stall:4", PROMPT)
    said = [chunk.startswith(b"data: ") for chunk in answer.chunks]
    assert (
        b": keep-alive\n\n" in answer.chunks[said.index(True) :]
    )  # on a slow machine there is one before, too
    assert text_of(answer).startswith("Of course")
    assert answer.stream_error["type"] == "provider_timeout"


@pytest.mark.parametrize("outcome", ["status", "error", "cut", "html", "redirect"])
async def test_behind_a_keep_alive_every_failure_is_an_event(start: Start, outcome: str) -> None:
    bridged = asyncio.Event()

    async def respond(request: web.Request) -> web.StreamResponse:
        await request.read()
        await bridged.wait()
        if outcome == "status":
            body = {"error": {"message": "slow down [PERSON_1]", "type": "requests", "code": "x"}}
            return web.json_response(body, status=429)
        if outcome == "html":
            return web.Response(text="<html>", content_type="text/html")
        if outcome == "redirect":
            return web.Response(status=307, headers={"location": "/elsewhere"})
        if outcome == "error":
            return web.Response(
                body=b'data: {"error": {"message": "no [PERSON_1]"}}\n\n', content_type="text/event-stream"
            )
        assert request.transport
        request.transport.close()
        return web.Response()

    async with serving(respond) as url:
        gateway = await start(provider_url=url, keepalive_after_s=0.02)
        async with gateway.connect() as connection:
            connection.request(asking("sim", PROMPT), CHAT)
            answer = await connection.head()
            assert await connection.chunk() == b": keep-alive\n\n"
            bridged.set()
            await connection.rest(answer)
    error = answer.stream_error
    assert len(answer.events) == 1
    assert error["status"] == (429 if outcome == "status" else 502)
    assert "[PERSON_1]" not in error["message"]


# --- nothing is left --------------------------------------------------------------------------------------


FATES = ["sim:say", "sim:long?tokens=40&pace_ms=1", "sim:long?tokens=40&bytes=random"]
FATES += [f"sim:say?fail={fail}" for fail, _ in EARLY + LATE]
FATES += [f"sim:say?fail=stall:{place}" for place in ("head", "0", "1", "5")]
FATES += ["sim:say?fail=slow_head:0.05", saying("[EMAIL_1]", "delta=1&fail=stall:3")]
KINDS = (relay.Relay, ResponseStream, exchange.Exchange, plain.PlainExchange)


def sockets() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(re.sub(r"\d+", "", os.readlink(f"/proc/self/fd/{name}")))
    return sorted(found)


def remembered() -> list[Any]:
    gc.collect()
    return [it for it in gc.get_objects() if type(it) in KINDS]


async def live(gateway: Pair, chance: random.Random) -> None:
    """One stream and its fate; a third of the clients leave."""
    leaves_after = chance.choice([None, None, None, None, 0, 1, 2])
    async with asked(gateway, chance.choice(FATES), stream=chance.random() < 0.8) as connection:
        if leaves_after == 0:
            await turns(chance.randrange(40))
            connection.leave()
            return
        answer = await connection.head()
        if leaves_after is None:
            await connection.rest(answer)
            assert answer.ended
            return
        with contextlib.suppress(asyncio.IncompleteReadError):
            for _ in range(leaves_after):
                await connection.chunk()
        connection.leave()


async def test_two_hundred_streams_with_random_faults_leave_nothing_behind(
    upstream: UpstreamKind, quiet: None
) -> None:
    options: dict[str, Any] = {
        "timeouts": Timeouts(first_byte_s=1, idle_s=0.3),
        "keepalive_after_s": 0.1,
    }
    chance = random.Random()
    async with running(upstream, **options) as gateway:  # what is made once and stays
        await live(gateway, chance)
    await turns()
    tasks, open_before, known = asyncio.all_tasks(), sockets(), len(remembered())
    async with running(upstream, **options) as gateway:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for _ in range(200):
                group.create_task(live(gateway, random.Random(chance.random())))
        await gateway.until(lambda it: not it.active)
        await stands(lambda: len(asyncio.all_tasks()))
        server = gateway.runner.server
        assert server
        assert not server.connections
        assert len(remembered()) == known
        answer = await gateway.chat("sim:say", PROMPT)
        assert text_of(answer) == ANSWER
    await turns()
    assert asyncio.all_tasks() == tasks
    assert sockets() == open_before


def test_the_check_catches_what_is_left() -> None:
    known, open_before = len(remembered()), sockets()
    kept = ResponseStream(answer_scan(Vault()), OPENAI_CHAT, OPENAI_CHAT, Head("01TEST", "m", 1))
    left, right = socket.socketpair()
    with left, right:
        assert len(remembered()) == known + 1
        assert sockets() != open_before
    del kept
    assert len(remembered()) == known
    assert sockets() == open_before
