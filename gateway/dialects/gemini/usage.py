"""Gemini's usage object, both ways.

The prompt's count holds what came from the cache but not what tools put in; the candidates' count leaves out
the thoughts. Source: google-genai types (`GenerateContentResponseUsageMetadata`).
"""

from __future__ import annotations

from typing import Any

from gateway.chat import Usage


def usage_of(raw: Any) -> Usage | None:
    """None where there are no counts: Vertex AI sends the object with the traffic's type alone."""
    if not isinstance(raw, dict) or "promptTokenCount" not in raw:
        return None

    def count(name: str) -> int:
        number = raw.get(name)
        return number if isinstance(number, int) else 0

    tier = raw.get("serviceTier")
    thoughts = count("thoughtsTokenCount")
    return Usage(
        input=count("promptTokenCount") + count("toolUsePromptTokenCount"),
        output=count("candidatesTokenCount") + thoughts,
        cached=count("cachedContentTokenCount"),
        reasoning=thoughts,
        raw=raw,
        service_tier=tier if isinstance(tier, str) else "",
    )


def usage_object(usage: Usage) -> dict[str, Any]:
    counts = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": max(usage.output - usage.reasoning, 0),
        "totalTokenCount": usage.input + usage.output,
    }
    if usage.cached:
        counts["cachedContentTokenCount"] = usage.cached
    if usage.reasoning:
        counts["thoughtsTokenCount"] = usage.reasoning
    return counts
