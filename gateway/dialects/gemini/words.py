"""Gemini's words beside OpenAI's: why an answer ends, what an error is, how hard a model thinks.

Source: google-genai types (`FinishReason`, `BlockedReason`, `ThinkingLevel`), google.rpc.Code,
ai.google.dev/gemini-api/docs/openai (how efforts become levels and budgets).
"""

from __future__ import annotations

NAME = "gemini"

# Gemini's finish reasons -> OpenAI's. STOP with function calls is `tool_calls`; whoever counts calls knows.
REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    # OpenAI has no word for the rest.
    "NO_IMAGE": "stop",
    "LANGUAGE": "stop",
    "OTHER": "stop",
    "MALFORMED_FUNCTION_CALL": "stop",
    "UNEXPECTED_TOOL_CALL": "stop",
    "TOO_MANY_TOOL_CALLS": "stop",
    "MISSING_THOUGHT_SIGNATURE": "stop",
    "MALFORMED_RESPONSE": "stop",
}
_NATIVE = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
# A prompt that was blocked has no candidate; its reason is told apart from a candidate's by this.
BLOCKED = "promptFeedback."


def finish_reason(reason: str, native: str) -> str:
    """Gemini's word: the provider's own if it was Gemini, else the one for OpenAI's."""
    return native if native in REASONS else _NATIVE.get(reason, "OTHER")


# HTTP statuses of google.rpc.Code.
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def status_name(status: int) -> str:
    return STATUSES.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")


# What Google's own OpenAI-compatible API makes of an effort.
LEVELS = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
BUDGETS = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}


def thinks_by_budget(model: str) -> bool:
    """Gemini 2.5 takes a number of tokens, what came after it a level."""
    return "gemini-2.5" in model


def never_thinks(model: str) -> bool:
    return any(older in model for older in ("gemini-1", "gemini-2.0", "gemma", "learnlm"))


def demands_signatures(model: str) -> bool:
    """From Gemini 3 on a function call that comes back without its thought signature is an error."""
    return not never_thinks(model) and not thinks_by_budget(model)
