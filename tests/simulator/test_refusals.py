"""What a real provider turns away is turned away here, with its status and in its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway import simulator
from tests.simulator.dialects import BY_NAME, DIALECTS, KEYS, OLD, SIGNED, Dialect, Json

JSON_TOOL: Json = {"type": "object", "properties": {}}


def refused(
    dialect: Dialect, model: str = "sim", request: Json | None = None, key: Any = None
) -> tuple[int, str]:
    reply = dialect.respond(model, request, stream=False, key=key)
    body = json.loads(b"".join(reply.writes))
    return reply.status, body.get("message") or body["error"]["message"]


NO_KEY = {
    "openai": (401, "You didn't provide an API key."),
    "azure": (401, "Access denied due to invalid subscription key"),
    "anthropic": (401, "x-api-key header is required"),
    "google": (403, "Method doesn't allow unregistered callers"),
    "vertex": (401, "Request is missing required authentication credential"),
    "bedrock": (403, "Missing Authentication Token"),
}
UNKNOWN = {
    "openai": (404, "The model `gpt-9` does not exist or you do not have access to it."),
    "azure": (404, "The API deployment for this resource does not exist."),
    "anthropic": (404, "model: gpt-9"),
    "google": (404, "models/gpt-9 is not found for API version v1beta"),
    "vertex": (404, "Publisher Model `projects/p/locations/l/publishers/"),
    "bedrock": (400, "The provided model identifier is invalid."),
}


@pytest.mark.parametrize("dialect", [*DIALECTS, OLD], ids=lambda it: it.name)
def test_no_key_and_an_unknown_model_are_told_in_the_hosts_words(dialect: Dialect) -> None:
    for wanted, found in (
        (NO_KEY, refused(dialect, key={"anthropic-version": "2023-06-01"})),
        (UNKNOWN, refused(dialect, "gpt-9")),
    ):
        status, message = wanted[dialect.host]
        assert (found[0], found[1][: len(message)]) == (status, message)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"authorization": "Bearer key"}, None),
        ({"authorization": SIGNED}, "X-Amz-Date"),
        ({"authorization": SIGNED.replace("host;", ""), "x-amz-date": "20260101T000000Z"}, "SignedHeaders"),
        (
            {"authorization": SIGNED.replace("/bedrock/", "/s3/"), "x-amz-date": "20260101T000000Z"},
            "Signature",
        ),
        ({"authorization": "AWS4-HMAC-SHA256 nothing", "x-amz-date": "20260101T000000Z"}, "Credential"),
    ],
)
def test_bedrock_looks_at_the_shape_of_a_signature(headers: Json, told: str | None) -> None:
    reply = BY_NAME["converse"].respond("sim", key=headers, stream=False)
    assert reply.status == (403 if told else 200)
    if told:
        assert told in json.loads(reply.writes[0])["message"]
        assert reply.headers["x-amzn-errortype"].startswith("IncompleteSignatureException:")


def talk(*turns: Any) -> list[Json]:
    return [{"role": "user" if at % 2 == 0 else "assistant", "content": it} for at, it in enumerate(turns)]


USE: Json = {"type": "tool_use", "id": "toolu_1", "name": "mail", "input": {}}
RESULT: Json = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sent"}
ASK: Json = {"type": "text", "text": "Go"}
ANTHROPIC = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"messages": talk([{"type": "text", "text": ""}])}, "messages: text content blocks must be non-empty"),
    ({"messages": talk("")}, "messages.0: all messages must have non-empty content"),
    ({"messages": [{"role": "system", "content": "x"}]}, 'messages: Unexpected role "system".'),
    (
        {"messages": talk("Go", [USE])},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
    ),
    (
        {"messages": talk("Go", [USE], "Well?")},
        "messages.1: `tool_use` ids were found without `tool_result` blocks",
    ),
    (
        {"messages": talk("Go", [USE], [ASK, RESULT])},
        "messages.1: `tool_use` ids were found without `tool_result` blocks",
    ),
    (
        {"messages": talk("Go", [USE, {**USE, "id": "toolu_2"}], [RESULT])},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_2.",
    ),
    (
        {"messages": talk([RESULT])},
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1.",
    ),
    (
        {"messages": talk("Go", [{**USE, "id": "a.b"}], [RESULT])},
        "messages.1.content.0.tool_use.id: String should match pattern",
    ),
    (
        {"messages": talk("Go", [{**USE, "input": "{}"}], [RESULT])},
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    ({"stream_options": {}}, "stream_options: Extra inputs are not permitted"),
    ({"temperature": 1.5}, "temperature: range: 0..1"),
    (
        {"tools": [{"name": "a b", "input_schema": JSON_TOOL}]},
        "tools.0.custom.name: String should match pattern",
    ),
    ({"tools": [{"name": "a"}]}, "tools.0.custom.input_schema: Field required"),
    (
        {"tool_choice": {"type": "auto"}},
        "tool_choice: `tool_choice` may only be specified while providing `tools`.",
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
]


@pytest.mark.parametrize(("change", "told"), ANTHROPIC)
@pytest.mark.parametrize("name", ["messages", "invoke", "raw-predict"])
def test_anthropic(name: str, change: Json, told: str) -> None:
    dialect = BY_NAME[name]
    status, message = refused(dialect, request=dialect.ask("sim", **change))
    assert (status, message[: len(told)]) == (400, told)


def test_anthropic_takes_results_of_one_turn_from_several_messages() -> None:
    results = [RESULT, {**RESULT, "tool_use_id": "toolu_2"}]
    turns = talk("Go", [USE, {**USE, "id": "toolu_2"}])
    turns += [{"role": "user", "content": [it]} for it in results]
    dialect = BY_NAME["messages"]
    assert dialect.respond("sim", dialect.ask("sim", messages=turns)).status == 200


@pytest.mark.parametrize(
    ("version", "told"), [(None, "header is required"), ("2020-01-01", "is not a valid version")]
)
def test_anthropic_wants_its_version(version: str | None, told: str) -> None:
    key = {"x-api-key": "any"} | ({"anthropic-version": version} if version else {})
    status, message = refused(BY_NAME["messages"], key=key)
    assert (status, message.startswith("anthropic-version: ")) == (400, True)
    assert told in message


def test_elsewhere_anthropics_body_names_the_version_and_not_the_model() -> None:
    for name in ("invoke", "raw-predict"):
        dialect = BY_NAME[name]
        assert (
            refused(dialect, request={**dialect.ask("sim"), "model": "x"})[1]
            == "model: Extra inputs are not permitted"
        )
        assert refused(dialect, request=dialect.ask("sim", anthropic_version="x"))[0] == 400
    invoke = BY_NAME["invoke"]
    assert (
        refused(invoke, request=invoke.ask("sim", stream=True))[1] == "stream: Extra inputs are not permitted"
    )


CALLED: Json = {"toolUse": {"toolUseId": "t1", "name": "mail", "input": {}}}
ANSWERED: Json = {"toolResult": {"toolUseId": "t1", "content": [{"text": "sent"}]}}
TEXT: Json = {"text": "Go"}
SPEC: Json = {"toolConfig": {"tools": [{"toolSpec": {"name": "mail", "inputSchema": {"json": JSON_TOOL}}}]}}
BEDROCK = [
    (
        {"messages": talk([TEXT], [CALLED], [ANSWERED])},
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
    ),
    (
        {**SPEC, "messages": talk([TEXT], [CALLED], [TEXT])},
        "Expected toolResult blocks at messages.2.content for the following Ids: t1",
    ),
    (
        {**SPEC, "messages": talk([ANSWERED])},
        "The number of toolResult blocks at messages.0.content exceeds the number of toolUse blocks of previous turn.",
    ),
    (
        {"messages": talk([{"text": ""}])},
        "The text field in the ContentBlock object at messages.0.content.0 is blank.",
    ),
    (
        {"messages": talk([{"text": "a", "image": {}}])},
        "The content block at messages.0.content.0 must hold exactly one known member.",
    ),
    (
        {"messages": [*talk([TEXT]), *talk([TEXT])]},
        "A conversation must alternate between user and assistant roles.",
    ),
    ({"messages": talk([TEXT])[:0]}, "The messages field is empty."),
    ({"messages": talk([TEXT], [TEXT])}, "The conversation must end with a user message."),
    ({"messages": talk([TEXT], [TEXT])[1:]}, "A conversation must start with a user message."),
    (
        {"messages": [{"role": "system", "content": [TEXT]}]},
        "1 validation error detected: Value 'system' at 'messages.1.member.role'",
    ),
    ({"toolConfig": {"tools": []}}, "1 validation error detected: Value '[]' at 'toolConfig.tools'"),
    (
        {"toolConfig": {"tools": [{"toolSpec": {"name": "a b"}}]}},
        "1 validation error detected: Value at 'toolConfig.tools.1.member.toolSpec.name'",
    ),
    (
        {
            **SPEC,
            "messages": talk([TEXT], [{"toolUse": {**CALLED["toolUse"], "toolUseId": "a b"}}], [ANSWERED]),
        },
        "1 validation error detected: Value at 'messages.1.content.0.toolUse.toolUseId'",
    ),
    (
        {"toolConfig": {**SPEC["toolConfig"], "toolChoice": {"none": {}}}},
        "The toolConfig.toolChoice field must hold one of auto, any, tool.",
    ),
]


@pytest.mark.parametrize(("change", "told"), BEDROCK)
def test_bedrock(change: Json, told: str) -> None:
    dialect = BY_NAME["converse"]
    reply = dialect.respond("sim", dialect.ask("sim", **change))
    assert (reply.status, json.loads(reply.writes[0])["message"][: len(told)]) == (400, told)
    assert reply.headers["x-amzn-errortype"].startswith("ValidationException:")


def contents(*turns: list[Json]) -> Json:
    return {"contents": [{"role": ("user", "model")[at % 2], "parts": it} for at, it in enumerate(turns)]}


def declared(**schema: Any) -> Json:
    return {
        "tools": [{"functionDeclarations": [{"name": "mail", "parameters": {"type": "OBJECT", **schema}}]}]
    }


FUNCTION: Json = {"functionCall": {"name": "mail", "args": {}}}
RESPONSE: Json = {"functionResponse": {"name": "mail", "response": {"result": "sent"}}}
GEMINI = [
    (
        declared(additionalProperties=False),
        "Invalid JSON payload received. Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
    ),
    (
        declared(properties={"a": {"const": 1}}),
        "Invalid JSON payload received. Unknown name \"const\" at 'tools[0].function_declarations[0].parameters.properties[0].value'",
    ),
    (
        {"generationConfig": {"responseMimeType": "application/json", "responseSchema": {"$schema": "x"}}},
        "Invalid JSON payload received. Unknown name \"$schema\" at 'generation_config.response_schema'",
    ),
    ({"messages": []}, 'Invalid JSON payload received. Unknown name "messages": Cannot find field.'),
    (
        {"generationConfig": {"max_tokens": 1}},
        "Invalid JSON payload received. Unknown name \"maxTokens\" at 'generation_config'",
    ),
    (
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}},
        "You can only set only one of thinking budget and thinking level.",
    ),
    ({"contents": []}, "* GenerateContentRequest.contents: contents is not specified"),
    ({"contents": [{"role": "assistant", "parts": [TEXT]}]}, "Please use a valid role: user, model."),
    (contents([]), "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty."),
    (
        contents([{"text": "a", "inlineData": {}}]),
        "* GenerateContentRequest.contents[0].parts[0].data: required oneof field",
    ),
    (
        contents([TEXT], [FUNCTION], [TEXT]),
        "Please ensure that the number of function response parts is equal to the number of function call parts",
    ),
    (
        contents([TEXT], [FUNCTION, FUNCTION], [RESPONSE]),
        "Please ensure that the number of function response parts is equal",
    ),
    (
        contents([TEXT], [FUNCTION], [{"functionResponse": {"response": {}}}]),
        "* GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty.",
    ),
    (
        contents([TEXT], [FUNCTION], [{"functionResponse": {"name": "mail", "response": "x"}}]),
        "Invalid value at 'contents[2].parts[0].function_response.response'",
    ),
    (
        {"generationConfig": {"responseSchema": {"type": "OBJECT"}}},
        "Function calling config or response schema is set without",
    ),
]


@pytest.mark.parametrize(("change", "told"), GEMINI)
@pytest.mark.parametrize("name", ["gemini", "vertex"])
def test_gemini(name: str, change: Json, told: str) -> None:
    dialect = BY_NAME[name]
    status, message = refused(dialect, request={**dialect.ask("sim"), **change})
    assert (status, message[: len(told)]) == (400, told)


def test_gemini_takes_a_property_that_is_named_like_a_keyword_and_snake_case() -> None:
    dialect = BY_NAME["gemini"]
    request = dialect.ask(
        "sim:say", **declared(properties={"const": {"type": "STRING"}, "any_of": {"type": "STRING"}})
    )
    request["system_instruction"] = {"parts": [{"text": "Mind ada@example.com."}]}
    assert "ada@example.com" in dialect.said(dialect.whole("sim:say", request))


TOOL_CALL: Json = {"id": "c1", "type": "function", "function": {"name": "mail", "arguments": "{}"}}
CHAT = [
    (
        "sim",
        {"messages": [*talk("Go"), {"role": "assistant", "tool_calls": [TOOL_CALL]}]},
        "An assistant message with 'tool_calls' must be followed by tool messages",
    ),
    (
        "sim",
        {"messages": [*talk("Go"), {"role": "assistant", "tool_calls": [TOOL_CALL]}, *talk("Well?")]},
        "An assistant message with 'tool_calls' must be followed by tool messages",
    ),
    (
        "sim",
        {"messages": [*talk("Go"), {"role": "tool", "tool_call_id": "c1", "content": "x"}]},
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message",
    ),
    (
        "sim",
        {"messages": [{"role": "model", "content": "x"}]},
        "Invalid value: 'model'. Supported values are: ",
    ),
    (
        "sim:thinking",
        {"max_tokens": 9},
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ),
    (
        "sim:thinking",
        {"temperature": 0.5},
        "Unsupported value: 'temperature' does not support 0.5 with this model.",
    ),
    ("sim:tool", {}, "The script `tool` needs functions to call."),
]


@pytest.mark.parametrize(("model", "change", "told"), CHAT)
def test_openai_chat(model: str, change: Json, told: str) -> None:
    dialect = BY_NAME["chat"]
    status, message = refused(dialect, model, dialect.ask(model, **change))
    assert (status, message[: len(told)]) == (400, told)


CALL_ITEM: Json = {"type": "function_call", "call_id": "c1", "name": "mail", "arguments": "{}"}
OUTPUT: Json = {"type": "function_call_output", "call_id": "c1", "output": "sent"}
GO: Json = {"role": "user", "content": "Go"}
RESPONSES = [
    ({"input": None}, "Missing required parameter: 'input'."),
    ({"max_tokens": 9}, "Unsupported parameter: 'max_tokens'."),
    ({"messages": []}, "Unknown parameter: 'messages'."),
    ({"stream_options": {"include_usage": True}}, "Unknown parameter: 'stream_options.include_usage'."),
    (
        {"tools": [{"type": "function", "function": {"name": "x"}}]},
        "Missing required parameter: 'tools[0].name'.",
    ),
    ({"input": [GO, OUTPUT]}, "No tool call found for function call output with call_id c1."),
    ({"input": [GO, CALL_ITEM]}, "No tool output found for function call c1."),
    (
        {"input": [GO, {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
        "Invalid value: 'input_text'. Supported values are: 'output_text', 'refusal'.",
    ),
    ({"input": [{"role": "tool", "content": "x"}]}, "Invalid value: 'tool'."),
    (
        {"input": [GO, {"type": "reasoning", "id": "rs_1", "summary": []}]},
        "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
    ),
    (
        {
            "input": [
                GO,
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "AAAA"},
                CALL_ITEM,
                OUTPUT,
            ]
        },
        "The encrypted content for item rs_1 could not be verified.",
    ),
    ({"previous_response_id": "x"}, "Previous response with id 'x' not found."),
]


@pytest.mark.parametrize(("change", "told"), RESPONSES)
def test_openai_responses(change: Json, told: str) -> None:
    dialect = BY_NAME["responses"]
    status, message = refused(dialect, request=dialect.ask("sim", **change))
    assert (status, message[: len(told)]) == (400, told)


def test_a_continued_response_may_begin_with_a_result() -> None:
    dialect = BY_NAME["responses"]
    request = dialect.ask("sim", input=[OUTPUT], previous_response_id="resp_1")
    assert dialect.respond("sim", request).status == 200


def test_azures_old_paths_need_a_version() -> None:
    path, body = "/openai/deployments/sim/chat/completions", json.dumps(BY_NAME["azure"].ask("sim")).encode()
    assert simulator.respond("POST", path, KEYS["azure"], body, 0).status == 404
    assert simulator.respond("POST", "/openai/v1/chat/completions", KEYS["azure"], body, 0).status == 200


def test_each_host_lists_its_models() -> None:
    for path, host in (("/v1/models", "openai"), ("/v1/models", "anthropic"), ("/v1beta/models", "google")):
        reply = simulator.respond("GET", path, KEYS[host], b"", 0)
        assert b"sim:thinking" in reply.writes[0]
        assert simulator.respond("GET", path, {}, b"", 0).status in (401, 403)
