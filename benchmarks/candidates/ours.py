"""The gateway itself, in the ways it is run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.candidates.candidate import Proxy, Start, free_port, wait_until_listening
from benchmarks.processor import started

_SERVER = """\
[server]
port = {port}
workers = {workers}
upstream = "{upstream}"
"""
_PROVIDER = """
[[providers]]
name = "bench"
base_url = "{provider}/v1"
dialect = "{dialect}"
api_key = "file:key"
"""
_NO_THREATS = """
[policies.threats]
rules = { "*" = "off" }
"""
PASSING = f"""
[[policies]]
name = "default"
request = {{ "*" = "allow" }}
answer = {{ "*" = "allow" }}
{_NO_THREATS}"""
REDACTING = f"""
[[policies]]
name = "default"
answer = {{ "*" = "allow" }}
{_NO_THREATS}"""


# Patterns are compiled before anything is served; on a busy machine that takes a while.
_PATIENCE_S = 60.0


def sluice(
    upstream: str = "direct", *, dialect: str = "openai_chat", more: str = "", workers: int = 1
) -> Start:
    """`dialect` is the provider's; `more` goes behind the configuration: `PASSING` to look for nothing,
    `REDACTING` only for what requests hide and answers restore. All workers have the same core.
    """

    @contextmanager
    def start(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
        port = free_port()
        config = folder / "sluice.toml"
        (folder / "key").write_text("sk-benchmark")
        text = _SERVER.format(port=port, upstream=upstream, workers=workers)
        text += _PROVIDER.format(provider=provider, dialect=dialect)
        config.write_text(text + more)
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(config), "--quiet"]
        log = folder / "error.log"
        with log.open("w") as stderr, started(command, core, stderr=stderr) as process:
            wait_until_listening(port, lambda: process.poll() is not None, log, _PATIENCE_S)
            _wait_until_ready(port)
            yield Proxy(f"http://127.0.0.1:{port}/v1", process.pid)

    return start


def _wait_until_ready(port: int) -> None:
    """The socket takes connections before there is a worker to answer them; then the first answer waits."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/readyz")
        connection.getresponse().read()
    finally:
        connection.close()
