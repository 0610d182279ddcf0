"""Which headers cross, either way."""

from __future__ import annotations

import pytest
from aiohttp import web

from tests.server.conftest import Start
from tests.server.refusals import MARK, body
from tests.server.running import CHAT, asking, serving

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
