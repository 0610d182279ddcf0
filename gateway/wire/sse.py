"""Server-sent events: the bytes of a stream in, frames out, each with its original bytes.

Lines, fields and the byte order mark are read as the WHATWG standard says. No byte is lost: the `raw` of all
frames, joined, is the input, at any cut of it into reads. That leaves three questions to which the standard
has no answer, as it never writes a stream out again:

- A line end where a frame would begin is a frame of its own, without data: nothing waits for what follows.
- CR CR ends a frame at once, or the last event of a stream of CRs would wait for the next. An LF behind it
  is such a line end.
- A CR behind an LF may be half of a CRLF, so it ends its frame with the byte that follows it.

A frame reaches to the end of its blank line; without a data field it is no event, and without a name the
standard calls it `message`.

What the data means (JSON, an end mark), reconnection and `retry:` are not known here.
"""

from __future__ import annotations

import re

from gateway.errors import ProviderGarbage
from gateway.wire.frame import Frame as Frame

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CR = 13
_LINE_ENDS = (b"\n", b"\r")

# The blank line that ends a frame, together with the end of the line before it. A pattern that begins with
# one known byte is searched for many times as fast as an alternation, so only a stream that has shown a CR
# without LF, which no known provider sends, is searched for all of them.
_BLANK_LINE = re.compile(rb"\n\r?\n")
_ANY_BLANK_LINE = re.compile(rb"\n\n|\n\r\n|\n\r(?=[^\n])|\r\r")
_BARE_CR = re.compile(rb"\r(?!\n)")


class SSESplitter:
    """Cuts one stream into frames.

    A frame longer than `max_frame_bytes` is ProviderGarbage, from then on at every call. Frames that were
    complete in the same read are returned first and the error comes with the next call, so that it does not
    depend on how the bytes were cut whether they are seen.
    """

    __slots__ = ("_at_start", "_blank_line", "_held", "_max_frame_bytes", "_searched")

    def __init__(self, max_frame_bytes: int = 16 << 20) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._blank_line = _BLANK_LINE
        self._held = bytearray()  # the frame that is not complete yet
        self._searched = 0  # no end of it begins before this
        self._at_start = True  # a byte order mark may stand here

    def feed(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        start = 0
        size = len(data)
        if self._held or _CR in data or size > self._max_frame_bytes:
            return self._feed_any(data, frames)
        # Nearly all that providers send is one line `data: {...}` and an empty one, several such in a read
        # or, mostly, one; then `raw` is the read itself. `find` of a single byte is a memchr.
        while start < size:
            end = data.find(b"\n", start) + 2
            raw = data[start:end]
            if raw[:6] != b"data: " or raw[-2:] != b"\n\n":
                return self._feed_any(data[start:], frames)
            self._at_start = False
            frames.append(Frame(raw, raw[6:-2]))
            start = end
        return frames

    @property
    def is_between(self) -> bool:
        """Has all that came been cut into frames?"""
        return not self._held

    def flush(self) -> list[Frame]:
        """The stream has ended: what came after the last blank line, a cut line included, as a frame."""
        self._refuse_too_long()
        rest = bytes(self._held)
        self._held.clear()
        self._searched = 0
        return [_parse(rest, self._mark_size(rest))] if rest else []

    def _feed_any(self, data: bytes, frames: list[Frame]) -> list[Frame]:
        """All the rules, for what `feed` does not know by sight; adds to the frames that it has made."""
        if _CR in data and _BARE_CR.search(data):
            self._blank_line = _ANY_BLANK_LINE
        held = self._held
        buffer: bytes | bytearray = data
        if held:
            held += data
            buffer = held
        start = 0
        size = len(buffer)
        searched = self._searched
        mark_size = self._mark_size(buffer)
        while start < size:
            first_line = start + mark_size
            if buffer[first_line : first_line + 1] in _LINE_ENDS:
                end = first_line + 1
            elif blank_line := self._blank_line.search(buffer, searched):
                end = blank_line.end()
            else:
                break
            if end - start > self._max_frame_bytes:
                break
            frames.append(_parse(bytes(buffer[start:end]), mark_size))
            start = searched = end
            mark_size = 0
            self._at_start = False
        if buffer is held:
            del held[:start]
        else:
            held += data[start:]
        # A blank line may have begun in the last two bytes.
        self._searched = max(0, len(held) - 2)
        if not frames:
            self._refuse_too_long()
        return frames

    def _mark_size(self, buffer: bytes | bytearray) -> int:
        return len(BYTE_ORDER_MARK) if self._at_start and buffer.startswith(BYTE_ORDER_MARK) else 0

    def _refuse_too_long(self) -> None:
        # What is held begins with a frame that is not complete, so as long at least, or was found too long.
        if len(self._held) > self._max_frame_bytes:
            raise ProviderGarbage(f"the provider sent a frame of more than {self._max_frame_bytes} bytes")


def _parse(raw: bytes, start: int) -> Frame:
    data: list[bytes] = []
    event: str | None = None
    id: str | None = None
    for line in raw[start:].splitlines():  # of bytes: at CR, LF and CRLF only
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            event = str(value, "utf-8", "replace") or None
        elif field == b"id" and b"\0" not in value:
            id = str(value, "utf-8", "replace")
    return Frame(raw, b"\n".join(data) if data else None, event, id)
