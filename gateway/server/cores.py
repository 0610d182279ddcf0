"""How many processor cores this service may use."""

from __future__ import annotations

import os
from pathlib import Path

# Where a container sees its own limits (cgroup v2): "200000 100000" are two cores' worth, "max …" no limit.
_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def cores(cpu_max: Path = _CPU_MAX) -> int:
    """Those it may run on, or fewer where a container is given less time than those have."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text().split()
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return allowed
