"""Frames and events: what is encoded decodes to the same, and every recording decodes with nothing unknown."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.chat import (
    Annotation,
    End,
    Event,
    Extra,
    Finish,
    Lane,
    Logprobs,
    Opening,
    Sealed,
    Text,
    ToolCall,
    Usage,
)
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat import decode
from gateway.dialects.openai_chat.body import body_of, events_of
from gateway.dialects.openai_chat.decode import Decoder, rewrite
from gateway.dialects.openai_chat.deltas import choice_of
from gateway.dialects.openai_chat.encode import Encoder
from gateway.dialects.openai_chat.usage import usage_of
from gateway.errors import ProviderGarbage
from gateway.wire.sse import Frame, SSESplitter
from tests.dialects.openai_chat import sdk

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
choice = st.integers(0, 2)
place = st.integers(0, 2)
count = st.integers(0, 10**6)
HEAD = Head("chatcmpl-1", "m", 1)


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int]:
    start = draw(st.integers(0, 9))
    return draw(st.sampled_from([(-1, -1), (start, start + 3)]))


def _annotation(choice: int, url: str, title: str, quote: str, span: tuple[int, int]) -> Annotation:
    return Annotation(Lane(choice, "content"), url, title, quote, *span)


def _lane(kind: str) -> st.SearchStrategy[Lane]:
    return st.builds(Lane, choice, st.just(kind), place)


tokens = st.lists(
    st.fixed_dictionaries({"token": text, "logprob": st.just(-0.5), "bytes": st.none()}),
    min_size=1,
    max_size=2,
)
said = st.one_of(
    st.builds(
        Text,
        st.builds(
            Lane, choice, st.sampled_from(["content", "reasoning", "refusal", "transcript"]), st.just(0)
        ),
        text,
    ),
    st.builds(Text, _lane("thinking") | _lane("arguments"), text),
    st.builds(ToolCall, choice, place, text, text, st.booleans(), st.just("") | text),
    st.builds(Sealed, _lane("thinking"), st.just("signature"), text, st.just("") | text),
    st.builds(Sealed, _lane("thinking"), st.just("redacted"), text, st.just("") | text),
    st.builds(Sealed, _lane("reasoning"), st.just("encrypted"), text, st.just("") | text),
    st.builds(Sealed, st.builds(Lane, choice, st.just("content"), st.just(0)), st.just("signature"), text),
    st.builds(_annotation, choice, text, text, text, spans()),
    st.builds(Logprobs, st.builds(Lane, choice, st.sampled_from(["content", "refusal"]), st.just(0)), tokens),
    st.builds(Extra, choice, st.just("anthropic"), st.dictionaries(text, text, max_size=2)),
)
finishes = st.builds(
    lambda choice, reason, met: Finish(choice, reason, reason, met),
    choice,
    st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    st.just("") | text,
)
answers = st.lists(said, max_size=8).map(lambda events: list(_numbered(events)))


def _numbered(events: list[Event]) -> Iterator[Event]:
    """The events as a provider sends them: calls and blocks are numbered as they begin, a call begins once
    and says its arguments, and each redacted or encrypted block is a block of its own."""
    numbers: dict[tuple[int, str], dict[Any, int]] = {}

    def number(choice: int, group: str, key: Any) -> int:
        known = numbers.setdefault((choice, group), {})
        return known.setdefault(key, len(known))

    kinds: dict[tuple[int, int], str] = {}
    signed: set[Lane] = set()
    for event in events:
        match event:
            case ToolCall():
                index = number(event.choice, "call", event.index)
                if (event.choice, index) not in kinds:
                    kinds[event.choice, index] = "input" if event.custom else "arguments"
                    yield replace(event, index=index)
                    yield Text(Lane(event.choice, kinds[event.choice, index], index), "{")
            case Text(lane=Lane(kind="arguments")):
                index = event.lane.position
                if kind := kinds.get((event.lane.choice, index)):
                    yield Text(Lane(event.lane.choice, kind, index), event.text)
            case Text(lane=Lane(kind="thinking")) | Sealed(kind="signature", lane=Lane(kind="thinking")):
                lane = Lane(event.lane.choice, "thinking", event.lane.position)
                if lane not in signed:  # a signature ends its block
                    signed |= {lane} if isinstance(event, Sealed) else set()
                    position = number(lane.choice, "thinking", lane.position)
                    yield replace(event, lane=Lane(lane.choice, "thinking", position))
            case Sealed(kind="signature"):
                if event.lane not in signed:
                    signed.add(event.lane)
                    yield event
            case Sealed(kind="redacted" | "encrypted"):
                lane = event.lane
                yield replace(
                    event, lane=Lane(lane.choice, lane.kind, number(lane.choice, lane.kind, id(event)))
                )
            case _:
                yield event


def decoded(frames: bytes) -> list[Event]:
    """What a translation hears: no opening, nothing that is only heard where frames pass."""
    decoder = Decoder()
    return [
        bare(event)
        for frame in SSESplitter().feed(frames)
        if frame.data
        for event in decoder.decode(frame)
        if not isinstance(event, Opening) and is_heard(event)
    ]


def is_heard(event: Event) -> bool:
    """Does a translation hear it? Frames that pass show more."""
    return not isinstance(event, Text) or (event.lane.choice >= 0 and event.lane.position >= 0)


def bare(event: Event) -> Event:
    """The event without what only its own frame knows."""
    if isinstance(event, Text):
        return Text(event.lane, event.text)
    if isinstance(event, Usage):
        return replace(event, raw=None)
    if isinstance(event, Annotation):
        return replace(event, raw=None)
    return event


usages = st.builds(
    Usage,
    count,
    count,
    cached=count,
    cache_written=count,
    reasoning=st.just(0),
    service_tier=st.sampled_from(["", "flex"]),
)


@settings(max_examples=200)
@given(answers, st.lists(finishes, unique_by=lambda event: event.choice, max_size=3), usages)
def test_law_6_what_is_encoded_decodes_to_the_same(
    answer: list[Event], finished: list[Finish], usage: Usage
) -> None:
    encoder = Encoder(HEAD)
    usage.alone = True
    events = [*answer, *finished, usage]
    frames = b"".join(map(encoder.encode, events)) + encoder.end()
    assert decoded(frames) == [*events, End()]


def _one_reasoning(answer: list[Event]) -> list[Event]:
    """Chat has one field for reasoning: signed and unsigned of one choice cannot be told apart in it."""
    thinks = {
        event.lane.choice for event in answer if isinstance(event, Text) and event.lane.kind == "thinking"
    }
    return [
        event
        for event in answer
        if not (isinstance(event, Text) and event.lane.kind == "reasoning" and event.lane.choice in thinks)
    ]


@given(answers)
def test_law_6_for_answers_in_one_piece(answer: list[Event]) -> None:
    """What an answer says, lane by lane and beside the lanes.

    In one piece, a signature beside the content is the first call's, and reasoning is signed or it is not.
    """
    answer = [
        event
        for event in _one_reasoning(answer)
        if not (isinstance(event, Sealed) and event.lane.kind == "content")
    ]
    choices = {choice_of(event) for event in answer}
    events = [*answer, *(Finish(choice, "stop", "stop") for choice in choices)]
    again = events_of(body_of(events, HEAD))
    assert _lanes(again) == _lanes(events)
    beside = [bare(event) for event in again if isinstance(event, Sealed | Annotation | Extra | ToolCall)]
    calls = [event for event in events if isinstance(event, Sealed | Annotation | Extra | ToolCall)]
    assert sorted(map(repr, beside)) == sorted(map(repr, calls))


def _lanes(events: list[Event]) -> dict[Lane, str]:
    lanes: dict[Lane, str] = {}
    for event in events:
        if isinstance(event, Text) and is_heard(event):
            lanes[event.lane] = lanes.get(event.lane, "") + event.text
    return lanes


@settings(max_examples=40)
@given(answers)
def test_the_sdk_puts_the_chunks_together_as_the_answer_in_one_piece(answer: list[Event]) -> None:
    # The SDK expects choices to begin in their order.
    answer = [*(Text(Lane(choice, "content"), "a") for choice in range(3)), *_one_reasoning(answer)]
    events = [*answer, *(Finish(choice, "stop", "stop") for choice in {choice_of(event) for event in answer})]
    encoder = Encoder(HEAD)
    frames = b"".join(map(encoder.encode, events)) + encoder.end()
    expected = body_of(events, HEAD)
    got = sdk.accumulated(frames)
    for told, known in zip(got["choices"], expected["choices"], strict=True):
        assert told["finish_reason"] == known["finish_reason"]
        for name, value in known["message"].items():
            heard = told["message"].get(name)
            assert sdk.plain(heard) == sdk.plain(value) or (not heard and not value), name
        for name in ("content", "refusal"):
            assert ((told.get("logprobs") or {}).get(name) or None) == ((known["logprobs"] or {}).get(name))


def test_a_call_without_arguments_says_an_empty_object() -> None:
    """Trap 6: a client parses the arguments."""
    encoder = Encoder(HEAD)
    frames = encoder.encode(ToolCall(0, 3, "a", "f")) + encoder.encode(Finish(0, "tool_calls"))
    assert _lanes(decoded(frames)) == {Lane(0, "arguments"): "{}"}
    body = body_of([ToolCall(0, 3, "a", "f"), Finish(0, "tool_calls")], HEAD)
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_usage_that_was_not_asked_for_is_not_said() -> None:
    """Trap 12."""
    encoder = Encoder(Head("a", "m", 1, usage=False))
    assert encoder.encode(Usage(1, 2)) + encoder.end() == b"data: [DONE]\n\n"


def test_an_error_is_followed_by_no_finish() -> None:
    """Trap 14."""
    encoder = Encoder(HEAD)
    encoder.encode(Text(Lane(0, "content"), "a"))
    assert encoder.fail({"message": "m"}) == b'data: {"error":{"message":"m"}}\n\ndata: [DONE]\n\n'


def test_law_6_catches_an_encoder_that_forgets_the_choice() -> None:
    class Forgetful(Encoder):
        def _chunk(self, index: int, *rest: Any, **more: Any) -> bytes:
            return super()._chunk(0, *rest, **more)

    assert decoded(Forgetful(HEAD).encode(Finish(1, "stop"))) != [Finish(1, "stop", "stop")]


@pytest.mark.parametrize(
    ("delta", "lanes"),
    [
        # Mistral: no index, ids tell calls apart.
        ([{"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "1"}}]}, {"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "2"}}]}], [0, 1]),
        # OpenRouter: id and name in every delta.
        ([{"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "1"}}]}, {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "2"}}]}], [0, 0]),
        # Copilot: the index begins at 1.
        ([{"tool_calls": [{"index": 1, "id": "a", "function": {"name": "f", "arguments": "1"}}]}], [1]),
    ],
)  # fmt: skip
def test_tool_calls_are_told_apart(delta: list[dict[str, Any]], lanes: list[int]) -> None:
    decoder = Decoder()
    events = [
        e
        for d in delta
        for e in decoder.decode(Frame(b"", json.dumps({"choices": [{"index": 0, "delta": d}]}).encode()))
    ]
    assert [event.lane.position for event in events if isinstance(event, Text)] == lanes


def test_usage_is_read_from_any_chunk() -> None:
    data = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}'
    usage = Decoder().decode(Frame(b"", data))[-1]
    assert isinstance(usage, Usage)
    assert (usage.input, usage.output, usage.cached, usage.reasoning, usage.alone) == (5, 3, 2, 1, False)


def test_rewriting_keeps_every_other_field() -> None:
    body = {
        "id": "x",
        "choices": [{"index": 0, "delta": {"content": "a", "x": 1}, "logprobs": None}],
        "y": {"z": [1.5]},
    }
    out = rewrite(Frame(b"", json.dumps(body).encode()), {("choices", 0, "delta", "content"): "b"})
    assert out is not None
    body["choices"][0]["delta"]["content"] = "b"  # type: ignore[index]
    assert json.loads(out[6:]) == body


@given(st.binary(max_size=60))
def test_law_7_garbage_raises_only_documented_errors(data: bytes) -> None:
    with contextlib.suppress(ProviderGarbage):
        Decoder().decode(Frame(b"", data))


def test_the_strict_chunk_is_what_openai_sends() -> None:
    """Were a field of OpenAI's missing there, every chunk would take the slow way."""
    known = {field.encode_name for field in msgspec.structs.fields(decode._Chunk)}
    assert known >= {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "system_fingerprint",
        "service_tier",
        "obfuscation",
    }


