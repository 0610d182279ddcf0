"""What a supervisor hands to the program that takes its place: sockets, and children that still serve.

The successor runs under the same process id, so that it stays the children's parent and, for systemd, the
service. In: what there is. Out: the same, in another program. What the supervisor does is not known here.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterable, MutableMapping, Sequence
from typing import NoReturn

import msgspec
from msgspec import Struct, field

from gateway.config import Server
from gateway.server import children, sockets
from gateway.server.children import Child

_VARIABLE = "SLUICE_HANDOVER"
# A successor that cannot be imported would take the service down with it.
_TRIAL = """
import sys
import gateway.cli, gateway.server.supervisor
sys.exit(gateway.cli.main(sys.argv[1:]) if sys.argv[1:] else 0)
"""


class Inherited(Struct):
    """`activated` sockets are systemd's, wherever the configuration says to listen."""

    sockets: list[socket.socket] = []
    activated: bool = False
    children: dict[int, Child] = {}
    address: tuple[str, int] | None = None

    def listening_at(self, server: Server) -> list[socket.socket]:
        """The sockets to listen on: those inherited, unless the address is another now. Raises OSError."""
        if self.sockets and (self.activated or self.address == (server.host, server.port)):
            return self.sockets
        bound = sockets.bound(server)
        sockets.close(self.sockets)
        return bound


class _Given(Struct):
    """Descriptors and process ids; `address` is what the configuration said."""

    sockets: list[int]
    activated: bool
    address: tuple[str, int] | None
    children: list[tuple[int, int]] = field(default_factory=list)


def take(env: MutableMapping[str, str]) -> Inherited:
    """From a predecessor, else from systemd, else nothing. Raises ConfigError for what are no sockets."""
    given = env.pop(_VARIABLE, None)
    if given is None:
        found = sockets.inherited(env)
        return Inherited(found, activated=bool(found))
    told = msgspec.json.decode(given, type=_Given)
    return Inherited(
        [sockets.opened(fd) for fd in told.sockets],
        told.activated,
        {pid: children.adopt(pid, fd) for pid, fd in told.children},
        told.address,
    )


def give(
    env: MutableMapping[str, str],
    listening: Sequence[socket.socket],
    activated: bool,
    address: tuple[str, int],
    serving: Iterable[Child],
) -> NoReturn:
    """Become the program that is installed now. Raises OSError if it cannot be run."""
    told = _Given(
        [each.fileno() for each in listening],
        activated,
        address,
        [(child.pid, child.control.fileno()) for child in serving if child.control is not None],
    )
    descriptors = [*told.sockets, *(fd for _, fd in told.children)]
    for fd in descriptors:
        os.set_inheritable(fd, True)
    env[_VARIABLE] = msgspec.json.encode(told).decode()
    # Until the successor hears signals, they wait: by default they would end it.
    signal.pthread_sigmask(signal.SIG_BLOCK, children.SIGNALS)
    try:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, children.SIGNALS)
        del env[_VARIABLE]
        for fd in descriptors:
            os.set_inheritable(fd, False)
        raise


def try_program(check: Sequence[str]) -> int:
    """Start the program that is installed now with arguments that do no harm; its process id."""
    # It finds this program where this one was found, whatever the working directory holds.
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-c", _TRIAL, *check],
        {**os.environ, "PYTHONPATH": path},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
