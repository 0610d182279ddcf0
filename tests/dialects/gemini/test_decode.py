"""Gemini's frames: every recording decodes with nothing unknown, and what passes stays as it is."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import (
    Annotation,
    Event,
    Extra,
    Failure,
    Finish,
    Lane,
    LaneEnd,
    Logprobs,
    Opening,
    Sealed,
    Text,
    ToolCall,
    Usage,
)
from gateway.dialects.dialect import Head
from gateway.dialects.gemini import GEMINI
from gateway.dialects.gemini.body import events_of
from gateway.dialects.gemini.decode import Decoder, _classify, rewrite
from gateway.dialects.tree import texts
from gateway.errors import ProviderGarbage
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from gateway.wire.sse import Frame
from tests.conftest import needs_shared
from tests.dialects import recorded
from tests.dialects.gemini.frames import STREAMS, bodies, body, chunk, frames, neutral, of

BODIES = bodies()


def node_at(tree: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def assert_nothing_unseen(tree: Any, events: list[Event]) -> None:
    """Every string that is no id or enum is the text at its place, or stands below a text that holds it."""
    paths = {event.path: event.text for event in events if isinstance(event, Text) and event.path}
    for path, text in texts(tree, ()):
        if not text or _classify(path, text) == "keep":
            continue
        if path in paths:
            assert paths[path] == text
        else:
            holder = next(path[:n] for n in range(len(path)) if path[:n] in paths)
            assert json.loads(paths[holder]) == node_at(tree, holder)


@needs_shared
def test_there_are_recordings() -> None:
    assert len(STREAMS) > 20
    assert len(BODIES) > 8


@needs_shared
@pytest.mark.parametrize("folder", STREAMS, ids=recorded.name)
def test_a_recording_decodes_with_nothing_unseen(folder: Path) -> None:
    decoder = Decoder()
    for frame in frames(folder):
        if frame.data:
            assert_nothing_unseen(json.loads(frame.data), decoder.decode(frame))


@needs_shared
@pytest.mark.parametrize("folder", BODIES, ids=recorded.name)
def test_a_recorded_answer_decodes_with_nothing_unseen(folder: Path) -> None:
    assert_nothing_unseen(body(folder), events_of(body(folder)))


@needs_shared
@pytest.mark.parametrize("folder", STREAMS, ids=recorded.name)
def test_a_recording_gives_what_it_holds(folder: Path) -> None:
    """Texts, calls, finishes and usage against a plain reading of the JSON."""
    texts: dict[str, str] = {}
    calls: list[str] = []
    usage: dict[str, Any] = {}
    for frame in frames(folder):
        tree = json.loads(frame.data or b"{}")
        usage = tree.get("usageMetadata") or usage
        for candidate in tree.get("candidates", ()):
            for part in candidate.get("content", {}).get("parts", ()):
                if part.get("text"):
                    kind = "reasoning" if part.get("thought") else "content"
                    texts[kind] = texts.get(kind, "") + part["text"]
                if name := part.get("functionCall", {}).get("name"):
                    calls.append(name)
    decoder = Decoder()
    events = [event for frame in frames(folder) if frame.data for event in decoder.decode(frame)]
    got: dict[str, str] = {}
    for event in events:
        if isinstance(event, Text) and event.lane.kind in ("content", "reasoning"):
            got[event.lane.kind] = got.get(event.lane.kind, "") + event.text
    assert got == texts
    assert [event.name for event in events if isinstance(event, ToolCall)] == calls
    (finish,) = [event for event in events if isinstance(event, Finish)]
    assert finish.reason == ("tool_calls" if calls else "stop")
    last = [event for event in events if isinstance(event, Usage)][-1]
    assert last.input + last.output == usage["totalTokenCount"]
    assert isinstance(events[0], Opening)
    for call in events:
        if not isinstance(call, ToolCall):
            continue
        lane = Lane(0, "arguments", call.index)
        arguments = [event.text for event in events if isinstance(event, Text) and event.lane == lane]
        assert isinstance(json.loads("".join(arguments)), dict)
        assert LaneEnd(lane) in events


@needs_shared
@pytest.mark.parametrize("folder", STREAMS, ids=recorded.name)
def test_rewriting_with_no_change_is_the_same_json(folder: Path) -> None:
    decoder = Decoder()
    for frame in frames(folder):
        if frame.data is None:
            continue
        texts = [e for e in decoder.decode(frame) if isinstance(e, Text) and e.path]
        changes = {e.path: e.text for e in texts if e.path[-1] != "groundingMetadata"}
        out = (
            rewrite(frame, changes)
            if changes and not any("groundingSupports" in p for p in changes)
            else None
        )
        if out:
            assert json.loads(out[6:]) == json.loads(frame.data)


def passed(data: bytes, cuts: int, vault: Vault | None = None) -> bytes:
    stream = ResponseStream(answer_scan(vault or Vault()), GEMINI, GEMINI, Head("r", "m", 1))
    out = b"".join(stream.feed(data[i : i + cuts]) for i in range(0, len(data), cuts)) + stream.flush()
    assert stream.error is None
    return out


@needs_shared
@pytest.mark.parametrize("cuts", [1, 7, 4096])
@pytest.mark.parametrize(
    "folder", [f for f in STREAMS if "iter" in f.name or "vercel" in f.name], ids=recorded.name
)
def test_clean_frames_pass_byte_for_byte_at_every_cut(folder: Path, cuts: int) -> None:
    data = b"".join(frame.raw for frame in frames(folder))
    if cuts > 1 or len(data) < 20_000:
        assert passed(data, cuts) == data


# --- what stands where ------------------------------------------------------------------------------------


def test_a_zero_argument_call_has_an_empty_object() -> None:
    events = of(chunk({"functionCall": {"name": "f"}}, finishReason="STOP"))
    assert Text(Lane(0, "arguments", 0), "{}") in events
    assert events[-1] == Finish(0, "tool_calls", "STOP")


def test_trap_02_the_finish_knows_of_a_call_in_an_earlier_chunk() -> None:
    events = of(chunk({"functionCall": {"name": "f", "args": {}}}), chunk({"text": ""}, finishReason="STOP"))
    assert events[-1] == Finish(0, "tool_calls", "STOP")


def test_trap_02_a_finish_in_every_chunk_is_one() -> None:
    events = of(*(chunk({"text": text}, finishReason="STOP") for text in "abc"))
    assert neutral(event for event in events if isinstance(event, Finish)) == [Finish(0, "stop")]
    called = of(
        chunk({"text": "a"}, finishReason="STOP"), chunk({"functionCall": {"name": "f"}}, finishReason="STOP")
    )
    assert called[-1] == Finish(0, "tool_calls", "STOP")


def test_trap_01_parallel_calls_are_told_apart() -> None:
    calls = [{"functionCall": {"name": "f", "args": {"a": n}}} for n in range(2)]
    events = of(chunk(calls[0]), chunk(calls[1]))
    found = [event for event in events if isinstance(event, ToolCall)]
    assert [call.index for call in found] == [0, 1]
    assert len({call.id for call in found}) == 2


def test_trap_04_a_chunk_with_text_and_call_loses_neither() -> None:
    events = of(chunk({"text": "t"}, {"functionCall": {"name": "f", "args": {}}}))
    assert [type(event) for event in events] == [Text, ToolCall, Text, LaneEnd]


def test_trap_07_signatures_come_with_what_they_sign() -> None:
    events = of(
        chunk({"functionCall": {"name": "f"}, "thoughtSignature": "c2ln"}),
        chunk({"text": "a", "thoughtSignature": "dGV4dA=="}),
        chunk({"text": "b"}),
        chunk({"text": ""}, finishReason="STOP"),
    )
    (call,) = [event for event in events if isinstance(event, ToolCall)]
    assert call.signature == "c2ln"
    # A signature does not end its text, which may go on: it comes behind.
    assert events[-2:] == [
        Sealed(Lane(0, "content"), "signature", "dGV4dA=="),
        Finish(0, "tool_calls", "STOP"),
    ]


def test_trap_12_usage_counts_each_token_once() -> None:
    raw = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "toolUsePromptTokenCount": 10,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 7,
        "totalTokenCount": 122,
    }
    (usage,) = of({"candidates": [], "usageMetadata": raw})
    assert usage == Usage(110, 12, cached=40, reasoning=7, raw=raw, alone=True)


def test_usage_that_a_chunk_repeats_is_said_once() -> None:
    first, second = {"promptTokenCount": 1}, {"promptTokenCount": 2}
    text = chunk({"text": "a"})
    said = [first, first, None, second, first]
    events = of(*({**text, **({"usageMetadata": usage} if usage else {})} for usage in said))
    assert [event.input for event in events if isinstance(event, Usage)] == [1, 2, 1]


def test_trap_23_a_blocked_prompt_is_a_finish() -> None:
    events = of({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "no"}})
    assert events[-1] == Finish(0, "content_filter", "promptFeedback.SAFETY")
    assert Text(Lane(-1, "whole"), "no", ("promptFeedback", "blockReasonMessage")) in events


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("SPII", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("A_WORD_OF_TOMORROW", "stop"),
    ],
)
def test_finish_reasons(native: str, reason: str) -> None:
    assert of({"candidates": [{"content": {}, "finishReason": native}]}) == [Finish(0, reason, native)]


def test_candidates_are_told_apart() -> None:
    events = of(
        {
            "candidates": [
                {"index": 1, "content": {"parts": [{"text": "b"}]}},
                {"content": {"parts": [{"text": "a"}]}},
            ]
        }
    )
    assert [(e.lane.choice, e.text) for e in events if isinstance(e, Text)] == [(1, "b"), (0, "a")]


def test_thoughts_have_a_lane_of_their_own() -> None:
    events = of(chunk({"text": "hm", "thought": True}, {"text": "a"}), chunk({"text": "b"}))
    assert neutral(events) == [Text(Lane(0, "reasoning"), "hm"), Text(Lane(0, "content"), "ab")]


@pytest.mark.parametrize(
    "part",
    [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"somethingNew": {"deep": ["text"]}},
    ],
)
def test_other_parts_are_items_of_the_provider(part: dict[str, Any]) -> None:
    events = of(chunk(part))
    assert [e for e in events if isinstance(e, Extra)] == [Extra(0, "gemini", part)]
    assert_nothing_unseen(chunk(part), events)


def test_an_error_in_the_stream_is_a_failure() -> None:
    error = {"code": 503, "message": "m", "status": "UNAVAILABLE"}
    assert of({"error": error}) == [Failure(error)]
    assert Decoder().decode(Frame(b"", json.dumps([{"error": error}]).encode())) == [Failure(error)]


def test_offsets_in_bytes_become_code_points() -> None:
    text = "Zürich 21°C – hot"
    start, end = len("Zürich ".encode()), len("Zürich 21°C".encode())
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://w.example", "title": "w"}}, {"web": {"uri": "u"}}],
        "groundingSupports": [
            {"segment": {"startIndex": start, "endIndex": end, "text": "21°C"}, "groundingChunkIndices": [0]}
        ],
    }
    events = of(chunk({"text": text[:5]}), chunk({"text": text[5:]}, groundingMetadata=grounding))
    first, second = [event for event in events if isinstance(event, Annotation)]
    assert text[first.start : first.end] == "21°C"
    assert (first.url, first.title, second.url, second.start) == ("https://w.example", "w", "u", -1)


def test_a_segment_that_is_not_where_it_says_has_no_offsets() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "u"}}],
        "groundingSupports": [{"segment": {"endIndex": 3, "text": "xyz"}, "groundingChunkIndices": [0]}],
    }
    (found,) = [
        e for e in of(chunk({"text": "abc"}, groundingMetadata=grounding)) if isinstance(e, Annotation)
    ]
    assert (found.start, found.end) == (-1, -1)


def test_citations_are_annotations() -> None:
    cited = {"citations": [{"startIndex": 0, "endIndex": 2, "uri": "u", "title": "t"}]}
    (found,) = [e for e in of(chunk({"text": "abc"}, citationMetadata=cited)) if isinstance(e, Annotation)]
    assert (found.url, found.title, found.start, found.end) == ("u", "t", 0, 2)


def test_probabilities_in_openais_words() -> None:
    result = {
        "chosenCandidates": [{"token": "ä", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "ä", "logProbability": -0.5}]}],
    }
    (found,) = [e for e in of(chunk({"text": "ä"}, logprobsResult=result)) if isinstance(e, Logprobs)]
    token = {"token": "ä", "logprob": -0.5, "bytes": [195, 164]}
    assert found == Logprobs(Lane(0, "content"), [{**token, "top_logprobs": [token]}])


# --- arguments that come value by value -------------------------------------------------------------------


def partial(*args: dict[str, Any], more: bool = True) -> dict[str, Any]:
    call: dict[str, Any] = {"partialArgs": list(args)} if args else {}
    return chunk({"functionCall": {**call, **({"willContinue": True} if more else {})}})


def test_values_make_the_arguments() -> None:
    events = of(
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        partial({"jsonPath": "$.a.b[0].c", "stringValue": "x", "willContinue": True}),
        partial({"jsonPath": "$.a.b[0].c", "stringValue": "y"}),
        partial({"jsonPath": "$.a.b[1].c", "numberValue": 2}, {"jsonPath": "$['q r']", "boolValue": True}),
        partial({"jsonPath": "$.n", "nullValue": "NULL_VALUE"}),
        partial(more=False),
    )
    arguments = {"a": {"b": [{"c": "xy"}, {"c": 2}]}, "q r": True, "n": None}
    lane = Lane(0, "arguments", 0)
    (text,) = [event.text for event in events if isinstance(event, Text) and event.lane == lane]
    assert json.loads(text) == arguments
    assert events[-1] == LaneEnd(lane)


@pytest.mark.parametrize(
    "args",
    [
        [{"stringValue": "no path"}],
        [{"jsonPath": "a", "stringValue": ""}],
        [{"jsonPath": "$", "stringValue": ""}],
        [{"jsonPath": "$.a[999999999]", "stringValue": ""}],
        [{"jsonPath": "$.a", "stringValue": ""}, {"jsonPath": "$.a.b", "stringValue": ""}],
    ],
)
def test_values_that_make_no_object_are_garbage(args: list[dict[str, Any]]) -> None:
    with pytest.raises(ProviderGarbage):
        of(chunk({"functionCall": {"name": "f", "partialArgs": args}}))


# --- laws -------------------------------------------------------------------------------------------------


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        "candidates content parts text thought functionCall name args partialArgs jsonPath stringValue index "
        "groundingMetadata groundingSupports segment endIndex groundingChunks citationMetadata citations "
        "usageMetadata promptFeedback error finishReason thoughtSignature logprobsResult".split()
    ), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.binary(max_size=60) | json_trees.map(lambda tree: json.dumps(tree).encode()))
def test_law_7_garbage_raises_only_documented_errors(data: bytes) -> None:
    with contextlib.suppress(ProviderGarbage):
        Decoder().decode(Frame(b"", data))


@given(st.lists(json_trees, max_size=3), st.booleans())
def test_law_7_for_what_looks_like_a_candidate(parts: list[Any], cited: bool) -> None:
    tree = {
        "candidates": [
            {"content": {"parts": parts}, "groundingMetadata": parts[0] if cited and parts else {}}
        ]
    }
    with contextlib.suppress(ProviderGarbage):
        assert_nothing_unseen(tree, Decoder().decode(Frame(b"", json.dumps(tree).encode())))


def test_a_chunk_of_text_takes_the_fast_path() -> None:
    """Were a field of Google's missing there, every chunk would take the slow way."""
    from gateway.dialects.gemini import decode

    known = {field.encode_name for field in msgspec.structs.fields(decode._Chunk)}
    assert known >= {"candidates", "usageMetadata", "modelVersion", "responseId", "createTime"}
