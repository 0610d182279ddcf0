"""Bedrock Converse: recorded streams and answers, and requests against botocore's own model of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import (
    Annotation,
    End,
    Event,
    Extra,
    Failure,
    Finish,
    Lane,
    LaneEnd,
    Opening,
    Sealed,
    Text,
    ToolCall,
    Usage,
)
from gateway.conversation import (
    Conversation,
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
from gateway.dialects.bedrock import BEDROCK
from gateway.dialects.bedrock.body import events_of
from gateway.dialects.bedrock.decode import Decoder
from gateway.dialects.bedrock.errors import provider_error
from gateway.dialects.bedrock.write import tool_id, write
from gateway.dialects.dialect import Target
from gateway.errors import InvalidRequest, ProviderGarbage
from gateway.wire.eventstream import EventStreamSplitter, encode
from gateway.wire.eventstream import Message as Frame
from tests.conftest import SHARED, needs_shared
from tests.dialects import recorded

CLAUDE = Target("eu.anthropic.claude-sonnet-4-5-v1:0", stream=True)
NOVA = Target("amazon.nova-pro-v1:0", stream=True)


def frames(folder: Path) -> list[Frame]:
    splitter = EventStreamSplitter(1 << 24)
    return [*splitter.feed((folder / "response.body").read_bytes()), *splitter.flush()]


def message(event: str, body: dict[str, Any]) -> Frame:
    headers = {":event-type": event, ":content-type": "application/json", ":message-type": "event"}
    (frame,) = EventStreamSplitter(1 << 20).feed(encode(headers, json.dumps(body).encode()))
    return frame


def decoded(*said: tuple[str, dict[str, Any]]) -> list[Event]:
    decoder = Decoder()
    return [event for kind, body in said for event in decoder.decode(message(kind, body))]


STREAMS = recorded.streams("converse")


@needs_shared
def test_there_are_recordings() -> None:
    assert len(STREAMS) > 10


@needs_shared
@pytest.mark.parametrize("folder", STREAMS, ids=recorded.name)
def test_a_recording_gives_the_text_that_it_holds(folder: Path) -> None:
    """The lanes' text against a plain reading of the JSON."""
    expected: dict[str, str] = {}
    got: dict[str, str] = {}
    decoder = Decoder()
    for frame in frames(folder):
        delta = json.loads(frame.data or b"{}").get("delta", {})
        for kind, piece in [
            ("content", delta.get("text")),
            ("arguments", delta.get("toolUse", {}).get("input")),
            ("thinking", delta.get("reasoningContent", {}).get("text")),
        ]:
            if piece:
                expected[kind] = expected.get(kind, "") + piece
        for event in decoder.decode(frame):
            if isinstance(event, Text):
                got[event.lane.kind] = got.get(event.lane.kind, "") + event.text
    assert got == expected


@needs_shared
@pytest.mark.parametrize("folder", STREAMS, ids=recorded.name)
def test_a_recording_that_is_finished_ends_with_its_usage(folder: Path) -> None:
    decoder = Decoder()
    events = [event for frame in frames(folder) for event in decoder.decode(frame)]
    if any(isinstance(event, Failure) for event in events):
        return
    assert {type(event) for event in events[-3:]} == {Finish, Usage, End}
    assert isinstance(events[-1], End)
    (usage,) = [event for event in events if isinstance(event, Usage)]
    assert usage.raw is not None
    assert usage.input + usage.output == usage.raw["totalTokens"]


BODIES = [
    file.parent
    for file in sorted(SHARED.glob("recorded/bedrock/converse-*/response.body"))
    if "stream" not in file.parent.name and b'"output"' in file.read_bytes()
]  # fmt: skip


@needs_shared
@pytest.mark.parametrize("folder", BODIES, ids=lambda folder: folder.name)
def test_a_whole_answer_gives_the_text_that_it_holds(folder: Path) -> None:
    body = json.loads((folder / "response.body").read_bytes())
    blocks = body["output"]["message"]["content"]
    events = events_of(body)
    texts = [event.text for event in events if isinstance(event, Text) and event.lane.kind == "content"]
    assert texts == [block["text"] for block in blocks if block.get("text")]
    calls = [event.name for event in events if isinstance(event, ToolCall)]
    ours = [b["toolUse"] for b in blocks if "toolUse" in b and b["toolUse"].get("type") != "server_tool_use"]
    assert calls == [call["name"] for call in ours]
    assert isinstance(events[-1], End)


