"""The demo passes, and would not if anything leaked or stayed hidden."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.console import Console

from gateway import demo
from tests.conftest import ROOT


def test_the_demo_shows_all_three_sides_and_succeeds() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=50
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "the application sent:  Tell me about John Smith at john@example.com" in ran.stdout
    assert "Tell me about [PERSON_1] at [EMAIL_1]" in ran.stdout
    assert '{"name":"John Smith","email":"john@example.com"}' in ran.stdout
    assert "\x1b" not in ran.stdout


@pytest.mark.parametrize(
    ("recorded", "answers", "fine"),
    [
        (b"[PERSON_1] [EMAIL_1]", ["John Smith john@example.com"], True),
        (b"John Smith", ["John Smith john@example.com"], False),
        (b"", ["John Smith [EMAIL_1]"], False),
        (b"", ["John Smith john@example.com", "nothing"], False),
    ],
)
def test_it_judges_itself(recorded: bytes, answers: list[str], fine: bool) -> None:
    assert demo._judge(Console(quiet=True), recorded, answers) is fine
