"""What runs beside the workers, in a process of its own: one listener for the metrics of all of them.

`wanted` says what a configuration asks for, `run` runs it until the process is ended or its supervisor has
gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from multiprocessing.connection import Connection

import uvloop

from gateway.config import Config
from gateway.server import metrics

# Starts it; whatever it returns is kept.
Beside = Callable[[], Awaitable[object]]

_log = logging.getLogger("sluice.beside")


def wanted(config: Config) -> Beside | None:
    """What this configuration wants run, if anything."""
    return partial(metrics.serve, config.metrics) if config.metrics is not None else None


def run(beside: Beside, control: Connection) -> int:
    try:
        uvloop.run(_run(beside, control))
    except OSError as error:
        _log.error("what runs beside the workers cannot start: %s", error.strerror)
        return 1
    return 0


async def _run(beside: Beside, control: Connection) -> None:
    over = asyncio.Event()
    # Nothing is ever said to it: the connection is readable once nobody is at its other end.
    asyncio.get_running_loop().add_reader(control.fileno(), over.set)
    kept = await beside()
    await over.wait()
    del kept
