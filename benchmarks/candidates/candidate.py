"""What a candidate is: something that is started in a process of its own and gives the URL clients take."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from benchmarks import wires


class BenchmarkFailed(Exception):
    """A candidate does not run, or does not do what it must; the message says which and what."""


class Proxy(NamedTuple):
    """A running candidate. Without a proxy there is no process. `headers` are what its clients must send."""

    url: str
    pid: int | None
    headers: tuple[tuple[str, str], ...] = ()


Start = Callable[[str, Path, int | None], AbstractContextManager[Proxy]]


class Candidate(NamedTuple):
    """`start` takes the provider's address, an empty folder of its own and a core.

    `program` finds what it needs, and is None where that is not installed; `missing` says how to get it.
    What `redacts` must not let the provider see a value; what `masks` does not bring it back. `exact` proxies
    pass frames on as they are. `wire` is the dialect that the provider is asked in. `share` is how much of
    the load it can take: one that is overloaded tells nothing of what an event costs.
    """

    about: str
    start: Start
    program: Callable[[], str | None] = lambda: ""
    missing: str = ""
    redacts: bool = False
    masks: bool = False
    exact: bool = True
    wire: wires.Name = "openai"
    share: float = 1.0

    def is_here(self) -> bool:
        return self.program() is not None


def program(name: str) -> str | None:
    """Debian keeps servers where an ordinary user's PATH does not lead."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def wait_until_listening(
    port: int, has_ended: Callable[[], bool], log: Path, patience_s: float = 15.0
) -> None:
    ends_at = time.monotonic() + patience_s
    while time.monotonic() < ends_at and not has_ended():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    said = log.read_text().strip()[-2000:] if log.exists() else ""
    raise BenchmarkFailed(f"it does not listen\n{said}")
