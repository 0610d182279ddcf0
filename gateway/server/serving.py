"""A gateway that listens: started, drained, ended, within one process and its event loop.

`start` listens, `drain` takes nothing new and waits for what is under way; the runner's own `cleanup` ends
what is left, each answer with an error of its dialect. Signals and other processes are not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence

from aiohttp import web

from gateway.config import Config, Proxies
from gateway.server.app import create
from gateway.server.listener import Runner
from gateway.server.observing import observing
from gateway.server.reload import CURRENT, build
from gateway.server.sockets import BACKLOG

# For the whole head of a connection's next request, its first too, to have come. Longer than a minute, after
# which load balancers in front close what is idle; aiohttp's own is an hour, which a slow client can use up.
KEEPALIVE_S = 75.0
# Answers that were told to end have so long to reach their clients; what has not is cut off.
_LAST_WORDS_S = 5.0
# A client that keeps its connection may just be writing its next request on it: it is answered, with
# `Connection: close`, and only connections that stay quiet for so long are closed.
_LINGER_S = 1.0
_LOOK_EVERY_S = 0.05


async def start(
    config: Config, proxies: Proxies, listening: Sequence[socket.socket] = ()
) -> tuple[web.AppRunner, int]:
    """Listen, on these sockets or else at the configured address; the runner to clean up, and the port."""
    app = create(await build(config, proxies))
    # A client that goes away cancels its handler, and with it the provider call.
    app.cleanup_ctx.append(observing(lambda: len(runner.server.connections) if runner.server else 0))
    runner = Runner(
        app,
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=_LAST_WORDS_S,
        keepalive_timeout=KEEPALIVE_S,
    )
    await runner.setup()
    try:
        if not listening:
            await web.TCPSite(runner, config.server.host, config.server.port).start()
        for each in listening:
            await web.SockSite(runner, each, backlog=BACKLOG).start()
    except BaseException:
        await runner.cleanup()
        raise
    address = runner.addresses[0]
    return runner, address[1] if isinstance(address, tuple) else 0


async def drain(runner: web.AppRunner, over: asyncio.Event) -> None:
    """Take no new connection; return when no request is under way, or when it is `over`."""
    runner.app[CURRENT].ready = False
    for site in runner.sites:
        await site.stop()
    quiet = asyncio.create_task(_quiet(runner))
    enough = asyncio.create_task(over.wait())
    await asyncio.wait({quiet, enough}, return_when=asyncio.FIRST_COMPLETED)
    for task in (quiet, enough):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _quiet(runner: web.AppRunner) -> None:
    """Wait until nothing is under way, and what is kept open has been silent for a while."""
    current, server = runner.app[CURRENT], runner.server
    assert server is not None
    loop = asyncio.get_running_loop()
    while True:
        await current.idle()
        answered, silent_at = server.requests_count, loop.time() + _LINGER_S
        while server.connections and server.requests_count == answered:
            if loop.time() >= silent_at:
                return
            await asyncio.sleep(_LOOK_EVERY_S)
        if not server.connections:
            return
