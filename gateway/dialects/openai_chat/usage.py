"""OpenAI Chat's usage object, both ways.

Source: openai-python types (`completion_usage.py`).
"""

from __future__ import annotations

from typing import Any

from gateway.chat import Usage


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
