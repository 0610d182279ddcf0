"""Responses answers in one piece.

Source: openai-python types (`response.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.chat import Event
from gateway.dialects.dialect import Head
from gateway.dialects.openai_responses.decode import Decoder
from gateway.dialects.openai_responses.encode import Encoder
from gateway.dialects.tree import string


def events_of(body: dict[str, Any]) -> list[Event]:
    """A whole answer as the end of a stream that has said nothing before.

    One that is worked on in the background has not finished; `complete` is an old word for `completed`.
    """
    status = string(body, "status")
    if status not in ("incomplete", "failed", "cancelled", "queued", "in_progress"):
        status = "completed"
    return Decoder().decode_tree({"type": f"response.{status}", "response": body})


def body_of(events: Sequence[Event], head: Head) -> dict[str, Any]:
    """The response with which the stream of these events ends."""
    encoder = Encoder(head)
    for event in events:
        encoder.encode(event)
    return encoder.response()
