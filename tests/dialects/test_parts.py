"""Whose words a request holds: no string of it is left out, in any dialect, and each has the right source."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.dialect import Dialect
from gateway.dialects.parts import text_of_file
from gateway.dialects.registry import DIALECTS
from gateway.guard.texts import passages

CLIENTS = ("openai_chat", "openai_completions", "openai_responses", "anthropic", "gemini")
FILE = "data:text/plain;base64,aW4gYSBmaWxl"  # "in a file"

# Of each dialect a request that says, wherever a text can stand, whose words these are.
BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "system a", "name": "system b"},
            {"role": "developer", "content": [{"type": "text", "text": "system c"}]},
            {"role": "user", "content": "user a", "name": "user b"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "user c"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "file", "file": {"filename": "user d", "file_data": FILE}},
                    {"type": "new", "new": {"deep": "user e"}},
                ],
            },
            {
                "role": "assistant",
                "content": "document a",
                "reasoning_content": "document b",
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"document c"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "tool a"},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "tool b"}]},
            {"role": "function", "name": "tool c", "content": "tool d"},
            {"role": "stranger", "content": "document d"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "document e"}}],
        "functions": [{"name": "f", "parameters": {"type": "object", "title": "document f"}}],
        "metadata": {"document g": "document h"},
        "user": "document i",
        "unheard_of": [{"deep": ["document j"]}],
    },
    "openai_completions": {
        "model": "m",
        "prompt": ["user a", "user b"],
        "suffix": "user c",
        "user": "document a",
        "unheard_of": "document b",
    },
    "openai_responses": {
        "model": "m",
        "instructions": "system a",
        "input": [
            {"role": "user", "content": "user a"},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "system b"}]},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "user b"},
                    {"type": "input_file", "filename": "user c", "file_data": FILE},
                ],
            },
            {"role": "assistant", "content": [{"type": "output_text", "text": "document a"}]},
            {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "document b"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":"document c"}'},
            {"type": "function_call_output", "call_id": "c", "output": "tool a"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "tool b"}]},
            {"type": "mcp_call", "id": "x", "name": "f", "arguments": '"document d"', "output": "tool c"},
            {"type": "file_search_call", "id": "x", "queries": ["document e"], "results": [{"text": "tool d"}]},
        ],
        "prompt": {"id": "p", "variables": {"who": "user d"}},
        "tools": [{"type": "function", "name": "f", "description": "document f"}],
        "metadata": {"a": "document g"},
    },
    "anthropic": {
        "model": "m",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "system a"}],
        "messages": [
            {"role": "user", "content": "user a"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "user b"},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "document a"}, "title": "document b", "context": "document c"},
                    {"type": "search_result", "source": "document d", "title": "document e", "content": [{"type": "text", "text": "document f"}]},
                    {"type": "tool_result", "tool_use_id": "t", "content": "tool a"},
                    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "tool b"}]},
                    {"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"type": "web_search_result", "title": "tool c", "url": "tool d"}]},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "document g"},
                    {"type": "unsigned", "unsigned_thinking": "document h"},
                    {"type": "tool_use", "id": "t", "name": "f", "input": {"document i": ["document j"]}},
                ],
            },
        ],
        "tools": [{"name": "f", "description": "document k", "input_schema": {"type": "object", "description": "document l"}}],
        "metadata": {"user_id": "document m"},
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "system a"}]},
        "contents": [
            {"parts": [{"text": "user a"}]},
            {"role": "user", "parts": [{"text": "user b"}, {"inlineData": {"mimeType": "text/plain", "data": "aW4gYSBmaWxl"}}]},
            {"role": "model", "parts": [{"text": "document a"}, {"functionCall": {"name": "f", "args": {"document b": "document c"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"tool a": ["tool b"]}}}]},
            {"role": "function", "parts": [{"text": "tool c"}]},
            {"role": "model", "parts": [{"codeExecutionResult": {"outcome": "OK", "output": "tool d"}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "description": "document d"}]}],
        "labels": {"document e": "document f"},
    },
}  # fmt: skip


def judged(dialect: Dialect, body: dict[str, Any]) -> list[tuple[str, str]]:
    found = passages(dialect.sources(body), dialect.classifier(False), dialect.field_names)
    return [(passage.source, passage.text) for passage in found]


def planted(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        if re.fullmatch("(system|user|tool|document) [a-z]", node):
            yield node
        elif node.startswith(("{", '"')):
            yield from planted(json.loads(node))
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from planted(key) if " " in key else ()
            yield from planted(value)
    elif isinstance(node, list):
        for value in node:
            yield from planted(value)


@pytest.mark.parametrize("name", CLIENTS)
def test_every_text_is_judged_as_what_it_is(name: str) -> None:
    body = BODIES[name]
    found = judged(DIALECTS[name], body)
    texts = [*planted(body)]
    assert len(texts) == len(set(texts)) > 4
    for text in texts:
        source = text.partition(" ")[0]
        assert any(said == source and text in passage for said, passage in found), text
        # A definition is judged as a user's words, too.
        others = {said for said, passage in found if text in passage} - {source}
        assert not others or (source == "document" and others == {"user"}), (text, others)
    if name not in ("openai_completions", "anthropic"):
        assert ("document", "in a file") in found


@pytest.mark.parametrize("name", CLIENTS)
def test_bytes_and_ids_are_not(name: str) -> None:
    found = "\n".join(text for _, text in judged(DIALECTS[name], BODIES[name]))
    assert "base64" not in found
    assert "tool_use_id" not in found


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", CLIENTS)
@settings(max_examples=60)
@given(data=st.data())
def test_no_body_can_break_it(name: str, data: st.DataObject) -> None:
    """Any tree where a dialect expects its own, and still every string is judged."""
    body = json.loads(json.dumps(BODIES[name]))
    hidden = {"unheard of": data.draw(json_values), "and": "needle in it"}
    place = data.draw(st.sampled_from(sorted(body)))
    body[place] = data.draw(st.sampled_from([hidden, [hidden], [[hidden]], data.draw(json_values)]))
    dialect = DIALECTS[name]
    found = judged(dialect, body)
    [*dialect.tool_names(body)]
    kept = place in ("model", "max_tokens") or "needle in it" not in json.dumps(body)
    lists = place in ("messages", "contents", "tools", "functions", "input", "instructions", "prompt")
    if not kept and not lists:
        assert any("needle in it" in text for _, text in found), (place, body[place])


def test_a_body_may_be_nested_as_deep_as_json_can_be_read() -> None:
    node: Any = "needle"
    for _ in range(5000):
        node = [node]
    for name in CLIENTS:
        dialect = DIALECTS[name]
        assert ("document", "needle") in judged(dialect, {"metadata": node})


TOOLS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "openai_chat": (
        {
            "tools": [
                {"type": "function", "function": {"name": "a"}},
                {"type": "custom", "custom": {"name": "b"}},
                {"type": "web_search"},
                {"type": "web_search", "function": {"name": "hidden"}},
            ],
            "functions": [{"name": "c"}],
        },
        ["a", "b", "web_search", "hidden", "c"],
    ),
    "openai_completions": ({"tools": [{"name": "a"}]}, []),
    "openai_responses": (
        {
            "tools": [
                {"type": "function", "name": "a"},
                {"type": "web_search"},
                {"type": "mcp", "server_label": "b"},
                {"type": "namespace", "name": "c", "tools": [{"type": "function", "name": "d"}]},
            ]
        },
        ["a", "web_search", "b", "c", "d"],
    ),
    "anthropic": (
        {"tools": [{"name": "a"}, {"type": "bash_20250124", "name": "bash"}], "mcp_servers": [{"name": "b"}]},
        ["a", "bash", "b"],
    ),
    "gemini": (
        {"tools": [{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}, {"googleSearch": {}}]},
        ["a", "b", "googleSearch"],
    ),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_tools_are_known_by_name(name: str) -> None:
    body, names = TOOLS[name]
    assert [tool for _, tool in DIALECTS[name].tool_names(body)] == names


@pytest.mark.parametrize(
    ("media_type", "data", "text"),
    [
        ("text/plain", "aGk=", "hi"),
        ("TEXT/html; charset=utf-8", "aGk=", "hi"),
        ("application/json", "e30=", "{}"),
        (None, "data:text/markdown;base64,aGk=", "hi"),
        ("image/png", "aGk=", ""),
        ("application/pdf", "aGk=", ""),
        (None, "aGk=", ""),
        ("text/plain", "a", ""),
        ("text/plain", "/w==", "\ufffd"),
        ("text/plain", 7, ""),
    ],
)
def test_a_text_file_is_read(media_type: Any, data: Any, text: str) -> None:
    assert text_of_file(media_type, data) == text
