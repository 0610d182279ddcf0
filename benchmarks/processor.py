"""Processor time and cores, as Linux tells of them: which core a process runs on, what it has used."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """What `/proc/PID/stat` tells of a process with all its threads."""

    parent: int
    used_s: float


def parse_stat(text: str) -> Stat:
    """proc(5). The name, in parentheses, may hold spaces and parentheses itself."""
    fields = text[text.rindex(")") + 1 :].split()
    return Stat(int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS_PER_S)


def family(stats: Mapping[int, Stat], ancestor: int) -> set[int]:
    """A process and everything it has started."""
    found: set[int] = set()
    new = {ancestor}
    while new:
        found |= new
        new = {pid for pid, stat in stats.items() if stat.parent in new} - found
    return found


def _stats() -> dict[int, Stat]:
    stats: dict[int, Stat] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stats[int(folder.name)] = parse_stat((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
    return stats


def used_s(ancestor: int) -> float:
    """User and system time of a process and its living descendants, in seconds."""
    stats = _stats()
    return sum(stats[pid].used_s for pid in family(stats, ancestor) if pid in stats)


class Memory(NamedTuple):
    """Bytes of a process and its living descendants: of all, and of the largest that has started no other."""

    all: int
    worker: int


def memory(ancestor: int) -> Memory:
    """Each process by its share of what it shares.

    That is `Pss` of smaps_rollup, proc(5): a page that three processes have counts a third in each. So the
    sum is what they take, and no page that a fork shares with its parent counts twice.
    """
    stats = _stats()
    shares: dict[int, int] = {}
    for pid in family(stats, ancestor):
        try:
            found = re.search(
                r"^Pss: +(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE
            )
        except (FileNotFoundError, ProcessLookupError):
            continue
        shares[pid] = int(found[1]) << 10 if found else 0
    return Memory(sum(shares.values()), of_worker(stats, shares))


def of_worker(stats: Mapping[int, Stat], shares: Mapping[int, int]) -> int:
    """The largest share of a process that has started no other of them."""
    parents = {stats[pid].parent for pid in shares}
    return max((share for pid, share in shares.items() if pid not in parents), default=0)


def parse_busy(text: str) -> dict[int, float]:
    """Seconds that each core has worked for anyone, from `/proc/stat`."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, _idle, _waiting, *interrupts = map(int, rest.split()[:8])
            found[int(name[3:])] = (user + nice + system + sum(interrupts)) / _TICKS_PER_S
    return found


def busy_s(cores: Cores) -> float:
    """Seconds that the cores of a run have worked."""
    busy = parse_busy(Path("/proc/stat").read_text())
    return sum(busy[core] for core in cores if core is not None)


class Cores(NamedTuple):
    """The load (provider, clients and this process) on one core, the proxy on another, if there are two."""

    load: int | None
    proxy: int | None


def choose_cores() -> Cores:
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[1]) if len(usable) > 1 else Cores(None, None)


def pin(core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})


@contextmanager
def started(
    command: list[str],
    core: int | None,
    *,
    stdin: int | None = None,
    stdout: int | IO[str] = subprocess.PIPE,
    stderr: int | IO[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A process on a core, ended afterwards. It inherits the core, so its threads and children do too."""
    before = os.sched_getaffinity(0)
    pin(core)
    try:
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, text=True)
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
