"""What runs beside the workers, in a process of its own: one listener for the metrics of all of them.

In: something to run until the process is ended or its supervisor has gone. What it does is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection
from typing import Any

import uvloop

Beside = Callable[[], Coroutine[Any, Any, None]]


def run(beside: Beside, control: Connection) -> int:
    uvloop.run(_run(beside, control))
    return 0


async def _run(beside: Beside, control: Connection) -> None:
    task = asyncio.create_task(beside())
    # Nothing is ever said to it: the connection is readable once nobody is at its other end.
    asyncio.get_running_loop().add_reader(control.fileno(), task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
