"""A client's Gemini requests: what is refused, what is kept from the scan, what they say in neutral words."""

from __future__ import annotations

import contextlib
import json
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
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from gateway.dialects.dialect import Target
from gateway.dialects.gemini.fields import FIELD_NAMES, classifier
from gateway.dialects.gemini.read import read
from gateway.dialects.gemini.request import forward, parse_request
from gateway.dialects.gemini.schema import json_schema
from gateway.errors import InvalidRequest
from gateway.privacy.redact import redact_request
from gateway.privacy.vault import Vault
from tests.conftest import SHARED, needs_shared

HI = {"role": "user", "parts": [{"text": "hi"}]}
GOOD: dict[str, Any] = {"contents": [HI]}


def neutral(**body: Any) -> Conversation:
    return read(parse_request(json.dumps({**GOOD, **body}).encode(), "gemini-2.5-flash", True))


def parts(*given: dict[str, Any], role: str = "user") -> list[Any]:
    (message,) = neutral(contents=[{"role": role, "parts": list(given)}]).messages
    return message.parts


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"contents": []}, "contents"),
        ({"contents": None}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"contents": [5]}, "contents[0]"),
        ({"contents": [{"role": 5}]}, "contents[0].role"),
        ({"contents": [{"parts": "hi"}]}, "contents[0].parts"),
        ({"contents": [{"parts": ["hi"]}]}, "contents[0].parts[0]"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"functionDeclarations": [5]}]}, "tools[0].functionDeclarations[0]"),
        ({"generationConfig": {"candidateCount": "two"}}, "generationConfig.candidateCount"),
        ({"generation_config": {"candidate_count": "two"}}, "generationConfig.candidateCount"),
        ({"toolConfig": []}, "toolConfig"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(json.dumps({**GOOD, **change}).encode(), "m", False)
    assert caught.value.param == param
    assert "hi" not in caught.value.message


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"contents": [{"role": "assistant", "parts": []}]}, "contents[0].role"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "hi"}}}, "toolConfig.functionCallingConfig.mode"),
        ({"generationConfig": {"temperature": "hi"}}, "temperature"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0]"),
        ({"contents": [{"parts": [{"inlineData": {}}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall.name"),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "hi"}}]}]},
            "contents[0].parts[0].functionResponse",
        ),
    ],
)
def test_what_cannot_be_read_is_named(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        neutral(**change)
    assert caught.value.param == param
    assert "hi" not in caught.value.message


def test_the_path_says_the_model_and_whether_to_stream() -> None:
    chat = parse_request(json.dumps({**GOOD, "model": "other"}).encode(), "m", True)
    assert (chat.model, chat.stream, chat.wants_usage, chat.json_output) == ("m", True, True, False)
    assert json.loads(forward(chat, Target("x", True))) == GOOD
    json_asked = {"generationConfig": {"responseMimeType": "application/json"}}
    assert parse_request(json.dumps({**GOOD, **json_asked}).encode(), "m").json_output
    with pytest.raises(InvalidRequest):
        parse_request(json.dumps(GOOD).encode())


def test_snake_case_is_the_same_and_the_callers_own_names_stay() -> None:
    body = {
        "system_instruction": {"parts": [{"text": "s"}]},
        "contents": [
            {
                "role": "model",
                "parts": [
                    {
                        "function_call": {"name": "f", "args": {"max_output_tokens": 1}},
                        "thought_signature": "s",
                    }
                ],
            },
            {
                "parts": [
                    {"function_response": {"name": "f", "response": {"file_data": 1}}},
                    {"inline_data": {"mime_type": "image/png", "data": "AA"}},
                ]
            },
        ],
        "tools": [
            {"function_declarations": [{"name": "f", "parameters": {"properties": {"mime_type": {}}}}]}
        ],
        "generation_config": {"max_output_tokens": 5},
    }
    sent = json.loads(forward(parse_request(json.dumps(body).encode(), "m"), Target("m", False)))
    assert sent == {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"name": "f", "args": {"max_output_tokens": 1}}, "thoughtSignature": "s"}
                ],
            },
            {
                "parts": [
                    {"functionResponse": {"name": "f", "response": {"file_data": 1}}},
                    {"inlineData": {"mimeType": "image/png", "data": "AA"}},
                ]
            },
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"properties": {"mime_type": {}}}}]}],
        "generationConfig": {"maxOutputTokens": 5},
    }


