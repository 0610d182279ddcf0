"""How log records are written: one JSON object a line, or plain lines for a person at a terminal.

In: records of the service and of the libraries it runs on. Out: lines without content. What a library says
about an exception, or fills into its message, may quote a prompt: of it the template is kept, the exception's
type and where it struck.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from gateway.config import Log
from gateway.server.telemetry import places

# The request that the running task serves.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
_OURS = "sluice"


def setup(options: Log, stream: TextIO | None = None, *, quiet: bool = False) -> None:
    """Write every record of the process to a stream, standard error by default; warnings only if `quiet`.

    What is forked from it later does the same.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Line(plain=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if not isinstance(each.formatter, Line)] + [handler]
    # Libraries say at lower levels what they send and receive.
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.disable(logging.INFO if quiet else logging.NOTSET)
    follow(options)


def follow(options: Log) -> None:
    """From now on these options count."""
    logging.getLogger(_OURS).setLevel(options.level.upper())


def told(record: logging.LogRecord) -> dict[str, Any]:
    """What is written of a record."""
    ours = record.name == _OURS or record.name.startswith(f"{_OURS}.")
    facts: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage() if ours else str(record.msg),
        "request_id": REQUEST_ID.get(),
    }
    if record.exc_info and (bug := record.exc_info[1]) is not None:
        facts |= {"exception": type(bug).__name__, "at": places(bug.__traceback__)}
    facts |= getattr(record, "facts", None) or {}
    return facts


class Line(logging.Formatter):
    """One JSON object; `plain`: `14:03:21 info  request status=200 …`, without what is unknown."""

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__()
        self._plain = plain

    def format(self, record: logging.LogRecord) -> str:
        facts = told(record)
        if not self._plain:
            return msgspec.json.encode(facts).decode()
        at = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        level, message = facts["level"], facts["message"]
        for name in ("time", "level", "logger", "message"):
            del facts[name]
        known = (f"{name}={value}" for name, value in facts.items() if value not in (None, {}, 0))
        return " ".join((at, f"{level:7}", message, *known))