OPENROUTER: list[dict[str, Any]] = [
    {"reasoning": "Let", "reasoning_details": [{"type": "reasoning.text", "text": "Let", "format": "anthropic-claude-v1", "index": 0}]},
    {"reasoning": " me", "reasoning_details": [{"type": "reasoning.text", "text": " me", "format": "anthropic-claude-v1", "index": 0}]},
    {"reasoning_details": [{"type": "reasoning.text", "signature": "sig", "format": "anthropic-claude-v1", "index": 0}]},
    {"content": "4"},
]  # fmt: skip


def _events(deltas: list[dict[str, Any]]) -> list[Event]:
    decoder = Decoder()
    chunks = [json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() for delta in deltas]
    return [event for chunk in chunks for event in decoder.decode(Frame(b"", chunk))]


def test_signed_reasoning_that_is_said_twice_is_heard_once() -> None:
    """Trap 7: the signed wording keeps its signature; the other one is only for whoever reads the frames."""
    events = _events(OPENROUTER)
    thinking = Lane(0, "thinking")
    assert [
        event for event in map(bare, events) if not isinstance(event, Text) or event.lane.position >= 0
    ] == [
        Text(thinking, "Let"),
        Text(thinking, " me"),
        Sealed(thinking, "signature", "sig"),
        Text(Lane(0, "content"), "4"),
    ]
    passed = [event.text for event in events if isinstance(event, Text) and event.path[-1] == "reasoning"]
    assert passed == ["Let", " me"]


