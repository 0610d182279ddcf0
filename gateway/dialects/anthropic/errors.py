"""Errors of Anthropic Messages, in a body and in a stream.

Source: docs.claude.com (Errors), anthropic-sdk-python (`_exceptions.py`), recorded error bodies. What Vertex
and Bedrock answer in their own words when they refuse a Messages body is read too.
"""

from __future__ import annotations

import json
from typing import Any

from gateway.errors import ProviderError
from gateway.wire.jsontext import encode

STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TYPE_OF = {status: type for type, status in STATUS_OF.items()} | {
    408: "timeout_error",
    503: "overloaded_error",
}


def _type_of(status: int) -> str:
    return _TYPE_OF.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error_object(facts: dict[str, Any]) -> dict[str, Any]:
    """The envelope: a type that Anthropic's SDKs know, and the gateway's own word in `code`."""
    given, status = facts.get("type"), facts.get("status")
    kind = given if given in STATUS_OF else _type_of(status if isinstance(status, int) else 500)
    error = {key: value for key, value in facts.items() if key not in ("type", "message", "request_id")}
    return {
        "type": "error",
        "error": {"type": kind, "message": facts.get("message", ""), **error},
        "request_id": facts.get("request_id"),
    }


def encode_error(facts: dict[str, Any]) -> bytes:
    """An error answer's body."""
    return encode(error_object(facts))


def provider_error(status: int | None, raw: Any, retry_after_s: float | None = None) -> ProviderError:
    """A provider's error object, or body, as our error; `status` is None inside a stream.

    Bodies seen: {"type": "error", "error": {type, message}}, Vertex's {"error": {code, message, status}},
    alone or in a list, Bedrock's {"message"}, and no JSON at all.
    """
    if isinstance(raw, list) and raw:
        raw = raw[0]
    error = raw.get("error", raw) if isinstance(raw, dict) else raw
    if isinstance(error, str):
        error = {"message": error}
    elif not isinstance(error, dict):
        error = {}
    given = error.get("type")
    if status is None:
        status = STATUS_OF.get(given, 502) if isinstance(given, str) else 502
    message = error.get("message") or error.get("Message") or "the provider answered with an error"
    code, param = error.get("code"), error.get("param")
    known = ("message", "Message", "type", "code", "param", "status", "request_id")
    return ProviderError(
        message if isinstance(message, str) else json.dumps(message),
        status=status,
        type=given if isinstance(given, str) and given and given != "error" else _type_of(status),
        code=code if isinstance(code, str | int) else None,
        param=param if isinstance(param, str) else None,
        retry_after_s=retry_after_s,
        extra={key: value for key, value in error.items() if key not in known},
    )
