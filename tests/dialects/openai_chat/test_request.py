"""Whole bodies: what is refused and how, what goes to a provider, what a provider's error becomes."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.dialect import Target
from gateway.dialects.openai_chat.errors import provider_error
from gateway.dialects.openai_chat.request import forward, parse_request
from gateway.errors import InvalidRequest

GOOD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0]"),
        ({"messages": [{"role": 5}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": 3}}, "stream_options.include_usage"),
        ({"tools": {}}, "tools"),
        ({"n": "two"}, "n"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(json.dumps({**GOOD, **change}).encode())
    assert caught.value.param == param
    assert "hi" not in caught.value.message


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"5", b'{"model": "secret', b"\xff\xfe", b'{"a":' * 3000, b'"secret"']
)
def test_what_is_no_request_is_refused_without_quoting_it(raw: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(raw)
    assert "secret" not in caught.value.message


@given(st.binary(max_size=80))
def test_any_bytes_give_a_request_or_a_typed_error(raw: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        parse_request(raw)


def test_the_last_of_two_equal_keys_counts_for_the_provider_too() -> None:
    """A parser differential would let one of them past the scan."""
    raw = b'{"model":"m","messages":[{"role":"user","content":"one"}],"messages":[{"role":"user","content":"two"}]}'
    request = parse_request(raw)
    sent = forward(request, Target("m", True, ask_usage=False))
    assert sent.count(b"messages") == 1
    assert b"one" not in sent


@pytest.mark.parametrize(
    ("options", "stream", "ask", "expected"),
    [
        (None, True, True, {"include_usage": True}),
        ({"include_obfuscation": False}, True, True, {"include_obfuscation": False, "include_usage": True}),
        ({"include_usage": False}, True, True, {"include_usage": True}),
        (None, True, False, None),
        (None, False, True, None),
    ],
)
def test_usage_is_asked_for_where_the_provider_takes_it(
    options: Any, stream: bool, ask: bool, expected: Any
) -> None:
    body = {**GOOD, "stream": stream} | ({"stream_options": options} if options else {})
    sent = json.loads(forward(parse_request(json.dumps(body).encode()), Target("other", True, ask_usage=ask)))
    assert sent.get("stream_options") == expected
    assert sent["model"] == "other"


@pytest.mark.parametrize(
    ("status", "raw", "facts"),
    [
        (429, {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}, (429, "requests", "rate_limit_exceeded", "slow down")),
        (400, {"error": {"message": "no", "type": None, "code": None}}, (400, "invalid_request_error", "INVALID_REQUEST_ERROR", "no")),
        (500, {"error": "text"}, (500, "provider_error", "PROVIDER_ERROR", "text")),
        (404, [{"error": {"message": "m", "code": 404}}], (404, "not_found_error", 404, "m")),
        (422, {"detail": "d"}, (422, "invalid_request_error", "INVALID_REQUEST_ERROR", "d")),
        (503, None, (503, "provider_error", "PROVIDER_ERROR", "the provider answered with an error")),
        (None, {"message": "m", "code": 502}, (502, "provider_error", 502, "m")),
        (None, {"message": "m", "status_code": 400}, (400, "invalid_request_error", "INVALID_REQUEST_ERROR", "m")),
        (None, {"message": {"a": 1}}, (502, "provider_error", "PROVIDER_ERROR", '{"a": 1}')),
    ],
)  # fmt: skip
def test_a_providers_error_in_every_form_seen(status: int | None, raw: Any, facts: tuple[Any, ...]) -> None:
    error = provider_error(status, raw)
    told = error.facts("01")
    assert (told["status"], told["type"], told["code"], told["message"]) == facts


def test_what_else_the_error_said_is_kept() -> None:
    error = provider_error(
        400, {"error": {"message": "m", "failed_generation": "g", "metadata": {"raw": "r"}}}
    )
    assert error.facts("01")["failed_generation"] == "g"
    assert error.facts("01")["metadata"] == {"raw": "r"}
