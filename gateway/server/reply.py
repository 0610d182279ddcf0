"""The answer to a chat request as aiohttp sends it, its head made in one piece.

In: what is known of the call. Out: the headers that every answer of the gateway has, and `Reply`, a 200 with
them. aiohttp makes a head from a dictionary that everybody may still change, in a dozen calls; with the
signal by which others add to it that was a tenth of what a request cost beside judging its texts. Where an
answer has more to say (CORS) or less to go by (HTTP/1.0), aiohttp does it.
"""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from time import time

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE, HttpVersion11

from gateway.dialects.anthropic import ANTHROPIC
from gateway.server.call import CALL, GATEWAY, Call
from gateway.server.reload import CURRENT

Headers = list[tuple[str, str]]


def headers_of(request: web.Request) -> Headers:
    """What the gateway says of itself in every answer, each name once."""
    call, prefix = request[CALL], request[GATEWAY].config.server.header_prefix
    out = [("X-Request-ID", call.id)]
    if getattr(request.match_info.handler, "dialect", None) is ANTHROPIC:
        out.append(("request-id", call.id))  # where its SDK looks
    if call.limits or call.returned:
        told = reversed((*call.limits, *call.returned))  # of two that are the same the first counts
        out += {name.lower(): (name, value) for name, value in told}.values()
    if call.provider:
        out.append((f"{prefix}-Provider", call.provider))
    if call.model and call.model.isprintable() and call.model.isascii():
        out.append((f"{prefix}-Model", call.model))
    if call.attempts > 1:
        out.append((f"{prefix}-Attempts", str(call.attempts)))
    if call.maybe_billed:
        out.append((f"{prefix}-Maybe-Billed", str(call.maybe_billed)))
    if call.cache is not None:
        out.append((f"{prefix}-Cache", call.cache))
    if call.entities is not None:
        out.append((f"{prefix}-Entities-Detected", str(sum(call.entities.values()))))
        out.append((f"{prefix}-Detection-Time-Ms", f"{call.detection_s * 1000:.2f}"))
        if call.format != "token":
            out.append((f"{prefix}-Format", call.format))  # the one-way ones are not restored
    if call.decision is not None:
        out += _of_guard(call, prefix)
    return out


def _of_guard(call: Call, prefix: str) -> Headers:
    out = [
        (f"{prefix}-Decision", call.decision or "allow"),
        (f"{prefix}-Event-ID", call.id),
        (f"{prefix}-Guard-Time-Ms", f"{call.guard_s * 1000:.2f}"),
    ]
    if call.threat_type is not None:
        out.append((f"{prefix}-Threat-Type", call.threat_type))
    if call.confidence is not None:
        out.append((f"{prefix}-Confidence", f"{call.confidence:.3f}"))
    return out


def allowed_origin(request: web.Request) -> str | None:
    origin = request.headers.get("Origin")
    allowed = request[GATEWAY].config.server.cors_origins
    return origin if origin and (origin in allowed or "*" in allowed) else None


class Reply(web.StreamResponse):
    """A 200 with a body, or without one to be written to. `own` are its headers."""

    def __init__(self, own: Headers, body: bytes | None = None) -> None:
        super().__init__()
        self._own = own
        self._whole = body
        self._writer: AbstractStreamWriter | None = None

    @property
    def prepared(self) -> bool:
        return self._writer is not None or super().prepared

    @property
    def keep_alive(self) -> bool | None:
        """What aiohttp asks when the answer has gone."""
        return self._stays_open if self._writer is not None else super().keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        if self._writer is not None:
            return self._writer
        assert isinstance(request, web.Request)
        if request.version != HttpVersion11 or allowed_origin(request) is not None:
            self.headers.extend(self._own)
            if self._whole is not None:
                self.content_length = len(self._whole)
            return await super().prepare(request)
        self._stays_open = request.keep_alive and request.app[CURRENT].ready
        self._writer = writer = request.writer
        if self._whole is None:
            await writer.write(self._head(request, ("Transfer-Encoding", "chunked")))
            writer.enable_chunking()
            self.headers["Transfer-Encoding"] = "chunked"  # for whoever writes past us
        else:
            length = ("Content-Length", str(len(self._whole)))
            self._whole = self._head(request, length) + self._whole
        return writer

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._writer is None:
            await super().write(data)
        else:
            await self._writer.write(data)

    async def write_eof(self, data: bytes = b"") -> None:
        whole, self._whole = self._whole, None
        if self._writer is None:
            await super().write_eof(whole or data)
        else:
            await self._writer.write_eof(whole or data)

    def _head(self, request: web.Request, framing: tuple[str, str]) -> bytes:
        """The status line and the headers, as aiohttp would write them."""
        lines = [f"{name}: {value}" for name, value in (*self._own, framing, *headers_of(request))]
        if not self._stays_open:
            lines.append("Connection: close")
        text = "\r\n".join(lines)
        if text.count("\n") >= len(lines) or text.count("\r") >= len(lines) or "\0" in text:
            raise ValueError("a header of the answer would be more than one")
        return f"{_opening(int(time()))}{text}\r\n\r\n".encode("utf-8", "surrogateescape")


@lru_cache(1)
def _opening(now_s: int) -> str:
    """What all heads of a second begin with."""
    return f"HTTP/1.1 200 OK\r\nDate: {formatdate(now_s, usegmt=True)}\r\nServer: {SERVER_SOFTWARE}\r\n"
