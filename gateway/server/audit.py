"""The audit log: one line for each decision, in a file that all workers share.

In: a `Call` that is over. Out: a line of a chain (`access.chain`). Nobody can write a second line behind the
same one, because the lock of the file is held from reading its end to writing.

A file that has grown to `max_bytes` is renamed to `NAME.1`, `NAME.2`, …, the oldest first, and the next one
carries the chain on; so it does when something else renames the file. Nothing is ever deleted here.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gateway.access.chain import START, hash_of, line, older
from gateway.config import Audit
from gateway.server import metrics
from gateway.server.call import Call
from gateway.server.decision import decision

# Far longer than any line: places are cut at a hundred.
_LONGEST_LINE_BYTES = 256 << 10


class AuditFailed(Exception):
    """A decision could not be written. Says why, and nothing of the decision."""


class AuditLog:
    """The file, open for appending. Raises AuditFailed if it cannot be."""

    def __init__(self, options: Audit) -> None:
        self._path = Path(options.path)
        self._key = options.secret.reveal().encode() if options.secret else None
        self._max_bytes = options.max_bytes
        self._last = START
        self._size = -1
        try:
            self._file = self._open()
        except OSError as error:
            raise AuditFailed(f"the audit log {self._path} cannot be opened: {error.strerror}") from None

    def write(self, call: Call) -> None:
        """Add what was decided, if anything was. Raises AuditFailed."""
        if (told := record(call)) is not None:
            self.append(told)

    def append(self, told: dict[str, Any]) -> None:
        """Add a record. Raises AuditFailed."""
        try:
            with self._locked():
                self._rotate()
                written, last = line(msgspec.json.encode(told), self._end(), self._key)
                data = written + b"\n"
                if os.write(self._file, data) != len(data):
                    raise OSError(0, "only a part of a line could be written")
                self._last, self._size = last, self._size + len(data)
        except OSError as error:
            self._size = -1
            raise AuditFailed(f"a decision is missing in the audit log: {error.strerror}") from None

    async def close(self) -> None:
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """With the lock of the file that has the name: another worker may have renamed ours meanwhile."""
        while True:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if self._is_named():
                break
            # The chain goes on from the end of the file that was, whoever renamed it.
            self._last = self._end()
            fresh = self._open()
            os.close(self._file)  # and its lock with it
            self._file, self._size = fresh, -1
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _is_named(self) -> bool:
        ours = os.fstat(self._file)
        try:
            named = os.stat(self._path)
        except FileNotFoundError:
            return False
        return (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)

    def _end(self) -> str:
        """The hash of the last line: of the file, or of the file before it if this one is empty."""
        size = os.fstat(self._file).st_size
        if size == self._size:
            return self._last
        if not size:
            if before := older(self._path.name, os.listdir(self._path.parent)):
                self._last = _last_of((self._path.parent / before[-1]).read_bytes().splitlines())
            return self._last
        start = max(0, size - _LONGEST_LINE_BYTES)
        lines = os.pread(self._file, size - start, start).splitlines(keepends=True)
        self._size = size
        if not lines[-1].endswith(b"\n"):
            # A machine that died within a line: close it, so that it is seen, and go on from what is whole.
            os.write(self._file, b"\n")
            self._size += 1
            lines.pop()
        self._last = _last_of(lines)
        return self._last

    def _rotate(self) -> None:
        if os.fstat(self._file).st_size < self._max_bytes:
            return
        self._last = self._end()
        before = older(self._path.name, os.listdir(self._path.parent))
        number = int(before[-1].rpartition(".")[2]) + 1 if before else 1
        self._path.rename(f"{self._path}.{number}")
        fresh = self._open()
        fcntl.flock(fresh, fcntl.LOCK_EX)
        os.close(self._file)
        self._file, self._size = fresh, 0


def _last_of(lines: list[bytes]) -> str:
    return next((found for each in reversed(lines) if (found := hash_of(each))), START)


def record(call: Call) -> dict[str, Any] | None:
    """What is written of a request; None if nothing was decided."""
    if (decided := decision(call)) is None:
        return None
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": call.id,
        "key": call.key,
        "policy": call.policy,
        "decision": decided,
        "error": metrics.error_type(call),
        "request": {f"{entity}:{action}": count for (entity, action), count in call.findings.items()},
        "places": [[each.entity, each.at, each.start, each.end] for each in call.findings.places],
        "answer": {
            **{f"{entity}:flag": count for entity, count in (call.flagged or {}).items()},
            **{f"{entity}:redact": count for entity, count in (call.hidden or {}).items()},
        },
        "threats": call.threats or {},
        "watched": call.watched or {},
        "threat_places": call.threat_places,
        "judgements": {each.rule: each.decision for each in call.judgements},
        "withheld": call.withheld,
        "bypassed": metrics.bypasses(call),
    }
