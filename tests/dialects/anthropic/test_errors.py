"""Errors, both ways: Anthropic's types for its SDKs, the gateway's words beside them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.dialects.anthropic.errors import encode_error, provider_error
from gateway.errors import (
    AuthenticationFailed,
    BodyTooLarge,
    InternalError,
    NotFound,
    Overloaded,
    PermissionDenied,
    PolicyViolation,
    ProviderError,
    ProviderTimeout,
    SluiceError,
)
from tests.conftest import SHARED, needs_shared


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (PolicyViolation("no"), "invalid_request_error", "POLICY_VIOLATION"),
        (
            ProviderError("slow down", status=429, type="rate_limit_exceeded"),
            "rate_limit_error",
            "RATE_LIMIT_EXCEEDED",
        ),
        (AuthenticationFailed("who"), "authentication_error", "AUTHENTICATION_ERROR"),
        (PermissionDenied("no"), "permission_error", "PERMISSION_ERROR"),
        (NotFound("where"), "not_found_error", "NOT_FOUND_ERROR"),
        (BodyTooLarge("long"), "request_too_large", "REQUEST_TOO_LARGE"),
        (Overloaded("busy"), "overloaded_error", "OVERLOADED_ERROR"),
        (ProviderTimeout("slow"), "timeout_error", "PROVIDER_TIMEOUT"),
        (InternalError("oh"), "api_error", "INTERNAL_ERROR"),
        (ProviderError("odd", status=418, code="tea"), "invalid_request_error", "tea"),
    ],
)
def test_the_envelope_is_anthropics_and_keeps_our_word(error: SluiceError, kind: str, code: str) -> None:
    told = json.loads(encode_error(error.facts("req_1")))
    assert (told["type"], told["request_id"]) == ("error", "req_1")
    facts = {"type": kind, "message": error.message, "code": code, "param": None, "status": error.status}
    assert told["error"] == facts


@pytest.mark.parametrize(
    ("raw", "status", "type"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, 529, "overloaded_error"),
        ({"type": "rate_limit_error", "message": "x"}, 429, "rate_limit_error"),
        ({"type": "api_error", "message": "x"}, 500, "api_error"),
        ({"type": "news", "message": "x"}, 502, "news"),
        ({}, 502, "api_error"),
        ("text", 502, "api_error"),
    ],
)
def test_an_error_in_a_stream_has_the_status_of_its_type(raw: Any, status: int, type: str) -> None:
    error = provider_error(None, raw)
    assert (error.status, error.type) == (status, type)
    assert error.retryable is (status >= 429)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"error": {"code": 404, "message": "no model", "status": "NOT_FOUND"}}, "no model"),
        ([{"error": {"code": 404, "message": "no model"}}], "no model"),
        ({"message": "no model"}, "no model"),
        ("no model", "no model"),
        (None, "the provider answered with an error"),
        ({"error": {"message": {"odd": 1}}}, '{"odd": 1}'),
    ],
)
def test_bodies_of_whoever_serves_the_dialect_are_read(raw: Any, message: str) -> None:
    error = provider_error(404, raw, 2.0)
    assert (error.message, error.status, error.type, error.retry_after_s) == (
        message,
        404,
        "not_found_error",
        2.0,
    )


@needs_shared
def test_recorded_errors_are_read() -> None:
    seen = set()
    for meta in SHARED.glob("recorded/anthropic/*/meta.json"):
        status = json.loads(meta.read_text())["status"]
        if status and status >= 400:
            error = provider_error(status, json.loads((meta.parent / "response.body").read_bytes()))
            seen.add((error.status, error.type, bool(error.message)))
    assert seen == {
        (400, "invalid_request_error", True),
        (404, "not_found_error", True),
        (429, "rate_limit_error", True),
    }
