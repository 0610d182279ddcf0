"""Errors of OpenAI Chat, and of the many that call theirs compatible.

Source: openai-python (`_exceptions.py`), and recorded error bodies of many providers.
"""

from __future__ import annotations

import json
from typing import Any

from gateway.errors import ProviderError
from gateway.wire.jsontext import encode


def encode_error(facts: dict[str, Any]) -> bytes:
    """An error answer's body."""
    return encode({"error": facts})


def provider_error(status: int | None, raw: Any, retry_after_s: float | None = None) -> ProviderError:
    """A provider's error object, or body, as our error.

    `status` is None inside a stream. Bodies seen: {"error": {…}}, {"error": "text"}, [{"error": …}],
    {"message": …}, {"detail": …}, and no JSON at all.
    """
    if isinstance(raw, list) and raw:
        raw = raw[0]
    error = raw.get("error", raw) if isinstance(raw, dict) else raw
    if isinstance(error, str):
        error = {"message": error}
    elif not isinstance(error, dict):
        error = {}
    message = error.get("message") or error.get("detail") or "the provider answered with an error"
    code = error.get("code")
    if status is None:
        hint = error.get("status_code") or error.get("status") or code
        status = hint if isinstance(hint, int) and 400 <= hint < 600 else 502
    known = ("message", "type", "code", "param", "status", "request_id")
    return ProviderError(
        message if isinstance(message, str) else json.dumps(message),
        status=status,
        type=_error_type(status, error.get("type")),
        code=code if isinstance(code, str | int) else None,
        param=error.get("param") if isinstance(error.get("param"), str) else None,
        retry_after_s=retry_after_s,
        extra={key: value for key, value in error.items() if key not in known},
    )


def _error_type(status: int, given: Any) -> str:
    if isinstance(given, str) and given:
        return given
    types = {
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_exceeded",
    }
    return types.get(status, "invalid_request_error" if status in (400, 413, 422) else "provider_error")
