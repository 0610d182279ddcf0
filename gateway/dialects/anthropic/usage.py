"""Anthropic's usage object, both ways.

`input_tokens` leaves out what the cache gave and took; the canonical input is the sum of the three.
Source: anthropic-sdk-python types (`usage.py`, `message_delta_usage.py`).
"""

from __future__ import annotations

from typing import Any

from gateway.chat import Usage

_TIERS = ("standard", "priority", "batch")


def usage_of(raw: Any) -> Usage | None:
    if not isinstance(raw, dict):
        return None
    cached = _count(raw, "cache_read_input_tokens")
    written = _count(raw, "cache_creation_input_tokens")
    tier = raw.get("service_tier")
    return Usage(
        input=_count(raw, "input_tokens") + cached + written,
        output=_count(raw, "output_tokens"),
        cached=cached,
        cache_written=written,
        reasoning=_count(raw.get("output_tokens_details"), "thinking_tokens"),
        raw=raw,
        service_tier=tier if isinstance(tier, str) else "",
    )


def _count(value: Any, name: str) -> int:
    number = value.get(name) if isinstance(value, dict) else None
    return number if isinstance(number, int) else 0


def usage_object(usage: Usage) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "input_tokens": max(usage.input - usage.cached - usage.cache_written, 0),
        "cache_creation_input_tokens": usage.cache_written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.service_tier in _TIERS:
        counts["service_tier"] = usage.service_tier
    return counts
