"""One timer for all that is due within the same second.

A timer of the event loop is 560 bytes, and every open stream needs two: until its provider has been silent
for too long, and until its client must be told that all is well. Both are set for many seconds, and mostly
nothing is late when they come. So they go to the next full second, where a set has them; what is to come
within moments comes on time.
"""

from __future__ import annotations

import asyncio
from math import ceil
from typing import Protocol
from weakref import WeakKeyDictionary

# What aiohttp, too, takes for long enough not to mind a second.
_LONG_S = 5.0


class Waiting(Protocol):
    """Who looks at the clock when its time has come."""

    def look_at_clock(self) -> None: ...


Due = set[Waiting]

_due_at: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, Due]] = WeakKeyDictionary()


def call_at(loop: asyncio.AbstractEventLoop, at: float, waiting: Waiting) -> Due:
    """Have `look_at_clock` called at a time of the loop's, unless it is discarded from the set before."""
    moment = float(ceil(at)) if at - loop.time() > _LONG_S else at
    moments = _due_at.setdefault(loop, {})
    due = moments.get(moment)
    if due is None:
        due = moments[moment] = set()
        loop.call_at(moment, _look, loop, moments, moment)
    due.add(waiting)
    return due


def _look(loop: asyncio.AbstractEventLoop, moments: dict[float, Due], moment: float) -> None:
    for each in moments.pop(moment):
        loop.call_soon(each.look_at_clock)
