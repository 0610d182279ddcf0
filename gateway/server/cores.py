"""How many processor cores this service may use."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def cores(cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> int:
    """Those it may run on, or fewer where a container or a unit is given less time than those have."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        # cgroup v2: one line, "0::/system.slice/sluice.service"; within a container mostly "0::/".
        path = own.read_text().strip().removeprefix("0::/")
        # "200000 100000": of each 100 ms, 200 ms on all cores together. "max 100000" is no limit.
        quota, period = (cgroups / path / "cpu.max").read_text().split()
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return allowed
