"""What a run found, and what it was measured on: structs that are a JSON file in `results/`."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Literal

from msgspec import Struct

from benchmarks.dialogue import Shape
from benchmarks.scenarios import Scenario

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


# The places of `late_ms`: enough for a curve.
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
FIRST_SHARES = (0.5, 0.99)
GAP_SHARES = (0.5, 0.95, 1.0)
P99, LATEST = SHARES.index(0.99), SHARES.index(1.0)


class Measurement(Struct):
    """One candidate in one round. `events` is how many the provider wrote while the time was taken (whole
    answers, where nothing streams), `late_ms` how much later than the provider's pace they came."""

    events: int
    seconds: float
    cpu_us_per_event: float | None
    load_cpu_us_per_event: float
    answers: int
    first_ms: list[float]  # at each of FIRST_SHARES
    gap_ms: list[float]  # at each of GAP_SHARES
    late_ms: list[float]  # at each of SHARES
    memory_bytes: list[int]  # of all its processes, at rest and under the load
    others_share: float  # of the cores' time, for work that is no part of the run
    worker_bytes: int | None = None  # of one worker at rest


class Outcome(Struct):
    """A scenario, run: for each candidate its measurements, a round each, or why there are none."""

    scenario: Scenario
    rounds: list[dict[str, Measurement]]
    failed: dict[str, str] = {}


class Held(Struct):
    """Of the `frames` of an answer of a shape, `held` had to wait; for so many events, summed and at most."""

    shape: Shape
    frames: int
    held: int
    events: int
    longest: int


class Run(Struct):
    stamp: Stamp
    outcomes: list[Outcome]
    held: list[Held] = []


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


def percentiles(figures: Sequence[float], shares: Sequence[float]) -> list[float]:
    """At each of the shares; none of nothing."""
    return [round(percentile(figures, share), 3) for share in shares] if figures else []


def over_rounds(outcome: Outcome, figure: Callable[[dict[str, Measurement]], float | None]) -> Spread | None:
    """A figure of each round, where it has one."""
    return spread([found for each in outcome.rounds if (found := figure(each)) is not None])


def cpu(outcome: Outcome, name: str) -> Spread | None:
    """Microseconds of CPU in the proxy for each streamed event, or whole answer."""
    return over_rounds(outcome, lambda each: _cpu(each, name))


def cpu_ratio(outcome: Outcome, name: str, to: str) -> Spread | None:
    """Round by round, because a machine has better and worse minutes."""

    def ratio(measured: dict[str, Measurement]) -> float | None:
        ours, theirs = _cpu(measured, name), _cpu(measured, to)
        return ours / theirs if ours is not None and theirs else None

    return over_rounds(outcome, ratio)


def added_ms(outcome: Outcome, name: str, kind: Literal["first_ms", "late_ms"], place: int) -> Spread | None:
    """Beyond a direct call, percentile by percentile; `place` is that of one in the figure's list."""

    def added(measured: dict[str, Measurement]) -> float | None:
        ours, theirs = _at(measured, name, kind, place), _at(measured, "direct", kind, place)
        return None if name == "direct" or ours is None or theirs is None else ours - theirs

    return over_rounds(outcome, added)


def first_ms(outcome: Outcome, name: str, place: int) -> Spread | None:
    return over_rounds(outcome, lambda each: _at(each, name, "first_ms", place))


def gap_ms(outcome: Outcome, name: str, place: int) -> Spread | None:
    return over_rounds(outcome, lambda each: _at(each, name, "gap_ms", place))


def late_ms(outcome: Outcome, name: str, place: int) -> Spread | None:
    return over_rounds(outcome, lambda each: _at(each, name, "late_ms", place))


def _at(
    measured: dict[str, Measurement], name: str, kind: Literal["first_ms", "gap_ms", "late_ms"], place: int
) -> float | None:
    figures: list[float] = getattr(measured[name], kind) if name in measured else []
    return figures[place] if figures else None


def a_second(outcome: Outcome, name: str) -> Spread | None:
    """Whole answers a second."""
    return over_rounds(
        outcome, lambda each: each[name].answers / each[name].seconds if name in each else None
    )


def memory(outcome: Outcome, name: str) -> tuple[int, float] | None:
    """Bytes of all processes at rest, and for each open stream.

    In the first round, before anything is kept for the next.
    """
    first = outcome.rounds[0].get(name) if outcome.rounds else None
    if first is None or not first.memory_bytes:
        return None
    rest, busy = first.memory_bytes
    return rest, (busy - rest) / outcome.scenario.streams


def worker_memory(outcome: Outcome, name: str) -> int | None:
    """Bytes of a worker at rest, before it has answered anything."""
    first = outcome.rounds[0].get(name) if outcome.rounds else None
    return first.worker_bytes if first is not None else None


def others_share(run: Run) -> float:
    """Over the whole run: a median does not mind one bad second."""
    measured = [it for outcome in run.outcomes for each in outcome.rounds for it in each.values()]
    return sum(it.others_share for it in measured) / len(measured) if measured else 0.0


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
