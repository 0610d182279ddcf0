"""Continuous integration may skip a test for the missing shared folder, and for nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NO_SHARED, ROOT

SKIP = '<skipped type="{type}" message="{reason}"/>'


def check(folder: Path, *skips: str) -> subprocess.CompletedProcess[str]:
    cases = "".join(f'<testcase classname="tests.test_it" name="test_it">{skip}</testcase>' for skip in skips)
    report = folder / "report.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return subprocess.run([sys.executable, ROOT / ".ci/skips.py", report], capture_output=True, text=True)


@pytest.mark.parametrize(
    "skip",
    [
        "",
        SKIP.format(type="pytest.skip", reason=NO_SHARED),
        SKIP.format(type="pytest.xfail", reason="a known bug"),
    ],
)
def test_is_silent_when_all_is_well(tmp_path: Path, skip: str) -> None:
    outcome = check(tmp_path, "", skip)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")


def test_names_each_test_that_should_have_run(tmp_path: Path) -> None:
    outcome = check(tmp_path, SKIP.format(type="pytest.skip", reason="nginx is not here"), "")
    assert outcome.returncode == 1
    assert "tests.test_it::test_it: nginx is not here" in outcome.stdout


def test_a_report_that_was_never_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "report.xml").touch()
    outcome = subprocess.run([sys.executable, ROOT / ".ci/skips.py", tmp_path / "report.xml"])
    assert outcome.returncode == 1
