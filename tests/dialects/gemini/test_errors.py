"""Errors of Google's in every form seen, and ours as Google writes them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.dialects.gemini.errors import encode_error, provider_error
from gateway.errors import InvalidRequest, NotFound, PolicyViolation, ProviderError

RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}


@pytest.mark.parametrize(
    ("status", "raw", "facts"),
    [
        (429, {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [RETRY]}}, (429, "rate_limit_exceeded", "RESOURCE_EXHAUSTED", "m", 34.4)),
        (400, [{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}], (400, "invalid_request_error", "INVALID_ARGUMENT", "m", None)),
        (400, {"error": {"message": "m", "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}, (400, "authentication_error", "INVALID_ARGUMENT", "m", None)),
        (None, {"code": 503, "message": "m", "status": "UNAVAILABLE"}, (503, "overloaded_error", "UNAVAILABLE", "m", None)),
        (None, {"message": "m", "status": "INTERNAL"}, (500, "provider_error", "INTERNAL", "m", None)),
        (None, {"message": 5}, (502, "provider_error", "PROVIDER_ERROR", "the provider answered with an error", None)),
        (404, {"error": "text"}, (404, "not_found_error", "NOT_FOUND_ERROR", "text", None)),
        (500, None, (500, "provider_error", "PROVIDER_ERROR", "the provider answered with an error", None)),
        (500, [], (500, "provider_error", "PROVIDER_ERROR", "the provider answered with an error", None)),
        (429, {"error": {"details": [{"retryDelay": "soon"}, 5, {"retryDelay": 3}]}}, (429, "rate_limit_exceeded", "RATE_LIMIT_EXCEEDED", "the provider answered with an error", None)),
    ],
)  # fmt: skip
def test_a_providers_error_in_every_form_seen(status: int | None, raw: Any, facts: tuple[Any, ...]) -> None:
    error = provider_error(status, raw)
    told = error.facts("01")
    assert (told["status"], told["type"], told["code"], told["message"], error.retry_after_s) == facts


def test_a_header_says_better_when_to_try_again() -> None:
    assert provider_error(429, {"error": {"details": [RETRY]}}, 5.0).retry_after_s == 5.0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("m", param="contents"), "INVALID_ARGUMENT"),
        (PolicyViolation("m"), "INVALID_ARGUMENT"),
        (NotFound("m"), "NOT_FOUND"),
        (ProviderError("m", status=502), "UNAVAILABLE"),
        (ProviderError("m", status=418), "INVALID_ARGUMENT"),
        (ProviderError("m", status=529), "INTERNAL"),
        (ProviderError("m", status=400, code="FAILED_PRECONDITION"), "FAILED_PRECONDITION"),
    ],
)
def test_the_envelope_has_every_fact(error: Any, status: str) -> None:
    facts = error.facts("01")
    told = msgspec.json.decode(encode_error(facts))["error"]
    assert (told["code"], told["message"], told["status"]) == (facts["status"], "m", status)
    metadata = told["details"][-1]["metadata"]
    expected = {
        name: str(facts[name]) for name in ("type", "code", "param", "request_id") if facts[name] is not None
    }
    assert metadata == expected


def test_what_google_said_beside_the_message_is_kept() -> None:
    error = provider_error(429, {"error": {"message": "m", "details": [RETRY]}})
    assert msgspec.json.decode(encode_error(error.facts("01")))["error"]["details"][0] == RETRY
