"""`sluice audit verify`: says whether an audit log is one chain, and where it is not."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gateway.access import chain
from gateway.access.chain import START, BrokenChain, Head
from gateway.config import secret
from gateway.errors import ConfigError


def verify(arguments: argparse.Namespace) -> int:
    """Look at the log and at the files it had before, the oldest first."""
    path = Path(arguments.file)
    key = _key(arguments.secret) if arguments.secret else None
    lines, head = 0, Head(0, START)
    try:
        for name in [*chain.older(path.name, os.listdir(path.parent)), path.name]:
            file = path.parent / name
            with file.open("rb") as written:
                try:
                    head = chain.verify(written, key, head.hash)
                except BrokenChain as broken:
                    print(f"{file}: {broken}", file=sys.stderr)
                    return 1
            lines += head.lines
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    print(f"{lines} lines, one chain. Its head is {head.hash}")
    return 0


def _key(written: str) -> bytes:
    try:
        return secret.resolve(written, os.environ, Path.cwd()).encode()
    except ValueError as error:
        raise ConfigError(f"--secret: {error}") from None
