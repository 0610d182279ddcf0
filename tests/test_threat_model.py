"""What the threat model says is shown by tests is shown by files that there are."""

from __future__ import annotations

import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "threat-model.md").read_text()


def test_every_test_it_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))
    assert len(named) > 15
    assert [each for each in sorted(named) if not (ROOT / each).exists()] == []


def test_every_threat_names_what_shows_that_it_is_held() -> None:
    section = PAGE.partition("## What is done")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row for row in rows if "`tests/" not in row and "`make" not in row] == []


def test_every_actor_is_answered() -> None:
    actors = set(re.findall(r"^\| (T\d) ", PAGE, re.MULTILINE))
    answered = set(re.findall(r"\bT\d\b", PAGE.partition("## What is done")[2]))
    assert actors - answered <= {"T8"}


def test_every_make_target_it_names_is_one() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make (\w+)`", PAGE)) <= targets
