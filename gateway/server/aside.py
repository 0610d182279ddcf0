"""Work on large requests, done beside the loop or in steps, so that the streams of others go on.

A thread does not make the work quicker, since Python runs one at a time; but the loop gets its turn within
`_TURN_S`, and has not to wait until all is done. What is called must share nothing that changes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Below, what is done with a request takes a few milliseconds at most, and a thread would only cost.
LARGE_BYTES = 32 << 10
# How long a thread may keep others from running (CPython's own limit is ten times that).
_TURN_S = 0.0005


async def aside(size_bytes: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises; in a thread if the request that it is about is large."""
    if size_bytes < LARGE_BYTES:
        return work(*args, **kwargs)
    sys.setswitchinterval(_TURN_S)
    return await asyncio.to_thread(work, *args, **kwargs)


async def in_steps(steps: Generator[object, None, T]) -> T:
    """What the steps make; between two of them others have their turn."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            made: T = done.value
            return made
        await asyncio.sleep(0)
