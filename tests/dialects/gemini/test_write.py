"""Neutral requests to Gemini bodies, and what Gemini cannot say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.conversation import (
    Conversation,
    ExtraPart,
    FilePart,
    ImagePart,
    Message,
    OutputFormat,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from gateway.dialects.dialect import Target
from gateway.dialects.gemini.decode import MADE_ID
from gateway.dialects.gemini.read import read
from gateway.dialects.gemini.request import parse_request
from gateway.dialects.gemini.turns import SKIP_SIGNATURE
from gateway.dialects.gemini.write import write
from gateway.errors import InvalidRequest

USER = Message("user", [TextPart("hi")])
OLD, NEW = Target("gemini-2.5-flash", True), Target("gemini-3-flash", True)
VERTEX = Target("gemini-2.5-flash", True, provider="vertex")


def conversation(*messages: Message, **fields: Any) -> Conversation:
    return Conversation("m", list(messages) or [USER], "openai_chat", **fields)


def written(said: Conversation, target: Target = OLD) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(write(said, target))
    return body


def contents(*messages: Message, target: Target = OLD) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = written(conversation(*messages), target)["contents"]
    return found


def test_settings() -> None:
    said = conversation(
        temperature=0.5, top_p=0.9, top_k=40, max_output_tokens=9, stop=["x"], n=2, seed=3, presence_penalty=0.1,
        frequency_penalty=0.2, logprobs=True, top_logprobs=4, output=OutputFormat("json_schema", schema={"a": 1}),
        user="u", cache_key="k", metadata={"a": "b"}, parallel_tool_calls=True, service_tier="auto",
    )  # fmt: skip
    assert written(said) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {
            "temperature": 0.5, "topP": 0.9, "topK": 40, "maxOutputTokens": 9, "stopSequences": ["x"],
            "candidateCount": 2, "seed": 3, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
            "responseLogprobs": True, "logprobs": 4, "responseMimeType": "application/json",
            "responseJsonSchema": {"a": 1},
        },
    }  # fmt: skip


def test_defaults_are_not_said() -> None:
    said = conversation(n=1, presence_penalty=0.0, frequency_penalty=0.0, logprobs=False, top_logprobs=0)
    assert list(written(said)) == ["contents"]


def test_vertex_has_labels() -> None:
    said = conversation(metadata={"team": "a-1", "Not A Label": "x", "n": "NO"})
    assert written(said, VERTEX)["labels"] == {"team": "a-1"}
    assert "labels" not in written(said)


@pytest.mark.parametrize(
    ("model", "effort", "budget", "config"),
    [
        ("gemini-2.5-flash", "none", None, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", None, {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "low", None, {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-flash", "high", None, {"includeThoughts": True, "thinkingBudget": 24576}),
        ("gemini-2.5-flash", None, 500, {"includeThoughts": True, "thinkingBudget": 500}),
        ("gemini-3-flash", "medium", None, {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        ("gemini-3-flash", "max", None, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
        ("gemini-3-flash", "none", None, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro", "none", None, {"thinkingLevel": "LOW"}),
        ("gemini-3-flash", None, 500, {"includeThoughts": True, "thinkingBudget": 500}),
        ("gemini-2.0-flash", "none", None, None),
    ],
)
def test_how_hard_to_think(model: str, effort: str | None, budget: int | None, config: Any) -> None:
    body = written(conversation(effort=effort, thinking_budget=budget), Target(model, True))
    assert body.get("generationConfig", {}).get("thinkingConfig") == config


TOOL = Tool("f", "d", {"type": "object"}, strict=True)


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (None, None),
        (ToolChoice("auto"), None),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("required", ["f", "g"]), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
        (ToolChoice("named", ["f"]), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tools_and_choices(choice: ToolChoice | None, calling: Any) -> None:
    body = written(conversation(tools=[TOOL], tool_choice=choice))
    declared = {"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}
    assert body["tools"] == [{"functionDeclarations": [declared]}]
    assert body.get("toolConfig") == (calling and {"functionCallingConfig": calling})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stop": list("abcdef")}, "stop"),
        ({"tools": [Tool("f", custom={})]}, "tools"),
        ({"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"tool_choice": ToolChoice("required")}, "tool_choice"),
        ({"service_tier": "scale"}, "service_tier"),
        ({"effort": "huge"}, "reasoning_effort"),
        ({"extra": {"logit_bias": {"1": 1}}}, "logit_bias"),
        ({"messages": []}, "messages"),
        ({"messages": [Message("system", [TextPart("s")])]}, "messages"),
        ({"messages": [Message("system", [ImagePart("AA")])]}, "messages[0]"),
        ({"messages": [Message("assistant", [ToolCallPart("a", "f", "{")])]}, "messages[0]"),
        ({"messages": [Message("assistant", [ToolCallPart("a", "f", "x", custom=True)])]}, "messages[0]"),
        ({"messages": [Message("user", [ToolResultPart("a", [])])]}, "messages[0]"),
        ({"messages": [Message("user", [ImagePart(file_id="file-1")])]}, "messages[0]"),
        ({"messages": [Message("user", [FilePart(data="AA")])]}, "messages[0]"),
        ({"messages": [Message("user", [ExtraPart("anthropic", {})])]}, "messages[0]"),
        ({"messages": [Message("assistant", [ExtraPart("anthropic", {})])]}, "messages[0]"),
    ],
)
def test_what_gemini_cannot_say_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    said = conversation()
    for name, value in fields.items():
        setattr(said, name, value)
    with pytest.raises(InvalidRequest) as caught:
        write(said, OLD)
    assert caught.value.param == param


def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    with pytest.raises(InvalidRequest) as caught:
        write(conversation(effort="low"), Target("gemini-2.0-flash", True))
    assert caught.value.param == "reasoning_effort"


def test_flex_is_asked_for_where_the_body_can_say_it() -> None:
    assert written(conversation(service_tier="flex"))["serviceTier"] == "flex"
    with pytest.raises(InvalidRequest):
        write(conversation(service_tier="flex"), VERTEX)


# --- turns ------------------------------------------------------------------------------------------------


def test_system_messages_lead_or_stay_where_they_were_said() -> None:
    body = written(
        conversation(
            Message("system", [TextPart("a")]),
            Message("developer", [TextPart("b")]),
            USER,
            Message("system", [TextPart("c")]),
        )
    )
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}, {"text": "<system>\nc\n</system>"}]}
    ]


def answered(*results: ToolResultPart, target: Target = OLD, signature: str = "") -> list[dict[str, Any]]:
    calls: list[Part] = [
        ToolCallPart("toolu_1", "f", "{}", signature=signature),
        ToolCallPart("toolu_2", "g", '{"a":1}'),
    ]
    turns = [USER, Message("assistant", calls), *(Message("user", [result]) for result in results)]
    return contents(*turns, target=target)


def test_trap_08_results_stand_together_in_the_order_of_the_calls() -> None:
    _, calls, results = answered(
        ToolResultPart("toolu_2", [TextPart("2")], is_error=True), ToolResultPart("toolu_1", [TextPart("1")])
    )
    assert calls["parts"] == [
        {"functionCall": {"name": "f", "args": {}, "id": "toolu_1"}},
        {"functionCall": {"name": "g", "args": {"a": 1}, "id": "toolu_2"}},
    ]
    assert results["parts"] == [
        {"functionResponse": {"name": "f", "response": {"output": "1"}, "id": "toolu_1"}},
        {"functionResponse": {"name": "g", "response": {"error": "2"}, "id": "toolu_2"}},
    ]


def test_results_stand_before_what_else_the_user_says() -> None:
    call = Message("assistant", [ToolCallPart("a", "f")])
    result = Message("user", [TextPart("and?"), ToolResultPart("a", [TextPart("1")])])
    kinds = [next(iter(part)) for part in contents(USER, call, result)[-1]["parts"]]
    assert kinds == ["functionResponse", "text"]


def test_ids_that_were_made_up_do_not_go_back() -> None:
    id = f"{MADE_ID}r_0"
    turns = contents(
        USER,
        Message("assistant", [ToolCallPart(id, "f")]),
        Message("user", [ToolResultPart(id, [TextPart("1")])]),
    )
    assert turns[1]["parts"] == [{"functionCall": {"name": "f", "args": {}}}]
    assert turns[2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "1"}}}]


def test_trap_07_calls_of_other_models_skip_the_check_of_their_signature() -> None:
    signatures = [part.get("thoughtSignature") for part in answered(target=NEW)[1]["parts"]]
    assert signatures == [SKIP_SIGNATURE, None]
    signatures = [part.get("thoughtSignature") for part in answered(target=NEW, signature="c2ln")[1]["parts"]]
    assert signatures == ["c2ln", None]
    assert "thoughtSignature" not in answered(target=OLD)[1]["parts"][0]


def test_trap_11_media_of_a_result_stay_with_it() -> None:
    result = ToolResultPart("toolu_1", [TextPart("1"), ImagePart("AA", "image/png")])
    blob = {"inlineData": {"mimeType": "image/png", "data": "AA"}}
    response = {"name": "f", "response": {"output": "1"}, "id": "toolu_1"}
    assert answered(result, target=NEW)[2]["parts"] == [{"functionResponse": {**response, "parts": [blob]}}]
    assert answered(result, target=OLD)[2]["parts"] == [{"functionResponse": response}, blob]


def test_trap_10_empty_texts_are_left_out() -> None:
    turns = contents(USER, Message("assistant", [TextPart("")]), Message("user", [TextPart("x")]))
    assert turns == [{"role": "user", "parts": [{"text": "hi"}, {"text": "x"}]}]


def test_only_geminis_own_reasoning_goes_back() -> None:
    said = Message(
        "assistant",
        [
            ReasoningPart("a", "c2ln", origin="gemini"),
            ReasoningPart("b", "sig", origin="anthropic"),
            ReasoningPart("c"),
            TextPart("t"),
        ],
    )
    thought = {"text": "a", "thought": True, "thoughtSignature": "c2ln"}
    assert contents(USER, said)[1]["parts"] == [thought, {"text": "t"}]


def test_media() -> None:
    said: list[Part] = [
        ImagePart("AA", "image/png"),
        ImagePart(url="https://x.example/a.webp?b=c.d"),
        ImagePart(url="https://x.example/a"),
        FilePart(data="BB", name="a.pdf"),
        FilePart(text="plain"),
        FilePart("audio/wav", file_id="gs://b/a"),
    ]
    assert contents(Message("user", said))[0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "AA"}},
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://x.example/a.webp?b=c.d"}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.example/a"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "BB"}},
        {"text": "plain"},
        {"fileData": {"mimeType": "audio/wav", "fileUri": "gs://b/a"}},
    ]


def test_what_is_read_is_written_again() -> None:
    body = {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}, "id": "x"}, "thoughtSignature": "c2ln"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "1"}, "id": "x"}}]},
        ],
        "systemInstruction": {"parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {"temperature": 0.5, "responseMimeType": "application/json", "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 5}},
    }  # fmt: skip
    said = read(parse_request(json.dumps(body).encode(), "gemini-2.5-flash"))
    assert written(said) == body
