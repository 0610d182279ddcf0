"""How to cut a stream into frames: ours by `find` of one byte, beside shorter ways that know fewer rules.

The variants know LF only, keep nothing of a cut frame's scan position, or give lines instead of frames.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from benchmarks.decisions import ANSWER, EVENTS, show
from gateway.wire.sse import SSESplitter

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def ours(reads: list[bytes]) -> None:
    splitter = SSESplitter()
    for data in reads:
        splitter.feed(data)


def by_split(reads: list[bytes]) -> None:
    held = b""
    for data in reads:
        *frames, held = (held + data).split(b"\n\n")
        for frame in frames:
            frame.removeprefix(b"data: ")


def by_pattern(reads: list[bytes]) -> None:
    held = b""
    for data in reads:
        held += data
        start = 0
        for found in _BLANK_LINE.finditer(held):
            held[start : found.start()].removeprefix(b"data: ")
            start = found.end()
        held = held[start:]


def by_line(reads: list[bytes]) -> None:
    """What most clients do: lines, then a field at a time."""
    held = b""
    fields: list[str] = []
    for data in reads:
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            name, _, value = line.decode().partition(":")
            if name == "data":
                fields.append(value.removeprefix(" "))
            elif not line:
                "\n".join(fields)
                fields.clear()


_VARIANTS: dict[str, Callable[[list[bytes]], None]] = {
    "SSESplitter (chosen)": ours,
    "split at LF LF": by_split,
    "a pattern for the blank line": by_pattern,
    "line by line": by_line,
}


def main() -> None:
    whole = b"".join(ANSWER)
    halves = [piece for frame in ANSWER for piece in (frame[:100], frame[100:])]
    for question, reads in (
        ("One frame in a read", ANSWER),
        ("All frames in a read", [whole]),
        ("Each frame in two reads", halves),
    ):
        show(question, {name: partial(variant, reads) for name, variant in _VARIANTS.items()}, EVENTS)


if __name__ == "__main__":
    main()
