"""Who is measured: each is started in a process of its own and gives the URL that a client is to take.

A new candidate is a function that starts it and a row in `CANDIDATES`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.processor import started


class BenchmarkFailed(Exception):
    """A candidate does not run, or does not do what it must; the message says which and what."""


class Proxy(NamedTuple):
    """A running candidate. Without a proxy there is no process."""

    url: str
    pid: int | None


Start = Callable[[str, Path, int | None], AbstractContextManager[Proxy]]


class Candidate(NamedTuple):
    """`start` takes the provider's address, an empty folder of its own and a core.

    `needs` is a program; what `redacts` must not let the provider see a value.
    """

    about: str
    start: Start
    needs: str | None = None
    redacts: bool = False

    def is_here(self) -> bool:
        return self.needs is None or program(self.needs) is not None


def program(name: str) -> str | None:
    """Debian keeps nginx where an ordinary user's PATH does not lead."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))


@contextmanager
def direct(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
    yield Proxy(f"{provider}/v1", None)


NGINX_CONFIG = """\
daemon off;
worker_processes 1;
{user}pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  upstream provider {{ server {provider}; keepalive 512; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


@contextmanager
def nginx(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
    port = _free_port()
    # Only root's workers change their user, and then they may not use a folder of root's.
    user = f"user {pwd.getpwuid(0).pw_name};\n" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    there = provider.removeprefix("http://")
    config.write_text(NGINX_CONFIG.format(user=user, folder=folder, provider=there, port=port))
    command = [
        program("nginx") or "nginx",
        "-e",
        str(folder / "error.log"),
        "-p",
        str(folder),
        "-c",
        str(config),
    ]
    with started(command, core) as process:
        _wait_until_listening(port, lambda: process.poll() is not None, folder / "error.log")
        yield Proxy(f"http://127.0.0.1:{port}/v1", process.pid)


SLUICE_CONFIG = """\
[server]
port = {port}
upstream = "{upstream}"

[[providers]]
name = "bench"
base_url = "{provider}/v1"
api_key = "file:key"
"""


def sluice(upstream: str, more: str = "") -> Start:
    """`more` goes behind the configuration."""

    @contextmanager
    def start(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
        port = _free_port()
        config = folder / "sluice.toml"
        (folder / "key").write_text("sk-benchmark")
        config.write_text(SLUICE_CONFIG.format(port=port, upstream=upstream, provider=provider) + more)
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(config), "--quiet"]
        log = folder / "error.log"
        with log.open("w") as stderr, started(command, core, stderr=stderr) as process:
            _wait_until_listening(port, lambda: process.poll() is not None, log)
            yield Proxy(f"http://127.0.0.1:{port}/v1", process.pid)

    return start


CANDIDATES: dict[str, Candidate] = {
    "direct": Candidate("no proxy: what the load itself takes", direct),
    "nginx": Candidate("proxy_pass, proxy_buffering off, one worker; looks at nothing", nginx, "nginx"),
    "sluice": Candidate(
        "redacts and restores; reads the provider in a callback", sluice("direct"), redacts=True
    ),
    "sluice-plain": Candidate(
        "the same, reading the provider with aiohttp's client", sluice("plain"), redacts=True
    ),
}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _wait_until_listening(port: int, has_ended: Callable[[], bool], log: Path) -> None:
    for _ in range(300):
        if has_ended():
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    said = log.read_text().strip() if log.exists() else ""
    raise BenchmarkFailed(f"it does not listen\n{said}")
