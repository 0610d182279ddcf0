"""Fails when a test was skipped that should have run.

In: pytest's JUnit XML. Out: nothing and exit 0 if every skip is one that continuous integration may have,
otherwise the tests and their reasons, and exit 1. A skip for a missing runtime is a courtesy to a developer;
in continuous integration it would hide a broken install step.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

ALLOWED = "the shared folder is not here"


def wrongly_skipped(report: str) -> list[str]:
    found = []
    for case in ElementTree.fromstring(report).iter("testcase"):
        for skipped in case.iter("skipped"):
            reason = skipped.get("message", "no reason")
            # An expected failure is reported as a skip of its own type, and did run.
            if skipped.get("type") != "pytest.xfail" and ALLOWED not in reason:
                found.append(f"{case.get('classname')}::{case.get('name')}: {reason}")
    return found


def main(path: str) -> int:
    report = Path(path).read_text()
    if not report:
        print("pytest left no report")
        return 1
    found = wrongly_skipped(report)
    if found:
        print("Skipped, but must run here:", *found, sep="\n  ")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
