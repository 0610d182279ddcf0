"""What every framing of a stream cuts out of it, so that a stream need not know which framing it was."""

from __future__ import annotations

from msgspec import Struct


class Frame(Struct, gc=False, frozen=True):
    """An event, or what stands between events: comments, a blank line.

    `raw` reaches from the end of the frame before to its own end. `data` is None where there is nothing to
    decode: to its standard such a frame is no event. `event` is the event's name where the wire gives one;
    `id` is what server-sent events call so.
    """

    raw: bytes
    data: bytes | None = None
    event: str | None = None
    id: str | None = None
