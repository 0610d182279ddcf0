"""Requests in neutral words and back: what every recorded request keeps, and what providers want otherwise."""

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
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from gateway.dialects.dialect import Target
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.errors import InvalidRequest
from tests.conftest import SHARED, needs_shared
from tests.dialects import recorded

USER = Message("user", [TextPart("hi")])


def read(**fields: Any) -> Conversation:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return OPENAI_CHAT.read(OPENAI_CHAT.parse_request(json.dumps(body).encode(), None, None))


def write(conversation: Conversation, provider: str = "openai", **target: Any) -> dict[str, Any]:
    target = {"stream": False, **target}
    sent: dict[str, Any] = json.loads(
        OPENAI_CHAT.write(conversation, Target("m", provider=provider, **target))
    )
    return sent


def said(messages: list[Message], provider: str = "openai") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = write(Conversation("m", messages, "anthropic"), provider)["messages"]
    return sent


def _requests() -> list[Path]:
    found = []
    for meta in sorted(SHARED.glob("recorded/*/*/meta.json")):
        request = meta.parent / "request.json"
        if json.loads(meta.read_text())["format"] == "openai-chat" and request.exists():
            body = json.loads(request.read_text())
            if body.get("messages"):
                found.append(meta.parent)
    return found


def _meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A request with one spelling for what can be spelled in several ways."""
    body = {name: value for name, value in body.items() if value not in (None, [], {})}
    if not body.get("stream"):
        body.pop("stream", None)
    if body.get("n") == 1:
        del body["n"]
    if body.get("response_format") == {"type": "text"}:
        del body["response_format"]
    if "max_tokens" in body:
        body["max_completion_tokens"] = body.pop("max_tokens")
    if "functions" in body:
        body["tools"] = [{"type": "function", "function": each} for each in body.pop("functions")]
        body["tool_choice"] = body.pop("function_call", None)
    if isinstance(body.get("reasoning"), dict):
        reasoning = body.pop("reasoning")
        body["reasoning_effort"] = reasoning.get("effort", "medium" if reasoning.get("enabled") else "none")
    body["messages"] = [_message(message) for message in body["messages"]]
    for tool in body.get("tools", ()):
        if not tool.get("function", {}).get("description", True):
            del tool["function"]["description"]
    return body


def _message(message: dict[str, Any]) -> dict[str, Any]:
    message = {name: value for name, value in message.items() if value}
    content = message.get("content")
    if isinstance(content, list):
        parts = [{name: value for name, value in part.items() if value is not None} for part in content]
        message["content"] = parts[0]["text"] if len(parts) == 1 and "text" in parts[0] else parts
    return message


@needs_shared
@pytest.mark.parametrize("folder", _requests(), ids=recorded.name)
def test_a_recorded_request_is_the_same_in_neutral_words(folder: Path) -> None:
    body = json.loads((folder / "request.json").read_text())
    request = OPENAI_CHAT.parse_request(json.dumps(body).encode(), None, None)
    target = Target(body["model"], request.stream, ask_usage=request.wants_usage, provider="openai")
    assert _meaning(json.loads(OPENAI_CHAT.write(OPENAI_CHAT.read(request), target))) == _meaning(body)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "developer", "content": "d", "name": "n"}, {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}}, {"type": "file", "file": {"file_id": "f"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}}]}]},
        {"messages": [{"role": "assistant", "content": None, "refusal": "no"}, {"role": "user", "content": "x"}]},
        {"messages": [{"role": "assistant", "content": "x", "audio": {"id": "a"}}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "c", "input": "i"}}]}, {"role": "tool", "tool_call_id": "a", "content": "r"}]},
        {"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}], "tool_choice": {"type": "custom", "custom": {"name": "c"}}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}, "strict": True}}], "parallel_tool_calls": False,
         "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}}},
        {"response_format": {"type": "json_object"}, "stop": ["a", "b"], "seed": 1, "n": 2, "logprobs": True, "top_logprobs": 3},
        {"metadata": {"a": "b"}, "user": "u", "service_tier": "flex", "prompt_cache_key": "k", "reasoning_effort": "low"},
        {"verbosity": "low", "logit_bias": {"1": 2}, "modalities": ["text", "audio"], "audio": {"voice": "v", "format": "wav"}},
    ],
)  # fmt: skip
def test_every_field_survives_neutral_words(fields: dict[str, Any]) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    assert write(read(**fields)) == body


def test_defaults_are_not_said() -> None:
    conversation = read(
        n=1, logprobs=False, presence_penalty=0, frequency_penalty=0, response_format={"type": "text"},
        store=True, verbosity="medium", logit_bias={}, service_tier="auto", modalities=["text"], tools=[],
    )  # fmt: skip
    assert conversation == Conversation("m", [USER], "openai_chat")


def test_a_legacy_function_is_a_tool_and_its_result_finds_the_call() -> None:
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "r"},
    ]
    conversation = read(messages=messages, functions=[{"name": "f"}], function_call={"name": "f"})
    call, result = conversation.messages[1].parts[0], conversation.messages[2].parts[0]
    assert isinstance(call, ToolCallPart)
    assert isinstance(result, ToolResultPart)
    assert (result.call_id, result.name) == (call.id, "f")
    assert conversation.tools == [Tool("f", schema={"type": "object", "properties": {}})]
    assert conversation.tool_choice == ToolChoice("named", ["f"])


def test_a_tool_of_the_providers_keeps_its_name() -> None:
    assert "web_search" in read(tools=[{"type": "web_search"}]).extra


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:hi"}}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "messages[0].tool_calls[0].function"),
        ({"messages": [{"role": "tool", "tool_call_id": "a", "content": "x", "odd": 1}]}, "messages[0].odd"),
        ({"temperature": "hi"}, "temperature"),
        ({"stop": 5}, "stop"),
        ({"tool_choice": "hi"}, "tool_choice"),
        ({"response_format": {"type": "hi"}}, "response_format.type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**fields)
    assert caught.value.param == param
    assert "hi" not in caught.value.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["function", "auto", "text", "data:,", "user"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["type", "function", "name", "text", "content", "url", "image_url", "tools"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
field = st.sampled_from(
    "tools tool_choice response_format stop reasoning thinking metadata functions function_call logprobs".split()
)
message_field = st.sampled_from(
    "content tool_calls function_call reasoning_details provider_items name".split()
)


@given(
    st.dictionaries(field, json_values, max_size=2), st.dictionaries(message_field, json_values, max_size=2)
)
def test_law_7_any_request_is_read_or_refused(fields: dict[str, Any], message: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidRequest):
        write(read(messages=[{"role": "assistant", **message}], **fields))


# --- what providers want otherwise ------------------------------------------------------------------------

CALL = Message(
    "assistant", [ReasoningPart("why", "sig", origin="anthropic"), ToolCallPart("toolu_1", "f", "")]
)
RESULT = ToolResultPart("toolu_1", [TextPart("r")])


def test_trap_06_a_call_without_arguments_is_an_empty_object() -> None:
    assert said([USER, CALL])[1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_trap_08_results_stand_right_behind_the_calls() -> None:
    turn = Message("user", [TextPart("and"), RESULT, ToolResultPart("b", [TextPart("s")])])
    assert [message["role"] for message in said([USER, CALL, turn])] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
    ]


def test_trap_11_an_image_in_a_result_follows_all_results() -> None:
    shown = ToolResultPart("toolu_1", [ImagePart("AA", "image/png")])
    messages = said([USER, CALL, Message("user", [shown, ToolResultPart("b", [])])])
    assert [message["role"] for message in messages[2:]] == ["tool", "tool", "user"]
    assert messages[4]["content"][1]["image_url"]["url"] == "data:image/png;base64,AA"


def test_trap_13_usage_is_asked_for_only_where_it_can_be() -> None:
    conversation = Conversation("m", [USER], "anthropic")
    assert "stream_options" not in write(conversation, stream=True, ask_usage=False)
    assert write(conversation, stream=True)["stream_options"] == {"include_usage": True}


def test_trap_21_ids_fit_the_provider() -> None:
    messages = said([USER, CALL, Message("user", [RESULT])], "mistral")
    id = messages[1]["tool_calls"][0]["id"]
    assert len(id) == 9
    assert id.isalnum()
    assert messages[2]["tool_call_id"] == id
    long = ToolCallPart("x" * 60, "f")
    assert len(said([USER, Message("assistant", [long])])[1]["tool_calls"][0]["id"]) <= 40


def test_calls_without_ids_meet_their_results_by_name() -> None:
    calls = Message("assistant", [ToolCallPart("", "f"), ToolCallPart("", "g")])
    results = Message(
        "user", [ToolResultPart("", [TextPart("2")], name="g"), ToolResultPart("", [], name="f")]
    )
    messages = said([USER, calls, results])
    ids = [call["id"] for call in messages[1]["tool_calls"]]
    assert [message["tool_call_id"] for message in messages[2:]] == ids[::-1]


def test_trap_07_reasoning_goes_back_to_who_wants_it() -> None:
    assert said([USER, CALL], "openrouter")[1]["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": "why",
            "signature": "sig",
            "format": "anthropic-claude-v1",
            "index": 0,
        }
    ]
    assert said([USER, CALL], "deepseek")[1]["reasoning_content"] == "why"
    bare = Message("assistant", [ToolCallPart("a", "f")])
    assert said([USER, bare], "deepseek")[1]["reasoning_content"] == ""
    assert "reasoning_content" not in said([USER, CALL], "openai")[1]


def test_reasoning_of_a_client_is_read_however_it_was_put_together() -> None:
    pieces = [
        {"type": "reasoning.text", "text": "a", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.text", "text": "b", "index": 0},
        {"type": "reasoning.text", "signature": "s", "index": 0},
        {"type": "reasoning.encrypted", "data": "d", "format": "anthropic-claude-v1", "index": 1},
    ]
    message = {"role": "assistant", "content": "x", "reasoning_content": "ab", "reasoning_details": pieces}
    assert read(messages=[message]).messages[0].parts == [
        ReasoningPart("ab", "s", origin="anthropic"),
        ReasoningPart(sealed="d", origin="anthropic"),
        TextPart("x"),
    ]
    sealed = [{"type": "reasoning.encrypted", "data": "d", "format": "openai-responses-v1", "id": "r"}]
    message = {"role": "assistant", "content": "x", "reasoning_content": "ab", "reasoning_details": sealed}
    assert read(messages=[message]).messages[0].parts[0] == ReasoningPart(
        "ab", sealed="d", id="r", origin="openai_responses"
    )


def test_the_most_tokens_have_the_name_that_the_provider_knows() -> None:
    conversation = Conversation("m", [USER], "anthropic", max_output_tokens=5)
    assert write(conversation, "azure")["max_completion_tokens"] == 5
    assert write(conversation, "groq")["max_tokens"] == 5


def test_old_servers_know_neither_developers_nor_refusals() -> None:
    messages = [Message("developer", [TextPart("d")]), USER, Message("assistant", [RefusalPart("no")])]
    assert said(messages, "vllm")[0]["role"] == "system"
    assert said(messages, "vllm")[2] == {"role": "assistant", "content": "no"}
    assert said(messages, "openai")[2] == {"role": "assistant", "content": None, "refusal": "no"}


def test_an_effort_and_a_budget_are_said_in_the_providers_words() -> None:
    budget = Conversation("m", [USER], "anthropic", thinking_budget=6000)
    assert write(budget)["reasoning_effort"] == "medium"
    assert write(budget, "openrouter")["reasoning"] == {"max_tokens": 6000}
    assert write(Conversation("m", [USER], "gemini", thinking_budget=0))["reasoning_effort"] == "none"
    assert "reasoning_effort" not in write(Conversation("m", [USER], "gemini", thinking_budget=-1))


def test_a_choice_among_tools_leaves_the_others_out_where_it_cannot_be_said() -> None:
    tools = [Tool("f", schema={}), Tool("g", schema={})]
    conversation = Conversation("m", [USER], "gemini", tools=tools, tool_choice=ToolChoice("required", ["g"]))
    sent = write(conversation, "groq")
    assert ([tool["function"]["name"] for tool in sent["tools"]], sent["tool_choice"]) == (["g"], "required")


def test_a_document_as_text_is_text() -> None:
    file = FilePart("text/plain", text="words", name="a.txt")
    assert said([Message("user", [file])])[0]["content"] == [{"type": "text", "text": "a.txt\n\nwords"}]


def test_an_error_is_told_in_the_results_text() -> None:
    result = ToolResultPart("toolu_1", [TextPart("boom")], is_error=True)
    assert said([USER, CALL, Message("user", [result])])[2]["content"] == "Error: boom"


@pytest.mark.parametrize(
    ("conversation", "provider", "param"),
    [
        (Conversation("m", [USER], "anthropic", top_k=3), "openai", "top_k"),
        (Conversation("m", [USER], "anthropic", extra={"container": "c"}), "openai", "container"),
        (Conversation("m", [USER], "anthropic", service_tier="priority"), "mistral", "service_tier"),
        (Conversation("m", [Message("user", [ExtraPart("anthropic", {"type": "x"})])], "anthropic"), "openai", "messages"),
        (Conversation("m", [Message("assistant", [ExtraPart("anthropic", {"a": 1})])], "anthropic"), "openai", "messages"),
        (Conversation("m", [Message("user", [ImagePart(file_id="f")])], "anthropic"), "openai", "messages"),
        (Conversation("m", [Message("user", [FilePart(url="https://x")])], "anthropic"), "openai", "messages"),
        (Conversation("m", [Message("user", [FilePart("video/mp4", "AA")])], "gemini"), "openai", "messages"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(
    conversation: Conversation, provider: str, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        write(conversation, provider)
    assert caught.value.param == param
