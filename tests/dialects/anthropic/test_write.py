"""Conversations of other dialects as Messages requests."""

from __future__ import annotations

import json
from base64 import b64encode
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
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from gateway.dialects.anthropic.models import model_for
from gateway.dialects.anthropic.write import write
from gateway.dialects.dialect import Target
from gateway.errors import InvalidRequest

HI = Message("user", [TextPart("Hi")])
TOOL = Tool("f", "does", {"type": "object", "properties": {"x": {"type": "string"}}})


def written(
    *messages: Message, model: str = "claude-sonnet-4-5", stream: bool = False, **said: Any
) -> dict[str, Any]:
    conversation = Conversation("m", list(messages or (HI,)), "openai_chat", stream=stream, **said)
    body: dict[str, Any] = json.loads(write(conversation, Target(model, stream)))
    return body


def turns(*messages: Message) -> list[dict[str, Any]]:
    return list(written(*messages)["messages"])


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def user(*parts: Part) -> Message:
    return Message("user", list(parts))


def assistant(*parts: Part) -> Message:
    return Message("assistant", list(parts))


def result(id: str, *parts: Any) -> ToolResultPart:
    return ToolResultPart(id, list(parts) or [TextPart("ok")])


def test_the_smallest_request() -> None:
    assert written() == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [text("Hi")]}],
    }
    assert written(stream=True)["stream"] is True


@pytest.mark.parametrize(
    ("name", "most", "sampling", "thinking"),
    [
        ("claude-opus-5", 128_000, False, "adaptive"),
        ("claude-fable-5-2", 128_000, False, "adaptive"),
        ("claude-opus-4-7", 128_000, False, "adaptive"),
        ("claude-opus-4-6", 128_000, True, "adaptive"),
        ("claude-haiku-4-5-20251001", 64_000, True, "budget"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", 64_000, True, "budget"),
        ("claude-opus-4-1@20250805", 32_000, True, "budget"),
        ("claude-opus-4-20250514", 32_000, True, "budget"),
        ("claude-3-7-sonnet-latest", 64_000, True, "budget"),
        ("claude-3-5-haiku-20241022", 8_192, True, "none"),
        ("claude-3-haiku-20240307", 4_096, True, "none"),
        ("kimi-k2", 8_192, True, "budget"),
    ],
)
def test_what_a_model_takes_is_told_by_its_name(name: str, most: int, sampling: bool, thinking: str) -> None:
    model = model_for(name)
    assert (model.max_output, model.sampling, model.thinking) == (most, sampling, thinking)


def test_leading_system_messages_are_the_system_and_later_ones_stay_where_they_were() -> None:
    body = written(
        Message("system", [TextPart("A", {"type": "ephemeral"})]),
        Message("developer", [TextPart("B"), TextPart(" ")]),
        HI,
        Message("system", [TextPart("be brief")]),
        assistant(TextPart("Yes")),
        user(TextPart("Go")),
    )
    assert body["system"] == [{**text("A"), "cache_control": {"type": "ephemeral"}}, text("B")]
    assert body["messages"] == [
        {"role": "user", "content": [text("Hi"), text("<system>\nbe brief\n</system>")]},
        {"role": "assistant", "content": [text("Yes")]},
        {"role": "user", "content": [text("Go")]},
    ]


def test_turns_of_one_role_are_one() -> None:
    assert turns(user(TextPart("a")), user(TextPart("b"))) == [
        {"role": "user", "content": [text("a"), text("b")]}
    ]


def test_trap_08_all_results_stand_together_before_all_else() -> None:
    calls = assistant(ToolCallPart("a", "f", '{"x":1}'), ToolCallPart("b", "f"))
    told = turns(HI, calls, user(result("a"), TextPart("and?")), user(result("b")))
    assert told[1]["content"] == [
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "f", "input": {}},
    ]
    assert told[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": [text("ok")]},
        {"type": "tool_result", "tool_use_id": "b", "content": [text("ok")]},
        text("and?"),
    ]


def test_trap_06_a_call_without_arguments_in_the_history_has_an_empty_object() -> None:
    told = turns(HI, assistant(ToolCallPart("a", "f", "")), user(result("a")))
    assert told[1]["content"][0]["input"] == {}


def test_arguments_that_were_cut_are_wrapped() -> None:
    told = turns(HI, assistant(ToolCallPart("a", "f", '{"x": ')), user(result("a")))
    assert told[1]["content"][0]["input"] == {"INVALID_JSON": '{"x": '}


def test_trap_10_empty_text_is_left_out() -> None:
    told = turns(user(TextPart(""), TextPart("Hi")), assistant(TextPart(" \n")), user(TextPart("there")))
    assert told == [{"role": "user", "content": [text("Hi"), text("there")]}]


