"""Requests: what is read from them, written for a provider, and handed on."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conversation import (
    Conversation,
    ExtraPart,
    FilePart,
    ImagePart,
    Message,
    OutputFormat,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from gateway.dialects.dialect import Target
from gateway.dialects.openai_responses.errors import provider_error
from gateway.dialects.openai_responses.read import read
from gateway.dialects.openai_responses.request import forward, parse_request
from gateway.dialects.openai_responses.sealed import Seal, unwrap, wrap
from gateway.dialects.openai_responses.write import write
from gateway.errors import InvalidRequest
from tests.conftest import SHARED, needs_shared
from tests.dialects import recorded
from tests.dialects.openai_responses.requests import (
    NAME,
    TARGET,
    asked,
    conversation,
    items_of,
    parsed,
    refused,
    written,
)

# --- parse and forward ------------------------------------------------------------------------------------


def test_a_request_is_parsed() -> None:
    request = parsed(stream=True, text={"format": {"type": "json_schema", "name": "n", "schema": {}}})
    assert (request.model, request.stream, request.json_output, request.wants_usage) == (
        "m",
        True,
        True,
        True,
    )
    assert not parsed(text={"format": {"type": "text"}}).json_output


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "Hi"}, "model"),
        ({"model": "", "input": "Hi"}, "model"),
        ({"model": "m"}, "input"),
        ({"model": "m", "input": []}, "input"),
        ({"model": "m", "input": 1}, "input"),
        ({"model": "m", "input": ["x"]}, "input[0]"),
        ({"model": "m", "input": "x", "stream": "yes"}, "stream"),
    ],
)
def test_a_body_of_another_shape_is_refused_by_field(body: dict[str, Any], param: str) -> None:
    error = refused(parse_request, json.dumps(body).encode())
    assert error.param == param or f"`{param}`" in error.message
    assert error.status == 400


@pytest.mark.parametrize("field", ["previous_response_id", "prompt", "conversation"])
def test_what_the_provider_keeps_can_stand_for_the_input(field: str) -> None:
    value = {"id": "x"} if field == "prompt" else "x"
    assert parse_request(json.dumps({"model": "m", field: value}).encode()).body[field] == value


def test_the_same_dialect_gets_every_field_and_its_own_model() -> None:
    body = {
        "input": "Hi",
        "previous_response_id": "resp_1",
        "store": True,
        "conversation": "c",
        "news": {"a": [1]},
    }
    sent = json.loads(forward(parsed(**body), Target("gpt-x", stream=False)))
    assert sent == {"model": "gpt-x", **body}


def test_the_same_dialect_does_not_get_another_providers_reasoning() -> None:
    own = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
    foreign = {**own, "encrypted_content": wrap(Seal("signature", "c2ln", text="t"), "rs_1")}
    sent = json.loads(forward(parsed(input=[own, foreign]), TARGET))
    assert sent["input"] == [own]


# --- read: fields -----------------------------------------------------------------------------------------


def test_what_is_said_in_defaults_is_not_said() -> None:
    plain = conversation()
    assert plain == Conversation("m", [Message("user", [TextPart("Hi")])], NAME)
    assert plain == conversation(
        temperature=1, top_p=1.0, top_logprobs=0, tool_choice="auto", parallel_tool_calls=True, service_tier="auto",
        truncation="disabled", background=False, store=True, stream=False, metadata={}, tools=[], include=[],
        text={"format": {"type": "text"}, "verbosity": "medium"}, reasoning={"effort": None, "summary": "auto"},
        previous_response_id=None, prompt_cache_retention="24h", stream_options={"include_obfuscation": False},
    )  # fmt: skip


def test_fields_have_neutral_words() -> None:
    got = conversation(
        instructions="Be brief.", max_output_tokens=9, temperature=0.5, top_p=0.9, top_logprobs=2, user="u",
        safety_identifier="s", metadata={"a": "b"}, prompt_cache_key="k", service_tier="flex",
        parallel_tool_calls=False, reasoning={"effort": "high", "summary": "detailed"},
        include=["reasoning.encrypted_content", "message.output_text.logprobs"],
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}},
    )  # fmt: skip
    assert got == Conversation(
        "m", [Message("system", [TextPart("Be brief.")]), Message("user", [TextPart("Hi")])], NAME,
        max_output_tokens=9, temperature=0.5, top_p=0.9, logprobs=True, top_logprobs=2, user="s",
        metadata={"a": "b"}, cache_key="k", service_tier="flex", parallel_tool_calls=False, effort="high",
        output=OutputFormat("json_schema", "n", {"type": "object"}, True, "d"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous_response_id", "resp_1"), ("conversation", "c"), ("prompt", {"id": "p"}), ("background", True),
        ("truncation", "auto"), ("max_tool_calls", 3), ("news", 1), ("include", ["web_search_call.results"]),
    ],
)  # fmt: skip
def test_what_has_no_neutral_word_is_kept_by_its_name(field: str, value: Any) -> None:
    """Other dialects refuse it by that name; a translated request is never stored, and nothing stored is found."""
    assert conversation(**{field: value}).extra == {field: value}


def test_nested_fields_without_a_neutral_word_are_kept_by_their_names() -> None:
    got = conversation(
        text={"verbosity": "low"},
        reasoning={"context": "all_turns"},
        tools=[{"type": "web_search"}],
        tool_choice={"type": "web_search"},
    )
    assert set(got.extra) == {"text.verbosity", "reasoning.context", "web_search", "tool_choice"}


def test_tools_are_flat() -> None:
    got = conversation(
        tools=[
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
            {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
            {"type": "custom", "name": "t"},
        ]
    )  # fmt: skip
    assert got.tools == [
        Tool("f", "d", {"type": "object"}, True),
        Tool("c", custom={"type": "grammar", "syntax": "lark", "definition": "x"}),
        Tool("t", custom={"type": "text"}),
    ]


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("named", ["f"])),
        ({"type": "custom", "name": "c"}, ToolChoice("named", ["c"])),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}, ToolChoice("required", ["f"])),
    ],
)  # fmt: skip
def test_tool_choice(said: Any, choice: ToolChoice) -> None:
    assert conversation(tool_choice=said).tool_choice == choice
    tools = [Tool("f", schema={}), Tool("c", custom={"type": "text"})]
    assert written(asked(tools=tools, tool_choice=choice))["tool_choice"] == said


# --- read and write: items --------------------------------------------------------------------------------


REASONING = {
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "Hm"}],
    "encrypted_content": "gAAAA",
    "id": "rs_1",
}
CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}'}
RESULT = {"type": "function_call_output", "call_id": "a", "output": "42"}


def said(role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content)}


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text}


def input_text(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def test_the_items_of_a_turn_are_one_message_and_back() -> None:
    items = [
        said("developer", input_text("Be brief.")),
        said("user", input_text("Hi")),
        {**REASONING},
        said("assistant", output_text("Let me see.")),
        CALL,
        {**CALL, "call_id": "b"},
        RESULT,
        {**RESULT, "call_id": "b", "output": [input_text("a"), input_text("b")]},
        said("user", input_text("And?")),
        said("assistant", output_text("So."), {"type": "refusal", "refusal": "No."}),
    ]
    got = conversation(input=items).messages
    reasoning = ReasoningPart("Hm", sealed="gAAAA", id="rs_1", origin=NAME)
    assert got == [
        Message("developer", [TextPart("Be brief.")]),
        Message("user", [TextPart("Hi")]),
        Message("assistant", [reasoning, TextPart("Let me see."), ToolCallPart("a", "f", '{"x":1}'), ToolCallPart("b", "f", '{"x":1}')]),
        Message("user", [ToolResultPart("a", [TextPart("42")]), ToolResultPart("b", [TextPart("a"), TextPart("b")])]),
        Message("user", [TextPart("And?")]),
        Message("assistant", [TextPart("So."), RefusalPart("No.")]),
    ]  # fmt: skip
    assert items_of(*got) == items


def test_two_messages_of_the_assistant_stay_two() -> None:
    got = conversation(input=[said("assistant", output_text("a")), said("assistant", output_text("b")), CALL])
    assert [len(message.parts) for message in got.messages] == [1, 2]


def test_easy_messages_have_no_type() -> None:
    got = conversation(input=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    assert got.messages == [Message("user", [TextPart("a")]), Message("assistant", [TextPart("b")])]


def test_custom_calls_and_their_results() -> None:
    call = {"type": "custom_tool_call", "call_id": "a", "name": "sql", "input": "SELECT"}
    items = [call, {"type": "custom_tool_call_output", "call_id": "a", "output": "1"}]
    got = conversation(input=items).messages
    assert got[0].parts == [ToolCallPart("a", "sql", "SELECT", custom=True)]
    assert items_of(*got) == items


@pytest.mark.parametrize(
    ("part", "neutral"),
    [
        ({"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}, ImagePart("AAAA", "image/png")),
        ({"type": "input_image", "image_url": "https://x.io/a.png", "detail": "high"}, ImagePart(url="https://x.io/a.png", detail="high")),
        ({"type": "input_image", "file_id": "file-1", "detail": "auto"}, ImagePart(file_id="file-1")),
        ({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}, FilePart("application/pdf", "AAAA", name="a.pdf")),
        ({"type": "input_file", "file_url": "https://x.io/a.pdf"}, FilePart(url="https://x.io/a.pdf")),
        ({"type": "input_file", "file_id": "file-1"}, FilePart(file_id="file-1")),
    ],
)  # fmt: skip
def test_pictures_and_files_both_ways(part: dict[str, Any], neutral: ImagePart | FilePart) -> None:
    items = [said("user", part)]
    assert conversation(input=items).messages == [Message("user", [neutral])]
    assert items_of(Message("user", [neutral])) == items


def test_a_file_of_text_is_written_as_one() -> None:
    [item] = items_of(Message("user", [FilePart(text="hé")]))
    part = {"type": "input_file", "filename": "file.txt", "file_data": "data:text/plain;base64,aMOp"}
    assert item["content"] == [part]


def test_trap_11_pictures_in_results_are_kept() -> None:
    picture = {"type": "input_image", "image_url": "https://x.io/a.png", "detail": "auto"}
    items = [CALL, {**RESULT, "output": [input_text("see"), picture]}]
    assert items_of(*conversation(input=items).messages) == items


def test_trap_08_results_come_before_what_the_user_adds() -> None:
    message = Message("user", [TextPart("Also:"), ToolResultPart("a", [TextPart("42")])])
    assert items_of(message) == [RESULT, said("user", input_text("Also:"))]


def test_trap_06_a_call_without_arguments_is_written_with_an_empty_object() -> None:
    assert items_of(Message("assistant", [ToolCallPart("a", "f")])) == [{**CALL, "arguments": "{}"}]


def test_a_reference_to_a_stored_item_cannot_be_translated() -> None:
    for item in ({"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}):
        error = refused(read, parsed(input=[item]))
        assert "item_reference" in error.message
        assert error.param == "input[0]"


def test_items_of_server_tools_are_kept_as_they_are() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert conversation(input=[item]).messages == [Message("assistant", [ExtraPart(NAME, item)])]


@pytest.mark.parametrize(
    "item",
    [
        {"role": "robot", "content": "x"}, {"type": "message", "role": "user"}, {"type": "function_call", "name": "f"},
        {"type": "function_call_output", "output": "x"}, {}, {"type": 1}, said("user", {"type": "input_text"}),
        said("user", {}), said("user", {"type": "input_image"}), said("user", {"type": "input_file"}),
    ],
)  # fmt: skip
def test_an_item_of_another_shape_is_refused_by_its_place(item: dict[str, Any]) -> None:
    error = refused(read, parsed(input=[item]))
    assert str(error.param).startswith("input[0]")


def test_trap_07_another_providers_signed_reasoning_comes_back_to_it() -> None:
    """What was signed comes back whatever a client did to the summary, which is for reading."""
    content = wrap(Seal("signature", "c2ln:x", text="I see [EMAIL_1]"), "rs_1")
    item = {
        **REASONING,
        "encrypted_content": content,
        "summary": [{"type": "summary_text", "text": "I see x@y.io"}],
    }
    [message] = conversation(input=[item]).messages
    assert message.parts == [ReasoningPart("I see [EMAIL_1]", "c2ln:x", origin="anthropic")]
    assert items_of(message) == []  # OpenAI could not read it


@given(
    st.sampled_from(["signature", "redacted", "encrypted"]),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text("abc_-123"),
    st.text(),
)
def test_a_seal_is_what_it_was(kind: Any, data: str, id: str, text: str) -> None:
    seal = Seal(kind, data, id, text)
    got = unwrap(wrap(seal, "rs_1"), "rs_1")
    assert (got.kind, got.data, got.id or "rs_1") == (
        seal.kind,
        seal.data,
        seal.id or "rs_1",
    ) or data.startswith("sluice:")
    if kind == "signature":
        assert got.text == text


# --- recordings and garbage -------------------------------------------------------------------------------


def requests() -> list[Path]:
    return sorted(path.parent for path in SHARED.glob("recorded/*/responses-*/request.json"))


@needs_shared
@pytest.mark.parametrize("folder", requests(), ids=recorded.name)
def test_recorded_requests_say_the_same_when_read_and_written(folder: Path) -> None:
    body = json.loads((folder / "request.json").read_bytes())
    body = body.get("body", body) if isinstance(body.get("body"), dict) else body
    request = parse_request(json.dumps(body).encode())
    assert json.loads(forward(request, Target(request.model, request.stream))) == body
    got = read(request)
    if got.extra or any(isinstance(part, ExtraPart) for message in got.messages for part in message.parts):
        assert set(got.extra) <= NOT_NEUTRAL
        got.extra = {}
    if (json.loads((folder / "meta.json").read_text()).get("status") or 200) >= 400:
        return  # what OpenAI refused, as audio, is refused here
    second = read(parse_request(write(got, Target(got.model, got.stream))))
    assert [message for message in second.messages if message.parts] == [
        Message(message.role, [part for part in message.parts if not is_lost(part)])
        for message in got.messages
        if not all(map(is_lost, message.parts))
    ]
    assert (second.output, second.effort, second.tool_choice) == (got.output, got.effort, got.tool_choice)


NOT_NEUTRAL = frozenset(
    "previous_response_id background include web_search file_search mcp code_interpreter image_generation "
    "tool_search apply_patch shell local_shell namespace moderation context_management max_tool_calls truncation "
    "text.verbosity reasoning.context web_search_preview programmatic_tool_calling conversation custom".split()
)


def is_lost(part: Any) -> bool:
    """Reasoning that is not sealed is of no use to the provider."""
    return isinstance(part, ReasoningPart) and not part.sealed


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("type role content text output summary name call_id id image_url file_data input_audio encrypted_content".split()), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
items = st.fixed_dictionaries(
    {"type": st.sampled_from("message function_call function_call_output reasoning custom_tool_call item_reference x".split())},
    optional=dict.fromkeys("role content call_id name arguments output summary encrypted_content input id extra_content".split(), json_values),
)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {"model": st.just("m"), "input": st.lists(items, min_size=1, max_size=3)},
        optional=dict.fromkeys("tools tool_choice text reasoning include metadata user instructions temperature top_logprobs".split(), json_values),
    )
)  # fmt: skip
def test_law_7_strange_requests_raise_only_invalid_request(body: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidRequest):
        got = read(parse_request(json.dumps(body).encode()))
        write(got, TARGET)


# --- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ({"code": "rate_limit_exceeded", "message": "slow"}, 429),
        ({"error": {"code": "insufficient_quota", "message": "pay"}}, 429),
        ({"code": "server_error", "message": "oh"}, 502),
        ({"code": "invalid_image", "message": "no"}, 400),
        ({"code": 503, "message": "busy"}, 503),
        ("text", 502),
    ],
)
def test_an_error_in_a_stream_gets_a_status(raw: Any, status: int) -> None:
    assert provider_error(None, raw).status == status
    assert provider_error(418, raw).status == 418
