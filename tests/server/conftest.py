"""A running gateway for every test, once over each way to providers; what it leaves behind is a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol

import pytest
import trustme
from aiohttp import web

from gateway import simulator
from gateway.server import credentials
from gateway.server.plain import PlainUpstream
from gateway.server.upstream import Upstream
from gateway.simulator import Simulator
from tests.server.counting import Counted
from tests.server.odd_provider import House, Ways
from tests.server.running import Pair, UpstreamKind, running
from tests.server.token_server import Clock, Server


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


@pytest.fixture(params=[Upstream, PlainUpstream], ids=["direct", "plain"])
def way(request: pytest.FixtureRequest) -> Ways:
    chosen: Ways = request.param
    return chosen


@pytest.fixture
async def house(way: Ways) -> AsyncIterator[House]:
    async with House(way) as house:
        yield house


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def claude() -> AsyncIterator[Simulator]:
    """A provider that speaks Anthropic's dialect."""
    sim = await simulator.start()
    yield sim
    await sim.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(credentials, "monotonic", clock)
    return clock


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
def loud(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """These tests make the gateway fail on purpose: what it logs of it is looked at, and then dropped."""
    caplog.set_level(logging.INFO)
    return caplog
