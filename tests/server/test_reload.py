"""A configuration takes another's place: whole or not at all, and requests under way keep theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.config import Config, Model, Provider, Proxies, Server, State
from gateway.errors import ConfigError
from gateway.guard.policy import Policy
from gateway.server.admission import Admission
from gateway.server.call import Gateway
from gateway.server.capacity import Capacity
from gateway.server.protection import Protections
from gateway.server.reload import CURRENT, Current, build, lasting
from gateway.server.standing import Standing
from tests.server.running import PATIENCE_S, asking, running, saying

PLAIN = Policy("default", request={"*": "allow"}, answer={"*": "allow"})
CONFIG = Config(providers=[Provider(name="a", base_url="http://127.0.0.1:1")], policies=[PLAIN])


class Closed:
    """A part of a gateway that knows whether it was closed."""

    closed = False

    async def close(self) -> None:
        assert not self.closed
        self.closed = True


class Upstream(Closed):
    closed_times = 0

    async def close(self) -> None:
        self.closed_times += 1


def gateway(model: Closed | None = None, upstream: Upstream | None = None) -> Gateway:
    return Gateway(
        CONFIG,
        cast(Any, upstream or Upstream()),
        Protections(CONFIG),
        cast(Any, None),
        cast(Any, Closed()),
        Admission(CONFIG),
        Standing(CONFIG),
        Capacity(1, 1 << 20),
        model=cast(Any, model),
    )


async def test_a_gateway_is_closed_behind_its_last_request() -> None:
    first, second = Closed(), Closed()
    old, new = gateway(first), gateway(second)
    current = Current(old)
    requests = [current.enter(), current.enter()]
    current.replace(new)
    assert current.enter() is new
    current.leave(new)
    current.leave(requests[0])
    await asyncio.sleep(0)
    assert not first.closed
    current.leave(requests[1])
    await asyncio.wait_for(current.idle(), PATIENCE_S)
    await asyncio.sleep(0)
    assert first.closed
    assert not second.closed
    await current.close()
    assert second.closed


@given(st.lists(st.sampled_from("enter leave replace keep discard".split()), max_size=30))
async def test_what_a_request_uses_is_open_and_in_the_end_all_is_closed_once(steps: list[str]) -> None:
    upstream, models = Upstream(), [Closed()]
    current = Current(gateway(models[0], upstream))
    requests: list[Gateway] = []
    for step in steps:
        if step == "enter":
            requests.append(current.enter())
        elif step == "leave" and requests:
            current.leave(requests.pop(0))
        elif step == "keep":  # the same model in another configuration
            current.replace(gateway(cast(Any, current.gateway.model), upstream))
        elif step in ("replace", "discard"):
            models.append(Closed())
            made = gateway(models[-1], upstream)
            (current.replace if step == "replace" else current.discard)(made)
        await asyncio.sleep(0)
        assert not any(cast(Any, each.model).closed for each in (*requests, current.gateway))
        assert not upstream.closed_times
    for each in requests:
        current.leave(each)
    await asyncio.wait_for(current.idle(), PATIENCE_S)
    await current.close()
    assert all(each.closed for each in models)
    assert upstream.closed_times == 1


async def test_what_outlives_a_configuration_is_taken_over() -> None:
    model = Model(kind="presidio", url="http://127.0.0.1:1")
    old = await build(replace(CONFIG, model=model), Proxies())
    same = await build(replace(CONFIG, model=model), Proxies(), old)
    other = await build(replace(CONFIG, model=replace(model, min_score=0.9)), Proxies(), same)
    assert same.upstream is old.upstream is other.upstream
    assert same.admission is old.admission is other.admission
    assert same.model is old.model is not None
    assert other.model is not old.model
    await old.upstream.close()


async def test_what_cannot_be_built_changes_nothing(tmp_path: Path) -> None:
    old = await build(CONFIG, Proxies())
    with pytest.raises(ConfigError, match=r"cannot be loaded|not installed"):
        await build(replace(CONFIG, model=Model(kind="spacy", path=str(tmp_path))), Proxies(), old)
    await old.upstream.close()


def test_what_only_a_restart_changes_stays_and_is_named() -> None:
    new = replace(
        CONFIG, server=Server(port=9, host="127.0.0.2", cors_origins=["*"]), state=State(path="/elsewhere")
    )
    taken, named = lasting(CONFIG, new)
    assert named == ["server.host", "server.port", "state"]
    assert taken.state is None
    assert (taken.server.host, taken.server.port) == (CONFIG.server.host, CONFIG.server.port)
    assert taken.server.cors_origins == ["*"]
    assert lasting(CONFIG, CONFIG) == (CONFIG, [])


async def test_a_request_keeps_the_gateway_that_it_began_with() -> None:
    async with running("direct", header_prefix="X-One") as here, here.connect() as connection:
        current = here.runner.app[CURRENT]
        connection.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(asking(saying("Hello")))
        )
        async with asyncio.timeout(PATIENCE_S):
            while not current.gateway.in_flight:
                await asyncio.sleep(0)
        server = replace(current.gateway.config.server, header_prefix="X-Two")
        config = replace(current.gateway.config, server=server)
        current.replace(await build(config, Proxies(), current.gateway))
        connection.send(asking(saying("Hello")))  # the body, which this request was waiting for
        answer = await connection.rest(await connection.head())
        assert answer.status == 200
        assert "X-One-Provider" in answer.headers
        assert "X-Two-Provider" in (await here.chat(saying("Hello"))).headers