def test_blocks_become_lanes_of_their_kind() -> None:
    events = decoded(
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "s"}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": ""}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "a"}}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        (
            "contentBlockStart",
            {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}},
        ),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        (
            "contentBlockStart",
            {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "u", "name": "g"}}},
        ),
        ("contentBlockStop", {"contentBlockIndex": 3}),
        ("messageStop", {"stopReason": "tool_use"}),
    )
    thinking, content = Lane(0, "thinking"), Lane(0, "content")
    first, second = Lane(0, "arguments"), Lane(0, "arguments", 1)
    assert events == [
        Opening(),
        Text(thinking, "hm"),
        Sealed(thinking, "signature", "s"),
        LaneEnd(thinking),
        Text(content, "a"),
        LaneEnd(content),
        ToolCall(0, 0, "t", "f"),
        Text(first, "{}"),
        LaneEnd(first),
        ToolCall(0, 1, "u", "g"),
        LaneEnd(second),
        Finish(0, "tool_calls", "tool_use"),
    ]


def test_cached_tokens_are_input_and_counted_once() -> None:
    """Trap 12: 3 + 2,074 + 297 + 61 = 2,435."""
    raw = {
        "inputTokens": 3,
        "cacheReadInputTokens": 2074,
        "cacheWriteInputTokens": 297,
        "outputTokens": 61,
        "totalTokens": 2435,
    }
    usage = decoded(("metadata", {"usage": raw}))[0]
    assert isinstance(usage, Usage)
    assert (usage.input, usage.cached, usage.cache_written, usage.output) == (2374, 2074, 297, 61)


def test_a_tool_that_ran_at_the_provider_is_one_extra_item() -> None:
    start = {"toolUse": {"toolUseId": "t", "name": "code", "type": "server_tool_use"}}
    events = decoded(
        ("contentBlockStart", {"contentBlockIndex": 0, "start": start}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"a"'}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": ":1}"}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
    )
    assert events == [Extra(0, "bedrock", {"toolUse": {**start["toolUse"], "input": '{"a":1}'}})]


def test_a_citation_keeps_its_source() -> None:
    citation = {"title": "T", "sourceContent": [{"text": "q"}], "location": {"web": {"url": "https://e.x"}}}
    assert decoded(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"citation": citation}})) == [
        Annotation(Lane(0, "content"), "https://e.x", "T", "q", raw=citation)
    ]


def test_an_exception_in_the_stream_is_a_failure_with_its_class() -> None:
    headers = {
        ":exception-type": "throttlingException",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    (frame,) = EventStreamSplitter(1 << 20).feed(encode(headers, b'{"message":"Too many"}'))
    (event,) = Decoder().decode(frame)
    assert isinstance(event, Failure)
    error = provider_error(None, event.raw)
    assert (error.status, error.type, error.message) == (429, "rate_limit_exceeded", "Too many")


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [
        (400, "ValidationException:http://internal.amazon.com/coral/", (400, "invalid_request_error")),
        (403, "com.amazon.coral.service#AccessDeniedException", (403, "permission_error")),
        (424, "ModelErrorException", (502, "provider_error")),
        (429, "ModelNotReadyException", (429, "rate_limit_exceeded")),
        (503, "", (503, "overloaded_error")),
    ],
)
def test_an_error_answer_has_its_class_from_the_header(
    status: int, name: str, expected: tuple[int, str]
) -> None:
    error = provider_error(status, {"__type": name, "message": "m"})
    assert (error.status, error.type) == expected


