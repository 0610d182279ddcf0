"""The processes of a service, as their supervisor holds them: forked, heard, told, given to a successor.

A child shares with its parent the memory that it does not change: what is imported and compiled once is
there for all. Therefore nothing here may be called in a process with threads or a running event loop. What
children do is not known here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from time import monotonic
from typing import Any

from gateway.server import telemetry

# What the supervisor reacts to. A child gets its own idea of them.
SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
)
# A terminal sends these to every process in it; only the supervisor acts on them.
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)
_SEND_TIMEOUT = struct.pack("ll", 5, 0)


@dataclass(eq=False, slots=True)
class Child:
    """A process. `leaving` once it was told to go; `adopted` if another supervisor has started it."""

    pid: int
    control: Connection | None
    started_at: float
    heard_at: float
    ready: bool = False
    leaving: bool = False
    adopted: bool = False

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def tell(self, what: Any) -> bool:
        """Whether it could be told; a child that does not read for seconds cannot."""
        if self.control is None:
            return False
        try:
            self.control.send(what)
        except OSError:
            return False
        return True

    def hear(self) -> Any:
        """What it says; None once it says nothing more."""
        if self.control is None:
            return None
        try:
            return self.control.recv()
        except (EOFError, OSError):
            self.control.close()
            self.control = None
            return None


def fork(body: Callable[[Connection], int], inherited: Iterable[Connection | socket.socket]) -> Child:
    """A process that runs `body` and ends with its result. It closes what it must not have `inherited`."""
    ours, theirs = Pipe()
    with _from_socket(ours) as control:
        control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_TIMEOUT)
        control.detach()
    sys.stdout.flush()
    sys.stderr.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    pid = os.fork()
    if pid == 0:
        _run(body, theirs, (ours, *inherited))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    theirs.close()
    now = monotonic()
    return Child(pid, ours, now, now)


def _from_socket(connection: Connection) -> socket.socket:
    return socket.socket(fileno=connection.fileno())


def _run(
    body: Callable[[Connection], int], control: Connection, inherited: Iterable[Connection | socket.socket]
) -> None:
    """In the child: never returns."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN if number in _IGNORED else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        for each in inherited:
            each.close()
        status = body(control)
    except BaseException as bug:
        telemetry.report(bug, "worker")
    finally:
        sys.stderr.flush()
        os._exit(status)


def adopt(pid: int, fd: int) -> Child:
    """A process that an earlier image of this one has started."""
    os.set_inheritable(fd, False)
    now = monotonic()
    return Child(pid, Connection(fd), now, now, ready=True, adopted=True)


def ended() -> Iterable[tuple[int, str]]:
    """Each child that has ended, and how."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        if os.WIFSIGNALED(status):
            yield pid, f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
        else:
            yield pid, f"ended with status {os.waitstatus_to_exitcode(status)}"
