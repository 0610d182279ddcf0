"""Legacy Completions: what is encoded decodes to the same, and a prompt is one user's message."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.chat import WHOLE, End, Event, Finish, Lane, Logprobs, Opening, Text, ToolCall, Usage
from gateway.conversation import Conversation, Message, TextPart, Tool
from gateway.dialects.dialect import Head, Target
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.dialects.openai_completions import OPENAI_COMPLETIONS as DIALECT
from gateway.dialects.registry import DIALECTS
from gateway.errors import InvalidRequest, ProviderGarbage
from gateway.wire.sse import Frame
from tests.conftest import needs_shared
from tests.dialects import recorded

HEAD = Head("cmpl-1", "m", 1)
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
choice = st.integers(0, 2)
content = st.builds(Lane, choice, st.just("content"), st.just(0))
token = st.builds(
    lambda token, other: {
        "token": token,
        "logprob": -0.5,
        "bytes": None,
        "top_logprobs": [{"token": other, "logprob": -1.5, "bytes": None}],
    },
    text,
    text,
)
events = st.lists(
    st.builds(Text, content, text) | st.builds(Logprobs, content, st.lists(token, min_size=1, max_size=2)),
    max_size=6,
)
finishes = st.builds(
    lambda choice, reason, met: Finish(choice, reason, reason, met),
    choice,
    st.sampled_from(["stop", "length", "content_filter"]),
    st.just("") | text,
)


def frames_of(stream: bytes) -> list[Frame]:
    splitter = DIALECT.splitter(1 << 20)
    return [frame for frame in [*splitter.feed(stream), *splitter.flush()] if frame.data is not None]


def decoded(stream: bytes) -> list[Event]:
    decoder = DIALECT.decoder()
    found = [event for frame in frames_of(stream) for event in decoder.decode(frame)]
    return [bare(event) for event in found if not (isinstance(event, Text) and event.lane == WHOLE)]


def bare(event: Event) -> Event:
    if isinstance(event, Text):
        return Text(event.lane, event.text)
    return replace(event, raw=None) if isinstance(event, Usage) else event


def encoded(said: list[Event]) -> bytes:
    encoder = DIALECT.encoder(HEAD)
    return b"".join(map(encoder.encode, said)) + encoder.end()


@given(events, st.lists(finishes, unique_by=lambda event: event.choice, max_size=2))
def test_law_6_what_is_encoded_decodes_to_the_same(said: list[Event], finished: list[Finish]) -> None:
    opening, usage = Opening("a", "b", 2), Usage(3, 2, 1, alone=True)
    got = decoded(encoded([opening, *said, *finished, usage]))
    assert got == [opening, *said, *finished, usage, End()]


@given(events)
def test_law_6_for_answers_in_one_piece(said: list[Event]) -> None:
    """Each choice's texts and tokens as one."""
    choices = sorted({event.lane.choice for event in said if isinstance(event, Text | Logprobs)})
    whole: list[Event] = [*said, *(Finish(choice, "stop", "stop") for choice in choices)]
    body = DIALECT.body_of(whole, HEAD)
    assert [each["index"] for each in body["choices"]] == choices
    again = DIALECT.events_of(body)
    for each in choices:
        texts = [
            "".join(e.text for e in found if isinstance(e, Text) and e.lane.choice == each)
            for found in (whole, again)
        ]
        tokens = [
            [t for e in found if isinstance(e, Logprobs) and e.lane.choice == each for t in e.content]
            for found in (whole, again)
        ]
        assert texts[0] == texts[1]
        assert tokens[0] == tokens[1]


