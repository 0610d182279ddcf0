"""The sockets that the service listens on: bound here, or inherited from systemd.

In: the configuration's address and the environment. Out: listening sockets, which all workers share, so that
a connection that waits to be accepted is lost with none of them. Who accepts is not known here.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping, Sequence

from gateway.config import Config, Server, is_loopback
from gateway.errors import ConfigError

BACKLOG = 1024
_FIRST_FD = 3  # SD_LISTEN_FDS_START


def inherited(env: MutableMapping[str, str]) -> list[socket.socket]:
    """Sockets by systemd's protocol (sd_listen_fds(3)). Its variables are taken out: children have none."""
    pid, number = env.pop("LISTEN_PID", ""), env.pop("LISTEN_FDS", "")
    env.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not number.isdecimal():
        return []
    return [opened(_FIRST_FD + at) for at in range(int(number))]


def opened(fd: int) -> socket.socket:
    """The listening socket behind a descriptor. Raises ConfigError if there is none."""
    try:
        os.set_inheritable(fd, False)
        found = socket.socket(fileno=fd)
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ConfigError(f"descriptor {fd} was handed over, but is no socket: {error.strerror}") from None
    if not listens or found.type != socket.SOCK_STREAM:
        found.close()
        raise ConfigError(f"descriptor {fd} was handed over, but does not listen for connections")
    return found


def bound(server: Server) -> list[socket.socket]:
    """Sockets at the configured address; a name may have several. Raises OSError."""
    made: list[socket.socket] = []
    port = server.port
    try:
        found = socket.getaddrinfo(server.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            at = (address[0], port, *address[2:])
            made.append(socket.create_server(at, family=family, backlog=BACKLOG))
            port = made[-1].getsockname()[1]
    except OSError as error:
        close(made)
        # Python's own message repeats the address in its notation.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise OSError(error.errno, f"cannot listen on {server.host}:{server.port}: {why}") from None
    return made


def close(listening: Sequence[socket.socket]) -> None:
    for each in listening:
        each.close()


def url(each: socket.socket) -> str:
    """Where it listens, for a person."""
    name = each.getsockname()
    if not isinstance(name, tuple):
        return f"unix:{name}"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"http://{host}:{name[1]}"


def check(listening: Sequence[socket.socket], config: Config) -> None:
    """Without keys only this machine may be served: raises ConfigError if others can reach a socket.

    An address in the file has been checked already; what systemd hands over has not.
    """
    # With a [state] keys may be made later; then it is the file's host that says who must have one.
    if config.keys or (config.state is not None and not is_loopback(config.server.host)):
        return
    for each in listening:
        name = each.getsockname()
        if isinstance(name, tuple) and not is_loopback(str(name[0])):
            raise ConfigError(
                f"without [[keys]] only this machine may be served, but {url(each)} was handed over (with "
                'keys made by `sluice keys create`, set server.host = "0.0.0.0" too)',
                param="keys",
            )
