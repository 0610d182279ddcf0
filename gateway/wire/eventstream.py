"""Amazon's event-stream encoding: the bytes of a Bedrock stream in, messages out; and a message's bytes.

A message is two lengths, their CRC, headers, a payload and a CRC over all before it, in big-endian order
(Smithy's "Amazon Event Stream" specification, which botocore's `eventstream` follows):

    total u32 | headers u32 | CRC-32 of these 8 bytes u32 | headers | payload | CRC-32 of all before it u32

Both CRCs are checked, so a changed byte is never taken for an answer. What an event means is not known here,
nor that a payload is JSON.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from zlib import crc32

from gateway.errors import ProviderGarbage, UpstreamTruncated
from gateway.wire.frame import Frame

# As botocore has them.
MAX_HEADERS_BYTES = 128 << 10
MAX_PAYLOAD_BYTES = 24 << 20

HeaderValue = bool | int | bytes | str

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_AROUND = _PRELUDE.size + _CRC.size  # what stands around the headers and the payload

# The types of a header's value. 8 is a timestamp.
_TRUE, _FALSE, _BYTES, _STRING, _UUID = 0, 1, 6, 7, 9
_NUMBERS = {kind: struct.Struct(form) for kind, form in {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}.items()}
_UUID_BYTES = 16

# A stream uses about six blocks of headers over and over. One that keeps inventing more is not remembered.
_MOST_BLOCKS = 16


class Message(Frame, gc=False, frozen=True):
    """A frame of an event stream.

    `data` is the payload, never None. `event` is the header `:event-type`, or what `failed`: of an
    exception `:exception-type` (the payload tells more), of an error `:error-code` (the header
    `:error-message` tells more). Timestamps are milliseconds since 1970, UUIDs their 16 bytes. Messages
    may share one mapping of headers.
    """

    headers: Mapping[str, HeaderValue] = {}
    failed: bool = False


_Block = tuple[Mapping[str, HeaderValue], str | None, bool]


class EventStreamSplitter:
    """Cuts one stream into messages.

    Bytes that are not the encoding, and a message longer than `max_frame_bytes` or than AWS allows, are
    ProviderGarbage, from then on at every call. Messages that were complete in the same read are returned
    first and the error comes with the next call, so that it does not depend on how the bytes were cut
    whether they are seen. A length that cannot be is refused before what it announces has come.
    """

    __slots__ = ("_blocks", "_fault", "_held", "_max_frame_bytes", "_wanted")

    def __init__(self, max_frame_bytes: int = 16 << 20) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._blocks: dict[bytes, _Block] = {}
        self._fault: str | None = None
        self._held = bytearray()  # the message that is not complete yet
        self._wanted = _PRELUDE.size  # how much of it must be there to go on

    def feed(self, data: bytes) -> list[Message]:
        if self._fault is not None:
            raise ProviderGarbage(self._fault)
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return []
            data = bytes(self._held)
            self._held.clear()
        messages: list[Message] = []
        start = 0
        size = len(data)
        wanted = _PRELUDE.size
        try:
            while size - start >= _PRELUDE.size:
                total, headers_size, lengths_crc = _PRELUDE.unpack_from(data, start)
                if crc32(data[start : start + 8]) != lengths_crc:
                    raise _garbage("the CRC of a message's lengths does not fit them")
                self._refuse_lengths(total, headers_size)
                end = start + total
                if end > size:
                    wanted = total
                    break
                messages.append(self._message(data[start:end], headers_size, lengths_crc))
                start = end
        except ProviderGarbage as error:
            self._fault = error.message
            if not messages:
                raise
            return messages
        self._held += data[start:]
        self._wanted = wanted
        return messages

    def flush(self) -> list[Message]:
        """The stream has ended. Within a message, that is UpstreamTruncated."""
        if self._fault is not None:
            raise ProviderGarbage(self._fault)
        if self._held:
            raise UpstreamTruncated("the provider closed the stream within an event-stream message")
        return []

    def _refuse_lengths(self, total: int, headers_size: int) -> None:
        payload_size = total - headers_size - _AROUND
        if payload_size < 0:
            raise _garbage("a message is shorter than its headers")
        if headers_size > MAX_HEADERS_BYTES:
            raise _garbage(f"a message has more than {MAX_HEADERS_BYTES} bytes of headers")
        if payload_size > MAX_PAYLOAD_BYTES:
            raise _garbage(f"a message has a payload of more than {MAX_PAYLOAD_BYTES} bytes")
        if total > self._max_frame_bytes:
            raise ProviderGarbage(f"the provider sent a frame of more than {self._max_frame_bytes} bytes")

    def _message(self, raw: bytes, headers_size: int, lengths_crc: int) -> Message:
        # The lengths and their CRC have been looked at; the CRC of the message goes on from there.
        crc = crc32(raw[8 : -_CRC.size], lengths_crc)
        if _CRC.unpack_from(raw, len(raw) - _CRC.size)[0] != crc:
            raise _garbage("the CRC of a message does not fit it")
        payload = _PRELUDE.size + headers_size
        block = raw[_PRELUDE.size : payload]
        known = self._blocks.get(block)
        if known is None:
            known = _read_block(block)
            if len(self._blocks) < _MOST_BLOCKS:
                self._blocks[block] = known
        headers, event, failed = known
        return Message(raw, raw[payload : -_CRC.size], event, None, headers, failed)


def _read_block(block: bytes) -> _Block:
    headers = _read_headers(block)
    kind = headers.get(":message-type")
    failed = kind in ("exception", "error")
    name = {"exception": ":exception-type", "error": ":error-code"}.get(str(kind), ":event-type")
    event = headers.get(name)
    return headers, event if isinstance(event, str) else None, failed


def _read_headers(block: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(block):
            name_end = at + 1 + block[at]
            name = str(_cut(block, at + 1, name_end), "utf-8")
            kind = block[name_end]
            at = name_end + 1
            value: HeaderValue
            if kind in (_STRING, _BYTES):
                start = at + _LENGTH.size
                at = start + _LENGTH.unpack_from(block, at)[0]
                value = _cut(block, start, at)
                if kind == _STRING:
                    value = str(value, "utf-8")
            elif number := _NUMBERS.get(kind):
                value = number.unpack_from(block, at)[0]
                at += number.size
            elif kind == _UUID:
                value = _cut(block, at, at + _UUID_BYTES)
                at += _UUID_BYTES
            elif kind in (_TRUE, _FALSE):
                value = kind == _TRUE
            else:
                raise _garbage(f"a header has the unknown type {kind}")
            if name in headers:
                raise _garbage("a header stands twice in one message")
            headers[name] = value
    except (IndexError, struct.error):
        raise _garbage("a header reaches beyond the headers") from None
    except UnicodeDecodeError:
        raise _garbage("a header is not UTF-8 text") from None
    return headers


def _cut(block: bytes, start: int, end: int) -> bytes:
    if end > len(block):
        raise IndexError
    return block[start:end]


def _garbage(what: str) -> ProviderGarbage:
    return ProviderGarbage(f"the provider's event stream is broken: {what}")


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A message's bytes. Every header that Bedrock sends is a string, so these are too.

    Raises OverflowError for a name of more than 255 bytes or a value of more than 65,535.
    """
    block = bytearray()
    for name, value in headers.items():
        name_data, value_data = name.encode(), value.encode()
        block += len(name_data).to_bytes(1) + name_data + bytes([_STRING])
        block += len(value_data).to_bytes(2) + value_data
    lengths = struct.pack(">II", _AROUND + len(block) + len(payload), len(block))
    message = lengths + _CRC.pack(crc32(lengths)) + block + payload
    return message + _CRC.pack(crc32(message))
