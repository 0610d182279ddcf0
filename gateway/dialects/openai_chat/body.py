"""OpenAI Chat answers in one piece.

Source: openai-python types (`chat_completion.py`, `completion_usage.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.chat import Event, Usage
from gateway.dialects.dialect import Head
from gateway.wire.jsontext import encode


def scrub(body: dict[str, Any]) -> None:
    """Drop what spells out, token by token, a text that was changed."""
    for choice in body.get("choices") or ():
        if isinstance(choice, dict) and choice.get("logprobs"):
            choice["logprobs"] = None


def usage_of(raw: Any) -> Usage | None:
    if not isinstance(raw, dict):
        return None

    def count(value: Any, name: str) -> int:
        number = value.get(name) if isinstance(value, dict) else None
        return number if isinstance(number, int) else 0

    return Usage(
        input=count(raw, "prompt_tokens"),
        output=count(raw, "completion_tokens"),
        cached=count(raw.get("prompt_tokens_details"), "cached_tokens"),
        reasoning=count(raw.get("completion_tokens_details"), "reasoning_tokens"),
        raw=raw,
    )


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def stream_of(body: dict[str, Any]) -> bytes:
    """A whole answer as the stream it should have been, for a provider that ignored `stream: true`."""
    head = {key: value for key, value in body.items() if key not in ("choices", "object")}
    frames = []
    for choice in body.get("choices") or ():
        message = choice.get("message") or {}
        calls = [{"index": i, **call} for i, call in enumerate(message.get("tool_calls") or ())]
        delta = {**message, "tool_calls": calls} if calls else message
        frames.append({**choice, "delta": delta, "finish_reason": choice.get("finish_reason") or "stop"})
        frames[-1].pop("message", None)
    chunk = {**head, "object": "chat.completion.chunk", "choices": frames}
    return b"data: " + encode(chunk) + b"\n\n" + b"data: [DONE]\n\n"


def events_of(body: dict[str, Any]) -> list[Event]:
    raise NotImplementedError


def body_of(events: Sequence[Event], head: Head) -> dict[str, Any]:
    raise NotImplementedError