def test_ids_signatures_and_bytes_are_kept_from_the_scan_and_texts_are_not() -> None:
    secret = "jo@x.example"
    body = {
        "contents": [
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {"id": secret, "name": secret, "args": {"to": secret}},
                        "thoughtSignature": secret,
                    }
                ],
            },
            {
                "role": "user",
                "parts": [{"text": secret}, {"inlineData": {"mimeType": secret, "data": secret}}],
            },
        ],
        "tools": [{"functionDeclarations": [{"name": secret, "description": secret}]}],
        "generationConfig": {"seed": 4111111111111111, "stopSequences": [secret]},
        "unknown": {"deep": [secret]},
    }
    chat = parse_request(json.dumps(body).encode(), "m")
    redact_request(chat.body, classifier(False), Vault(), FIELD_NAMES)
    hidden = "[EMAIL_1]"
    call, (text, blob) = chat.body["contents"][0]["parts"][0], chat.body["contents"][1]["parts"]
    assert call == {
        "functionCall": {"id": secret, "name": secret, "args": {"to": hidden}},
        "thoughtSignature": secret,
    }
    assert (text, blob) == ({"text": hidden}, {"inlineData": {"mimeType": secret, "data": secret}})
    assert chat.body["tools"][0]["functionDeclarations"][0] == {"name": secret, "description": hidden}
    assert chat.body["generationConfig"] == {"seed": 4111111111111111, "stopSequences": [hidden]}
    assert chat.body["unknown"] == {"deep": [hidden]}


# --- neutral words ----------------------------------------------------------------------------------------


def test_settings() -> None:
    said = neutral(
        generationConfig={
            "temperature": 0.5, "topP": 0.9, "topK": 40.0, "maxOutputTokens": 9, "stopSequences": ["x"],
            "candidateCount": 2, "seed": 3, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
            "responseLogprobs": True, "logprobs": 4, "responseModalities": ["TEXT"],
        },
        labels={"team": "a"},
        serviceTier="flex",
    )  # fmt: skip
    expected = Conversation(
        "gemini-2.5-flash", [Message("user", [TextPart("hi")])], "gemini", True,
        temperature=0.5, top_p=0.9, top_k=40, max_output_tokens=9, stop=["x"], n=2, seed=3, presence_penalty=0.1,
        frequency_penalty=0.2, logprobs=True, top_logprobs=4, metadata={"team": "a"}, service_tier="flex",
    )  # fmt: skip
    assert said == expected


@pytest.mark.parametrize(
    ("thinking", "effort", "budget"),
    [
        ({"thinkingBudget": 0}, "none", None),
        ({"thinkingBudget": -1}, None, None),
        ({"thinkingBudget": 500, "includeThoughts": True}, None, 500),
        ({"thinkingLevel": "HIGH"}, "high", None),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None, None),
    ],
)
def test_how_hard_to_think(thinking: dict[str, Any], effort: str | None, budget: int | None) -> None:
    said = neutral(generationConfig={"thinkingConfig": thinking})
    assert (said.effort, said.thinking_budget, said.extra) == (effort, budget, {})


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"safetySettings": [{"category": "C"}]}, "safetySettings"),
        ({"cachedContent": "cachedContents/1"}, "cachedContent"),
        ({"tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({"toolConfig": {"retrievalConfig": {"latLng": {}}}}, "toolConfig.retrievalConfig"),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "generationConfig.responseModalities"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType"),
        ({"modelArmorConfig": {"x": 1}}, "modelArmorConfig"),
    ],
)
def test_what_only_gemini_knows_keeps_its_name(body: dict[str, Any], name: str) -> None:
    assert list(neutral(**body).extra) == [name]


def test_json_by_a_schema_of_either_kind() -> None:
    schema = {"type": "object", "properties": {"type": {"type": ["string", "null"]}}}
    own = {
        "type": "OBJECT",
        "properties": {"type": {"type": "STRING", "nullable": True}},
        "propertyOrdering": ["type"],
    }
    kind = {"responseMimeType": "application/json"}
    expected = OutputFormat("json_schema", "answer", schema)
    assert neutral(generationConfig={**kind, "responseJsonSchema": schema}).output == expected
    assert neutral(generationConfig={**kind, "responseSchema": own}).output == expected
    assert neutral(generationConfig=kind).output == OutputFormat("json_object")


def test_trap_22_a_schema_of_geminis_becomes_json_schema() -> None:
    own = {
        "type": "ARRAY",
        "minItems": "1",
        "items": {
            "any_of": [
                {"type": "INTEGER"},
                {"type": "STRING", "format": "enum", "enum": ["a"], "nullable": True},
            ]
        },
    }
    assert json_schema(own) == {
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [{"type": "integer"}, {"type": ["string", "null"], "enum": ["a", None]}]},
    }


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({}, None),
        ({"mode": "AUTO"}, None),
        ({"mode": "VALIDATED"}, None),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", ["f"])),
        ({"mode": "any", "allowedFunctionNames": ["f", "g"]}, ToolChoice("required", ["f", "g"])),
    ],
)
def test_tools_and_choices(calling: dict[str, Any], choice: ToolChoice | None) -> None:
    declared = [{"name": "f", "description": "d", "parameters": {"type": "OBJECT"}}, {"name": "g"}]
    said = neutral(tools=[{"functionDeclarations": declared}], toolConfig={"functionCallingConfig": calling})
    assert said.tools == [
        Tool("f", "d", {"type": "object"}),
        Tool("g", "", {"type": "object", "properties": {}}),
    ]
    assert said.tool_choice == choice


