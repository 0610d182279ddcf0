"""Events as bytes: server-sent events and Amazon's event stream; and what a failure makes of a stream."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

from gateway.simulator.options import BREAKS

STRING = 7  # a header's value in Amazon's event stream


class Event(NamedTuple):
    data: bytes
    name: str | None = None


def sse(event: Event, *, crlf: bool = False, comment: bool = False) -> bytes:
    end = b"\r\n" if crlf else b"\n"
    head = b": keep-alive" + end * 2 if comment else b""
    name = b"event: " + event.name.encode() + end if event.name else b""
    return head + name + b"data: " + event.data + end * 2


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of Amazon's event stream: two lengths, their CRC, headers, payload, a CRC over all."""
    block = b""
    for name, value in headers.items():
        text = value.encode()
        block += bytes([len(name)]) + name.encode() + struct.pack(">BH", STRING, len(text)) + text
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    whole = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return whole + struct.pack(">I", crc32(whole))


def spoil(events: list[Event], fail: str, half: int, error: Callable[[int], Event]) -> list[Event]:
    """The events that are left, or that come in, when something goes wrong. An error is told its place."""
    kind, _, argument = fail.partition(":")
    at = min(int(argument), len(events) - 1) if argument.isdigit() else half
    if kind == "empty":
        return []
    if kind == "error_first":
        return [error(0)]
    if kind == "error_mid":
        return [*events[:at], error(at)]
    if kind == "malformed":
        return [*events[:at], events[half]._replace(data=events[half].data[:-9]), *events[at:]]
    return events[:at] if kind in ("truncate", *BREAKS) else events
