"""Beyond its limits the gateway refuses at once, and those who are in are served to the end."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import Overloaded
from gateway.server.capacity import Capacity
from gateway.server.reload import CURRENT
from tests.server.conftest import Start
from tests.server.counting import Counted
from tests.server.running import CHAT, Answer, Pair, asking, picture


def capacity(pair: Pair) -> Capacity:
    return pair.runner.app[CURRENT].gateway.capacity


def refused(answer: Answer) -> bool:
    if answer.status != 503:
        return False
    assert answer.error["type"] == "overloaded_error"
    assert answer.error["code"] == "AT_CAPACITY"
    assert answer.headers["Retry-After"] == "1"
    return True


async def test_one_more_than_the_limit_is_refused(start: Start, counted: Counted) -> None:
    gateway = await start(max_requests=2)
    async with gateway.connect() as one, gateway.connect() as two:
        for connection in (one, two):
            connection.request(asking("sim:long?tokens=3000&pace_ms=5"), CHAT)
            assert (await connection.head()).status == 200
        assert refused(await gateway.chat("sim"))
        assert counted("capacity_refusals_total") == 1
        healthy = await gateway.post(b"", "/healthz", method="GET")
        assert healthy.status == 200
        two.leave()
        while capacity(gateway).requests == 2:
            await asyncio.sleep(0.01)
        assert (await gateway.chat("sim")).status == 200
        one.leave()
    while capacity(gateway).requests:
        await asyncio.sleep(0.01)
    assert capacity(gateway).memory_bytes == 0


@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies_are_refused_beyond_the_memory(start: Start, chunked: bool) -> None:
    gateway = await start(max_memory_bytes=3 << 20)
    large = asking("sim:say", picture(600 << 10), stream=False)
    headers = [("Transfer-Encoding", "chunked")] if chunked else []
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(large), large) if chunked else large
    async with gateway.connect() as other:
        other.request(asking("sim:long?tokens=3000&pace_ms=5"), CHAT)
        await other.head()
        assert refused(await gateway.post(body, CHAT, headers))
        other.leave()
        while capacity(gateway).requests:
            await asyncio.sleep(0.01)
    # Alone it is served: it could never be otherwise.
    assert (await gateway.post(body, CHAT, headers)).status == 200
    assert capacity(gateway).memory_bytes == 0


async def test_a_body_that_is_too_large_is_told_so(start: Start) -> None:
    gateway = await start(max_body_bytes=1000)
    large = asking("sim", "a" * 2000)
    assert (await gateway.post(large)).status == 413
    chunked = [("Transfer-Encoding", "chunked")]
    assert (await gateway.post(b"%x\r\n%b\r\n0\r\n\r\n" % (len(large), large), CHAT, chunked)).status == 413
    assert capacity(gateway).memory_bytes == 0


async def test_failures_give_back_what_they_held(start: Start) -> None:
    gateway = await start()
    for body in (b"{", b"\xff", asking("unknown"), asking("sim:say?fail=status:500"), asking("sim")):
        await gateway.post(body)
    async with gateway.connect() as connection:
        connection.request(b"", CHAT, [("Content-Length", "1000")])
        while not capacity(gateway).requests:
            await asyncio.sleep(0.01)
        connection.leave()
    while capacity(gateway).requests:
        await asyncio.sleep(0.01)
    assert capacity(gateway).memory_bytes == 0


async def test_a_hundred_at_once_are_answered_or_told_to_come_back(start: Start, counted: Counted) -> None:
    gateway = await start(max_requests=10)
    answers = await asyncio.gather(*(gateway.chat("sim:say?pace_ms=2") for _ in range(100)))
    told = [refused(answer) for answer in answers]
    assert told.count(False) >= 10
    assert all(answer.ended for answer in answers)
    assert told.count(True) == counted("capacity_refusals_total") > 0
    assert capacity(gateway).requests == 0


def test_nothing_is_taken_where_there_is_no_room() -> None:
    full = Capacity(1, 1 << 30)
    with full.place(), pytest.raises(Overloaded), full.place():
        raise AssertionError
    assert (full.requests, full.memory_bytes) == (0, 0)
