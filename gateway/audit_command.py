"""`sluice audit verify`: says whether an audit log is one chain, and where it is not.

In: a file, those beside it that it had before, and the hash that was noted of what was moved away.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gateway.access import chain
from gateway.access.chain import START, BrokenChain, Head, Unlinked
from gateway.config import secret
from gateway.errors import ConfigError

EXAMPLES = """\
examples:
  sluice audit verify /var/log/sluice/audit.jsonl
  sluice audit verify audit.jsonl --secret env:SLUICE_AUDIT_SECRET
  sluice audit verify audit.jsonl --after 9f86…    behind older files that were moved away: their head

exit status: 0 for one chain, 1 if it is not, 2 if a file cannot be read
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the log; the files it had before are read too")
    parser.add_argument(
        "--secret", metavar="SECRET", help="what keys it: env:NAME, file:PATH or credential:NAME"
    )
    parser.add_argument(
        "--after", metavar="HASH", default=START, help="the head of what stood before these files"
    )


def verify(arguments: argparse.Namespace) -> int:
    """Look at the log and at the files it had before, the oldest first."""
    path = Path(arguments.file)
    key = _key(arguments.secret) if arguments.secret else None
    lines, head = 0, Head(0, arguments.after)
    try:
        for name in [*chain.older(path.name, os.listdir(path.parent)), path.name]:
            file = path.parent / name
            with file.open("rb") as written:
                try:
                    head = chain.verify(written, key, head.hash)
                except BrokenChain as broken:
                    moved = isinstance(broken, Unlinked) and not lines and broken.number == 1
                    hint = ". If older files were moved away, give the head of the last as --after"
                    print(f"{file}: {broken}{hint if moved else ''}", file=sys.stderr)
                    return 1
            lines += head.lines
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    print(f"{lines:,} line{'' if lines == 1 else 's'}, one chain. Its head is {head.hash}")
    return 0


def _key(written: str) -> bytes:
    try:
        return secret.resolve(written, os.environ, Path.cwd()).encode()
    except ValueError as error:
        raise ConfigError(f"--secret: {error}") from None
