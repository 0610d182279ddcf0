"""Messages requests in neutral words, and what stays of one that is read and written again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.conversation import (
    Conversation,
    ExtraPart,
    FilePart,
    ImagePart,
    Message,
    OutputFormat,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from gateway.dialects.anthropic.read import read
from gateway.dialects.anthropic.request import parse_request
from gateway.dialects.anthropic.write import write
from gateway.dialects.dialect import Target
from gateway.errors import InvalidRequest
from tests.conftest import SHARED, needs_shared
from tests.dialects import recorded

CACHE = {"type": "ephemeral"}


def asked(*blocks: dict[str, Any], **fields: Any) -> Conversation:
    content = list(blocks) or "Hi"
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": content}], **fields}
    return read(parse_request(json.dumps(body).encode(), None, None))


def parts(*blocks: dict[str, Any]) -> list[Any]:
    return asked(*blocks).messages[0].parts


def test_the_smallest_request() -> None:
    assert asked() == Conversation("m", [Message("user", [TextPart("Hi")])], "anthropic", max_output_tokens=5)


def test_every_field_has_its_word() -> None:
    schema = {"type": "object"}
    said = asked(
        system=[{"type": "text", "text": "S", "cache_control": CACHE}],
        stream=True,
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        stop_sequences=["END"],
        tools=[
            {"name": "f", "description": "d", "input_schema": schema, "strict": True, "cache_control": CACHE}
        ],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 2000},
        output_config={"effort": "low", "format": {"type": "json_schema", "schema": schema}},
        metadata={"user_id": "u", "more": "x"},
        service_tier="standard_only",
        cache_control=CACHE,
    )
    assert said == Conversation(
        "m",
        [Message("system", [TextPart("S", CACHE)]), Message("user", [TextPart("Hi")])],
        "anthropic",
        stream=True,
        tools=[Tool("f", "d", schema, True, cache=CACHE)],
        tool_choice=ToolChoice("named", ["f"]),
        parallel_tool_calls=False,
        max_output_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        stop=["END"],
        output=OutputFormat("json_schema", schema=schema),
        effort="low",
        thinking_budget=2000,
        service_tier="default",
        user="u",
        metadata={"more": "x"},
    )


def test_defaults_are_not_said() -> None:
    said = asked(temperature=1, service_tier="auto", speed="standard", container=None, stream=False)
    assert said == asked()


def test_what_a_coding_agent_sends_along_is_no_obstacle() -> None:
    edits = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    assert asked(context_management=edits, thinking={"type": "adaptive"}, cache_control=CACHE) == asked()


@pytest.mark.parametrize("choice", [("auto", "auto"), ("any", "required"), ("none", "none")])
def test_how_tools_are_chosen(choice: tuple[str, Any]) -> None:
    assert asked(tool_choice={"type": choice[0]}).tool_choice == ToolChoice(choice[1])


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "max"}}, "none"),
        ({"thinking": {"type": "between_tools"}}, "none"),
        ({"output_config": {"effort": "low"}}, "low"),
        ({}, None),
    ],
)
def test_thinking_is_an_effort(fields: dict[str, Any], effort: str | None) -> None:
    assert asked(**fields).effort == effort


def test_what_has_no_word_stands_under_its_own_name() -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    said = asked(inference_geo="us", tools=[search], output_config={"task_budget": {"total": 1}})
    assert said.extra == {
        "inference_geo": "us",
        "web_search_20250305": search,
        "output_config.task_budget": {"total": 1},
    }
    assert said.tools == []


def test_a_turn_of_the_user() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVB"}}
    told = parts(
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": "ok",
            "is_error": True,
            "cache_control": CACHE,
        },
        {"type": "tool_result", "tool_use_id": "u", "content": [{"type": "text", "text": "see"}, image]},
        {"type": "tool_result", "tool_use_id": "v"},
        {"type": "text", "text": "Hi", "cache_control": CACHE},
        {"type": "image", "source": {"type": "url", "url": "https://x.io/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "search_result", "source": "s", "title": "t", "content": []},
    )
    assert told == [
        ToolResultPart("t", [TextPart("ok")], True, cache=CACHE),
        ToolResultPart("u", [TextPart("see"), ImagePart("iVB", "image/png")]),
        ToolResultPart("v", []),
        TextPart("Hi", CACHE),
        ImagePart(url="https://x.io/a.png"),
        ImagePart(file_id="file_1"),
        ExtraPart("anthropic", {"type": "search_result", "source": "s", "title": "t", "content": []}),
    ]


def test_documents() -> None:
    def document(source: dict[str, Any], **more: Any) -> list[Any]:
        return parts({"type": "document", "source": source, **more})

    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
    assert document(pdf, title="a") == [FilePart("application/pdf", "JVBE", name="a")]
    plain = {"type": "text", "media_type": "text/plain", "data": "x"}
    assert document(plain, context="from Ada") == [TextPart("from Ada"), FilePart("text/plain", text="x")]
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert document({"type": "content", "content": blocks}) == [FilePart("text/plain", text="a\nb")]
    assert document({"type": "url", "url": "u"}) == [FilePart("application/pdf", url="u")]
    assert document({"type": "file", "file_id": "f"}) == [FilePart(file_id="f")]
    assert isinstance(document(plain, citations={"enabled": True})[0], ExtraPart)
    assert document(plain, citations={"enabled": False}) == [FilePart("text/plain", text="x")]
    assert isinstance(document({"type": "news"})[0], ExtraPart)


def test_a_turn_of_the_assistant() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "redacted_thinking", "data": "b3Bh"},
        {"type": "redacted_thinking", "data": "encrypted:rs_1:gAAA"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"x": "é"}, "signature": "gem"},
        {"type": "tool_use", "id": "u", "name": "f", "input": {}},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    ]
    said = asked(messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": blocks}])
    assert said.messages[1].parts == [
        ReasoningPart("hm", "c2ln", origin="anthropic"),
        ReasoningPart("hm"),
        ReasoningPart(sealed="b3Bh", origin="anthropic"),
        ReasoningPart(sealed="gAAA", id="rs_1", origin="openai_responses"),
        ToolCallPart("t", "f", '{"x":"é"}', signature="gem"),
        ToolCallPart("u", "f", "{}"),
        ExtraPart("anthropic", blocks[-1]),
    ]


def test_a_system_message_within_the_conversation_stays_in_its_place() -> None:
    said = asked(messages=[{"role": "user", "content": "Hi"}, {"role": "system", "content": "brief"}])
    assert said.messages[1] == Message("system", [TextPart("brief")])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "messages[0].content[0].source.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "text"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"thinking": {"type": "deep"}}, "thinking.type"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_named_by_its_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**fields)
    assert caught.value.param == param


def recorded_requests() -> list[Path]:
    """Those that were answered."""
    folders = sorted(path.parent for path in SHARED.glob("recorded/anthropic/*/request.json"))
    return [f for f in folders if json.loads((f / "meta.json").read_text())["status"] in (None, 200)]


@needs_shared
@pytest.mark.parametrize("folder", recorded_requests(), ids=recorded.name)
def test_a_recorded_request_read_and_written_says_the_same_or_names_what_it_cannot(folder: Path) -> None:
    raw = (folder / "request.json").read_bytes()
    body = json.loads(raw)
    request = parse_request(raw, None, None)
    conversation, target = read(request), Target(body["model"], request.stream)
    if conversation.extra or b'"file_id"' in raw:
        with pytest.raises(InvalidRequest) as caught:
            write(conversation, target)
        assert caught.value.param in {*conversation.extra, "messages[2]"}
        return
    again = json.loads(write(conversation, target))
    assert plain(again["messages"]) == plain(body["messages"])
    for name in ("model", "max_tokens", "tool_choice", "stop_sequences", "metadata"):
        assert again.get(name) == body.get(name)
    assert plain(again.get("system")) == plain(body.get("system"))


def plain(content: Any) -> Any:
    """Turns with strings written as blocks, and without what means nothing."""
    if isinstance(content, list):
        return [plain(item) for item in content if item != {"type": "text", "text": " "}]
    if not isinstance(content, dict):
        return content
    told = {name: plain(value) for name, value in content.items() if name not in ("caller", "citations")}
    if isinstance(told.get("content"), str):
        told["content"] = [{"type": "text", "text": told["content"]}]
    if told.get("is_error") is False:
        del told["is_error"]
    return told
