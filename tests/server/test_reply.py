"""The head of a chat answer, made in one piece, is the one that aiohttp would have made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gateway.server import reply
from gateway.server.reload import CURRENT
from gateway.server.reply import Reply
from tests.server.conftest import Start
from tests.server.running import CHAT, Answer, Pair, asking, connected

# Each answer's own.
VARYING = (
    "x-request-id",
    "x-sluice-event-id",
    "date",
    "x-sluice-detection-time-ms",
    "x-sluice-guard-time-ms",
)


def fixed(answer: Answer) -> dict[str, list[str]]:
    """Its headers, whose own values only have to be there."""
    names = {name.lower() for name in answer.headers}
    return {
        name: ["…" for _ in answer.headers.getall(name)] if name in VARYING else answer.headers.getall(name)
        for name in names
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("said", [{}, {"X-Sluice-Format": "mask"}])
async def test_it_is_as_aiohttp_makes_it(
    gateway: Pair, monkeypatch: pytest.MonkeyPatch, stream: bool, said: dict[str, str]
) -> None:
    body = asking("sim:echo", "Write to john.smith@example.com", stream=stream)
    ours = await gateway.post(body, headers=said.items())
    monkeypatch.setattr(reply, "HttpVersion11", None)
    theirs = await gateway.post(body, headers=said.items())
    assert ours.status == theirs.status == 200
    assert ours.ended
    assert theirs.ended
    assert fixed(ours) == fixed(theirs)
    assert all(len(values) == 1 for values in fixed(ours).values())
    assert ours.headers["X-Sluice-Entities-Detected"] == "1"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_connection_takes_the_next_request(gateway: Pair, stream: bool) -> None:
    body = asking("sim:echo", stream=stream)
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    async with connected(gateway.port) as connection:
        for _ in range(3):
            connection.send(head.encode() + body)
            answer = await connection.rest(await connection.head())
            assert answer.status == 200
            assert "connection" not in answer.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_who_shuts_down_says_so(gateway: Pair, stream: bool) -> None:
    gateway.runner.app[CURRENT].ready = False
    body = asking("sim:echo", stream=stream)
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    async with connected(gateway.port) as connection:
        connection.send(head.encode() + body)
        answer = await connection.rest(await connection.head())
        assert answer.headers["connection"] == "close"
        assert await connection.closed() == b""


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: a=b", "a\nb", "a\rb", "a\0b"])
async def test_no_header_becomes_two(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr(reply, "headers_of", lambda request: [("X-Sluice-Model", value)])
    made: Any = Reply([("Content-Type", "application/json")], b"{}")
    made._stays_open = True
    with pytest.raises(ValueError, match="more than one"):
        made._head(SimpleNamespace(), ("Content-Length", "2"))


async def test_of_what_is_said_twice_the_first_counts(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await start()
    told = [("Retry-After", "1"), ("retry-after", "2"), ("X-RateLimit-Limit-Tokens", "3")]
    monkeypatch.setattr("gateway.server.headers.returned", lambda headers: told)
    answer = await gateway.chat("sim:echo", stream=False)
    assert answer.headers.getall("retry-after") == ["1"]
    assert answer.headers.getall("x-ratelimit-limit-tokens") == ["3"]
