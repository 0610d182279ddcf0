"""An answer in one piece that is said in another dialect than the provider's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from gateway.chat import Event
from gateway.dialects.dialect import Dialect, Head
from gateway.privacy.model import ActionOf
from gateway.privacy.scanner import Scan
from gateway.stream.response import ResponseStream


def whole(events: Sequence[Event], scan: Scan, provider: Dialect, json_output: bool) -> list[Event]:
    """The events of an answer in one piece, made safe and whole, for a client of another dialect."""
    stream, heard = listened(scan, provider, json_output)
    stream.feed_whole(events)
    if stream.error is not None:
        raise stream.error
    return heard


def listened(
    scan: Scan, provider: Dialect, json_output: bool, model: ActionOf | None = None
) -> tuple[ResponseStream, list[Event]]:
    """A stream for such an answer, and the events that will have come out of it at its end."""
    heard = _Heard()
    listener = replace(provider, name="", encoder=lambda head: heard)
    stream = ResponseStream(scan, provider, listener, Head("", "", 0), json_output=json_output, model=model)
    stream.opened = True
    return stream, heard.events


class _Heard:
    """An encoder for someone who wants the events themselves."""

    keepalive = b""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def encode(self, event: Event) -> bytes:
        self.events.append(event)
        return b""

    def verdict(self, told: Mapping[str, Any]) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""

    def fail(self, facts: dict[str, Any]) -> bytes:
        return b""
