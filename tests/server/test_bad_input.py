"""Requests that are wrong: a typed error each, nothing sent to a provider, nothing of them said or logged."""

from __future__ import annotations

import gzip
import json
import logging
import zlib

import pytest

from gateway.server import capacity
from gateway.server import serving as listening
from tests.server.conftest import Start
from tests.server.refusals import MARK, MESSAGES, assert_refused, body, key
from tests.server.running import CHAT, Pair, connected, turns

WRONG_BODIES: dict[str, tuple[bytes, str | None]] = {
    "empty": (b"", None),
    "no JSON": (MARK.encode(), None),
    "cut JSON": (body()[:-1], None),
    "two values": (body() + body(), None),
    "not UTF-8": (body().replace(b"quetz", b"\xff\xfe"), None),
    "a list": (json.dumps([MARK]).encode(), None),
    "a string": (json.dumps(MARK).encode(), None),
    "null": (b"null", None),
    "too deep": (b'{"model": "sim", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    "NaN": (body(temperature=float("nan")), None),
    "a form": (f"model=sim&messages={MARK}".encode(), None),
    "no model": (body(model=None), None),
    "model is a number": (body(model=7), "model"),
    "model is empty": (body(model=""), "model"),
    "no messages": (body(messages=None), None),
    "messages is empty": (body(messages=[]), "messages"),
    "messages is a string": (body(messages=MARK), "messages"),
    "messages is an object": (body(messages={"role": MARK}), "messages"),
    "a message is a string": (body(messages=[MARK]), "messages[0]"),
    "a message is null": (body(messages=[None]), "messages[0]"),
    "no role": (body(messages=[{"content": MARK}]), "messages[0]"),
    "role is a list": (body(messages=[{"role": [MARK], "content": MARK}]), "messages[0].role"),
    "content is a number": (body(messages=[{"role": "user", "content": 7}]), "messages[0].content"),
    "a part is a string": (
        body(messages=[{"role": "user", "content": [MARK]}]),
        "messages[0].content[0]",
    ),
    "stream is a string": (body(stream=MARK), "stream"),
    "stream is a number": (body(stream=1), "stream"),
    "n is a string": (body(n=MARK), "n"),
    "tools is an object": (body(tools={"name": MARK}), "tools"),
    "tool calls are strings": (
        body(messages=[{"role": "assistant", "tool_calls": [MARK]}]),
        "messages[0].tool_calls[0]",
    ),
    "stream options are a list": (body(stream_options=[MARK]), "stream_options"),
    "response format is a string": (body(response_format=MARK), "response_format"),
}


@pytest.mark.parametrize("what", WRONG_BODIES)
async def test_a_wrong_body_is_refused(gateway: Pair, caplog: pytest.LogCaptureFixture, what: str) -> None:
    raw, param = WRONG_BODIES[what]
    streaming = raw.replace(b'{"model"', b'{"stream": true, "model"', 1)
    for each in {raw, streaming} if b'"stream"' not in raw else {raw}:
        error = await assert_refused(gateway, caplog, 400, each)
        assert error["type"] == "invalid_request_error"
        assert error["code"] == "INVALID_REQUEST_ERROR"
        assert error["param"] == param


@pytest.mark.parametrize(
    "model", ["gpt-0", f"{MARK}", "sim\n", "other/sim", "simulated/", " sim", "../sim", "é"]
)
async def test_an_unknown_model_is_not_found(
    start: Start, caplog: pytest.LogCaptureFixture, model: str
) -> None:
    gateway = await start(models=["sim", "sim-[0-9]"])
    error = await assert_refused(gateway, caplog, 404, body(model=model))
    assert (error["type"], error["code"], error["param"]) == ("not_found_error", "model_not_found", "model")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nobody/chat/completions",
        "/v1/nobody/v1/chat/completions",
        "/api/v1/nobody/chat/completions",
        f"/v1/{MARK}/chat/completions",
        "/v1/%2e%2e/chat/completions",
        "/v1/simulated%2f/chat/completions",
    ],
)
async def test_an_unknown_provider_is_not_found(
    gateway: Pair, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    error = await assert_refused(gateway, caplog, 404, body(), path)
    assert error["type"] == "not_found_error"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        f"/{MARK}",
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1/chat/completions/x",
        "/v1/chat/completions/..",
        "//v1/chat/completions",
        "/V1/chat/completions",
        "/v2/chat/completions",
        "/chat/completions",
        "/v1/embeddings",
        "/v1/files",
        "/v1/simulated/embeddings",
        "/v1/simulated/../chat/completions/%00",
        "/metrics",
        "/healthz/x",
    ],
)
async def test_an_unknown_path_is_not_found(
    gateway: Pair, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    for method in ("POST", "GET"):
        error = await assert_refused(gateway, caplog, 404, body(), path, method=method)
        assert error["type"] == "not_found_error"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", CHAT),
        ("PUT", CHAT),
        ("DELETE", CHAT),
        ("PATCH", CHAT),
        ("OPTIONS", CHAT),
        ("PROPFIND", CHAT),
        ("POST", "/v1/models"),
        ("POST", "/healthz"),
    ],
)
async def test_a_wrong_method_is_not_allowed(
    gateway: Pair, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    error = await assert_refused(gateway, caplog, 405, body(), path, method=method)
    assert error["type"] == "invalid_request_error"


async def test_a_wrong_method_is_told_the_right_one(gateway: Pair) -> None:
    answer = await gateway.post(b"", CHAT, method="GET")
    assert answer.headers.get("Allow") == "POST"


# --- too large --------------------------------------------------------------------------------------------


async def test_a_body_that_is_too_large_is_refused(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    gateway = await start(max_body_bytes=1000)
    error = await assert_refused(gateway, caplog, 413, body(user=MARK * 1000))
    assert error["type"] == "request_too_large"


async def test_a_body_that_does_not_say_how_large_it_is_is_refused(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(max_body_bytes=1000)
    raw = body(user=MARK * 200)
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (raw[:900], raw[900:])) + b"0\r\n\r\n"
    await assert_refused(gateway, caplog, 413, chunked, headers=[("Transfer-Encoding", "chunked")])


async def test_a_body_as_large_as_allowed_is_served(start: Start) -> None:
    raw = body()
    gateway = await start(max_body_bytes=len(raw))
    assert (await gateway.post(raw)).status == 200
    assert (await gateway.post(raw + b" ")).status == 413


async def test_a_compressed_body_is_read(gateway: Pair) -> None:
    answer = await gateway.post(gzip.compress(body()), headers=[("Content-Encoding", "gzip")])
    assert answer.status == 200
    assert gateway.saw["messages"] == MESSAGES


async def test_a_compressed_body_is_as_large_as_it_gets(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(max_body_bytes=100_000)
    bomb = gzip.compress(body(user=MARK * 1_000_000))
    assert len(bomb) < 100_000
    await assert_refused(gateway, caplog, 413, bomb, headers=[("Content-Encoding", "gzip")])


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_body_that_is_not_what_it_is_compressed_with_is_refused(
    gateway: Pair, caplog: pytest.LogCaptureFixture, coding: str
) -> None:
    await assert_refused(gateway, caplog, 400, body(), headers=[("Content-Encoding", coding)])


# --- not HTTP ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        f"{MARK}\r\n\r\n",
        f"POST /v1/{MARK} HTTP/9.9\r\nHost: localhost\r\n\r\n",
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nX: {MARK}\x01\r\n\r\n",
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nX {MARK}: 1\r\n\r\n",
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {MARK * 2000}\r\n\r\n",
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MARK}\r\n\r\n",
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n{MARK}",
        f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{MARK}\r\n",
    ],
    ids=range(8),
)
async def test_what_is_not_http_is_refused_in_the_same_envelope(
    gateway: Pair, caplog: pytest.LogCaptureFixture, raw: str
) -> None:
    caplog.set_level(logging.DEBUG)
    async with gateway.connect() as connection:
        connection.send(raw.encode())
        answer = await connection.rest(await connection.head())
    assert 400 <= answer.status < 500
    assert MARK not in answer.body.decode()
    assert MARK not in caplog.text
    assert not gateway.simulator.requests
    assert answer.json()["error"]["type"] == "invalid_request_error"


