"""A running gateway for every test, once over each way to providers; what it leaves behind is a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol

import pytest

from tests.server.counting import Counted
from tests.server.running import Pair, UpstreamKind, running


class Start(Protocol):
    async def __call__(self, **options: Any) -> Pair:
        """A gateway with these options; it lasts as long as the test."""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """SDKs and browsers read these, and everything here is on this machine."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The test must not make the gateway log an error: each is an exception that nobody expected."""
    caplog.set_level(logging.INFO)
    yield
    errors = [it for it in caplog.get_records("call") if it.levelno >= logging.ERROR]
    assert not errors, [logging.Formatter().format(it) for it in errors]


@pytest.fixture(params=("direct", "plain"))
def upstream(request: pytest.FixtureRequest) -> UpstreamKind:
    """The way to providers (law 9: one suite over both)."""
    kind: UpstreamKind = request.param
    return kind


@pytest.fixture
async def start(upstream: UpstreamKind, quiet: None) -> AsyncIterator[Start]:
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:

        async def started(**options: Any) -> Pair:
            pair: AbstractAsyncContextManager[Pair] = running(upstream, **options)
            return await stack.enter_async_context(pair)

        yield started
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left


@pytest.fixture
def counted() -> Counted:
    """What the gateway counts from here on."""
    return Counted()


@pytest.fixture
async def gateway(start: Start) -> Pair:
    return await start()
