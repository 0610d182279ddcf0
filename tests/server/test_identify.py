"""Who is calling: known keys, wherever SDKs put them; without keys, this machine only."""

from __future__ import annotations

import logging

import pytest

from gateway.access.keys import PREFIX
from gateway.config import Provider, Secret
from tests.server.conftest import Start
from tests.server.refusals import KEY, MARK, OTHER_KEY, assert_refused, body, key
from tests.server.running import CHAT, PROVIDER_KEY, Header, Pair

# --- who is calling ---------------------------------------------------------------------------------------


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
