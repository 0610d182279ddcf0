"""What watches a gateway while it runs: metrics and their listener, traces, the audit log."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from gateway.errors import ConfigError
from gateway.server import metrics, telemetry, tracing
from gateway.server.audit import AuditFailed, AuditLog
from gateway.server.call import GATEWAY

Context = Callable[[web.Application], AsyncIterator[None]]


def observing(connections: Callable[[], int]) -> Context:
    """A context of the application. It raises ConfigError for what cannot be written or is not installed.

    The listener is started here only where no supervisor shows the numbers of several workers.
    """

    async def observed(app: web.Application) -> AsyncIterator[None]:
        gateway = app[GATEWAY]
        config = gateway.config
        loop = asyncio.get_running_loop()
        handler = loop.get_exception_handler()
        async with contextlib.AsyncExitStack() as stack:
            if config.audit is not None:
                try:
                    gateway.audit = audit = AuditLog(config.audit)
                except AuditFailed as failure:
                    raise ConfigError(str(failure), param="audit.path") from None
                stack.callback(audit.close)
            if config.traces is not None:
                rows = {each.name: each.row.name for each in config.providers}
                gateway.traces = started = tracing.start(config.traces, rows)
                stack.push_async_callback(started.close)
            if config.metrics is not None and metrics.FOLDER not in os.environ:
                runner = await metrics.serve(config.metrics)
                stack.push_async_callback(runner.cleanup)
                gateway.metrics_port = runner.addresses[0][1]
            watching = asyncio.create_task(metrics.watch(connections))
            loop.set_exception_handler(telemetry.report_to_loop)
            try:
                yield
            finally:
                loop.set_exception_handler(handler)
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching

    return observed
