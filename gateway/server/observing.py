"""What watches a gateway while it runs: its event loop, its connections, and the listener for metrics."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from gateway.server import metrics, telemetry
from gateway.server.reload import CURRENT

Context = Callable[[web.Application], AsyncIterator[None]]
# Where metrics are shown, if this process shows its own.
METRICS_PORT: web.AppKey[int] = web.AppKey("metrics_port", int)


def observing(connections: Callable[[], int]) -> Context:
    """A context of the application. A listener only where no supervisor has one for all workers."""

    async def observed(app: web.Application) -> AsyncIterator[None]:
        config = app[CURRENT].gateway.config
        loop = asyncio.get_running_loop()
        handler = loop.get_exception_handler()
        async with contextlib.AsyncExitStack() as stack:
            if config.metrics is not None and metrics.FOLDER not in os.environ:
                runner = await metrics.serve(config.metrics)
                stack.push_async_callback(runner.cleanup)
                app[METRICS_PORT] = runner.addresses[0][1]
            watching = asyncio.create_task(metrics.watch(connections, lambda: app[CURRENT].gateway))
            loop.set_exception_handler(telemetry.report_to_loop)
            try:
                yield
            finally:
                loop.set_exception_handler(handler)
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching

    return observed
