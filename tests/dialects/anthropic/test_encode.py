"""Events to frames: blocks in order, one at a time, as the official SDK's own accumulators take them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.chat import (
    Annotation,
    End,
    Event,
    Extra,
    Finish,
    Lane,
    LaneEnd,
    Opening,
    Sealed,
    Text,
    ToolCall,
    Usage,
)
from gateway.dialects.anthropic.decode import Decoder, input_object
from gateway.dialects.anthropic.encode import Encoder
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.wire.sse import SSESplitter
from tests.conftest import needs_shared
from tests.dialects import recorded
from tests.dialects.anthropic import sdk

HEAD = Head("msg_1", "m", 1)
CONTENT, REASONING = Lane(0, "content"), Lane(0, "reasoning")
STOP = Finish(0, "stop")


def arguments(index: int) -> Lane:
    return Lane(0, "arguments", index)


def frames(events: list[Event], encoder: Encoder | None = None) -> bytes:
    encoder = encoder or Encoder(HEAD)
    return b"".join(map(encoder.encode, events)) + encoder.end()


def decoded(data: bytes) -> list[Event]:
    decoder = Decoder()
    return [event for frame in SSESplitter().feed(data) if frame.data for event in decoder.decode(frame)]


def message(*events: Event) -> dict[str, Any]:
    data = frames([*events])
    in_order(data)
    told = sdk.message(data)
    assert told == sdk.beta_message(data)
    return told


def blocks(*events: Event) -> list[dict[str, Any]]:
    content = message(*events)["content"]
    for block in content:
        block.pop("signature", None) if not block.get("signature") else None
    return list(content)


def text_block(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def in_order(data: bytes) -> None:
    """Every event has its name; blocks are numbered from 0, and one is closed before the next opens."""
    for frame in SSESplitter().feed(data):
        if frame.data is not None:
            assert frame.event == json.loads(frame.data)["type"]
    trees = [tree for tree in sdk.events(data) if tree["type"] != "ping"]
    assert [tree["type"] for tree in (trees[0], *trees[-2:])] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    is_open, count = False, 0
    for tree in trees[1:-2]:
        match tree["type"]:
            case "content_block_start":
                assert (is_open, tree["index"]) == (False, count)
                is_open, count = True, count + 1
            case "content_block_delta":
                assert (is_open, tree["index"]) == (True, count - 1)
            case "content_block_stop":
                assert (is_open, tree["index"]) == (True, count - 1)
                is_open = False
            case other:
                raise AssertionError(other)
    assert not is_open


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("anthropic"), ids=recorded.name)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_the_sdk_hears_the_same_of_a_recording_and_of_its_events(folder: Path) -> None:
    """But for the bookkeeping that events have no word for; the input of an MCP call comes whole."""
    body = (folder / "response.body").read_bytes()
    again = frames(decoded(body))
    in_order(again)
    for hear in (sdk.message, sdk.beta_message):
        before, after = hear(body), hear(again)
        for heard in (before, after):
            usage = heard.pop("usage")
            heard["counts"] = [usage.get(name) or 0 for name in ("input_tokens", "output_tokens")]
            heard["cache"] = [usage.get(f"cache_{name}_input_tokens") or 0 for name in ("read", "creation")]
            for name in ("stop_details", "container", "context_management"):
                heard.pop(name, None)
            for block in heard["content"]:
                if block["type"] == "tool_use":
                    block.pop("caller", None)
                if block["type"] == "mcp_tool_use":
                    block.pop("input")
                if not block.get("citations"):
                    block.pop("citations", None)
        assert after == before


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_the_sdk_takes_what_any_chat_provider_streams(folder: Path) -> None:
    decoder, splitter, encoder = OPENAI_CHAT.decoder(), SSESplitter(), Encoder(HEAD)
    body = (folder / "response.body").read_bytes()
    events: list[Event] = []
    for frame in [*splitter.feed(body), *splitter.flush()]:
        events += decoder.decode(frame) if frame.data is not None else []
    # What a frame says a second time, or only to whoever passes it on, is not translated.
    events = [e for e in events if not isinstance(e, Text) or (e.lane.choice >= 0 and e.lane.position >= 0)]
    data = b"".join(map(encoder.encode, events)) + encoder.end()
    in_order(data)
    content = sdk.message(data)["content"]
    texts = [e for e in events if isinstance(e, Text) and e.lane.choice == 0]
    said = "".join(e.text for e in texts if e.lane.kind in ("content", "refusal"))
    thought = "".join(e.text for e in texts if e.lane.kind in ("reasoning", "thinking"))
    assert "".join(block["text"] for block in content if block["type"] == "text") == said
    assert "".join(block["thinking"] for block in content if block["type"] == "thinking") == thought
    calls = [e.index for e in events if isinstance(e, ToolCall) and e.choice == 0]
    inputs = ["".join(e.text for e in texts if e.lane == arguments(index)) or "{}" for index in calls]
    told = [block["input"] for block in content if block["type"] == "tool_use"]
    assert told == [input_object(given) for given in inputs]


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
json_object = st.dictionaries(text, text | st.integers() | st.lists(text, max_size=2), max_size=3).map(
    json.dumps
)
prose = st.builds(lambda kind, said: ("prose", kind, said), st.sampled_from(["content", "thinking"]), text)
call = st.builds(lambda id, said: ("call", id, said), st.from_regex(r"[a-z]{8}", fullmatch=True), json_object)
sealed = st.just(("redacted", "", "b3BhcXVl"))


def in_lanes(parts: list[tuple[str, str, str]]) -> list[Event]:
    """Parts as a decoder of this dialect would tell them."""
    events: list[Event] = []
    counts: dict[str, int] = {}

    def lane(kind: str) -> Lane:
        counts[kind] = counts.get(kind, -1) + 1
        return Lane(0, kind, counts[kind])

    for what, name, said in parts:
        if what == "prose":
            here = lane(name)
            events.append(Text(here, said))
            if name == "thinking":
                events.append(Sealed(here, "signature", "c2ln"))
        elif what == "call":
            here = lane("arguments")
            events += [ToolCall(0, here.position, name, "f"), Text(here, said)]
        else:
            here = lane("thinking")
            events.append(Sealed(here, "redacted", said))
        events.append(LaneEnd(here))
    return events


@settings(max_examples=60)
@given(st.lists(prose | call | sealed, max_size=6))
def test_law_6_what_is_encoded_decodes_to_the_same(parts: list[tuple[str, str, str]]) -> None:
    finish = Finish(0, "length", "max_tokens")
    usage = Usage(10, 4, 3, 2, 1, service_tier="standard")
    said = [Opening("msg_9", "claude"), usage, *in_lanes(parts), finish]
    got = decoded(frames(said))
    told = [Text(e.lane, e.text) if isinstance(e, Text) else e for e in got if not isinstance(e, Usage)]
    assert told == [e for e in said if e is not usage] + [End()]
    last = [event for event in got if isinstance(event, Usage)][-1]
    last.raw = None
    assert last == usage


def test_law_6_catches_an_encoder_that_never_closes_a_block() -> None:
    class Careless(Encoder):
        def _close(self) -> Any:
            return iter(())

    said = in_lanes([("prose", "content", "a"), ("prose", "content", "b")])
    data = frames([*said, STOP], Careless(HEAD))
    assert [e for e in decoded(data) if isinstance(e, LaneEnd)] == []
    with pytest.raises(AssertionError):
        in_order(data)


@given(st.data(), st.lists(prose | call, min_size=2, max_size=5))
def test_lanes_may_come_interleaved(data: st.DataObject, parts: list[tuple[str, str, str]]) -> None:
    """As from a provider that neither ends its lanes nor keeps them apart, cut anywhere."""
    ids = [name for what, name, _ in parts if what == "call"]
    if len(set(ids)) < len(ids):
        return
    queues: list[list[Event]] = []
    expected: dict[str, str] = {"text": "", "thinking": ""}
    calls: dict[str, Any] = {}
    for number, (what, name, said) in enumerate(parts):
        cut = data.draw(st.integers(0, len(said)))
        lane = arguments(number) if what == "call" else Lane(0, name, number)
        opening: list[Event] = [ToolCall(0, number, name, "f")] if what == "call" else []
        queues.append(opening + [Text(lane, piece) for piece in (said[:cut], said[cut:]) if piece])
        if what == "call":
            calls[name] = json.loads(said)
    events: list[Event] = []
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        event = queue.pop(0)
        if isinstance(event, Text) and event.lane.kind != "arguments":
            expected["text" if event.lane.kind == "content" else "thinking"] += event.text
        events.append(event)
    content = message(*events, Finish(0, "tool_calls"))["content"]
    assert {block["id"]: block["input"] for block in content if block["type"] == "tool_use"} == calls
    for kind in ("text", "thinking"):
        said_there = "".join(block[kind] for block in content if block["type"] == kind)
        assert sorted(said_there) == sorted(expected[kind])


def test_a_held_text_that_comes_late_goes_on_in_a_new_block() -> None:
    assert blocks(
        Text(CONTENT, "Dear "),
        ToolCall(0, 0, "a", "f"),
        Text(arguments(0), "{}"),
        Text(CONTENT, "Ada"),
        Finish(0, "tool_calls"),
    ) == [
        {"type": "text", "text": "Dear "},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        {"type": "text", "text": "Ada"},
    ]


def test_a_text_never_cuts_a_call_that_is_not_complete() -> None:
    encoder = Encoder(HEAD)
    encoder.encode(ToolCall(0, 0, "a", "f"))
    encoder.encode(Text(arguments(0), '{"x": "}'))
    assert encoder.encode(Text(CONTENT, "meanwhile")) == b""
    assert b"meanwhile" in encoder.encode(Text(arguments(0), '"}'))


def test_trap_03_arguments_in_the_chunk_that_opens_the_call_are_kept() -> None:
    assert blocks(ToolCall(0, 0, "a", "f"), Text(arguments(0), '{"x":1}'), Finish(0, "tool_calls")) == [
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}
    ]


def test_trap_05_reasoning_has_its_own_block_and_a_lone_signature_too() -> None:
    events: list[Event] = [
        Text(REASONING, "hm"),
        Text(CONTENT, "so"),
        Sealed(Lane(0, "thinking", 1), "signature", "c2ln"),
        STOP,
    ]
    assert blocks(*events) == [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "so"},
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
    ]


def test_trap_06_a_call_without_arguments_says_an_empty_object() -> None:
    data = frames([ToolCall(0, 0, "a", "f"), ToolCall(0, 1, "b", "g"), Finish(0, "tool_calls")])
    assert data.count(b'"partial_json":"{}"') == 2
    assert [block["input"] for block in sdk.message(data)["content"]] == [{}, {}]


def test_a_call_that_max_tokens_cuts_is_told_as_far_as_it_came() -> None:
    events: list[Event] = [ToolCall(0, 0, "a", "f"), Text(arguments(0), '{"city": "Par')]
    told = message(*events, Finish(0, "length"))
    assert (told["stop_reason"], told["content"][0]["input"]) == ("max_tokens", {})
    said = "".join(e.text for e in decoded(frames([*events, Finish(0, "length")])) if isinstance(e, Text))
    assert said.endswith('{"city": "Par')


def test_trap_07_encrypted_reasoning_comes_as_redacted_thinking() -> None:
    assert blocks(Sealed(REASONING, "encrypted", "gAAA", id="rs_1"), STOP) == [
        {"type": "redacted_thinking", "data": "encrypted:rs_1:gAAA"}
    ]


def test_what_seals_other_lanes_than_reasoning_does_not_break_their_blocks() -> None:
    signed: list[Event] = [Text(CONTENT, "a"), Sealed(CONTENT, "signature", "Z2Vt"), Text(CONTENT, "b"), STOP]
    assert blocks(*signed) == [text_block("ab")]
    sealed: list[Event] = [Text(CONTENT, "a"), Sealed(CONTENT, "redacted", "b3Bh"), STOP]
    assert blocks(*sealed) == [text_block("a"), {"type": "redacted_thinking", "data": "b3Bh"}]


def test_trap_12_usage_is_told_without_what_the_cache_gave() -> None:
    told = message(Usage(10, 0, 6, 1), Text(CONTENT, "x"), STOP, Usage(10, 5, 6, 1, 2))
    assert told["usage"] == {
        "input_tokens": 3,
        "cache_read_input_tokens": 6,
        "cache_creation_input_tokens": 1,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
    }


def test_trap_14_nothing_follows_an_error_and_no_block_is_closed_before_it() -> None:
    encoder = Encoder(HEAD)
    encoder.encode(ToolCall(0, 0, "a", "f"))
    facts = {
        "message": "no",
        "type": "provider_error",
        "code": "PROVIDER_ERROR",
        "status": 502,
        "request_id": "r",
    }
    (frame,) = SSESplitter().feed(encoder.fail(facts))
    assert frame.event == "error"
    told = json.loads(frame.data or b"")
    assert (told["type"], told["error"]["type"], told["request_id"]) == ("error", "api_error", "r")


def test_trap_21_an_id_is_made_of_what_anthropic_takes() -> None:
    told = blocks(ToolCall(0, 0, "call:1|x", "f"), ToolCall(0, 1, "", "g"), Finish(0, "tool_calls"))
    assert [block["id"] for block in told] == ["call_1_x", "toolu_msg_1_1"]


@pytest.mark.parametrize(
    ("finish", "called", "word"),
    [
        (Finish(0, "stop"), False, "end_turn"),
        (Finish(0, "stop"), True, "tool_use"),
        (Finish(0, "stop", stop_sequence="END"), False, "stop_sequence"),
        (Finish(0, "stop", "pause_turn"), False, "pause_turn"),
        (Finish(0, "length", "MAX_TOKENS"), False, "max_tokens"),
        (Finish(0, "tool_calls"), True, "tool_use"),
        (Finish(0, "function_call"), True, "tool_use"),
        (Finish(0, "content_filter"), False, "refusal"),
        (Finish(0, "insufficient_system_resource"), False, "insufficient_system_resource"),
    ],
)
def test_reasons_are_told_in_anthropic_words(finish: Finish, called: bool, word: str) -> None:
    calls: list[Event] = [ToolCall(0, 0, "a", "f")] if called else []
    told = message(*calls, finish)
    assert told["stop_reason"] == word
    assert told["stop_sequence"] == (finish.stop_sequence or None)


def test_a_refusal_is_text_that_ends_with_refusal() -> None:
    told = message(Text(Lane(0, "refusal"), "I cannot"), STOP)
    assert (told["content"], told["stop_reason"]) == ([{"type": "text", "text": "I cannot"}], "refusal")


def test_no_reason_is_made_up() -> None:
    assert message(Text(CONTENT, "x"))["stop_reason"] is None


def test_an_answer_that_has_only_said_its_name_is_not_begun() -> None:
    encoder = Encoder(HEAD)
    assert encoder.encode(Opening("a", "b")) + encoder.encode(Usage(1, 0)) == b""
    assert encoder.encode(Text(CONTENT, "x")).count(b"message_start") == 2


def test_other_choices_and_server_arguments_are_left_out() -> None:
    assert blocks(Text(Lane(1, "content"), "x"), Text(Lane(0, "server_arguments"), "{}"), STOP) == []


def test_an_annotation_of_another_dialect_is_cited_as_a_web_page() -> None:
    (block,) = blocks(Text(CONTENT, "x"), Annotation(CONTENT, "https://x.io", "X", "quote"), STOP)
    (citation,) = block["citations"]
    assert citation == {
        "type": "web_search_result_location",
        "cited_text": "quote",
        "encrypted_index": "",
        "title": "X",
        "url": "https://x.io",
    }


def test_an_annotation_of_ours_says_what_its_texts_are_now() -> None:
    raw = {
        "type": "page_location",
        "cited_text": "Ada",
        "document_title": "Log",
        "start_page_number": 2,
        "x": "Ada",
    }
    (block,) = blocks(Text(CONTENT, "x"), Annotation(CONTENT, title="Log", quote="[NAME]", raw=raw), STOP)
    (citation,) = block["citations"]
    assert citation == {
        "type": "page_location",
        "cited_text": "[NAME]",
        "document_title": "Log",
        "start_page_number": 2,
    }


def test_items_of_other_dialects_stand_in_a_field_of_their_own() -> None:
    data = frames([Extra(0, "openai_responses", {"type": "image"}), STOP])
    assert sdk.events(data)[-2]["provider_items"] == [
        {"dialect": "openai_responses", "item": {"type": "image"}}
    ]


def test_free_text_of_a_custom_tool_is_one_field_of_an_object() -> None:
    lane = Lane(0, "input", 0)
    said: list[Event] = [ToolCall(0, 0, "a", "f", custom=True), Text(lane, 'say "hi"\n'), Text(lane, "é")]
    (block,) = blocks(*said, Finish(0, "tool_calls"))
    assert block["input"] == {"input": 'say "hi"\né'}


def test_the_sdk_takes_a_ping_anywhere() -> None:
    encoder = Encoder(HEAD)
    data = encoder.keepalive + encoder.encode(Text(CONTENT, "x")) + encoder.keepalive + encoder.end()
    assert sdk.message(data)["content"] == [{"type": "text", "text": "x"}]
