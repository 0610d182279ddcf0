"""The gateway itself, in the ways it is run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.candidates.candidate import Proxy, Start, free_port, wait_until_listening
from benchmarks.processor import started

_SERVER = """\
[server]
port = {port}
upstream = "{upstream}"
"""
_PROVIDER = """
[[providers]]
name = "bench"
base_url = "{provider}/v1"
dialect = "{dialect}"
api_key = "file:key"
"""
PASSING = """
[[policies]]
name = "default"
request = { "*" = "allow" }
answer = { "*" = "allow" }
"""


def sluice(upstream: str = "direct", *, dialect: str = "openai_chat", more: str = "") -> Start:
    """`dialect` is the provider's; `more` goes behind the configuration, `PASSING` to look for nothing."""

    @contextmanager
    def start(provider: str, folder: Path, core: int | None) -> Iterator[Proxy]:
        port = free_port()
        config = folder / "sluice.toml"
        (folder / "key").write_text("sk-benchmark")
        text = _SERVER.format(port=port, upstream=upstream)
        text += _PROVIDER.format(provider=provider, dialect=dialect)
        config.write_text(text + more)
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(config), "--quiet"]
        log = folder / "error.log"
        with log.open("w") as stderr, started(command, core, stderr=stderr) as process:
            wait_until_listening(port, lambda: process.poll() is not None, log)
            yield Proxy(f"http://127.0.0.1:{port}/v1", process.pid)

    return start