def test_trap_11_an_image_in_a_result_stays_in_it() -> None:
    image = ImagePart(data="iVBOR", media_type="image/png")
    told = turns(HI, assistant(ToolCallPart("a", "f")), user(result("a", TextPart("see"), image)))
    source = {"type": "base64", "media_type": "image/png", "data": "iVBOR"}
    assert told[2]["content"][0]["content"] == [text("see"), {"type": "image", "source": source}]


def test_trap_21_ids_that_repeat_or_hold_what_is_not_taken_get_their_own() -> None:
    told = turns(
        HI,
        assistant(ToolCallPart("0", "f"), ToolCallPart("llm:0", "f")),
        user(result("0", TextPart("one")), result("llm:0")),
        assistant(ToolCallPart("0", "f")),
        user(result("0", TextPart("two"))),
    )
    assert [block["id"] for turn in (told[1], told[3]) for block in turn["content"]] == ["0", "llm_0", "0_2"]
    assert [block["tool_use_id"] for turn in (told[2], told[4]) for block in turn["content"]] == [
        "0",
        "llm_0",
        "0_2",
    ]


def test_trap_07_own_reasoning_comes_back_and_that_of_others_does_not() -> None:
    told = turns(
        HI,
        assistant(
            ReasoningPart("a", "c2ln", origin="anthropic"),
            ReasoningPart(sealed="b3Bh", origin="bedrock"),
            ReasoningPart("b", origin="openai_chat"),
            ReasoningPart(sealed="gAAA", id="rs_1", origin="openai_responses"),
            ReasoningPart("c", "c2ln", origin="gemini"),
            TextPart("so"),
        ),
        HI,
    )
    assert told[1]["content"] == [
        {"type": "thinking", "thinking": "a", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "b3Bh"},
        text("so"),
    ]


def test_an_answer_to_be_continued_does_not_end_with_white_space() -> None:
    assert turns(HI, assistant(TextPart("The best is ( \n")))[-1]["content"] == [text("The best is (")]


def test_refusals_are_text_and_own_items_come_back() -> None:
    item = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    told = turns(HI, assistant(RefusalPart("no"), ExtraPart("anthropic", item)), HI)
    assert told[1]["content"] == [text("no"), item]


def test_images_and_documents() -> None:
    told = turns(
        user(
            ImagePart(url="https://x.io/a.png", detail="high"),
            FilePart("application/pdf", data="JVBER", name="a.pdf"),
            FilePart("text/csv", data=b64encode(b"a,b").decode()),
            FilePart("text/plain", text="a", cache={"type": "ephemeral"}),
            FilePart(url="https://x.io/a.pdf"),
        )
    )
    plain = {"type": "text", "media_type": "text/plain"}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBER"}
    assert told[0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": "https://x.io/a.png"}},
        {"type": "document", "source": pdf, "title": "a.pdf"},
        {"type": "document", "source": {**plain, "data": "a,b"}},
        {"type": "document", "source": {**plain, "data": "a"}, "cache_control": {"type": "ephemeral"}},
        {"type": "document", "source": {"type": "url", "url": "https://x.io/a.pdf"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(file_id="file-1"),
        FilePart("audio/wav", data="UklGR"),
        FilePart(file_id="file-1"),
        FilePart("text/plain", data="////"),
        ExtraPart("gemini", {"x": 1}),
        ReasoningPart("x"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_part_that_cannot_be_said_is_refused_by_its_message(part: Part) -> None:
    with pytest.raises(InvalidRequest) as caught:
        turns(HI, user(part))
    assert caught.value.param == "messages[1]"


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"n": 2}, "n"),
        ({"seed": 0}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 2}, "logprobs"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"frequency_penalty": -1.0}, "frequency_penalty"),
        ({"extra": {"logit_bias": {"1": 2}}}, "logit_bias"),
        ({"output": OutputFormat("json_object")}, "response_format"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"tools": [Tool("f", custom={"type": "text"})]}, "tools"),
        ({"tools": [TOOL], "tool_choice": ToolChoice("named", ["f", "g"])}, "tool_choice"),
        ({"effort": "silly"}, "reasoning_effort"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_said_is_refused_by_name(said: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        written(**said)
    assert caught.value.param == param


def test_defaults_and_hints_are_not_said() -> None:
    hints: dict[str, Any] = {"n": 1, "logprobs": False, "presence_penalty": 0.0, "cache_key": "k"}
    hints |= {"metadata": {"a": "b"}, "parallel_tool_calls": True, "service_tier": "auto"}
    assert written(**hints) == written()


def test_only_a_system_message_has_nothing_to_answer() -> None:
    with pytest.raises(InvalidRequest, match="nothing to answer"):
        written(Message("system", [TextPart("A")]))


def test_tools_and_how_they_are_chosen() -> None:
    body = written(tools=[TOOL, Tool("g", strict=True)], tool_choice=ToolChoice("required"))
    assert body["tools"] == [
        {"name": "f", "description": "does", "input_schema": TOOL.schema},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}, "strict": True},
    ]
    assert body["tool_choice"] == {"type": "any"}
    assert written(tools=[TOOL], tool_choice=ToolChoice("named", ["f"]))["tool_choice"] == {
        "type": "tool",
        "name": "f",
    }
    assert written(tools=[TOOL], tool_choice=ToolChoice("none"))["tool_choice"] == {"type": "none"}
    assert "tool_choice" not in written(tool_choice=ToolChoice("auto"))


