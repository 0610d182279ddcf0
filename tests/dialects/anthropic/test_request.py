"""Requests of the official SDK: read as they are, forwarded with every field, and what their strings are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.chat import Path as JsonPath
from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.anthropic.request import forward, parse_count, parse_request
from gateway.dialects.dialect import Target
from gateway.errors import InvalidRequest
from tests.conftest import SHARED, needs_shared
from tests.dialects import recorded

TARGET = Target("claude-x", False)
BODY: dict[str, Any] = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}


def requests() -> list[Path]:
    return sorted(path.parent for path in SHARED.glob("recorded/anthropic/*/request.json"))


def parsed(body: dict[str, Any]) -> Any:
    return parse_request(json.dumps(body).encode(), None, None)


@needs_shared
@pytest.mark.parametrize("folder", requests(), ids=recorded.name)
def test_a_recorded_request_is_forwarded_with_every_field_in_its_place(folder: Path) -> None:
    raw = (folder / "request.json").read_bytes()
    body = json.loads(raw)
    request = parse_request(raw, None, None)
    assert request.stream is bool(body.get("stream"))
    sent = forward(request, Target(body["model"], request.stream))
    assert json.dumps(json.loads(sent)) == json.dumps(body)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"system": 5}, "system"),
    ],
)
def test_a_mistake_is_named_by_its_field(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed({**BODY, **change})
    assert caught.value.param == param


def test_max_tokens_is_required_but_not_to_count() -> None:
    counted = {name: value for name, value in BODY.items() if name != "max_tokens"}
    with pytest.raises(InvalidRequest, match="max_tokens"):
        parsed(counted)
    assert parse_count(json.dumps(counted).encode()).model == "m"


@pytest.mark.parametrize(
    "field",
    [{"output_config": {"format": {"type": "json_schema"}}}, {"output_format": {"type": "json_schema"}}],
)
def test_structured_output_is_json_output(field: dict[str, Any]) -> None:
    assert parsed({**BODY, **field}).json_output is True
    assert parsed(BODY).json_output is False


def test_what_our_encoder_added_for_others_is_taken_out_and_nothing_else() -> None:
    thinking = {"type": "thinking", "thinking": "a", "signature": "c2ln"}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    ours = [
        {"type": "thinking", "thinking": "b", "signature": ""},
        {"type": "redacted_thinking", "data": "encrypted:rs_1:gAAA"},
        {**call, "signature": "from Gemini"},
    ]
    sealed = {"type": "redacted_thinking", "data": "b3Bh"}
    messages = [
        {"role": "assistant", "content": [thinking, *ours, sealed]},
        {"role": "user", "content": "Go on"},
        {"role": "assistant", "content": ours[:1]},
    ]
    sent = json.loads(forward(parsed({**BODY, "messages": messages}), TARGET))["messages"]
    assert sent == [{"role": "assistant", "content": [thinking, call, sealed]}, messages[1]]


def test_unsigned_reasoning_stands_where_it_is_looked_at_and_goes_back_only_to_who_does_not_sign() -> None:
    blocks = [
        {"type": "thinking", "thinking": "of Ada", "signature": ""},
        {"type": "thinking", "thinking": "b"},
    ]
    messages = [{"role": "assistant", "content": [*blocks, {"type": "text", "text": "so"}]}]
    request = parsed({**BODY, "messages": messages})
    for index in (0, 1):
        block = request.body["messages"][0]["content"][index]
        texts = [
            name
            for name in block
            if ANTHROPIC.classifier(False)(("messages", 0, "content", 0, name), "x") == "text"
        ]
        assert texts == ["unsigned_thinking"]
    assert json.loads(forward(request, Target("deepseek-chat", False)))["messages"] == messages
    assert len(json.loads(forward(request, TARGET))["messages"][0]["content"]) == 1


KEPT: list[JsonPath] = [
    ("model",),
    ("messages", 0, "role"),
    ("messages", 0, "content", 0, "type"),
    ("messages", 0, "content", 0, "id"),
    ("messages", 0, "content", 0, "name"),
    ("messages", 0, "content", 0, "tool_use_id"),
    ("messages", 0, "content", 0, "signature"),
    ("messages", 0, "content", 0, "data"),
    ("messages", 0, "content", 0, "thinking"),
    ("messages", 0, "content", 0, "cache_control", "type"),
    ("messages", 0, "content", 0, "content", 0, "encrypted_content"),
    ("messages", 0, "content", 0, "content", 0, "source", "media_type"),
    ("tools", 0, "name"),
    ("tools", 0, "type"),
    ("tool_choice", "name"),
    ("thinking", "type"),
    ("delta", "signature"),
    ("delta", "stop_reason"),
    ("content_block", "content", 3, "encrypted_content"),
    ("content", 2, "citations", 0, "encrypted_index"),
    ("error", "type"),
]
TEXTS: list[JsonPath] = [
    ("system",),
    ("system", 0, "text"),
    ("messages", 0, "content"),
    ("messages", 0, "content", 0, "text"),
    ("messages", 0, "content", 0, "unsigned_thinking"),
    ("messages", 0, "content", 0, "input", "id"),
    ("messages", 0, "content", 0, "input", "name"),
    ("messages", 0, "content", 0, "input", "data"),
    ("messages", 0, "content", 0, "input", "source", "type"),
    ("messages", 0, "content", 0, "content"),
    ("messages", 0, "content", 0, "content", 0, "text"),
    ("messages", 0, "content", 0, "content", 0, "id"),
    ("messages", 0, "content", 0, "source", "data"),
    ("messages", 0, "content", 0, "source", "url"),
    ("messages", 0, "content", 0, "title"),
    ("messages", 0, "content", 0, "context"),
    ("messages", 0, "name"),
    ("tools", 0, "description"),
    ("tools", 0, "input_schema", "properties", "x", "enum", 0),
    ("tools", 0, "input_examples", 0, "name"),
    ("metadata", "user_id"),
    ("stop_sequences", 0),
    ("mcp_servers", 0, "url"),
    ("unheard_of",),
    ("delta", "stop_sequence"),
    ("delta", "partial_json"),
    ("delta", "citation", "cited_text"),
    ("content", 0, "input", "id"),
    ("error", "message"),
]


@pytest.mark.parametrize("path", KEPT, ids=str)
def test_what_is_never_touched(path: JsonPath) -> None:
    assert ANTHROPIC.classifier(False)(path, "x") == "keep"


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_what_is_text(path: JsonPath) -> None:
    assert ANTHROPIC.classifier(False)(path, "x") == "text"


def test_messages_may_be_json_where_the_output_is() -> None:
    classify = ANTHROPIC.classifier(True)
    assert classify(("messages", 0, "content"), "x") == "sniff"
    assert classify(("content", 0, "text"), "x") == "sniff"
    assert classify(("system",), "x") == "text"


@pytest.mark.parametrize(
    ("data", "nature"),
    [
        ("iVBORw0KGgoAAAANSUhEUg==", "keep"),
        ("/9j/4AAQSkZJRg", "keep"),
        ("JVBERi0xLjQK", "keep"),
        ("4111111111111111", "text"),
        ("/9j/ is how a JPEG begins, says ada@x.io", "text"),
        ("Dear Ada", "text"),
    ],
)
def test_a_source_is_binary_only_if_it_looks_like_what_the_api_takes(data: str, nature: str) -> None:
    path = ("messages", 0, "content", 0, "source", "data")
    assert ANTHROPIC.classifier(False)(path, data) == nature
