"""A gateway in a process of its own, to be attacked or worn out, and what can be seen of it from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple


class Victim(NamedTuple):
    """A supervisor with one worker. `said` is the file with what they wrote to standard error."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    said: Path

    def memory_kib(self) -> int:
        """Of the worker: its supervisor, and what shows the metrics, need less."""
        return max((_memory_kib(pid) for pid in self._pids()), default=0)

    def cpu_s(self) -> float:
        return sum(_cpu_s(pid) for pid in self._pids())

    def sockets(self) -> int:
        return sum(_sockets(pid) for pid in self._pids())

    def _pids(self) -> list[int]:
        pid = self.process.pid
        with contextlib.suppress(OSError):
            return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        return []

    def bugs(self) -> list[str]:
        """What it said of bugs of its own."""
        lines = self.said.read_text("utf-8", "replace").splitlines()
        return [line for line in lines if '"bug"' in line or "Traceback" in line][:5]


def _memory_kib(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])
    return 0


def _cpu_s(pid: int) -> float:
    with contextlib.suppress(OSError):
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _sockets(pid: int) -> int:
    found = 0
    for each in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            found += os.readlink(each).startswith("socket:")
    return found


@contextlib.asynccontextmanager
async def running(providers: str, server: str = "") -> AsyncIterator[Victim]:
    """`providers` and `server` are TOML: the tables of providers, options of `[server]`."""
    port, metrics_port = _free_port(), _free_port()
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        config, said = Path(folder, "sluice.toml"), Path(folder, "stderr")
        config.write_text(
            f"[server]\nport = {port}\nworkers = 1\n{server}\n[metrics]\nport = {metrics_port}\n{providers}"
        )
        command = [sys.executable, "-m", "gateway", "serve", "--quiet", "--config", str(config)]
        with said.open("wb") as stderr:
            process = subprocess.Popen(command, stderr=stderr)
        try:
            await _until_it_listens(process, said)
            yield Victim(process, port, metrics_port, said)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


async def _until_it_listens(process: subprocess.Popen[bytes], said: Path) -> None:
    async with asyncio.timeout(60):
        while process.poll() is None:
            if " listens on " in said.read_text("utf-8", "replace"):
                return
            await asyncio.sleep(0.1)
    raise RuntimeError(f"the gateway does not start: {said.read_text('utf-8', 'replace')[-500:]}")
