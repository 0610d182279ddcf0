"""A bug of ours, before and behind the point where the status has gone."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.server import headers
from tests.server.running import UpstreamKind, running

SECRET = "4111 1111 1111 1111"


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def returned(*_: Any) -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(headers, "returned", returned)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_bug_is_a_status_while_it_can_be(
    bug: None, stream: bool, upstream: UpstreamKind, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(upstream) as gateway:
        answer = await gateway.chat("sim:say", f"pay with {SECRET}", stream=stream)
        assert (answer.status, answer.error["type"]) == (500, "internal_error")
        await gateway.until(lambda it: not it.active)
    assert SECRET not in caplog.text


async def test_a_bug_behind_a_keep_alive_is_an_event_and_the_end(
    bug: None, upstream: UpstreamKind, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(upstream, keepalive_after_s=0.02) as gateway:
        answer = await gateway.chat("sim:say?fail=slow_head:0.3", f"pay with {SECRET}")
        assert (answer.status, answer.stream_error["type"]) == (200, "internal_error")
        await gateway.until(lambda it: not it.active)
    assert SECRET not in caplog.text
