"""The gateway that a configuration makes, and how another takes its place while requests are under way.

`build` makes one, whole or not at all; `Current` holds the one for new requests. A request enters, keeps the
gateway it was given, and leaves; a gateway that was replaced is closed behind the last request that has it.
Where a configuration comes from is not known here.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import web
from msgspec.structs import replace

from gateway.config import Config, Proxies
from gateway.config.weights import detector
from gateway.server import models
from gateway.server.admission import Admission
from gateway.server.call import Gateway, Upstream
from gateway.server.capacity import Capacity
from gateway.server.checks import Checks
from gateway.server.credentials import authentications
from gateway.server.judging import Judge
from gateway.server.plain import PlainUpstream
from gateway.server.protection import Protections
from gateway.server.standing import Standing
from gateway.server.upstream import Upstream as DirectUpstream

# Options of [server] that are built into the sockets and processes of a running service.
_LASTING = ("host", "port", "workers", "max_body_bytes", "upstream")


def upstream_for(config: Config, proxies: Proxies) -> Upstream:
    return (DirectUpstream if config.server.upstream == "direct" else PlainUpstream)(proxies=proxies)


async def build(config: Config, proxies: Proxies, before: Gateway | None = None) -> Gateway:
    """Everything that a request needs. Raises ConfigError, and then nothing has changed.

    What outlives a configuration is taken over from the gateway `before`: connections to providers, what keys
    have used, and where their options are the same, the model and what is known of providers.
    """
    # A policy that nobody has compiled yet takes a second, for which no stream shall wait.
    protections = await asyncio.to_thread(Protections, config)
    credentials = authentications(config.providers)
    if before is not None and config.model == before.config.model:
        model = before.model
    else:
        model = await models.load(config.model) if config.model is not None else None
    judge = Judge(detector(), protections.floors)
    checks = Checks(config)
    await checks.start()
    if before is None:
        upstream, standing = upstream_for(config, proxies), Standing(config)
        admission = Admission(config)
        await admission.start()
    else:
        upstream, admission = before.upstream, before.admission
        standing = before.standing if _knows(before.config) == _knows(config) else Standing(config)
    if before is not None and _holds(before.config) == _holds(config):
        capacity = before.capacity
    else:
        capacity = Capacity(*_holds(config))
    return Gateway(
        config, upstream, protections, judge, checks, admission, standing, capacity, credentials, model
    )


def _knows(config: Config) -> object:
    """What `Standing` is made of."""
    return config.providers, config.routes, config.cache


def _holds(config: Config) -> tuple[int, int]:
    """What `Capacity` is made of."""
    return config.server.max_requests, config.server.max_memory_bytes


def lasting(old: Config, new: Config) -> tuple[Config, list[str]]:
    """The new configuration as far as a running service can take it on, and the options that it cannot."""
    changed = [name for name in _LASTING if getattr(old.server, name) != getattr(new.server, name)]
    kept = {name: getattr(old.server, name) for name in changed}
    told = [f"server.{name}" for name in changed] + (["state"] if old.state != new.state else [])
    return replace(new, server=replace(new.server, **kept), state=old.state), told


class Closable(Protocol):
    async def close(self) -> None: ...


class Current:
    """The gateway in force. `ready` is False once no new connection is taken."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.ready = True
        self._replaced: list[Gateway] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self) -> Gateway:
        """The gateway of a new request."""
        self.gateway.in_flight += 1
        self._idle.clear()
        return self.gateway

    def leave(self, gateway: Gateway) -> None:
        gateway.in_flight -= 1
        if gateway.in_flight:
            return
        if gateway is not self.gateway:
            self.discard(gateway)
        if not self.gateway.in_flight and not self._replaced:
            self._idle.set()

    def replace(self, gateway: Gateway) -> None:
        """New requests get this one."""
        before, self.gateway = self.gateway, gateway
        gateway.admission.take(gateway.config)
        self._replaced.append(before)
        if not before.in_flight:
            self.discard(before)

    def discard(self, gateway: Gateway) -> None:
        """Close what no other gateway here has."""
        self._replaced = [each for each in self._replaced if each is not gateway]
        self._close(gateway.checks)
        model = gateway.model
        if model is not None and all(each.model is not model for each in (*self._replaced, self.gateway)):
            self._close(model)

    def _close(self, part: Closable) -> None:
        closing = asyncio.create_task(part.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def idle(self) -> None:
        """Wait until no request is under way."""
        await self._idle.wait()

    async def close(self) -> None:
        """Close everything, whoever uses it."""
        await asyncio.gather(*self._closing)
        for each in (*self._replaced, self.gateway):
            await each.checks.close()
        await self.gateway.upstream.close()
        await self.gateway.admission.close()
        for model in {id(each.model): each.model for each in (*self._replaced, self.gateway)}.values():
            if model is not None:
                await model.close()


CURRENT: web.AppKey[Current] = web.AppKey("current", Current)
