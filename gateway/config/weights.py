"""The threat detector with the weights that ship with the package, read once a process."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from gateway.guard.threats import Detector


@cache
def detector() -> Detector:
    """Raises ConfigError where the file is not what this version writes."""
    return Detector(files("gateway.guard").joinpath("weights.bin").read_bytes())