@given(st.binary(max_size=60))
def test_law_7_garbage_raises_only_documented_errors(data: bytes) -> None:
    with contextlib.suppress(ProviderGarbage):
        DIALECT.decoder().decode(Frame(b"", data))
    with contextlib.suppress(InvalidRequest):
        DIALECT.parse_request(data, None, None)


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("completions"), ids=recorded.name)
def test_a_recording_gives_the_text_that_it_holds(folder: Path) -> None:
    frames = frames_of((folder / "response.body").read_bytes())
    expected = "".join(
        json.loads(frame.data or b"")["choices"][0]["text"] for frame in frames if frame.data != b"[DONE]"
    )
    decoder = DIALECT.decoder()
    found = [event for frame in frames for event in decoder.decode(frame)]
    assert "".join(event.text for event in found if isinstance(event, Text)) == expected
    assert {event.lane for event in found if isinstance(event, Text)} == {Lane(0, "content")}
    assert any(isinstance(event, Finish) for event in found)


def test_text_offsets_count_on() -> None:
    one = Logprobs(Lane(0, "content"), [{"token": "ab", "logprob": -1.0}])
    body = DIALECT.body_of([Text(Lane(0, "content"), "abab"), one, one, Finish(0, "stop")], HEAD)
    assert body["choices"][0]["logprobs"]["text_offset"] == [0, 2]


def test_a_completion_is_text_only() -> None:
    said: list[Event] = [
        Text(Lane(0, "reasoning"), "r"),
        ToolCall(0, 0, "a", "f"),
        Text(Lane(0, "refusal"), "no"),
    ]
    assert decoded(encoded([*said, Finish(0, "stop", "stop")]))[1:] == [
        Text(Lane(0, "content"), "no"),
        Finish(0, "stop", "stop"),
        End(),
    ]


def test_it_is_served() -> None:
    assert DIALECTS["openai_completions"] is DIALECT


def parsed(**fields: Any) -> Any:
    return DIALECT.parse_request(json.dumps({"model": "m", "prompt": "hi", **fields}).encode(), None, None)


@pytest.mark.parametrize("prompt", ["hi", ["hi"]])
def test_the_prompt_is_one_users_message(prompt: Any) -> None:
    request = parsed(prompt=prompt, max_tokens=5, logprobs=2, echo=False, best_of=1, n=1, stop="x")
    conversation = DIALECT.read(request)
    assert conversation == Conversation(
        "m",
        [Message("user", [TextPart("hi")])],
        "openai_completions",
        max_output_tokens=5,
        logprobs=True,
        top_logprobs=2,
        stop=["x"],
    )
    sent = json.loads(OPENAI_CHAT.write(conversation, Target("m", False, provider="openai")))
    assert sent == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 5,
        "logprobs": True,
        "top_logprobs": 2,
        "stop": ["x"],
    }
    back = json.loads(DIALECT.write(conversation, Target("m", False)))
    assert back == {"model": "m", "prompt": "hi", "max_tokens": 5, "logprobs": 2, "stop": ["x"]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"echo": True}, "echo"),
        ({"suffix": "x"}, "suffix"),
        ({"best_of": 2}, "best_of"),
    ],
)
def test_what_no_other_dialect_can_say_is_refused(fields: dict[str, Any], param: str) -> None:
    request = parsed(**fields)
    assert json.loads(DIALECT.forward(request, Target("n", False)))["model"] == "n"
    with pytest.raises(InvalidRequest) as caught:
        DIALECT.read(request)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": [{}]}, "prompt[0]"),
        ({"stream": "x"}, "stream"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("conversation", "param"),
    [
        (
            Conversation("m", [Message("system", [TextPart("s")]), Message("user", [TextPart("u")])], "x"),
            "messages",
        ),
        (Conversation("m", [Message("user", [TextPart("u")])], "x", tools=[Tool("f", schema={})]), "tools"),
    ],
)
def test_a_conversation_that_is_more_than_a_prompt_is_refused(conversation: Conversation, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        DIALECT.write(conversation, Target("m", False))
    assert caught.value.param == param


def test_prompts_are_scanned_and_token_probabilities_are_not() -> None:
    classify = DIALECT.classifier(False)
    assert classify(("prompt",), "x") == classify(("prompt", 0), "x") == classify(("suffix",), "x") == "text"
    assert classify(("choices", 0, "text"), "x") == "text"
    assert classify(("choices", 0, "logprobs", "tokens", 0), "x") == "keep"
