"""Requests that are wrong: a typed error each, nothing sent to a provider, nothing of them said or logged."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from typing import Any

import pytest
from aiohttp import web

from gateway.access.keys import PREFIX
from gateway.config import Key, Provider, Secret
from gateway.server import capacity
from gateway.server import serving as listening
from tests.server.conftest import Start
from tests.server.running import CHAT, PROVIDER_KEY, Header, Pair, asking, connected, serving, turns

# Stands in every wrong request, and must stand nowhere else afterwards.
MARK = "quetzalcoatl"
MESSAGES = [{"role": "user", "content": MARK}]
KEY = f"{PREFIX}0123456789abcdef"
OTHER_KEY = f"{PREFIX}fedcba9876543210"


def body(**fields: Any) -> bytes:
    """A chat request that would be right, but for these fields; None leaves one out."""
    whole = {"model": "sim", "messages": MESSAGES, "user": MARK} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


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


async def assert_refused(
    gateway: Pair,
    caplog: pytest.LogCaptureFixture,
    status: int,
    raw: bytes,
    path: str = CHAT,
    headers: list[Header] | None = None,
    method: str = "POST",
    host: str = "localhost",
) -> dict[str, Any]:
    caplog.set_level(logging.DEBUG)
    answer = await gateway.post(raw, path, headers or [], method, host)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.headers["X-Request-ID"]) == 26
    error = answer.error
    assert MARK not in answer.body.decode()
    assert MARK not in str(answer.headers)
    assert MARK not in caplog.text
    assert error["message"] not in caplog.text
    assert not gateway.simulator.requests
    return error


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


# --- who is calling ---------------------------------------------------------------------------------------


def key(secret: str = KEY, **grant: Any) -> Key:
    return Key(name=f"key-{secret[-4:]}", secret=Secret(secret), **grant)


CREDENTIALS = [
    ("Authorization", "Bearer {}"),
    ("authorization", "bearer {}"),
    ("x-api-key", "{}"),
    ("api-key", "{}"),
    ("x-goog-api-key", "{}"),
]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", f"Bearer {OTHER_KEY}")],
        [("Authorization", f"Bearer {KEY}x")],
        [("Authorization", f"Bearer {KEY[:-1]}")],
        [("Authorization", f"Basic {KEY}")],
        [("Authorization", KEY)],
        [("Authorization", "Bearer")],
        [("Authorization", f"Bearer {KEY.upper()}")],
        [("x-api-key", MARK)],
        [("X-Provider-API-Key", KEY)],
        [("Cookie", f"key={KEY}")],
        [("Authorization", "Bearer \xff")],
    ],
)
async def test_without_a_known_key_nobody_is_served(
    start: Start, caplog: pytest.LogCaptureFixture, headers: list[Header]
) -> None:
    gateway = await start(keys=[key()])
    error = await assert_refused(gateway, caplog, 401, body(), headers=headers)
    assert (error["type"], error["code"]) == ("authentication_error", "AUTHENTICATION_ERROR")
    assert PREFIX + "0" not in error["message"]
    error = await assert_refused(gateway, caplog, 401, b"", "/v1/models", headers, "GET")
    assert error["type"] == "authentication_error"
    # What is wrong with the body is nobody's business either.
    await assert_refused(gateway, caplog, 401, MARK.encode(), headers=headers)


@pytest.mark.parametrize(("name", "form"), CREDENTIALS)
async def test_a_key_is_known_wherever_an_sdk_puts_it(
    start: Start, caplog: pytest.LogCaptureFixture, name: str, form: str
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = await start(keys=[key(OTHER_KEY), key()])
    answer = await gateway.post(body(), headers=[(name, form.format(KEY))])
    assert answer.status == 200
    assert_key_went_nowhere(gateway, caplog)


async def test_a_key_is_known_in_the_query(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = await start(keys=[key()])
    assert (await gateway.post(body(), f"{CHAT}?key={KEY}")).status == 200
    assert_key_went_nowhere(gateway, caplog)


@pytest.mark.parametrize("place", [name for name, _ in CREDENTIALS] + ["X-Provider-API-Key", "X-Other"])
async def test_a_gateway_key_is_never_forwarded(
    start: Start, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = await start(keys=[key(), key(OTHER_KEY)])
    headers = [("Authorization", f"Bearer {KEY}")]
    headers += [(place, OTHER_KEY)] if place.lower() != "authorization" else []
    headers += [("OpenAI-Organization", "org-1")]
    assert (await gateway.post(body(), headers=headers)).status == 200
    assert_key_went_nowhere(gateway, caplog)


@pytest.mark.parametrize(
    "name", ["OpenAI-Organization", "OpenAI-Project", "Idempotency-Key", "X-Title", "HTTP-Referer"]
)
async def test_a_gateway_key_in_a_forwarded_header_is_not_forwarded(
    start: Start, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    gateway = await start(keys=[key()])
    await gateway.post(body(), headers=[("Authorization", f"Bearer {KEY}"), (name, f"x {KEY}")])
    assert_key_went_nowhere(gateway, caplog)


def assert_key_went_nowhere(gateway: Pair, caplog: pytest.LogCaptureFixture) -> None:
    for request in gateway.simulator.requests:
        seen = f"{request.path} {request.headers} {request.body!r}"
        assert PREFIX not in seen
    assert set(gateway.credentials) == {f"Bearer {PROVIDER_KEY}"}
    assert PREFIX not in caplog.text


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Provider-API-Key", "sk-own")],
        [("X-Provider-API-Key", "sk-own"), ("Authorization", "Bearer sk-other")],
        [("x-api-key", "sk-own")],
        [("Authorization", "Bearer sk-own")],
        [("Authorization", f"Bearer {KEY}"), ("api-key", "sk-own")],
    ],
)
@pytest.mark.parametrize("with_keys", [False, True])
async def test_a_provider_key_of_the_callers_own_is_forwarded(
    start: Start, caplog: pytest.LogCaptureFixture, headers: list[Header], with_keys: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = await start(keys=[key()] if with_keys else [])
    path = f"{CHAT}?key={KEY}" if with_keys else CHAT
    assert (await gateway.post(body(), path, headers)).status == 200
    (request,) = gateway.simulator.requests
    assert gateway.credentials == ["Bearer sk-own"]
    assert f"{request.path} {request.headers}".count("sk-") == 1
    assert "sk-own" not in caplog.text


@pytest.mark.parametrize("value", ["sk own", "sk-\xe9", "sk-\tx"])
async def test_a_provider_key_that_cannot_be_one_is_refused(
    gateway: Pair, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    await assert_refused(gateway, caplog, 401, body(), headers=[("X-Provider-API-Key", value)])


async def test_a_line_break_in_the_query_never_becomes_one_in_a_header(
    gateway: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    await assert_refused(gateway, caplog, 401, body(), f"{CHAT}?key=sk-own%0d%0aX-Evil:%201")


async def test_a_key_opens_only_what_it_is_for(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    other = Provider(name="other", base_url="http://127.0.0.1:9", api_key=Secret("x"), models=["other-*"])
    mine = [("Authorization", f"Bearer {KEY}")]
    gateway = await start(keys=[key(providers=["simulated"], models=["sim:s*"])], others=[other])
    error = await assert_refused(gateway, caplog, 403, body(), headers=mine)
    assert (error["type"], error["code"]) == ("permission_error", "model_not_allowed")
    error = await assert_refused(gateway, caplog, 403, body(), "/v1/other/chat/completions", mine)
    assert error["type"] == "permission_error"
    error = await assert_refused(gateway, caplog, 404, body(model="other-1"), headers=mine)
    assert (await gateway.post(body(model="sim:say"), headers=mine)).status == 200


async def test_a_provider_without_a_key_says_whose_is_missing(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    # It is the name that says this one wants a key.
    groq = Provider(name="groq", base_url="http://127.0.0.1:9/v1", models=["llama"])
    gateway = await start(others=[groq])
    error = await assert_refused(gateway, caplog, 401, body(model="llama"))
    assert error["type"] == "authentication_error"
    assert "X-Provider-API-Key" in error["message"]


# --- without keys, this machine only ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example#@localhost",
        "localhost@evil.example",
        "10.0.0.1",
        "0.0.0.0",
        "[::ffff:10.0.0.1]",
        "",
        "[",
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/models"])
async def test_a_foreign_host_is_refused(
    gateway: Pair, caplog: pytest.LogCaptureFixture, host: str, path: str
) -> None:
    method = "POST" if path == CHAT else "GET"
    error = await assert_refused(gateway, caplog, 403, body(), path, method=method, host=host)
    assert error["type"] == "permission_error"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "LOCALHOST"]
)
async def test_this_machine_is_served(gateway: Pair, host: str) -> None:
    assert (await gateway.post(body(), host=host)).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "null",
        "file://",
        "x",
        "http://[",
        "https://10.0.0.1",
    ],
)
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_a_foreign_origin_is_refused(
    gateway: Pair, caplog: pytest.LogCaptureFixture, origin: str, method: str
) -> None:
    headers = [("Origin", origin), ("Content-Type", "text/plain")]
    error = await assert_refused(gateway, caplog, 403, body(), headers=headers, method=method)
    assert error["type"] == "permission_error"


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:5173"])
async def test_a_page_of_this_machine_may_ask_but_without_cors_not_read(gateway: Pair, origin: str) -> None:
    answer = await gateway.post(body(), headers=[("Origin", origin)])
    assert answer.status == 200
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


async def test_with_keys_any_host_is_served_that_has_one(start: Start) -> None:
    gateway = await start(keys=[key()])
    headers = [("Authorization", f"Bearer {KEY}"), ("Origin", "https://shop.example")]
    assert (await gateway.post(body(), headers=headers, host="gateway.example")).status == 200


# --- what crosses -----------------------------------------------------------------------------------------

FORWARDED = {
    "OpenAI-Organization": "org-1",
    "OpenAI-Project": "proj-1",
    "OpenAI-Beta": "beta",
    "Idempotency-Key": "idem-1",
    "X-Title": "title",
    "HTTP-Referer": "https://app.example",
}


async def test_only_listed_headers_cross(start: Start) -> None:
    gateway = await start(provider_headers={"X-Tenant": "shop"})
    foreign = {
        "Cookie": f"session={MARK}",
        "User-Agent": MARK,
        "X-Forwarded-For": "10.0.0.1",
        "Forwarded": "for=10.0.0.1",
        "Via": MARK,
        "X-Request-ID": MARK,
        "X-Stainless-Lang": MARK,
        "Accept-Language": "de",
        "Accept-Encoding": "gzip",
        "Accept": MARK,
        "Origin": "http://localhost",
        "Referer": f"http://localhost/{MARK}",
        "Traceparent": MARK,
        "X-Tenant": MARK,
        "X-Sluice-Policy": "default",
        "Proxy-Authorization": MARK,
        "TE": "trailers",
        "Upgrade": "h2c",
        "X-Other": MARK,
    }
    answer = await gateway.post(
        body(user=None), f"{CHAT}?other={MARK}", [*FORWARDED.items(), *foreign.items()]
    )
    assert answer.status == 200
    (request,) = gateway.simulator.requests
    names = sorted(name.lower() for name, _ in request.headers)
    assert names == sorted(
        [
            *(name.lower() for name in FORWARDED),
            "accept",
            "accept-encoding",
            "authorization",
            "connection",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-tenant",
        ]
    )
    seen = {name.lower(): value for name, value in request.headers}
    assert {name: seen[name.lower()] for name in FORWARDED} == FORWARDED
    assert (seen["x-tenant"], seen["accept-encoding"]) == ("shop", "identity")
    assert seen["host"] in gateway.simulator.url
    assert seen["user-agent"].startswith("sluice/")
    assert request.path == CHAT
    assert MARK not in str(request.headers)


async def test_only_listed_headers_come_back(start: Start) -> None:
    listed = {"X-RateLimit-Remaining-Tokens": "7", "OpenAI-Processing-MS": "12", "X-Should-Retry": "false"}
    foreign = {"Set-Cookie": "a=b", "Server": MARK, "X-Other": MARK, "OpenAI-Organization": MARK}
    foreign |= {"X-Sluice-Provider": MARK, "X-Request-ID": MARK, "Access-Control-Allow-Origin": "*"}

    async def respond(request: web.Request) -> web.StreamResponse:
        return web.json_response({"choices": []}, headers=listed | foreign)

    async with serving(respond) as url:
        gateway = await start(provider_url=url)
        answer = await gateway.post(body())
    assert answer.status == 200
    assert {name: answer.headers[name] for name in listed} == listed
    assert MARK not in str(answer.headers)
    assert not {"Set-Cookie", "Access-Control-Allow-Origin", "OpenAI-Organization"} & set(answer.headers)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_redirect_is_not_followed(start: Start, status: int, stream: bool) -> None:
    asked: list[str] = []

    async def respond(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        await request.read()
        return web.Response(status=status, headers={"Location": "/trap"})

    async with serving(respond) as url:
        gateway = await start(provider_url=url)
        answer = await gateway.post(asking("sim", stream=stream))
    assert (answer.status, answer.error["type"]) == (502, "provider_garbage")
    assert asked == ["/chat/completions"]
    assert "Location" not in answer.headers


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
