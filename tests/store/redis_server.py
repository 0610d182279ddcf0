"""A real Redis server of the test's own, on a socket in a folder; it can be stopped and started again."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis


class RedisServer:
    """`url` is where it is. Its data lasts as long as the process, or longer with `keep`."""

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        self._folder = folder
        self._socket = folder / "redis.sock"
        self._keep = keep
        self.url = f"unix://{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = shutil.which("redis-server") or shutil.which("valkey-server")
        assert command
        self._process = subprocess.Popen(
            [
                *(command, "--port", "0", "--unixsocket", str(self._socket), "--dir", str(self._folder)),
                *("--save", "", "--appendonly", "yes" if self._keep else "no", "--appendfsync", "always"),
            ],
            stdout=subprocess.DEVNULL,
        )
        with redis.Redis.from_url(self.url) as client:
            for _ in range(500):
                try:
                    client.ping()
                    return
                except redis.exceptions.RedisError:
                    time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """It takes connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def is_installed() -> bool:
    return bool(shutil.which("redis-server") or shutil.which("valkey-server"))
