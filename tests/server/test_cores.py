"""How many workers a machine, a container or a unit has room for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.server.cores import cores

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize("own", ["0::/", "0::/system.slice/sluice.service"])
@pytest.mark.parametrize(
    ("limit", "number"),
    [
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("99900000 100000", ALL),
        ("max 100000", ALL),
        ("", ALL),
        (None, ALL),
    ],
)
def test_a_limit_of_time_is_one_of_workers(tmp_path: Path, own: str, limit: str | None, number: int) -> None:
    folder = tmp_path / own.removeprefix("0::/")
    folder.mkdir(parents=True, exist_ok=True)
    if limit is not None:
        (folder / "cpu.max").write_text(limit)
    (tmp_path / "own").write_text(own + "\n")
    assert cores(tmp_path, tmp_path / "own") == number


def test_without_control_groups_it_is_what_it_may_run_on(tmp_path: Path) -> None:
    assert cores(tmp_path, tmp_path / "none") == ALL
