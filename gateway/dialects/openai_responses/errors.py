"""Errors of OpenAI Responses: the envelope is Chat's, in a stream it may stand flat in the event.

Source: openai-python types (`response_error.py`, `response_error_event.py`), recorded errors.
"""

from __future__ import annotations

from typing import Any

from gateway.dialects.openai_chat import errors as openai
from gateway.errors import ProviderError

encode_error = openai.encode_error

# `response.error.code` in a stream, which has no status of its own.
_STATUS_OF_CODE = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "bio_policy": 400,
    "cyber_policy": 400,
    "server_is_overloaded": 503,
    "vector_store_timeout": 504,
}


def provider_error(status: int | None, raw: Any, retry_after_s: float | None = None) -> ProviderError:
    """An error body, the `error` of a failed response, or an `error` event without its `type`."""
    if status is None and isinstance(raw, dict):
        error = raw.get("error")
        code = (error if isinstance(error, dict) else raw).get("code")
        status = _STATUS_OF_CODE.get(code) if isinstance(code, str) else None
        if status is None and isinstance(code, str) and "image" in code:
            status = 400
    return openai.provider_error(status, raw, retry_after_s)


def error_event(facts: dict[str, Any], sequence_number: int) -> dict[str, Any]:
    """Flat, as the types say it, and nested, as it is sent: SDKs raise at `error`, others read `message`."""
    flat = {name: facts.get(name) for name in ("code", "message", "param")}
    return {"type": "error", "sequence_number": sequence_number, **flat, "error": facts}
