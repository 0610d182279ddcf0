"""Bedrock's errors: a class name and a message.

In an HTTP answer the class stands in a header, which the caller puts beside the message as `__type`; in a
stream it is the exception's type.

Source: botocore's service model of `bedrock-runtime` (`exceptions`, with their status codes).
"""

from __future__ import annotations

from typing import Any

from gateway.errors import ProviderError

_STATUS = {
    "validationexception": 400,
    "servicequotaexceededexception": 429,
    "accessdeniedexception": 403,
    "resourcenotfoundexception": 404,
    "conflictexception": 409,
    "modeltimeoutexception": 504,
    "modelerrorexception": 502,
    "modelstreamerrorexception": 502,
    "throttlingexception": 429,
    "modelnotreadyexception": 429,
    "internalserverexception": 500,
    "serviceunavailableexception": 503,
}
_TYPES = {
    400: "invalid_request_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_exceeded",
    503: "overloaded_error",
}


def provider_error(status: int | None, raw: Any, retry_after_s: float | None = None) -> ProviderError:
    body = raw if isinstance(raw, dict) else {}
    name = body.get("__type") or body.get("type") or ""
    # `com.amazon…#ThrottlingException`, `ThrottlingException:http://…`
    name = str(name).partition(":")[0].rpartition("#")[2]
    status = _STATUS.get(name.lower(), status if status is not None and status >= 400 else 502)
    message = body.get("message") or body.get("Message") or "the provider answered with an error"
    return ProviderError(
        str(message),
        status=status,
        type=_TYPES.get(status, "provider_error"),
        code=name or None,
        retry_after_s=retry_after_s,
    )
