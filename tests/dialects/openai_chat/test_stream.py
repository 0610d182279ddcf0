"""Frames and events: what is encoded decodes to the same, and every recording decodes with nothing unknown."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import End, Event, Finish, Lane, Opening, Text, ToolCall, Usage
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat import decode
from gateway.dialects.openai_chat.decode import Decoder, rewrite
from gateway.dialects.openai_chat.encode import Encoder
from gateway.errors import ProviderGarbage
from gateway.wire.sse import Frame, SSESplitter
from tests.conftest import needs_shared
from tests.dialects import recorded

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
choice = st.integers(0, 2)
prose = st.builds(
    Lane, choice, st.sampled_from(["content", "reasoning", "refusal", "transcript"]), st.just(0)
)
tool_lane = st.builds(Lane, choice, st.just("arguments"), st.integers(-1, 2)) | st.builds(
    Lane, choice, st.just("input"), st.integers(0, 2)
)
count = st.integers(0, 10**6)
events = st.lists(
    st.builds(Text, prose | tool_lane, text)
    | st.builds(Finish, choice, st.sampled_from(["stop", "length", "tool_calls", "content_filter"])),
    max_size=8,
)


HEAD = Head("chatcmpl-1", "m", 1)


def decoded(frames: bytes) -> list[Event]:
    decoder = Decoder()
    return [
        event
        for frame in SSESplitter().feed(frames)
        if frame.data
        for event in decoder.decode(frame)
        if not isinstance(event, Opening)
    ]


def bare(event: Event) -> Event:
    """The event without what only its own frame knows."""
    if isinstance(event, Text):
        return Text(event.lane, event.text)
    if isinstance(event, Usage):
        return Usage(event.input, event.output, event.cached, reasoning=event.reasoning, alone=event.alone)
    return event


@given(events)
def test_law_6_what_is_encoded_decodes_to_the_same(said: list[Event]) -> None:
    encoder = Encoder(HEAD)
    usage = Usage(3, 2, 1, reasoning=1, alone=True)
    frames = b"".join(map(encoder.encode, [*said, usage])) + encoder.end()
    assert list(map(bare, decoded(frames))) == list(map(bare, [*said, usage, End()]))


@given(
    st.lists(
        st.builds(ToolCall, choice, st.integers(0, 5), text, text, st.booleans()),
        unique_by=lambda call: (call.choice, call.index),
    )
)
def test_law_6_for_tool_calls(calls: list[ToolCall]) -> None:
    assert decoded(b"".join(map(Encoder(HEAD).encode, calls))) == calls


def test_law_6_catches_an_encoder_that_forgets_the_choice() -> None:
    class Forgetful(Encoder):
        def _chunk(self, index: int, *rest: Any, **more: Any) -> bytes:
            return super()._chunk(0, *rest, **more)

    assert decoded(Forgetful(HEAD).encode(Finish(1, "stop"))) != [Finish(1, "stop")]


def _frames(folder: Path) -> list[bytes]:
    body = (folder / "response.body").read_bytes()
    splitter = SSESplitter()
    return [frame.data for frame in [*splitter.feed(body), *splitter.flush()] if frame.data is not None]


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_a_recording_gives_the_text_that_it_holds(folder: Path) -> None:
    """The lanes' text against a plain reading of the JSON."""
    expected: dict[tuple[int, str, int], str] = {}
    got: dict[tuple[int, str, int], str] = {}
    decoder = Decoder()
    for data in _frames(folder):
        for event in decoder.decode(Frame(b"", data)):
            if isinstance(event, Text) and event.lane.kind in ("content", "arguments"):
                got[event.lane] = got.get(event.lane, "") + event.text
        if data.startswith(b"[DONE]"):
            continue
        for choice in json.loads(data).get("choices", ()):
            delta = choice.get("delta") or {}
            if isinstance(content := delta.get("content"), list):
                content = "".join(part.get("text", "") for part in content)
            if content:
                key = (choice["index"], "content", 0)
                expected[key] = expected.get(key, "") + content
            for call in delta.get("tool_calls") or ():
                if arguments := call["function"].get("arguments"):
                    key = (choice["index"], "arguments", call.get("index", 0))
                    expected[key] = expected.get(key, "") + arguments
    assert got == expected


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
