"""What every refusal of a request has in common."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from gateway.access.keys import PREFIX
from gateway.config import Key, Secret
from tests.server.running import CHAT, Header, Pair

# Stands in every wrong request, and must stand nowhere else afterwards.
MARK = "quetzalcoatl"
MESSAGES = [{"role": "user", "content": MARK}]
KEY = f"{PREFIX}0123456789abcdef"
OTHER_KEY = f"{PREFIX}fedcba9876543210"


def body(**fields: Any) -> bytes:
    """A chat request that would be right, but for these fields; None leaves one out."""
    whole = {"model": "sim", "messages": MESSAGES, "user": MARK} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


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


def key(secret: str = KEY, **grant: Any) -> Key:
    return Key(name=f"key-{secret[-4:]}", secret=Secret(secret), **grant)
