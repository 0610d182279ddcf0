"""The folder in which every process leaves its figures, for one listener to add up.

prometheus_client looks for PROMETHEUS_MULTIPROC_DIR when it is imported: `prepare` comes before that. What is
measured is not known here.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "sluice-metrics-"


def prepare(env: MutableMapping[str, str]) -> None:
    """Make a folder, unless the environment names one: the operator's, or that of a predecessor."""
    if not env.get(_VARIABLE):
        env[_VARIABLE] = tempfile.mkdtemp(prefix=_PREFIX, dir=env.get("RUNTIME_DIRECTORY"))


def process_ended(pid: int) -> None:
    """What the process counted stays; what it measured of itself, such as open streams, is over."""
    from prometheus_client import multiprocess

    if os.environ.get(_VARIABLE):
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def remove(env: MutableMapping[str, str]) -> None:
    """Remove the folder, if it was made here."""
    folder = env.pop(_VARIABLE, None)
    if folder and Path(folder).name.startswith(_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
