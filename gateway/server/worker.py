"""One worker: a process that serves on sockets it was given, and does what its supervisor says.

In: the configuration, the sockets, a connection to the supervisor. Out, over that connection: `Ready` or
`Failed` once, a `Beat` every second from the event loop (which thereby shows that it turns), and an answer to
each `Prepare`. A new configuration comes in two steps, so that either every worker takes it or none does.

SIGTERM, or the end of its supervisor, ends a worker within `[server] drain_s`, a second one at once; SIGUSR1
lets it finish what is under way, however long that takes. SIGINT and SIGHUP are the supervisor's.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Sequence
from multiprocessing.connection import Connection

import uvloop
from aiohttp import web
from msgspec import Struct

from gateway.config import Config, Proxies
from gateway.config.weights import detector
from gateway.errors import ConfigError
from gateway.server import logs, serving, telemetry
from gateway.server.call import Gateway
from gateway.server.rehearsal import rehearse
from gateway.server.reload import CURRENT, build

BEAT_EVERY_S = 1.0
_log = logging.getLogger("sluice.worker")

# The exit status of a worker whose configuration cannot be served: another attempt would end as this one.
UNUSABLE = 2


class Ready(Struct, frozen=True):
    """It accepts connections."""


class Failed(Struct, frozen=True):
    """It cannot serve this configuration."""

    why: str


class Beat(Struct, frozen=True):
    """Its event loop turns."""


class Prepare(Struct, frozen=True):
    """Build this configuration, and keep what you have."""

    config: Config


class Prepared(Struct, frozen=True):
    """`why` it cannot be, or None if it is built."""

    why: str | None = None


class Commit(Struct, frozen=True):
    """Serve new requests with what was prepared; without `use` forget it."""

    use: bool


def run(config: Config, proxies: Proxies, listening: Sequence[socket.socket], control: Connection) -> int:
    """Serve until told to stop; the process's exit status."""
    return uvloop.run(_Worker(config, proxies, control).serve(listening))


class _Worker:
    def __init__(self, config: Config, proxies: Proxies, control: Connection) -> None:
        self._config = config
        self._proxies = proxies
        self._control = control
        self._leave = asyncio.Event()
        self._over = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._preparing: asyncio.Task[Gateway | None] | None = None
        self._told_to_end = False

    async def serve(self, listening: Sequence[socket.socket]) -> int:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end)
        loop.add_signal_handler(signal.SIGUSR1, self._leave.set)
        loop.add_reader(self._control.fileno(), self._hear)
        self._beat()
        try:
            self._runner, _ = await serving.start(self._config, self._proxies, listening)
        except ConfigError as error:
            self._say(Failed(error.message))
            return UNUSABLE
        rehearse(self._runner.app[CURRENT].gateway.protections, detector(), 1)
        # What is loaded by now stays for good: the collector need not go through it again and again, nor
        # after every 700 objects of a stream (4 % of the time under load).
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        self._say(Ready())
        await self._leave.wait()
        await serving.drain(self._runner, self._over)
        await self._runner.cleanup()
        return 0

    # --- told to go ---------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Within `drain_s`; at once if this is said again."""
        self._leave.set()
        drain_s = 0.0 if self._told_to_end else self._config.server.drain_s
        self._told_to_end = True
        asyncio.get_running_loop().call_later(drain_s, self._over.set)

    # --- what the supervisor says, and is told ------------------------------------------------------------

    def _hear(self) -> None:
        try:
            said = self._control.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            if not self._leave.is_set():
                _log.error("the supervisor has gone: this worker ends")
                self._end()
            return
        match said:
            case Prepare(config):
                self._forget()
                self._preparing = asyncio.create_task(self._prepare(config))
            case Commit(use=True):
                self._take_over()
            case Commit():
                self._forget()
            case _:
                pass

    async def _prepare(self, config: Config) -> Gateway | None:
        assert self._runner is not None
        try:
            gateway = await build(config, self._proxies, self._runner.app[CURRENT].gateway)
        except ConfigError as error:
            self._say(Prepared(error.message))
            return None
        except Exception as bug:
            telemetry.report(bug, "reload")
            self._say(Prepared("the gateway failed while it built what the configuration says"))
            return None
        self._say(Prepared())
        return gateway

    def _take_over(self) -> None:
        if (gateway := self._prepared()) is not None and self._runner is not None:
            self._config = gateway.config
            logs.follow(self._config.log)
            self._runner.app[CURRENT].replace(gateway)

    def _forget(self) -> None:
        if (gateway := self._prepared()) is not None and self._runner is not None:
            self._runner.app[CURRENT].discard(gateway)

    def _prepared(self) -> Gateway | None:
        """What was prepared, if it was; a preparation that is under way is called off."""
        preparing, self._preparing = self._preparing, None
        if preparing is None or not preparing.done():
            if preparing is not None:
                preparing.cancel()
            return None
        return preparing.result()

    def _beat(self) -> None:
        self._say(Beat())
        asyncio.get_running_loop().call_later(BEAT_EVERY_S, self._beat)

    def _say(self, what: Struct) -> None:
        with contextlib.suppress(OSError):  # the supervisor has gone; `_hear` sees to that
            self._control.send(what)
