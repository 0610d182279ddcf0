"""Large requests are worked on beside the loop; small ones, and all errors, as if there were no thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gateway.errors import InvalidRequest
from gateway.server.aside import LARGE_BYTES, aside
from tests.server.conftest import Start
from tests.server.running import asking


async def where(size: int) -> bool:
    """Did the work run in the loop's own thread?"""
    return await aside(size, threading.get_ident) == threading.get_ident()


async def test_only_large_work_leaves_the_loop() -> None:
    assert await where(LARGE_BYTES - 1)
    assert not await where(LARGE_BYTES)


@pytest.mark.parametrize("size", [0, LARGE_BYTES])
async def test_errors_come_back(size: int) -> None:
    def fail() -> None:
        raise InvalidRequest("no", param="x")

    with pytest.raises(InvalidRequest) as caught:
        await aside(size, fail)
    assert caught.value.param == "x"


async def test_the_loop_goes_on_meanwhile() -> None:
    """Work that waits for the loop would never end if the loop waited for it."""
    loop, turned = asyncio.get_running_loop(), threading.Event()
    loop.call_soon(turned.set)
    assert await aside(LARGE_BYTES, turned.wait, 10)


async def test_many_short_messages_are_redacted_and_restored_alike(start: Start) -> None:
    gateway = await start()
    addresses = [f"bob{number}@example.org" for number in range(400)]
    content = [{"type": "text", "text": f"Please write to {each} about the valley."} for each in addresses]
    content += [{"type": "text", "text": "The river runs slowly. " * 40}] * 20
    answer = await gateway.post(asking("sim:echo", content, stream=False))
    text = answer.json()["choices"][0]["message"]["content"]
    assert all(each in text for each in addresses)
    (request,) = gateway.simulator.requests
    assert len(request.body) > LARGE_BYTES
    assert not any(each.encode() in request.body for each in addresses)
    assert b"[EMAIL_400]" in request.body


async def test_a_large_body_that_is_no_request_is_told_so(start: Start) -> None:
    gateway = await start()
    assert (await gateway.post(b"[" * (2 * LARGE_BYTES))).status == 400
    assert (await gateway.post(b"{}" + b" " * (2 * LARGE_BYTES))).error["type"] == "invalid_request_error"