def test_tools_that_are_not_allowed_are_not_told() -> None:
    body = written(tools=[TOOL, Tool("g")], tool_choice=ToolChoice("required", ["g"]))
    assert [tool["name"] for tool in body["tools"]] == ["g"]


def test_parallel_calls_are_switched_off_in_the_choice() -> None:
    body = written(tools=[TOOL], parallel_tool_calls=False)
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    body = written(tools=[TOOL], parallel_tool_calls=False, tool_choice=ToolChoice("required"))
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert "tool_choice" not in written(parallel_tool_calls=False)


def test_sampling_is_clamped_and_left_out_where_it_is_refused() -> None:
    said: dict[str, Any] = {"temperature": 1.7, "top_p": 0.5, "top_k": 3}
    assert {**said, "temperature": 1.0}.items() <= written(**said).items()
    assert not said.keys() & written(model="claude-opus-4-8", **said).keys()
    assert not said.keys() & written(effort="low", **said).keys()
    assert written(model="claude-opus-4-6", effort="low", temperature=0.2)["temperature"] == 0.2


@pytest.mark.parametrize(
    ("model", "said", "thinking", "effort"),
    [
        ("claude-sonnet-4-5", {"effort": "high"}, {"type": "enabled", "budget_tokens": 4096}, None),
        ("claude-sonnet-4-5", {"thinking_budget": 5000}, {"type": "enabled", "budget_tokens": 5000}, None),
        ("claude-sonnet-4-5", {"thinking_budget": 10}, {"type": "enabled", "budget_tokens": 1024}, None),
        ("claude-sonnet-4-5", {"thinking_budget": -1}, {"type": "enabled", "budget_tokens": 2048}, None),
        (
            "claude-sonnet-4-5",
            {"effort": "max", "max_output_tokens": 3000},
            {"type": "enabled", "budget_tokens": 2999},
            None,
        ),
        ("claude-sonnet-4-5", {"effort": "low", "max_output_tokens": 1024}, None, None),
        ("claude-sonnet-4-5", {"effort": "none"}, None, None),
        (
            "claude-sonnet-4-5",
            {"effort": "low", "tools": [TOOL], "tool_choice": ToolChoice("required")},
            None,
            None,
        ),
        ("claude-opus-4-6", {"effort": "xhigh"}, {"type": "adaptive"}, "max"),
        ("claude-opus-4-8", {"effort": "xhigh"}, {"type": "adaptive"}, "xhigh"),
        ("claude-opus-4-8", {"effort": "minimal"}, {"type": "adaptive"}, "low"),
        ("claude-opus-4-8", {"effort": "none"}, {"type": "disabled"}, None),
        ("claude-opus-4-8", {"thinking_budget": 6000}, {"type": "adaptive"}, "medium"),
        ("claude-opus-4-8", {"thinking_budget": -1}, {"type": "adaptive"}, None),
        ("claude-opus-4-8", {"thinking_budget": 0}, {"type": "disabled"}, None),
        ("claude-3-haiku-20240307", {"effort": "none"}, None, None),
    ],
    ids=str,
)
def test_effort_is_said_as_the_model_takes_it(
    model: str, said: dict[str, Any], thinking: Any, effort: str | None
) -> None:
    body = written(model=model, **said)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort


def test_a_model_that_does_not_reason_refuses_effort() -> None:
    with pytest.raises(InvalidRequest, match="does not reason"):
        written(model="claude-3-haiku-20240307", effort="high")


def test_thinking_is_left_out_while_a_call_lacks_its_reasoning() -> None:
    bare = [HI, assistant(ToolCallPart("a", "f")), user(result("a"))]
    signed = [HI, assistant(ReasoningPart("x", "c2ln"), ToolCallPart("a", "f")), user(result("a"))]
    assert "thinking" not in written(*bare, effort="low")
    assert "thinking" in written(*signed, effort="low")
    assert "thinking" in written(*bare, assistant(TextPart("so")), HI, effort="low")


def test_the_rest_has_its_field() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    body = written(
        stop=["END"],
        user="u-1",
        max_output_tokens=7,
        service_tier="default",
        output=OutputFormat("json_schema", "Dog", schema),
    )
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "u-1"}
    assert body["max_tokens"] == 7
    assert body["service_tier"] == "standard_only"
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
