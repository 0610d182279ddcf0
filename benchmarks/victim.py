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
    """`said` is the file with what it wrote to standard error."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    said: Path

    def memory_kib(self) -> int:
        with contextlib.suppress(OSError):
            return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[0])
        return 0

    def cpu_s(self) -> float:
        with contextlib.suppress(OSError):
            used = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def sockets(self) -> int:
        found = 0
        for each in Path(f"/proc/{self.process.pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                found += os.readlink(each).startswith("socket:")
        return found

    def bugs(self) -> list[str]:
        """What it said of bugs of its own."""
        lines = self.said.read_text("utf-8", "replace").splitlines()
        return [line for line in lines if '"bug"' in line or "Traceback" in line][:5]


@contextlib.asynccontextmanager
async def running(providers: str, server: str = "") -> AsyncIterator[Victim]:
    """`providers` and `server` are TOML: the tables of providers, options of `[server]`."""
    port, metrics_port = _free_port(), _free_port()
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        config, said = Path(folder, "sluice.toml"), Path(folder, "stderr")
        config.write_text(f"[server]\nport = {port}\n{server}\n[metrics]\nport = {metrics_port}\n{providers}")
        command = [sys.executable, "-m", "gateway", "serve", "--quiet", "--config", str(config)]
        with said.open("wb") as stderr:
            process = subprocess.Popen(command, stderr=stderr)
        try:
            await _until_it_listens(process, port)
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


async def _until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    async with asyncio.timeout(60):
        while process.poll() is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)
    raise RuntimeError("the gateway does not start")
