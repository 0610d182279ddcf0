"""How long a call takes."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter_ns


def per_call_us(call: Callable[[], object], calls: int = 1, budget_s: float = 0.25) -> float:
    """Microseconds of one call, where `call` makes `calls` of them.

    The least of many turns: whatever else the machine does only ever adds.
    """
    call()
    began = perf_counter_ns()
    call()
    turns = max(1, int(2_000_000 / max(1, perf_counter_ns() - began)))
    least = float("inf")
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        ends = perf_counter_ns() + int(budget_s * 1e9)
        while perf_counter_ns() < ends:
            began = perf_counter_ns()
            for _ in range(turns):
                call()
            least = min(least, (perf_counter_ns() - began) / turns)
    finally:
        if was_enabled:
            gc.enable()
    return least / 1000 / calls
