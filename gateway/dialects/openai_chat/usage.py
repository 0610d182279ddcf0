"""OpenAI Chat's usage object, both ways.

Source: openai-python types (`completion_usage.py`); recorded traffic of the compatible providers.
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

    sent, received = count(raw, "prompt_tokens"), count(raw, "completion_tokens")
    details = raw.get("prompt_tokens_details")
    reasoning = count(raw.get("completion_tokens_details"), "reasoning_tokens")
    if reasoning and count(raw, "total_tokens") == sent + received + reasoning:
        received += reasoning  # xAI counts it beside the completion
    return Usage(
        input=sent,
        output=received,
        cached=count(details, "cached_tokens") or count(raw, "prompt_cache_hit_tokens"),  # DeepSeek
        cache_written=count(details, "cache_write_tokens"),
        reasoning=reasoning,
        raw=raw,
    )


def usage_object(usage: Usage) -> dict[str, Any]:
    details = {"cached_tokens": usage.cached}
    if usage.cache_written:
        details["cache_write_tokens"] = usage.cache_written
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
