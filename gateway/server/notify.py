"""What systemd is told of the service: ready, reloading, stopping, alive, and a line for `systemctl status`.

The protocol is one datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names, a path or, with @,
a name of Linux's abstract namespace (sd_notify(3)). Without that variable nothing is sent. What happens in
the service is not known here.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from time import CLOCK_MONOTONIC, clock_gettime_ns


class Notifier:
    """Tells whoever started this process. Never fails, and never waits: the service matters more."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._address = _address(env.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_s(env)

    def ready(self, status: str) -> None:
        """It serves, for the first time or again after `reloading`."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """`ready` must follow. Type=notify-reload tells by the clock which reload is meant."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={clock_gettime_ns(CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str, within_s: float) -> None:
        """It ends, and may take so long, whatever TimeoutStopSec says."""
        self._send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(within_s * 1e6)}", _status(status))

    def status(self, status: str) -> None:
        self._send(_status(status))

    def alive(self) -> None:
        """To be called at least every `watchdog_s` seconds, where that is not None."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to,
        ):
            to.setblocking(False)
            to.sendto("\n".join(lines).encode(), self._address)


def _address(named: str) -> str | None:
    if named.startswith("@"):
        return "\0" + named[1:]
    return named if named.startswith("/") else None


def _status(text: str) -> str:
    return "STATUS=" + "; ".join(text.splitlines())


def _watchdog_s(env: Mapping[str, str]) -> float | None:
    """How long systemd waits for a sign of life (sd_watchdog_enabled(3)); None if it does not wait."""
    duration = env.get("WATCHDOG_USEC", "")
    meant_for = env.get("WATCHDOG_PID") or str(os.getpid())
    if not duration.isdecimal() or not int(duration) or meant_for != str(os.getpid()):
        return None
    return int(duration) / 1e6