def test_media() -> None:
    assert parts(
        {"inlineData": {"mimeType": "image/png", "data": "AA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "BB", "displayName": "n"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://x.example/a.png"}},
        {"fileData": {"mimeType": "audio/wav", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}},
        {"executableCode": {"code": "x"}},
    ) == [
        ImagePart("AA", "image/png"),
        FilePart("application/pdf", "BB", name="n"),
        ImagePart(media_type="image/png", url="https://x.example/a.png"),
        FilePart("audio/wav", file_id="https://generativelanguage.googleapis.com/v1beta/files/a"),
        ExtraPart("gemini", {"executableCode": {"code": "x"}}),
    ]  # fmt: skip


def test_calls_without_ids_get_stable_ones_and_find_their_responses() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    contents = [
        {"role": "model", "parts": [call, call, {"functionCall": {"name": "g", "id": "own"}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "f", "response": {"output": "1"}}},
            {"functionResponse": {"name": "g", "id": "own", "response": {"error": "e"}}},
            {"functionResponse": {"name": "f", "response": {"a": 1, "b": 2}}},
        ]},
        {"role": "model", "parts": [call]},
        {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {"result": [1]}}}]},
    ]  # fmt: skip
    first, answered, second, again = neutral(contents=contents).messages
    ids = [part.id for part in [*first.parts, *second.parts] if isinstance(part, ToolCallPart)]
    assert ids == ["call_1_f", "call_2_f", "own", "call_4_f"]
    assert answered.parts == [
        ToolResultPart("call_1_f", [TextPart("1")], name="f"),
        ToolResultPart("own", [TextPart("e")], is_error=True, name="g"),
        ToolResultPart("call_2_f", [TextPart('{"a":1,"b":2}')], name="f"),
    ]
    assert again.parts == [ToolResultPart("call_4_f", [TextPart("[1]")], name="f")]
    assert first.parts[0] == ToolCallPart("call_1_f", "f", '{"a":1}')


def test_an_answer_kept_chunk_by_chunk_is_put_together() -> None:
    """As Google's SDK keeps a streamed answer in the history of a chat."""
    contents = [
        HI,
        {"role": "model", "parts": [{"text": "h", "thought": True}]},
        {"role": "model", "parts": [{"text": "m", "thought": True}]},
        {"role": "model", "parts": [{"text": "", "thought": True, "thoughtSignature": "c2ln"}]},
        {"role": "model", "parts": [{"text": "Hel"}]},
        {"role": "model", "parts": [{"text": "lo"}]},
        {"role": "model", "parts": [{"text": ""}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f"}, "thoughtSignature": "s2ln"}]},
    ]
    _, said = neutral(contents=contents).messages
    assert said.parts == [
        ReasoningPart("hm", "c2ln", origin="gemini"),
        TextPart("Hello"),
        ToolCallPart("call_1_f", "f", "{}", signature="s2ln"),
    ]


@needs_shared
def test_every_recorded_request_can_be_read() -> None:
    seen = 0
    for meta in sorted(SHARED.glob("recorded/*/*/meta.json")):
        facts = json.loads(meta.read_text())
        file = meta.parent / "request.json"
        if facts["format"] != "gemini" or not file.exists() or facts["status"] == 400:
            continue
        try:
            json.loads(file.read_bytes())
        except ValueError:
            continue
        read(parse_request(file.read_bytes(), "m", facts["stream"]))
        seen += 1
    assert seen > 20


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "role parts text thought thoughtSignature functionCall functionResponse name args id response inlineData "
                "fileUri data mimeType functionDeclarations parameters functionCallingConfig mode allowedFunctionNames "
                "thinkingConfig responseSchema responseMimeType stopSequences partMetadata providerItem item".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from(
            "contents systemInstruction tools toolConfig generationConfig labels serviceTier x".split()
        ),
        json_values | st.lists(json_values, max_size=2),
    )
)
def test_law_7_garbage_raises_only_documented_errors(body: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidRequest):
        read(parse_request(json.dumps({**GOOD, **body}).encode(), "m"))


@given(st.binary(max_size=60))
def test_law_7_for_what_is_no_json(raw: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        parse_request(raw, "m")
