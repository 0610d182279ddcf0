"""Whole bodies: everything that is text is made safe, nothing else is touched, and it all comes back."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from gateway.dialects.openai_chat.fields import classifier
from gateway.privacy.redact import answer_scan, redact_request, restore_body
from gateway.privacy.vault import Vault
from tests.privacy import texts

PLANTED = "planted@example.com"

classify = classifier(False)


def redacted(body: dict[str, Any]) -> tuple[dict[str, Any], Vault]:
    vault = Vault()
    changed = copy.deepcopy(body)
    redact_request(changed, classify, vault)
    return changed, vault


@given(text=texts.texts)
def test_law_5_restoring_what_was_redacted_gives_the_text(text: str) -> None:
    body = {"messages": [{"role": "user", "content": text}]}
    changed, vault = redacted(body)
    vault.hosts |= {"evil", "h", "evil.example"}
    scan = answer_scan(vault)
    answer = {"choices": [{"message": {"content": changed["messages"][0]["content"]}}]}
    restore_body(answer, classify, scan)
    assert scan.redacted == 0
    if not scan.withheld:
        assert answer["choices"][0]["message"]["content"] == text


@given(text=texts.texts)
def test_law_5_holds_in_tool_arguments(text: str) -> None:
    arguments = json.dumps({"to": text, "list": [text, 1]})
    changed, vault = redacted(
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": arguments}}]}]}
    )
    sent = changed["messages"][0]["tool_calls"][0]["function"]["arguments"]
    json.loads(sent)
    scan = answer_scan(vault)
    answer = {"choices": [{"message": {"tool_calls": [{"function": {"arguments": sent}}]}}]}
    restore_body(answer, classify, scan)
    if not scan.redacted and not scan.withheld:
        assert json.loads(
            answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        ) == json.loads(arguments)


def everywhere() -> dict[str, Any]:
    """A request with the planted value in every place that text can stand."""
    p = PLANTED
    return {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": p},
            {"role": "developer", "content": p},
            {"role": "user", "content": p, "name": p},
            {"role": "user", "content": [{"type": "text", "text": p}, {"type": "image_url", "image_url": {"url": f"https://h/?e={p}"}}]},
            {"role": "user", "content": [{"type": "file", "file": {"filename": p}}]},
            {"role": "assistant", "content": p, "refusal": p, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"to": p, p: 1})}}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c2", "type": "custom", "custom": {"name": "f", "input": p}}]},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": json.dumps({"to": p})}},
            {"role": "tool", "tool_call_id": "c1", "content": p},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": p}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": p, "parameters": {"properties": {"a": {"description": p, "default": p, "enum": [p], "examples": [p]}}}}}],
        "functions": [{"name": "g", "description": p}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"description": p}}},
        "prediction": {"type": "content", "content": p},
        "metadata": {"who": p, p: "key"},
        "user": p,
        "safety_identifier": p,
        "stop": [p],
        "web_search_options": {"user_location": {"city": p}},
        "something_new": {"deep": [{"er": p}]},
    }  # fmt: skip


def test_every_place_of_a_request_is_redacted() -> None:
    sent = msgspec.json.encode(redacted(everywhere())[0])
    assert PLANTED.encode() not in sent
    assert sent.count(b"EMAIL_1") == msgspec.json.encode(everywhere()).count(PLANTED.encode())


@pytest.mark.parametrize(
    "path",
    [
        "messages.0.tool_call_id",
        "messages.0.tool_calls.0.id",
        "messages.0.tool_calls.0.function.name",
        "model",
        "tools.0.function.name",
    ],
)
def test_ids_and_names_are_never_touched(path: str) -> None:
    steps: list[Any] = [int(step) if step.isdigit() else step for step in path.split(".")]
    node: Any = "call_123-45-6789 " + PLANTED
    for step in reversed(steps):
        node = [node] if isinstance(step, int) else {step: node}
    assert redacted(node)[0] == node


def test_bytes_are_not_looked_at() -> None:
    body = {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,4111111111111111 a@b.io"}},
        {"type": "input_audio", "input_audio": {"data": "4111111111111111", "format": "wav"}},
        {"type": "file", "file": {"file_data": "4111111111111111"}},
    ]}]}  # fmt: skip
    assert redacted(body)[0] == body


def test_a_number_that_is_an_identifier_becomes_a_string() -> None:
    body = {
        "messages": [{"role": "user", "content": "x", "card": 4111111111111111, "n": 4111111111111112}],
        "seed": 4111111111111111,
    }
    changed = redacted(body)[0]
    assert changed["messages"][0]["card"] == "[CREDIT_CARD_1]"
    assert changed["messages"][0]["n"] == 4111111111111112
    assert changed["seed"] == 4111111111111111


def test_keys_give_left_context() -> None:
    arguments = '{"name": "Quillo Zorv", "title": "Quillo Zorv"}'
    changed, _ = redacted(
        {"messages": [{"role": "a", "tool_calls": [{"function": {"arguments": arguments}}]}]}
    )
    assert (
        changed["messages"][0]["tool_calls"][0]["function"]["arguments"]
        == '{"name": "[PERSON_1]", "title": "Quillo Zorv"}'
    )


def test_numbers_are_the_same_in_every_turn() -> None:
    first = {"messages": [{"role": "user", "content": "a@x.io and b@x.io"}]}
    second = {
        "messages": [
            *first["messages"],
            {"role": "assistant", "content": "b@x.io"},
            {"role": "user", "content": "c@x.io a@x.io"},
        ]
    }
    one, two = redacted(first)[0], redacted(second)[0]
    assert two["messages"][0] == one["messages"][0]
    assert [m["content"] for m in two["messages"][1:]] == ["[EMAIL_2]", "[EMAIL_3] [EMAIL_1]"]


def test_what_the_caller_wrote_as_a_placeholder_stays_and_pulls_nothing() -> None:
    changed, vault = redacted({"messages": [{"role": "user", "content": "say [EMAIL_1] then a@x.io"}]})
    assert changed["messages"][0]["content"] == "say [EMAIL_1] then [EMAIL_2]"
    answer = {"choices": [{"message": {"content": "[EMAIL_1] [EMAIL_2]"}}]}
    restore_body(answer, classify, answer_scan(vault))
    assert answer["choices"][0]["message"]["content"] == "[EMAIL_1] a@x.io"
