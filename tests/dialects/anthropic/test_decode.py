"""Frames to events: every recording decodes with nothing unseen, and what is not changed stays as it is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import (
    WHOLE,
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
from gateway.dialects.anthropic.decode import Decoder, rewrite
from gateway.dialects.anthropic.fields import classifier
from gateway.errors import ProviderGarbage
from gateway.wire.sse import Frame, SSESplitter
from tests.conftest import needs_shared
from tests.dialects import recorded

each_stream = pytest.mark.parametrize("folder", recorded.streams("anthropic"), ids=recorded.name)


def frames_of(body: bytes, cut: int | None = None) -> list[Frame]:
    splitter = SSESplitter()
    frames: list[Frame] = []
    for start in range(0, len(body), cut or len(body)):
        frames += splitter.feed(body[start : start + (cut or len(body))])
    return [*frames, *splitter.flush()]


def decoded(*events: dict[str, Any]) -> list[Event]:
    decoder = Decoder()
    return [event for tree in events for event in decoder.decode(Frame(b"", json.dumps(tree).encode()))]


def block(index: int, content_block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content_block}


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def strings(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(node, str):
        yield path, node
    for key, value in node.items() if isinstance(node, dict) else ():
        yield from strings(value, (*path, key))
    for index, value in enumerate(node) if isinstance(node, list) else ():
        yield from strings(value, (*path, index))


@needs_shared
@each_stream
def test_every_string_of_a_recording_is_the_text_of_an_event(folder: Path) -> None:
    decoder, classify = Decoder(), classifier(False)
    for frame in frames_of((folder / "response.body").read_bytes()):
        if frame.data is None:
            continue
        seen = {(e.path, e.text) for e in decoder.decode(frame) if isinstance(e, Text) and e.path}
        there = {(p, s) for p, s in strings(json.loads(frame.data)) if s and classify(p, s) != "keep"}
        assert seen == there


@needs_shared
@each_stream
def test_what_of_a_recording_is_kept_is_nothing_but_ids_enums_and_sealed_data(folder: Path) -> None:
    known = {"id", "type", "role", "model", "name", "stop_reason", "signature", "encrypted_content"}
    known |= {"encrypted_index", "tool_use_id", "service_tier", "inference_geo", "tool_name", "server_name"}
    known |= {"category", "recommended_model", "media_type", "expires_at", "tool_id"}
    classify = classifier(False)
    for frame in frames_of((folder / "response.body").read_bytes()):
        for path, text in strings(json.loads(frame.data)) if frame.data else ():
            if classify(path, text) == "keep":
                assert path[-1] in known


@needs_shared
@each_stream
def test_law_1_cuts_do_not_matter(folder: Path) -> None:
    body = (folder / "response.body").read_bytes()
    told = []
    for cut in (None, 1, 7, 1000):
        decoder = Decoder()
        told.append([e for f in frames_of(body, cut) if f.data is not None for e in decoder.decode(f)])
    assert all(one == told[0] for one in told)
    assert isinstance(told[0][0], Opening)
    assert isinstance(told[0][-1], End)
    assert sum(isinstance(event, Finish) for event in told[0]) == 1


@needs_shared
@each_stream
def test_the_lanes_of_a_recording_hold_the_texts_of_its_blocks(folder: Path) -> None:
    kinds = {"text": "content", "thinking": "thinking", "tool_use": "arguments"}
    order: dict[str, int] = {}
    lanes: dict[int, Lane] = {}
    expected: dict[Lane, str] = {}
    got: dict[Lane, str] = {}
    decoder = Decoder()
    for frame in frames_of((folder / "response.body").read_bytes()):
        if frame.data is None:
            continue
        for event in decoder.decode(frame):
            if isinstance(event, Text) and event.lane.kind in kinds.values() and event.lane.choice == 0:
                got[event.lane] = got.get(event.lane, "") + event.text
        tree = json.loads(frame.data)
        if tree["type"] == "content_block_start" and (kind := kinds.get(tree["content_block"]["type"])):
            lanes[tree["index"]] = Lane(0, kind, order.get(kind, 0))
            order[kind] = order.get(kind, 0) + 1
        elif tree["type"] == "content_block_delta" and (lane := lanes.get(tree["index"])):
            said = tree["delta"].get(("text" if lane.kind == "content" else lane.kind), "")
            said = tree["delta"].get("partial_json", said)
            expected[lane] = expected.get(lane, "") + said
    assert got == {lane: text for lane, text in expected.items() if text}


@needs_shared
@each_stream
def test_a_rewritten_frame_is_the_same_json_but_for_the_text(folder: Path) -> None:
    decoder = Decoder()
    for frame in frames_of((folder / "response.body").read_bytes()):
        if frame.data is None:
            continue
        texts = {e.path: e.text for e in decoder.decode(frame) if isinstance(e, Text) and e.path}
        (again,) = frames_of(rewrite(frame, texts))
        assert again.event == frame.event
        assert json.loads(again.data or b"") == json.loads(frame.data)
        louder = {path: text + "!" for path, text in texts.items() if path[-1] != "cited_text"}
        (again,) = frames_of(rewrite(frame, louder))
        changed = dict(strings(json.loads(again.data or b"")))
        assert {path: changed[path] for path in louder} == louder


def test_the_fast_path_says_what_the_walk_says() -> None:
    start = block(0, {"type": "text", "text": ""})
    bare, odd = delta(0, type="text_delta", text="Hi"), delta(0, type="text_delta", text="Hi", mood="glad")
    lane, path = Lane(0, "content"), ("delta", "text")
    assert decoded(start, bare) == [Text(lane, "Hi", path)]
    assert decoded(start, odd) == [Text(lane, "Hi", path), Text(WHOLE, "glad", ("delta", "mood"))]


def test_a_delta_with_the_field_of_another_does_not_pass_unseen() -> None:
    start = block(0, {"type": "text", "text": ""})
    assert decoded(start, delta(0, type="text_delta", text="", thinking="me@x.io")) == [
        Text(WHOLE, "me@x.io", ("delta", "thinking"))
    ]


def test_a_cut_surrogate_pair_is_text() -> None:
    start = block(0, {"type": "text", "text": ""})
    assert decoded(start, delta(0, type="text_delta", text="\ud83d"))[0] == Text(
        Lane(0, "content"), "\ud83d", ("delta", "text")
    )


def test_unknown_events_are_looked_at_and_mean_nothing() -> None:
    assert decoded({"type": "weather", "note": "call 555"}) == [Text(WHOLE, "call 555", ("note",))]
    assert decoded({"type": "ping"}) == []


def test_an_unknown_block_is_told_whole_when_it_ends() -> None:
    events = decoded(
        block(0, {"type": "compaction", "content": None}),
        delta(0, type="compaction_delta", content="we spoke of Ada", encrypted_content="AAAA"),
        stop(0),
    )
    whole = {"type": "compaction", "content": "we spoke of Ada", "encrypted_content": "AAAA"}
    assert events == [
        Text(WHOLE, "we spoke of Ada", ("delta", "content")),
        LaneEnd(Lane(0, "server_arguments")),
        Extra(0, "anthropic", whole),
    ]


def test_the_input_of_a_server_tool_runs_in_a_lane_and_is_told_whole() -> None:
    start = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    lane, path = Lane(0, "server_arguments"), ("delta", "partial_json")
    assert decoded(
        block(1, start),
        delta(1, type="input_json_delta", partial_json='{"query":'),
        delta(1, type="input_json_delta", partial_json=' "Ada"}'),
        stop(1),
    ) == [
        Text(lane, '{"query":', path),
        Text(lane, ' "Ada"}', path),
        LaneEnd(lane),
        Extra(0, "anthropic", {**start, "input": {"query": "Ada"}}),
    ]


def test_redacted_thinking_and_signatures_are_sealed_and_never_text() -> None:
    assert decoded(
        block(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, type="thinking_delta", thinking="hm"),
        delta(0, type="thinking_delta", thinking=""),
        delta(0, type="signature_delta", signature="c2ln"),
        stop(0),
        block(1, {"type": "redacted_thinking", "data": "b3BhcXVl"}),
        stop(1),
    ) == [
        Text(Lane(0, "thinking"), "hm", ("delta", "thinking")),
        Sealed(Lane(0, "thinking"), "signature", "c2ln"),
        LaneEnd(Lane(0, "thinking")),
        Sealed(Lane(0, "thinking", 1), "redacted", "b3BhcXVl"),
        LaneEnd(Lane(0, "thinking", 1)),
    ]


def test_a_citation_is_an_annotation_and_its_quote_is_text() -> None:
    citation = {"type": "char_location", "cited_text": "Ada", "document_index": 0, "document_title": "Log"}
    citation |= {"start_char_index": 3, "end_char_index": 6}
    events = decoded(
        block(0, {"type": "text", "text": ""}), delta(0, type="citations_delta", citation=citation)
    )
    assert events == [
        Text(WHOLE, "Ada", ("delta", "citation", "cited_text")),
        Text(WHOLE, "Log", ("delta", "citation", "document_title")),
        Annotation(Lane(0, "content"), title="Log", quote="Ada", raw=citation),
    ]
    frame = Frame(b"", json.dumps(delta(0, type="citations_delta", citation=citation)).encode())
    (again,) = frames_of(rewrite(frame, {("delta", "citation", "cited_text"): "[NAME]"}))
    assert "start_char_index" not in json.loads(again.data or b"")["delta"]["citation"]


def test_parallel_calls_are_numbered_by_calls_and_not_by_blocks() -> None:
    calls = [
        event
        for event in decoded(
            block(0, {"type": "text", "text": ""}),
            stop(0),
            block(1, {"type": "tool_use", "id": "a", "name": "f", "input": {}}),
            stop(1),
            block(2, {"type": "tool_use", "id": "b", "name": "g", "input": {}}),
            delta(2, type="input_json_delta", partial_json="{}"),
        )
        if isinstance(event, ToolCall | Text)
    ]
    assert calls == [
        ToolCall(0, 0, "a", "f"),
        ToolCall(0, 1, "b", "g"),
        Text(Lane(0, "arguments", 1), "{}", ("delta", "partial_json")),
    ]


def test_trap_12_usage_is_cumulative_and_input_counts_the_cache() -> None:
    start = {"input_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}
    message = {"type": "message_start", "message": {"id": "m", "usage": {**start, "output_tokens": 1}}}
    last = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    usages = [event for event in decoded(message, last) if isinstance(event, Usage)]
    assert [(u.input, u.output, u.cached, u.cache_written) for u in usages] == [
        (123, 1, 100, 20),
        (123, 9, 100, 20),
    ]


def test_trap_14_an_error_in_the_stream_is_a_failure_also_as_the_first_event() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    assert decoded({"type": "error", "error": error}) == [Failure(error)]


def test_trap_27_a_done_mark_behind_message_stop_is_no_second_end() -> None:
    decoder = Decoder()
    assert decoder.decode(Frame(b"", b'{"type":"message_stop"   }')) == [End()]
    assert decoder.decode(Frame(b"", b"[DONE]")) == []


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_reasons_are_told_in_openai_words(native: str, reason: str) -> None:
    events = decoded({"type": "message_delta", "delta": {"stop_reason": native, "stop_sequence": "END"}})
    assert events == [
        Text(WHOLE, "END", ("delta", "stop_sequence")),
        Finish(0, reason, native, "END"),
    ]


def test_an_emptied_delta_goes_and_anything_else_stays() -> None:
    frame = Frame(b"", json.dumps(delta(0, type="text_delta", text="x")).encode(), "content_block_delta")
    assert rewrite(frame, {("delta", "text"): ""}) == b""
    frame = Frame(b"", json.dumps(delta(0, type="text_delta", text="x", mood="glad")).encode())
    assert rewrite(frame, {("delta", "text"): ""}) != b""
    last = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": "x"}}
    assert rewrite(Frame(b"", json.dumps(last).encode()), {("delta", "stop_sequence"): ""}) != b""


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "index", "delta", "content_block", "message", "usage", "citation", "input"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
event_types = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"]
)
part_types = st.sampled_from(["text", "tool_use", "thinking", "text_delta", "citations_delta", "x", None])


@given(st.lists(st.tuples(event_types, part_types, json_trees), max_size=5))
def test_law_7_garbage_raises_only_documented_errors(given: list[tuple[str, str | None, Any]]) -> None:
    decoder = Decoder()
    for kind, part, tree in given:
        inner = {"type": part, **tree} if isinstance(tree, dict) else tree
        frame = {"type": kind, "index": 0, "delta": inner, "content_block": inner, "message": inner}
        try:
            events = decoder.decode(Frame(b"", json.dumps(frame).encode()))
        except ProviderGarbage:
            continue
        there = {(p, s) for p, s in strings(frame) if s and classifier(False)(p, s) != "keep"}
        assert {(e.path, e.text) for e in events if isinstance(e, Text) and e.path} == there


def test_law_7_json_that_is_nested_deeply_is_garbage_or_text() -> None:
    for depth in (100, 600, 950, 5000):
        data = (
            b'{"type":"content_block_start","index":0,"content_block":'
            + b'{"a":' * depth
            + b'"x"'
            + b"}" * depth
            + b"}"
        )
        with contextlib.suppress(ProviderGarbage):
            assert [
                event.text for event in Decoder().decode(Frame(b"", data)) if isinstance(event, Text)
            ] == ["x"]


@given(st.binary(max_size=40))
def test_law_7_bytes_raise_only_documented_errors(data: bytes) -> None:
    with contextlib.suppress(ProviderGarbage):
        Decoder().decode(Frame(b"", data))
