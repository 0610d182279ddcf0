"""Freed memory, given back to the system: one busy minute must not make a process large for good.

glibc raises its thresholds with the largest block that was ever freed (mallopt(3)). A worker that has had
long requests then keeps what they took: 120 streams with prompts of 200 KB took 44 to 70 KiB each while they
were open, and 19 with the thresholds where they start. Other C libraries have no such habit, or no `mallopt`.
"""

from __future__ import annotations

import ctypes

# malloc.h. Setting one threshold keeps all of them where they are; this is the value that it starts with.
_M_TRIM_THRESHOLD = -1
_TRIM_THRESHOLD_BYTES = 128 << 10


def keep_thresholds() -> None:
    """In this process, and those forked from it."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
