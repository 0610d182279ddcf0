"""Neutral requests written for Responses: what can be said, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.conversation import (
    ExtraPart,
    FilePart,
    ImagePart,
    Message,
    OutputFormat,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
)
from gateway.dialects.dialect import Head, Target
from gateway.dialects.openai_responses.encode import Encoder
from gateway.dialects.openai_responses.write import write
from tests.dialects.openai_responses.requests import TARGET, asked, conversation, refused, written
from tests.dialects.openai_responses.test_request import input_text, said


def test_a_translated_request_is_never_stored() -> None:
    assert written(asked())["store"] is False
    assert written(conversation(store=True))["store"] is False


def test_reasoning_is_asked_for_where_it_can_be_had() -> None:
    encrypted = ["reasoning.encrypted_content"]
    assert "include" not in written(asked())
    assert written(asked(), Target("gpt-5-mini", stream=False))["include"] == encrypted
    assert written(asked(effort="low"))["include"] == encrypted
    assert "include" not in written(asked(), Target("gpt-5-chat-latest", stream=False))


def test_fields_are_written() -> None:
    body = written(
        asked(
            max_output_tokens=9, temperature=0.5, top_p=0.9, logprobs=True, top_logprobs=2, user="u",
            metadata={"a": "b"}, cache_key="k", service_tier="flex", effort="high", parallel_tool_calls=False,
            tools=[Tool("f", "d", {"type": "object"}), Tool("c", custom={"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}})],
            output=OutputFormat("json_schema", "n", {"type": "object"}, True),
        ),
        Target("gpt-x", stream=True),
    )  # fmt: skip
    assert body == {
        "model": "gpt-x", "input": [said("user", input_text("Hi"))], "store": False, "stream": True,
        "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9, "service_tier": "flex", "metadata": {"a": "b"},
        "prompt_cache_key": "k", "user": "u", "parallel_tool_calls": False, "reasoning": {"effort": "high"},
        "tools": [
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False},
            {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        ],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"], "top_logprobs": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stop", ["x"]),
        ("seed", 1),
        ("n", 2),
        ("top_k", 3),
        ("presence_penalty", 0.5),
        ("frequency_penalty", 1.0),
    ],
)
def test_what_responses_cannot_say_is_refused_by_name(field: str, value: Any) -> None:
    assert refused(write, asked(**{field: value}), TARGET).param == field
    assert refused(write, asked(extra={"news": 1}), TARGET).param == "news"


def test_parts_that_responses_cannot_say_are_refused() -> None:
    for message in (
        Message("user", [FilePart("audio/wav", "AAAA")]),
        Message("user", [ExtraPart("gemini", {})]),
        Message("assistant", [ImagePart(url="https://x.io")]),
    ):
        assert refused(write, asked([message]), TARGET).param == "messages[0]"


def test_harmless_values_are_not_refused() -> None:
    assert "n" not in written(asked(n=1, presence_penalty=0, logprobs=False, stop=[]))


@pytest.mark.parametrize(
    ("budget", "effort"), [(12_000, "high"), (5_000, "medium"), (2_000, "low"), (500, "minimal"), (0, "none")]
)
def test_a_budget_becomes_an_effort(budget: int, effort: str) -> None:
    assert written(asked(thinking_budget=budget))["reasoning"] == {"effort": effort}


def test_no_budget_is_no_effort() -> None:
    assert "reasoning" not in written(asked(thinking_budget=-1))


def test_what_was_answered_is_read_as_history() -> None:
    """The items of an answer, as clients append them to the next input."""
    from gateway.chat import Finish, Lane, Sealed, Text, ToolCall

    encoder = Encoder(Head("01TEST", "m", 1))
    thinking, arguments = Lane(0, "thinking"), Lane(0, "arguments")
    for event in (
        Text(thinking, "Hm"), Sealed(thinking, "signature", "c2ln"), Text(Lane(0, "content"), "Yes."),
        ToolCall(0, 0, "a", "f", signature="Z2Vt"), Text(arguments, "{}"), Finish(0, "tool_calls"),
    ):  # fmt: skip
        encoder.encode(event)
    [message] = conversation(input=encoder.response()["output"]).messages
    assert message.parts == [
        ReasoningPart("Hm", "c2ln", origin="anthropic"),
        TextPart("Yes."),
        ToolCallPart("a", "f", "{}", signature="Z2Vt"),
    ]