def test_reasoning_under_two_names_is_heard_once() -> None:
    """Trap 24."""
    events = _events(
        [{"reasoning": "a", "reasoning_content": "a"}, {"reasoning": "b"}, {"reasoning_content": "c"}]
    )
    assert _lanes(events) == {Lane(0, "reasoning"): "abc"}


def test_a_calls_signature_comes_with_it() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    signed = {"extra_content": {"google": {"thought_signature": "s"}}}
    for delta in ({"tool_calls": [{**call, **signed}]}, {"tool_calls": [call], **signed}):
        assert ToolCall(0, 0, "a", "f", False, "s") in _events([delta])


@pytest.mark.parametrize(
    ("word", "reason"),
    [("stop", "stop"), ("function_call", "tool_calls"), ("model_length", "length"), ("eos", "stop"), ("safety", "content_filter")],
)  # fmt: skip
def test_finish_reasons_are_openais_words(word: str, reason: str) -> None:
    for extra in ({}, {"unknown": 1}):
        chunk = {"choices": [{"index": 0, "delta": {}, "finish_reason": word}], **extra}
        assert Decoder().decode(Frame(b"", json.dumps(chunk).encode())) == [Finish(0, reason, word)]


def test_an_empty_finish_reason_is_none() -> None:
    """Snowflake's."""
    chunk = {"choices": [{"index": 0, "delta": {}, "finish_reason": ""}]}
    assert Decoder().decode(Frame(b"", json.dumps(chunk).encode())) == []


def test_a_whole_answer_that_the_filter_took_has_no_message() -> None:
    """Azure's."""
    assert events_of({"choices": [{"index": 0, "finish_reason": "content_filter"}]}) == [
        Finish(0, "content_filter", "content_filter"),
        End(),
    ]


def test_tool_calls_are_counted_from_0() -> None:
    """Trap 1: Copilot's begin at 1, which OpenAI's SDK cannot place."""
    encoder = Encoder(HEAD)
    calls: list[Event] = [
        ToolCall(0, 1, "a", "f"),
        ToolCall(0, 2, "b", "g"),
        Text(Lane(0, "arguments", 2), "1"),
    ]
    assert _lanes(decoded(b"".join(map(encoder.encode, calls)))) == {Lane(0, "arguments", 1): "1"}


def test_xai_counts_reasoning_beside_the_completion() -> None:
    raw = {"prompt_tokens": 291, "completion_tokens": 26, "total_tokens": 513, "completion_tokens_details": {"reasoning_tokens": 196}}  # fmt: skip
    usage = usage_of(raw)
    assert usage is not None
    assert (usage.output, usage.reasoning) == (222, 196)
