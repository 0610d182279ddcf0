"""Responses' usage object, both ways. Input includes cached tokens, output includes reasoning.

Source: openai-python types (`response_usage.py`).
"""

from __future__ import annotations

from typing import Any

from gateway.chat import Usage


def usage_of(response: dict[str, Any]) -> Usage | None:
    """What a response object says it cost."""
    raw = response.get("usage")
    if not isinstance(raw, dict):
        return None
    tier = response.get("service_tier")
    return Usage(
        input=_count(raw, "input_tokens"),
        output=_count(raw, "output_tokens"),
        cached=_count(raw.get("input_tokens_details"), "cached_tokens"),
        cache_written=_count(raw.get("input_tokens_details"), "cache_write_tokens"),
        reasoning=_count(raw.get("output_tokens_details"), "reasoning_tokens"),
        raw=raw,
        service_tier=tier if isinstance(tier, str) else "",
    )


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_written,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def _count(holder: Any, name: str) -> int:
    number = holder.get(name) if isinstance(holder, dict) else None
    return number if isinstance(number, int) else 0
