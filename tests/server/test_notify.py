"""sd_notify: what goes over a real datagram socket, and nothing where there is none."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.server.notify import Notifier


@pytest.fixture(params=["a path", "an abstract name"])
def systemd(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, str]]:
    """Where systemd listens, and what it puts into NOTIFY_SOCKET."""
    # Not pytest's folder: such a path has 108 bytes at most.
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening,
    ):
        path = str(Path(folder) / "notify")
        listening.bind(path if request.param == "a path" else "\0" + path)
        listening.settimeout(5)
        yield listening, path if request.param == "a path" else "@" + path


TOLD: list[tuple[Callable[[Notifier], None], list[str]]] = [
    (lambda notifier: notifier.ready("2 of 2"), ["READY=1", "STATUS=2 of 2"]),
    (lambda notifier: notifier.status("one\ntwo"), ["STATUS=one; two"]),
    (lambda notifier: notifier.alive(), ["WATCHDOG=1"]),
    (
        lambda notifier: notifier.stopping("bye", 2.5),
        ["STOPPING=1", "EXTEND_TIMEOUT_USEC=2500000", "STATUS=bye"],
    ),
]


@pytest.mark.parametrize(("tell", "lines"), TOLD)
def test_each_message_is_one_datagram(
    systemd: tuple[socket.socket, str], tell: Callable[[Notifier], None], lines: list[str]
) -> None:
    listening, name = systemd
    tell(Notifier({"NOTIFY_SOCKET": name}))
    assert listening.recv(4096).decode().split("\n") == lines


def test_a_reload_says_when(systemd: tuple[socket.socket, str]) -> None:
    listening, name = systemd
    Notifier({"NOTIFY_SOCKET": name}).reloading()
    first, second = listening.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    assert (
        abs(int(second.removeprefix("MONOTONIC_USEC=")) / 1e6 - uptime_s) < 10 * 24 * 3600
    )  # less what it slept


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/at/all", "@sluice-nobody-listens-here"])
def test_where_nobody_listens_nothing_happens(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("fine")
    notifier.alive()


@pytest.mark.parametrize(
    ("env", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_there_if_it_is_meant_for_this_process(
    env: dict[str, str], watchdog_s: float | None
) -> None:
    assert Notifier(env).watchdog_s == watchdog_s