# --- health, and the model's name -------------------------------------------------------------------------


async def test_health_needs_no_key(start: Start) -> None:
    gateway = await start(keys=[key()])
    for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
        answer = await gateway.post(b"", path, method="GET", host="10.0.0.7")
        assert (answer.status, answer.json()) == (200, {"status": status})


async def test_a_health_check_that_leaves_is_no_harm(gateway: Pair) -> None:
    async with connected(gateway.port) as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\n")
        await turns()
        connection.leave()
    assert (await gateway.post(b"", "/healthz", method="GET")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        f"{prefix}{provider}/chat/completions"
        for prefix in ("/v1", "/api/v1", "/api/v1/proxy")
        for provider in ("", "/simulated", "/simulated/v1")
    ],
)
async def test_every_alias_is_the_same_endpoint(gateway: Pair, path: str) -> None:
    assert (await gateway.post(body(), path)).status == 200
    assert gateway.simulator.requests[0].path == CHAT


async def test_a_model_may_be_asked_for_with_its_provider(gateway: Pair) -> None:
    assert (await gateway.post(body(model="simulated/sim:say"))).status == 200
    assert gateway.saw["model"] == "sim:say"


# --- slow clients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX: "])
async def test_a_head_that_does_not_come_to_its_end_is_hung_up_on(
    start: Start, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(listening, "KEEPALIVE_S", 0.05)
    gateway = await start()
    async with gateway.connect() as connection:
        connection.send(sent)
        assert await connection.closed() == b""


@pytest.mark.parametrize("path", [CHAT, "/v1/scan"])
async def test_a_body_that_does_not_come_to_its_end_is_refused(
    gateway: Pair, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(capacity, "GRACE_S", 0.05)
    async with gateway.connect() as connection:
        connection.request(b"{", path, [("Content-Length", "9")])
        answer = await connection.rest(await connection.head())
    assert (answer.status, answer.error["type"]) == (408, "request_timeout")
    assert gateway.simulator.requests == []


@pytest.mark.parametrize("path", [CHAT, "/v1/scan"])
async def test_a_bomb_that_is_cut_short_is_refused_at_once(gateway: Pair, path: str) -> None:
    """aiohttp's own unpacking waits for ever for the rest of it."""
    bomb = zlib.compress(b'{"model":"sim","messages":"' + b"a" * (100 << 20), 6)[:1324]
    answer = await gateway.post(bomb, path, [("Content-Encoding", "deflate")])
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert gateway.simulator.requests == []