@given(st.sampled_from(["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "new"]), st.binary(max_size=40) | st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["delta", "start", "text", "toolUse", "usage", "contentBlockIndex", "reasoningContent", "citation"]), inner, max_size=3)).map(lambda tree: json.dumps(tree).encode()))  # fmt: skip
def test_law_7_garbage_raises_only_documented_errors(event: str, data: bytes) -> None:
    headers = {":event-type": event, ":message-type": "event"}
    (frame,) = EventStreamSplitter(1 << 20).feed(encode(headers, data))
    try:
        Decoder().decode(frame)
    except ProviderGarbage:
        return


# --- requests ---------------------------------------------------------------------------------------------


def asked(*messages: Message, **fields: Any) -> Conversation:
    turns = list(messages) or [Message("user", [TextPart("hi")])]
    return Conversation("m", turns, dialect="openai_chat", **fields)


def written(conversation: Conversation, target: Target = CLAUDE) -> dict[str, Any]:
    """The body, checked by botocore against the service's model."""
    validate = pytest.importorskip("botocore.validate", reason="needs botocore").ParamValidator().validate
    from botocore.session import get_session

    body: dict[str, Any] = json.loads(write(conversation, target))
    shape = get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    report = validate({**body, "modelId": target.model}, shape)
    assert not report.has_errors(), report.generate_report()
    return body


def test_a_conversation_with_everything_passes_botocores_validation() -> None:
    body = written(
        asked(
            Message("system", [TextPart("be kind", cache={"type": "ephemeral"})]),
            Message("user", [TextPart("look"), ImagePart(data="aGk=", media_type="image/png")]),
            Message("user", [FilePart(media_type="application/pdf", data="aGk=", name="a_b.v2.pdf"), TextPart(" ")]),
            Message("assistant", [ReasoningPart("hm", "sig"), ReasoningPart(sealed="eA=="), TextPart("ok"), ToolCallPart("bad id!", "f", '{"a":1}'), ToolCallPart("t2", "g")]),
            Message("user", [TextPart("and?"), ToolResultPart("bad id!", [TextPart("1")], is_error=True), ToolResultPart("t2", [ImagePart(data="aGk=", media_type="image/jpeg")])]),
            Message("developer", [TextPart("be brief")]),
            tools=[Tool("f", "", {"type": "object"}), Tool("g", "does g", {"type": "object"}, strict=True)],
            tool_choice=ToolChoice("required"),
            max_output_tokens=10, temperature=1.7, top_p=0.5, top_k=5, stop=["x"], effort="low",
            output=OutputFormat("json_schema", "n", {"type": "object"}), service_tier="priority", user="u",
        )
    )  # fmt: skip
    assert body["system"] == [{"text": "be kind"}, {"cachePoint": {"type": "default"}}, {"text": "be brief"}]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert list(body["messages"][2]["content"][0]) == ["toolResult"], "results come first"
    id = body["messages"][1]["content"][3]["toolUse"]["toolUseId"]
    assert id == tool_id("bad id!") == body["messages"][2]["content"][0]["toolResult"]["toolUseId"]
    assert body["inferenceConfig"] == {
        "maxTokens": 10,
        "temperature": 1.0,
        "topP": 0.5,
        "stopSequences": ["x"],
    }
    assert body["messages"][0]["content"][2]["document"]["name"] == "a b v2"


def test_trap_09_a_history_with_tools_brings_their_definitions() -> None:
    history = [
        Message("user", [TextPart("hi")]),
        Message("assistant", [ToolCallPart("t", "f", "")]),
        Message("user", [ToolResultPart("t", [TextPart("1")])]),
    ]
    assert [each["toolSpec"]["name"] for each in written(asked(*history))["toolConfig"]["tools"]] == ["f"]
    kept = written(asked(*history, tools=[Tool("g", "", {})], tool_choice=ToolChoice("none")))
    assert kept["toolConfig"]["tools"][0]["toolSpec"]["name"] == "g"
    assert "toolConfig" not in written(asked(tools=[Tool("g", "", {})], tool_choice=ToolChoice("none")))


def test_trap_08_results_of_parallel_calls_are_in_one_message() -> None:
    body = written(
        asked(
            Message("user", [TextPart("hi")]),
            Message("assistant", [ToolCallPart("a", "f"), ToolCallPart("b", "f")]),
            Message("user", [ToolResultPart("a", [TextPart("1")])]),
            Message("user", [ToolResultPart("b", [TextPart("2")])]),
        )
    )
    assert len(body["messages"]) == 3
    assert len(body["messages"][2]["content"]) == 2


def test_trap_10_empty_texts_are_left_out() -> None:
    assert written(asked(Message("user", [TextPart(""), TextPart("a"), TextPart("\n")])))["messages"] == [
        {"role": "user", "content": [{"text": "a"}]}
    ]


@pytest.mark.parametrize(
    ("conversation", "field"),
    [
        (asked(n=2), "n"),
        (asked(seed=1), "seed"),
        (asked(logprobs=True), "logprobs"),
        (asked(presence_penalty=0.5), "presence_penalty"),
        (asked(extra={"prediction": {}}), "prediction"),
        (asked(output=OutputFormat("json_object")), "response_format"),
        (asked(Message("user", [ImagePart(url="https://e.x/a.png")])), "messages"),
        (asked(Message("assistant", [ToolCallPart("t", "f", "[1")])), "messages"),
        (asked(tools=[Tool("f")]), "tools"),
        (asked(tools=[Tool("f", "", {})], tool_choice=ToolChoice("required", ["f"])), "tool_choice"),
    ],
)
def test_what_converse_cannot_say_is_refused_by_name(conversation: Conversation, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        write(conversation, CLAUDE)
    assert caught.value.param == field


def test_what_says_nothing_is_no_reason_to_refuse() -> None:
    written(asked(n=1, presence_penalty=0, frequency_penalty=0.0, logprobs=False, extra={"store": None}))


def test_a_model_that_is_not_claude_is_not_asked_as_if_it_were() -> None:
    more = written(asked(effort="high", top_k=3), NOVA)["additionalModelRequestFields"]
    assert more == {"inferenceConfig": {"topK": 3}, "reasoning_effort": "high"}
    with pytest.raises(InvalidRequest, match="parallel"):
        write(asked(parallel_tool_calls=False), NOVA)


def test_nobody_can_be_a_client_of_it() -> None:
    with pytest.raises(AssertionError):
        BEDROCK.read(None)  # type: ignore[arg-type]
