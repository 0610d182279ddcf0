"""HTTP/1.1 as a client speaks it: a request's bytes out, a response's bytes in.

`encode_request` writes a whole request. `ResponseParser` takes the bytes of a connection however they were
cut and gives the head and the decoded body. The grammar is llhttp's, in its strict mode; what it leaves open
(limits, codings, where a body ends) is settled here. Nothing here knows sockets, TLS, redirects or what a
body means, and no error quotes a byte of what was received or was to be sent.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import NoReturn

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from msgspec import Struct

from gateway.errors import (
    InvalidRequest,
    ProviderGarbage,
    ProviderUnreachable,
    SluiceError,
    UpstreamTruncated,
)

# Header text crosses as the bytes it came in, whatever their encoding: aiohttp reads and writes it so too.
_ENCODING, _ERRORS = "utf-8", "surrogateescape"

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_TARGET = re.compile(r"[!-~]+").fullmatch
_BREAKS_LINE = re.compile(r"[\r\n\0]").search
# Whoever sets these could make a proxy and the provider disagree about where the request ends.
_FRAMING = ("content-length", "transfer-encoding")
_TAKES_NO_BODY = ("GET", "HEAD", "CONNECT", "OPTIONS", "DELETE", "TRACE")


def encode_request(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """The bytes of a request; its length is added. Whatever could start another line is refused."""
    if not _TOKEN(method) or not _TARGET(target):
        raise InvalidRequest("the request line to the provider would not be valid HTTP")
    for name, _ in headers:
        if (fault := _fault_of(name)) is not None:
            raise InvalidRequest(fault)
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers]]
    if body or method not in _TAKES_NO_BODY:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("\r\n")
    text = "\r\n".join(lines)
    # One look for all of them; who it was is asked only if there is one too many.
    if text.count("\n") > len(lines) or text.count("\r") > len(lines) or "\0" in text:
        name = next(name for name, value in headers if _BREAKS_LINE(value))
        raise InvalidRequest(f"the header {name} to the provider holds a line break or NUL")
    try:
        head = text.encode(_ENCODING, _ERRORS)
    except UnicodeEncodeError:
        raise InvalidRequest("a header to the provider holds text that cannot be encoded") from None
    return head + body


@lru_cache(256)
def _fault_of(name: str) -> str | None:
    """Why a request must not have a header of that name."""
    if not _TOKEN(name):
        return "the name of a header to the provider is not a valid one"
    return f"the header {name} is set by the gateway alone" if name.lower() in _FRAMING else None


class ResponseHead(Struct):
    """Status and headers, names in lower case."""

    status: int
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str | None:
        """The first value of a header; `name` is in lower case."""
        return next((value for known, value in self.headers if known == name), None)


def decode_headers(raw: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [
        (name.decode(_ENCODING, _ERRORS).lower(), value.strip(b" \t").decode(_ENCODING, _ERRORS))
        for name, value in raw
    ]


class ResponseParser:
    """One response, interim ones (1xx) skipped.

    `head` is there once it has been read, `complete` is True behind the last byte of the body, and
    `keep_alive` then tells whether another request may follow on the connection. Body that stood before a
    fault in the same `feed` is not lost: `rest` has it (all but what zlib swallows when it stumbles).

    `max_head_bytes` bounds all that comes before the body, and later any run of reads that brings none
    (chunk extensions, trailers). `max_decoded_ratio` bounds what compressed bytes may grow to.
    """

    __slots__ = (
        "_ends_with_connection",
        "_fault",
        "_fields",
        "_inflater",
        "_llhttp",
        "_max_decoded_ratio",
        "_max_head_bytes",
        "_method",
        "_pieces",
        "_room_bytes",
        "complete",
        "head",
        "keep_alive",
    )

    def __init__(
        self, *, method: str = "POST", max_head_bytes: int = 64 << 10, max_decoded_ratio: int = 100
    ) -> None:
        self.head: ResponseHead | None = None
        self.complete = False
        self.keep_alive = False
        self._method = method
        self._max_head_bytes = max_head_bytes
        self._max_decoded_ratio = max_decoded_ratio
        self._room_bytes = max_head_bytes
        self._fields: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._inflater: _Inflater | None = None
        self._ends_with_connection = False
        self._fault: SluiceError | None = None
        self._llhttp = HttpResponseParser(
            SimpleNamespace(
                on_message_begin=self._on_message_begin,
                on_header=self._on_header,
                on_headers_complete=self._on_headers_complete,
                # Nothing of ours between llhttp and the list: this runs for every piece of every stream.
                on_body=self._pieces.append,
                on_message_complete=self._on_message_complete,
            )
        )

    def feed(self, data: bytes) -> list[bytes]:
        """The next bytes of the connection; the pieces of body that they hold."""
        if self.head is None:
            self._feed_head(data)
        else:
            self._parse(data)
            if not self._pieces:
                self._spend(len(data))
                return []
            self._room_bytes = self._max_head_bytes
        return self.rest()

    def rest(self) -> list[bytes]:
        """The pieces of body that came before a fault."""
        pieces = self._pieces.copy()
        self._pieces.clear()
        return pieces

    def eof(self) -> list[bytes]:
        """The connection has ended. Nothing is ever held back, so there is never more body."""
        if self._fault is not None:
            raise self._fault
        if self.head is None:
            raise ProviderUnreachable("the connection to the provider broke before it answered")
        if not self.complete:
            if not self._ends_with_connection:
                raise UpstreamTruncated("the connection to the provider broke within its answer")
            if self._inflater is not None:
                self._inflater.flush()
            self.complete = True
        return []

    def release(self) -> None:
        """Nothing is fed any more. Llhttp has methods of this: only the collector would free the two."""
        del self._llhttp

    def _feed_head(self, data: bytes) -> None:
        # The limit falls at the same byte however the bytes are cut.
        room = self._room_bytes
        self._parse(data[:room])
        if self.head is None:
            self._spend(len(data))
        else:
            self._room_bytes = self._max_head_bytes
            if len(data) > room:
                self._parse(data[room:])

    def _spend(self, count: int) -> None:
        self._room_bytes -= count
        if self._room_bytes < 0 and not self.complete:
            where = "a head" if self.head is None else "framing without body"
            self._fail(
                ProviderGarbage(f"the provider sent more than {self._max_head_bytes} bytes of {where}")
            )

    def _parse(self, data: bytes) -> None:
        try:
            self._llhttp.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if self.complete:
                # The answer is whole; what follows it was not asked for.
                self.keep_alive = False
            elif self._fault is None:
                self._fault = ProviderGarbage("the provider's answer is not valid HTTP")
        if self._inflater is not None:
            self._inflate(self._inflater)
        if self._fault is not None:
            self._fail(self._fault)

    def _inflate(self, inflater: _Inflater) -> None:
        try:
            for piece in self.rest():
                if decoded := inflater.feed(piece):
                    self._pieces.append(decoded)
            if self.complete:
                inflater.flush()
        except SluiceError as fault:
            self._fault = fault

    def _fail(self, fault: SluiceError) -> NoReturn:
        self._fault = fault
        self.complete = self.keep_alive = False
        # llhttp's own error stays out of it: its context could hold what was received.
        raise fault from None

    # Called by llhttp. An exception here stops it, and `_parse` finds out why.

    def _on_message_begin(self) -> None:
        if self.complete:
            raise _Stop

    def _on_header(self, name: bytes, value: bytes) -> None:
        if self.head is None:  # else it is a trailer, and nothing that we serve says anything there
            self._fields.append((name, value))

    def _on_headers_complete(self) -> None:
        status = self._llhttp.get_status_code()
        head = ResponseHead(status, decode_headers(self._fields))
        self._fields = []
        if status < 100 or status == 101:
            self._refuse("the provider switched to another protocol, or sent no status")
        if status < 200:
            return
        transfer_coding = _joined(head, "transfer-encoding")
        if transfer_coding not in ("", "chunked"):
            self._refuse("the provider's answer has a transfer coding other than chunked")
        coding = _joined(head, "content-encoding")
        if coding in _WINDOW_BITS:
            self._inflater = _Inflater(coding, self._max_decoded_ratio)
        elif coding not in ("", "identity"):
            self._refuse("the provider's answer has a content coding that was not asked for")
        self._ends_with_connection = not transfer_coding and head.get("content-length") is None
        self.head = head
        if self._method == "HEAD" or (self._method == "CONNECT" and status < 300):
            # llhttp cannot know that these have no body. What follows, if anything, is not HTTP.
            self.complete = True
            raise _Stop

    def _on_message_complete(self) -> None:
        if self.head is not None:
            self.complete = True
            self.keep_alive = self._llhttp.should_keep_alive()

    def _refuse(self, message: str) -> NoReturn:
        self._fault = ProviderGarbage(message)
        raise _Stop


class _Stop(Exception):
    """Makes llhttp stop; never leaves this module."""


def _joined(head: ResponseHead, name: str) -> str:
    return ", ".join(value for known, value in head.headers if known == name).lower()


# As zlib takes them; a raw deflate stream, which some servers send as `deflate`, is told by its first byte.
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE = -15
# Below this no ratio is too high: a short answer of one repeated token is no attack.
_ALWAYS_ALLOWED_BYTES = 1 << 20
_SLICE_BYTES = 4096


class _Inflater:
    """Undoes gzip or deflate as the bytes come; what has come is given at once."""

    __slots__ = ("_coding", "_inflate", "_max_ratio", "_received_bytes", "_returned_bytes")

    def __init__(self, coding: str, max_ratio: int) -> None:
        self._coding = coding
        self._max_ratio = max_ratio
        self._inflate: zlib._Decompress | None = None
        self._received_bytes = 0
        self._returned_bytes = 0

    def feed(self, data: bytes) -> bytes:
        # Each member that ends copies what is left of its slice: small slices keep the work linear.
        if len(data) <= _SLICE_BYTES:
            return self._feed_slice(data)
        starts = range(0, len(data), _SLICE_BYTES)
        return b"".join([self._feed_slice(data[start : start + _SLICE_BYTES]) for start in starts])

    def _feed_slice(self, data: bytes) -> bytes:
        self._received_bytes += len(data)
        most = max(_ALWAYS_ALLOWED_BYTES, self._received_bytes * self._max_ratio)
        out: list[bytes] = []
        while data:
            inflate = self._inflate
            if inflate is None or (inflate.eof and self._coding != "deflate"):
                # gzip may be made of several members.
                inflate = self._inflate = zlib.decompressobj(self._window_bits(data[0]))
            allowed = most - self._returned_bytes
            try:
                decoded = inflate.decompress(data, allowed + 1)
            except zlib.error:
                raise ProviderGarbage("the provider's answer is not valid in its content coding") from None
            if len(decoded) > allowed:
                raise ProviderGarbage("the provider's answer decompresses to far more than it is")
            self._returned_bytes += len(decoded)
            out.append(decoded)
            data = inflate.unused_data
            if data and self._coding == "deflate":
                raise ProviderGarbage("the provider's answer goes on behind the end of its content coding")
        return out[0] if len(out) == 1 else b"".join(out)

    def flush(self) -> None:
        """The body has ended: so must the coding have, if it began."""
        if self._inflate is not None and not self._inflate.eof:
            raise UpstreamTruncated("the provider's answer stops in the middle of its content coding")

    def _window_bits(self, first: int) -> int:
        if self._coding == "deflate" and first & 0x0F != 8:
            return _RAW_DEFLATE
        return _WINDOW_BITS[self._coding]
