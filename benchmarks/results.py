"""What a run found, and what it was measured on: structs that are a JSON file in `results/`."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from msgspec import Struct

FOLDER = Path(__file__).parent / "results"
_ROOT = Path(__file__).parent.parent
_PACKAGES = ("aiohttp", "httptools", "msgspec", "regex", "uvloop")


class Stamp(Struct):
    date: str
    commit: str
    cpu: str
    cores: int
    system: str
    versions: dict[str, str]


class Settings(Struct):
    candidates: list[str]
    streams: int = 100
    events: int = 101
    pace_ms: float = 10.0
    together: bool = False
    rounds: int = 5
    window_s: float = 4.0


class Measurement(Struct):
    """One candidate in one round. `events` is how many the provider wrote while the time was taken."""

    events: int
    seconds: float
    cpu_us_per_event: float | None
    load_cpu_us_per_event: float
    answers: int
    first_ms: list[float]  # median and 99th percentile
    gap_ms: list[float]  # median and 95th percentile
    others_share: float  # of the cores' time, for work that is no part of the run


class Run(Struct):
    stamp: Stamp
    settings: Settings
    rounds: list[dict[str, Measurement]]


class Spread(Struct, frozen=True):
    """A figure taken once a round: its median, its least and its greatest."""

    median: float
    least: float
    greatest: float


def spread(figures: Sequence[float]) -> Spread | None:
    return Spread(median(figures), min(figures), max(figures)) if figures else None


def percentile(figures: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a figure that was measured, never one in between."""
    if not figures:
        return float("nan")
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def cpu(run: Run, name: str) -> Spread | None:
    """Microseconds of CPU in the proxy for each streamed event."""
    return spread([it for each in run.rounds if (it := _cpu(each, name)) is not None])


def cpu_ratio(run: Run, name: str, to: str) -> Spread | None:
    """Round by round, because a machine has better and worse minutes."""
    pairs = [(_cpu(each, name), _cpu(each, to)) for each in run.rounds]
    return spread([ours / theirs for ours, theirs in pairs if ours is not None and theirs])


def added_first_ms(run: Run, name: str, place: int) -> Spread | None:
    """Time to the first token beyond a direct call: the median's (place 0) or the 99th percentile's (1)."""
    return spread(
        [
            each[name].first_ms[place] - each["direct"].first_ms[place]
            for each in run.rounds
            if name in each and "direct" in each
        ]
    )


def gap_ms(run: Run, name: str, place: int) -> Spread | None:
    return spread([each[name].gap_ms[place] for each in run.rounds if name in each])


def others_share(run: Run) -> float:
    """The worst of all measurements."""
    return max((it.others_share for each in run.rounds for it in each.values()), default=0.0)


def _cpu(measured: dict[str, Measurement], name: str) -> float | None:
    return measured[name].cpu_us_per_event if name in measured else None


# --- what it was measured on ------------------------------------------------------------------------------


def stamp(nginx: str | None) -> Stamp:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    if nginx is not None:
        said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False).stderr
        if found := re.search(r"nginx/(\S+)", said):
            versions["nginx"] = found[1]
    return Stamp(
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit=_commit(),
        cpu=_cpu_name(Path("/proc/cpuinfo").read_text()),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        versions=versions,
    )


def _commit() -> str:
    """The commit the gateway was measured at, `+` for a tree that differs from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD")
    changed = git("status", "--porcelain", "--", "gateway", "benchmarks", ":!benchmarks/results")
    return f"{commit}{'+' if changed else ''}" if commit else "none"


def _cpu_name(cpuinfo: str) -> str:
    found = re.search(r"^model name\s*: (.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.machine()
