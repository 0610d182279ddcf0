"""Sockets that are bound here, and sockets that systemd hands over."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from gateway.config import Config, Key, Secret, Server, State
from gateway.errors import ConfigError
from gateway.server import sockets

KEYS = [Key(name="a", secret=Secret("sk-sluice-a"))]


def test_each_address_of_a_name_gets_the_same_port() -> None:
    bound = sockets.bound(Server(host="localhost", port=0))
    try:
        assert len({each.getsockname()[1] for each in bound}) == 1
        assert all(sockets.url(each).startswith("http://") for each in bound)
    finally:
        sockets.close(bound)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use"):
            sockets.bound(Server(port=port))


@pytest.mark.parametrize(
    "env", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}]
)
def test_what_is_meant_for_another_process_is_not_taken(env: dict[str, str]) -> None:
    assert sockets.inherited(env) == []
    assert env == {}


def test_only_sockets_that_listen_are_taken() -> None:
    ends = socket.socketpair()
    read, write = os.pipe()
    try:
        with pytest.raises(ConfigError, match="does not listen"):
            sockets.opened(os.dup(ends[0].fileno()))
        with pytest.raises(ConfigError, match="is no socket"):
            sockets.opened(read)
        with pytest.raises(ConfigError, match="is no socket"):
            sockets.opened(987654)
    finally:
        for end in ends:
            end.close()
        os.close(read)
        os.close(write)


def test_without_keys_a_socket_must_be_this_machines() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(Path(folder) / "s"))
        sockets.check([local], Config())
        assert sockets.url(local) == f"unix:{folder}/s"
    with socket.create_server(("127.0.0.1", 0)) as local, socket.create_server(("0.0.0.0", 0)) as foreign:
        sockets.check([local], Config())
        sockets.check([foreign], Config(keys=KEYS))
        with pytest.raises(ConfigError, match="without"):  # keys may come, but until then?
            sockets.check([foreign], Config(state=State()))
        sockets.check([foreign], Config(state=State(), server=Server(host="0.0.0.0")))
        with pytest.raises(ConfigError, match="without"):
            sockets.check([local, foreign], Config())
