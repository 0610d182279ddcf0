"""Gemini's errors: `{"error": {code, message, status, details}}`, alone or in a list.

Source: google.rpc.Status and its error details; google-genai (`errors.py`); recorded bodies.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.dialects.gemini.words import STATUSES, status_name
from gateway.errors import ProviderError
from gateway.wire.jsontext import encode

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_exceeded",
    503: "overloaded_error",
    504: "provider_timeout",
}
_HTTP_OF = {name: status for status, name in reversed(STATUSES.items())} | {"FAILED_PRECONDITION": 400}
_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def encode_error(facts: dict[str, Any]) -> bytes:
    """An error answer's body."""
    return encode({"error": error_object(facts)})


def error_object(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts in Google's words; what its envelope has no field for stands in an `ErrorInfo`."""
    status, code = facts["status"], facts.get("code")
    told = {name: facts.get(name) for name in ("type", "code", "param", "request_id")}
    info = {
        "@type": _ERROR_INFO,
        "reason": str(code),
        "domain": "gateway",
        "metadata": {name: str(value) for name, value in told.items() if value is not None},
    }
    details = facts.get("details")
    return {
        "code": status,
        "message": facts["message"],
        "status": code if code in _HTTP_OF else status_name(status),
        "details": [*(details if isinstance(details, list) else ()), info],
    }


def provider_error(status: int | None, raw: Any, retry_after_s: float | None = None) -> ProviderError:
    """`status` is None inside a stream. When to try again stands in a detail, not in a header."""
    if isinstance(raw, list) and raw:
        raw = raw[0]
    error = raw.get("error", raw) if isinstance(raw, dict) else {}
    if not isinstance(error, dict):
        error = {"message": error}
    message, code, name = (error.get(field) for field in ("message", "code", "status"))
    if status is None:
        hint = code if isinstance(code, int) else _HTTP_OF.get(name) if isinstance(name, str) else None
        status = hint if hint is not None and 400 <= hint < 600 else 502
    details = error.get("details")
    details = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    if retry_after_s is None:
        retry_after_s = next(filter(None, map(_retry_after_s, details)), None)
    type = _TYPES.get(status, "invalid_request_error" if status < 500 else "provider_error")
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        type = "authentication_error"
    return ProviderError(
        message if isinstance(message, str) and message else "the provider answered with an error",
        status=status,
        type=type,
        code=name if isinstance(name, str) and name else None,
        retry_after_s=retry_after_s,
        extra={"details": details} if details else {},
    )


def _retry_after_s(detail: dict[str, Any]) -> float | None:
    """google.rpc.RetryInfo: a duration as `34.4s`."""
    delay = detail.get("retryDelay")
    found = _SECONDS.fullmatch(delay) if isinstance(delay, str) else None
    return float(found[1]) if found else None
