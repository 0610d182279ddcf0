"""A chain of records: each line carries the hash of the one before, so that none can be changed unseen.

In: records as JSON bytes, a key or none. Out: lines, and whether lines are a chain. Files are not known here.

A line is the record with two fields added at its end, `"previous"` and `"hash"`. The hash is of the line's
bytes up to the comma before it, so nothing depends on how JSON is written. With a key it is an HMAC-SHA256,
and only who has the key can make a chain; without one it is a SHA-256, which shows damage and careless
changes: whoever can write the file can make all of it anew. A chain that lacks its last lines is a chain:
compare the head, or how long it is, with what was noted elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import NamedTuple

# What stands before the first line of all.
START = "0" * 64
_PREVIOUS, _HASH = b',"previous":"', b',"hash":"'
_TAIL_BYTES = len(_HASH) + 64 + len(b'"}')


class BrokenChain(Exception):
    """Line `number` (from 1) does not continue what stands before it."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"line {number}: {what}")
        self.number = number


class Unlinked(BrokenChain):
    """The line is as it was written, but not behind the one that stands before it."""


class Head(NamedTuple):
    """The end of a chain: how many lines there are, and the last one's hash."""

    lines: int
    hash: str


def line(record: bytes, previous: str, key: bytes | None) -> tuple[bytes, str]:
    """The line of a record (a JSON object that is not empty), without a newline, and its hash."""
    body = record[:-1] + _PREVIOUS + previous.encode() + b'"'
    made = _hash(body, key)
    return body + _HASH + made.encode() + b'"}', made


def hash_of(written: bytes) -> str | None:
    """The hash that a line says it has; None for what is no line of a chain."""
    tail = written.rstrip(b"\n")[-_TAIL_BYTES:]
    if len(tail) != _TAIL_BYTES or not tail.startswith(_HASH) or not tail.endswith(b'"}'):
        return None
    said = tail[len(_HASH) : -2]
    return said.decode() if all(each in b"0123456789abcdef" for each in said) else None


def verify(lines: Iterable[bytes], key: bytes | None, previous: str | None = None) -> Head:
    """The head of a chain. Without `previous` its first line may continue any other.

    Raises BrokenChain with the first line that is wrong.
    """
    number = 0
    for number, written in enumerate(lines, 1):
        body = written.rstrip(b"\n")
        said = hash_of(body)
        if said is None:
            raise BrokenChain(number, "it is not a line of an audit log, or was cut")
        body = body[:-_TAIL_BYTES]
        if not hmac.compare_digest(_hash(body, key), said):
            raise BrokenChain(number, "it was changed, or is keyed with another secret")
        before = body[-65:-1].decode("ascii", "replace")
        if previous is not None and before != previous:
            raise Unlinked(number, "it does not follow the line before it: lines were taken out or put in")
        previous = said
    return Head(number, START if previous is None else previous)


def older(name: str, names: Iterable[str]) -> list[str]:
    """Of a folder's names, the files that a log of this name had before (`NAME.1`, …), the oldest first."""
    numbers = (each[len(name) + 1 :] for each in names if each.startswith(f"{name}."))
    return [f"{name}.{number}" for number in sorted(int(each) for each in numbers if each.isdecimal())]


def _hash(body: bytes, key: bytes | None) -> str:
    if key is None:
        return hashlib.sha256(body).hexdigest()
    return hmac.digest(key, body, hashlib.sha256).hex()
