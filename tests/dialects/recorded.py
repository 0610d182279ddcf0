"""The recorded streams of a dialect, where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import SHARED


def streams(format: str) -> list[Path]:
    """Folders of recorded streams, each with a `response.body`."""
    found = []
    for meta in sorted(SHARED.glob("recorded/*/*/meta.json")):
        facts = json.loads(meta.read_text())
        if facts["format"] == format and facts["stream"]:
            found.append(meta.parent)
    return found


def name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"
