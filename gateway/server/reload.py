"""The gateway that a configuration makes, and how another takes its place while requests are under way.

`build` makes one, whole or not at all; `Current` holds the one for new requests. A request enters, keeps the
gateway it was given, and leaves; a gateway that was replaced is closed behind the last request that has it.
Where a configuration comes from is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from aiohttp import web
from msgspec.structs import replace

from gateway.config import Config, Proxies
from gateway.config.weights import detector
from gateway.errors import ConfigError
from gateway.server import models, tracing
from gateway.server.admission import Admission
from gateway.server.audit import AuditFailed, AuditLog
from gateway.server.call import Audit, Gateway, Traces, Upstream
from gateway.server.capacity import Capacity
from gateway.server.checks import Checks
from gateway.server.credentials import authentications
from gateway.server.judging import Judge
from gateway.server.plain import PlainUpstream
from gateway.server.protection import Protections
from gateway.server.rehearsal import NOTED, rehearse
from gateway.server.standing import Standing
from gateway.server.upstream import Upstream as DirectUpstream

# Options of [server] that are built into the sockets and processes of a running service.
_LASTING = ("host", "port", "workers", "max_body_bytes", "upstream")
# Tables of what is opened once, at the start.
_LASTING_TABLES = ("state", "metrics")


def upstream_for(config: Config, proxies: Proxies) -> Upstream:
    return (DirectUpstream if config.server.upstream == "direct" else PlainUpstream)(proxies=proxies)


def compiled(config: Config) -> Protections:
    """What policies look for, ready to look; slow at first, and then the same in every process forked."""
    detector()
    return Protections(config)


def rehearsed(config: Config) -> None:
    """In the process that others are forked from: what they would each do for the first time is done."""
    rehearse(compiled(config), detector(), NOTED)


async def build(config: Config, proxies: Proxies, before: Gateway | None = None) -> Gateway:
    """Everything that a request needs. Raises ConfigError, and then nothing has changed.

    What outlives a configuration is taken over from the gateway `before`: connections to providers, what keys
    have used, and where their options are the same, the model and what is known of providers.
    """
    # A policy that nobody has compiled yet takes a second, for which no stream shall wait.
    protections = await asyncio.to_thread(compiled, config)
    credentials = authentications(config.providers)
    async with contextlib.AsyncExitStack() as undo:
        if before is not None and config.model == before.config.model:
            model = before.model
        elif config.model is None:
            model = None
        else:
            model = await models.load(config.model)
            undo.push_async_callback(model.close)
        judge = Judge(detector(), protections.floors)
        checks = await asyncio.to_thread(Checks, config)
        undo.push_async_callback(checks.close)
        await checks.start()
        if before is None:
            admission = Admission(config)
            await admission.start()
            upstream, standing = upstream_for(config, proxies), Standing(config)
        else:
            upstream, admission = before.upstream, before.admission
            standing = before.standing if _knows(before.config) == _knows(config) else Standing(config)
        undo.pop_all()
    if before is not None and _holds(before.config) == _holds(config):
        capacity = before.capacity
    else:
        capacity = Capacity(*_holds(config))
    return Gateway(
        config,
        upstream,
        protections,
        judge,
        checks,
        admission,
        standing,
        capacity,
        credentials,
        model,
        audit=_audit(config, before),
        traces=_traces(config, before),
    )


def _audit(config: Config, before: Gateway | None) -> Audit | None:
    """The log of the gateway before, if it is the same one: two would each wait for the other's lock."""
    if before is not None and config.audit == before.config.audit:
        return before.audit
    try:
        return AuditLog(config.audit) if config.audit is not None else None
    except AuditFailed as failure:
        raise ConfigError(str(failure), param="audit.path") from None


def _traces(config: Config, before: Gateway | None) -> Traces | None:
    named = {each.name: each.row.name for each in config.providers}
    if before is not None and config.traces == before.config.traces and before.traces is not None:
        before.traces.named.update(named)
        return before.traces
    return tracing.start(config.traces, named) if config.traces is not None else None


def _knows(config: Config) -> object:
    """What `Standing` is made of."""
    return config.providers, config.routes, config.cache


def _holds(config: Config) -> tuple[int, int]:
    """What `Capacity` is made of."""
    return config.server.max_requests, config.server.max_memory_bytes


def lasting(old: Config, new: Config) -> tuple[Config, list[str]]:
    """The new configuration as far as a running service can take it on, and the options that it cannot."""
    options = [name for name in _LASTING if getattr(old.server, name) != getattr(new.server, name)]
    tables = [name for name in _LASTING_TABLES if getattr(old, name) != getattr(new, name)]
    server = replace(new.server, **{name: getattr(old.server, name) for name in options})
    kept = replace(new, server=server, **{name: getattr(old, name) for name in tables})
    return kept, [*(f"server.{name}" for name in options), *tables]


class Part(Protocol):
    """What a gateway must close."""

    async def close(self) -> None: ...


def _parts(gateway: Gateway) -> list[Part]:
    """What a gateway may have taken over from the one before."""
    parts = (
        gateway.upstream,
        gateway.admission,
        gateway.checks,
        gateway.model,
        gateway.audit,
        gateway.traces,
    )
    return [part for part in parts if part is not None]


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
        used = [part for each in (*self._replaced, self.gateway) for part in _parts(each)]
        for part in _parts(gateway):
            if not any(part is each for each in used):
                closing = asyncio.create_task(part.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    async def idle(self) -> None:
        """Wait until no request is under way."""
        await self._idle.wait()

    async def close(self) -> None:
        """Close everything, whoever uses it."""
        await asyncio.gather(*self._closing)
        left = {id(part): part for each in (*self._replaced, self.gateway) for part in _parts(each)}
        for part in left.values():
            await part.close()


CURRENT: web.AppKey[Current] = web.AppKey("current", Current)
