"""OpenAI Chat answers in one piece.

Source: openai-python types (`chat_completion.py`, `completion_usage.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.chat import End, Event
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat.decode import Decoder
from gateway.wire.jsontext import encode
from gateway.wire.sse import Frame


def scrub(body: dict[str, Any]) -> None:
    """Drop what spells out, token by token, a text that was changed."""
    for choice in body.get("choices") or ():
        if isinstance(choice, dict) and choice.get("logprobs"):
            choice["logprobs"] = None


def events_of(body: dict[str, Any]) -> list[Event]:
    """A whole answer as the chunk that says all of it at once."""
    frames = []
    for choice in body.get("choices") or ():
        message = choice.get("message") or {}
        calls = [{"index": i, **call} for i, call in enumerate(message.get("tool_calls") or ())]
        delta = {**message, "tool_calls": calls} if calls else message
        rest = {key: value for key, value in choice.items() if key != "message"}
        frames.append({**rest, "delta": delta, "finish_reason": choice.get("finish_reason") or "stop"})
    events = Decoder().decode(Frame(b"", encode({**body, "choices": frames})))
    return [*events, End()]


def body_of(events: Sequence[Event], head: Head) -> dict[str, Any]:
    raise NotImplementedError
