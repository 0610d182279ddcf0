"""Whole answers: they say what a stream says, and come back from its events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.chat import Event, Extra, Finish, Lane, Text, ToolCall, Usage
from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.anthropic.body import body_of, events_of, scrub
from gateway.dialects.dialect import Head
from gateway.wire.sse import SSESplitter
from tests.conftest import SHARED, needs_shared
from tests.dialects import recorded
from tests.dialects.anthropic import sdk

HEAD = Head("msg_1", "m", 1)


def bodies() -> list[Path]:
    found = []
    for meta in sorted(SHARED.glob("recorded/anthropic/*/meta.json")):
        facts = json.loads(meta.read_text())
        if not facts["stream"] and facts["status"] in (None, 200):
            found.append(meta.parent)
    return found


def told(body: dict[str, Any]) -> dict[str, Any]:
    """An answer without the bookkeeping that events have no word for."""
    usage = body["usage"]
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    content = [{k: v for k, v in block.items() if k != "caller"} for block in body["content"]]
    for block in content:
        if block.get("citations") in (None, []):
            block.pop("citations", None)
    kept = {name: body[name] for name in ("id", "model", "role", "type", "stop_reason", "stop_sequence")}
    return {**kept, "content": content, "usage": [usage.get(name) or 0 for name in names]}


@needs_shared
@pytest.mark.parametrize("folder", bodies(), ids=recorded.name)
def test_a_recorded_answer_comes_back_from_its_events(folder: Path) -> None:
    body = json.loads((folder / "response.body").read_bytes())
    assert told(body_of(events_of(body), HEAD)) == told(body)


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("anthropic"), ids=recorded.name)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_the_events_of_a_stream_make_the_answer_that_the_sdk_makes(folder: Path) -> None:
    raw = (folder / "response.body").read_bytes()
    decoder = ANTHROPIC.decoder()
    events = [event for f in SSESplitter().feed(raw) if f.data is not None for event in decoder.decode(f)]
    made, heard = told(body_of(events, HEAD)), told(sdk.beta_message(raw))
    for block in made["content"]:
        if block["type"] == "thinking" and not block["signature"]:
            del block["signature"]
    assert made == heard


def test_an_answer_and_its_stream_have_the_same_events_but_for_the_cuts() -> None:
    body: dict[str, Any] = {"id": "a", "model": "m", "stop_reason": "tool_use", "stop_sequence": None}
    body |= {"usage": {"input_tokens": 1, "output_tokens": 2}}
    body |= {
        "content": [
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"x": "é"}},
            {"type": "tool_use", "id": "u", "name": "g", "input": {}},
        ]
    }
    texts = [
        (event.lane, event.text)
        for event in events_of(body)
        if isinstance(event, Text) and event.lane.choice == 0
    ]
    assert texts == [
        (Lane(0, "content"), "Hi"),
        (Lane(0, "arguments"), '{"x":"é"}'),
        (Lane(0, "arguments", 1), "{}"),
    ]
    assert [event.id for event in events_of(body) if isinstance(event, ToolCall)] == ["t", "u"]


def call(arguments: str) -> dict[str, Any]:
    events: list[Event] = [ToolCall(0, 0, "t", "f"), Text(Lane(0, "arguments"), arguments)]
    body = body_of([*events, Finish(0, "length", "max_tokens"), Usage(1, 1)], HEAD)
    given: dict[str, Any] = body["content"][0]["input"]
    return given


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ('{"x": 1}', {"x": 1}),
        ("null", {}),
        ('{"x": "cut', {"INVALID_JSON": '{"x": "cut'}),
        ("[1]", {"INVALID_JSON": "[1]"}),
    ],
)
def test_arguments_that_are_no_object_are_wrapped(arguments: str, given: dict[str, Any]) -> None:
    assert call(arguments) == given


def test_items_of_other_dialects_stay_in_a_field_of_their_own() -> None:
    body = body_of([Extra(0, "gemini", {"a": 1}), Finish(0, "stop")], HEAD)
    assert body["provider_items"] == [{"dialect": "gemini", "item": {"a": 1}}]


def test_where_quotes_stood_goes_with_the_texts_that_changed() -> None:
    citation = {"type": "char_location", "cited_text": "x", "start_char_index": 1, "end_char_index": 2}
    body = {"content": [{"type": "text", "text": "x", "citations": [citation]}]}
    scrub(body)
    assert body["content"][0]["citations"] == [{"type": "char_location", "cited_text": "x"}]


def test_usage_is_read_from_an_answer() -> None:
    usage = ANTHROPIC.usage_of(
        {"usage": {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 3}}
    )
    assert usage is not None
    assert (usage.input, usage.output, usage.cached) == (3, 3, 2)
    assert ANTHROPIC.usage_of({}) is None
