"""Events to frames, with the SDK's own accumulator as the strictest reader."""

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
from gateway.dialects.openai_responses.body import body_of, events_of
from gateway.dialects.openai_responses.decode import Decoder
from gateway.dialects.openai_responses.encode import Encoder
from gateway.errors import ProviderTimeout
from tests.conftest import needs_shared
from tests.dialects import recorded
from tests.dialects.openai_responses import sdk
from tests.dialects.openai_responses.streams import neutral

HEAD = Head("01TEST", "m", 7)
STOP = Finish(0, "stop", "completed")
CONTENT, REASONING, THINKING = Lane(0, "content"), Lane(0, "reasoning"), Lane(0, "thinking")


def encoded(*events: Event, encoder: Encoder | None = None) -> bytes:
    encoder = encoder or Encoder(HEAD)
    return b"".join([*map(encoder.encode, events), encoder.end()])


def decoded(raw: bytes) -> list[Event]:
    decoder = Decoder()
    return neutral([event for frame in sdk.frames(raw) for event in decoder.decode(frame)])


def kinds(raw: bytes) -> list[str]:
    return [tree["type"].removeprefix("response.") for tree in sdk.trees(raw)]


def merged(events: list[Event]) -> dict[Lane, str]:
    """Texts by lane."""
    said: dict[Lane, str] = {}
    for event in events:
        if isinstance(event, Text):
            said[event.lane] = said.get(event.lane, "") + event.text
    return said


# --- what the SDK makes of it -----------------------------------------------------------------------------


def says_something(item: dict[str, Any]) -> bool:
    """An item of which neither text nor seal is told is nothing that another dialect could say."""
    if item["type"] == "message":
        return any(part.get("text") or part.get("refusal") for part in item["content"])
    return item["type"] != "reasoning" or any(
        item.get(name) for name in ("summary", "content", "encrypted_content")
    )


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("responses"), ids=recorded.name)
def test_the_sdk_reads_the_same_from_what_is_encoded_again(folder: Path) -> None:
    raw = (folder / "response.body").read_bytes()
    if raw.count(b"event: response.created") > 1:
        raw = raw[: raw.index(b"event: response.created", 10)]
    again = encoded(*decoded(raw))
    theirs, ours = sdk.response(raw), sdk.response(again)
    shown = [item for item in theirs.output if says_something(item.to_dict())]
    assert [item.type for item in ours.output] == [item.type for item in shown]
    done = {
        tree["item"].get("id"): tree["item"]
        for tree in sdk.trees(raw)
        if tree["type"] == "response.output_item.done"
    }
    deltas = "".join(text for text in sdk.snapshot(raw).values())
    for mine, its in zip(ours.output, shown, strict=True):
        match mine.type, its.type:
            case "message", "message":
                text = "".join(getattr(part, "text", "") for part in its.content)
                if text in deltas:  # some recordings are trimmed: their deltas are not all there
                    assert "".join(getattr(part, "text", "") for part in mine.content) == text
            case "function_call", "function_call":
                assert (mine.call_id, mine.name, mine.arguments) == (its.call_id, its.name, its.arguments)
            case "reasoning", "reasoning":
                texts = [part.text for part in its.summary or its.content or ()]
                assert [part.text for part in mine.summary] == texts
            case "custom_tool_call", "custom_tool_call":
                assert (mine.call_id, mine.name, mine.input) == (its.call_id, its.name, its.input)
            case _:  # seals are made anew for the response; which one is told first
                assert mine.to_dict() == done[mine.to_dict()["id"]]
    assert ours.usage is not None
    assert theirs.usage is not None
    assert ours.usage.input_tokens == theirs.usage.input_tokens
    assert ours.usage.output_tokens == theirs.usage.output_tokens
    # Every delta of an item adds up to the item as it ends.
    by_item = sdk.snapshot(again)
    for index, item in enumerate(ours.output):
        if item.type == "message":
            assert "".join(getattr(part, "text", "") for part in item.content) == by_item.get(index, "")


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("responses"), ids=recorded.name)
def test_law_6_on_recordings(folder: Path) -> None:
    events = decoded((folder / "response.body").read_bytes())
    if sum(isinstance(event, Finish) for event in events) > 1:
        return  # several answers in one recording
    again = decoded(encoded(*events))
    assert merged(again) == merged(events)
    for kind in (ToolCall, Annotation, Logprobs, Extra, Finish):
        assert [bare(e) for e in again if isinstance(e, kind)] == [
            bare(e) for e in events if isinstance(e, kind)
        ]


def bare(event: Event) -> Event:
    """The event without the provider's own object, whose fields may be fewer here."""
    return (
        Annotation(*(getattr(event, name) for name in ("lane", "url", "title", "quote", "start", "end")))
        if isinstance(event, Annotation)
        else event
    )


def test_a_stream_of_text_is_what_openai_sends() -> None:
    raw = encoded(
        Opening("resp_1", "gpt", 5),
        Text(CONTENT, "He"),
        Text(CONTENT, "y"),
        LaneEnd(CONTENT),
        STOP,
        Usage(3, 2, 1, 0, 1),
    )
    assert kinds(raw) == (
        "created in_progress output_item.added content_part.added output_text.delta output_text.delta "
        "output_text.done content_part.done output_item.done completed".split()
    )  # fmt: skip
    trees = sdk.trees(raw)
    assert [tree["sequence_number"] for tree in trees] == list(range(10))
    assert [frame.event for frame in sdk.frames(raw)] == [tree["type"] for tree in trees]
    final = sdk.response(raw)
    assert (final.id, final.model, final.created_at, final.status) == ("resp_1", "gpt", 5, "completed")
    assert final.output_text == "Hey"
    assert final.usage is not None
    assert final.usage.total_tokens == 5
    assert final.usage.input_tokens_details.cached_tokens == 1


def test_calls_that_come_interleaved_stay_whole() -> None:
    first, second = Lane(0, "arguments", 0), Lane(0, "arguments", 1)
    raw = encoded(
        Text(CONTENT, "Let me see. "),
        ToolCall(0, 0, "a", "f"),
        Text(first, '{"a"'),
        ToolCall(0, 1, "b", "g"),
        Text(second, "{}"),
        Text(first, ":1}"),
        Text(CONTENT, "Late."),
        Finish(0, "tool_calls"),
    )
    final = sdk.response(raw)
    calls = [(item.call_id, item.arguments) for item in final.output if item.type == "function_call"]
    assert calls == [("a", '{"a":1}'), ("b", "{}")]
    assert final.output_text == "Let me see. Late."
    assert [item.type for item in final.output] == ["message", "function_call", "function_call", "message"]


def test_trap_06_a_call_without_arguments_gets_an_empty_object() -> None:
    raw = encoded(ToolCall(0, 0, "a", "f"), LaneEnd(Lane(0, "arguments")), Finish(0, "tool_calls"))
    deltas = [tree["delta"] for tree in sdk.trees(raw) if tree["type"].endswith("arguments.delta")]
    [item] = sdk.response(raw).output
    assert item.type == "function_call"
    assert (deltas, item.arguments) == (["{}"], "{}")


def test_trap_21_the_same_id_twice_is_told_apart() -> None:
    """The SDK takes two calls with one id for a broken stream."""
    raw = encoded(
        ToolCall(0, 0, "0", "f"), ToolCall(0, 1, "0", "g"), ToolCall(0, 2, "", "h"), Finish(0, "tool_calls")
    )
    ids = [item.call_id for item in sdk.response(raw).output if item.type == "function_call"]
    assert len(set(ids)) == 3
    assert "" not in ids


def test_a_custom_call_has_free_text() -> None:
    lane = Lane(0, "input")
    raw = encoded(
        ToolCall(0, 0, "a", "sql", custom=True),
        Text(lane, 'SELECT "x"'),
        LaneEnd(lane),
        Finish(0, "tool_calls"),
    )
    [item] = sdk.response(raw).output
    assert item.type == "custom_tool_call"
    assert (item.input, item.name) == ('SELECT "x"', "sql")
    assert "custom_tool_call_input.done" in kinds(raw)


def test_refusals_are_parts_of_their_own() -> None:
    raw = encoded(Text(Lane(0, "refusal"), "No."), STOP)
    [item] = sdk.response(raw).output
    assert item.type == "message"
    assert item.content[0].to_dict() == {"type": "refusal", "refusal": "No."}
    assert [kind for kind in kinds(raw) if "refusal" in kind] == ["refusal.delta", "refusal.done"]


def test_parts_of_one_reasoning_are_one_item_with_its_seal() -> None:
    second = Lane(0, "reasoning", 1)
    raw = encoded(
        Text(REASONING, "a"), LaneEnd(REASONING), Text(second, "b"), LaneEnd(second),
        Sealed(second, "encrypted", "gAAAA", "rs_9"), Text(CONTENT, "c"), STOP,
    )  # fmt: skip
    reasoning, _ = sdk.response(raw).output
    assert reasoning.type == "reasoning"
    assert [part.text for part in reasoning.summary] == ["a", "b"]
    assert Sealed(second, "encrypted", "gAAAA", "rs_9") in decoded(raw)


def test_reasoning_of_which_nothing_is_shown_keeps_its_id() -> None:
    raw = encoded(Sealed(REASONING, "encrypted", "gAAAA", "rs_9"), Text(CONTENT, "c"), STOP)
    reasoning, _ = sdk.response(raw).output
    assert reasoning.to_dict() == {
        "type": "reasoning",
        "id": "rs_9",
        "summary": [],
        "encrypted_content": "gAAAA",
    }


@pytest.mark.parametrize("kind", ["signature", "redacted"])
def test_trap_07_seals_of_other_providers_come_back_as_they_were(kind: Any) -> None:
    later = Lane(0, "thinking", 1)
    events: list[Event] = [
        Text(THINKING, "I see [EMAIL_1]"),
        Text(later, "…"),
        Sealed(THINKING, kind, "c2ln:bg=="),
    ]
    sealed = [event for event in decoded(encoded(*events, STOP)) if isinstance(event, Sealed)]
    assert sealed == [Sealed(REASONING, kind, "c2ln:bg==")]


def test_trap_07_a_calls_signature_goes_with_the_call() -> None:
    call = ToolCall(0, 0, "a", "f", signature="c2ln")
    assert call in decoded(encoded(call, Finish(0, "tool_calls")))


def test_citations_and_log_probabilities_are_repeated_with_their_part() -> None:
    odds = [{"token": "Hi", "logprob": -0.5, "bytes": [72], "top_logprobs": []}]
    web = Annotation(CONTENT, "https://x.io", "X", "", 0, 2)
    document = {"type": "file_citation", "file_id": "file-1", "filename": "[EMAIL_1]", "index": 3}
    raw = encoded(
        Text(CONTENT, "Hi"),
        Logprobs(CONTENT, odds),
        web,
        Annotation(CONTENT, title="x@y.io", raw=document),
        LaneEnd(CONTENT),
        STOP,
    )
    [item] = sdk.response(raw).output
    assert item.type == "message"
    assert item.content[0].to_dict() | {"parsed": None} == {
        "type": "output_text",
        "text": "Hi",
        "logprobs": odds,
        "annotations": [
            {"type": "url_citation", "url": "https://x.io", "title": "X", "start_index": 0, "end_index": 2},
            {"type": "file_citation", "file_id": "file-1", "filename": "x@y.io", "index": 3},
        ],
        "parsed": None,
    }
    assert [e for e in decoded(raw) if isinstance(e, Logprobs)] == [Logprobs(CONTENT, odds)]


def test_items_of_another_dialect_are_kept_aside() -> None:
    raw = encoded(Extra(0, "anthropic", {"type": "server_tool_use"}), Text(CONTENT, "x"), STOP)
    final = sdk.trees(raw)[-1]["response"]
    assert final["provider_items"] == [{"dialect": "anthropic", "item": {"type": "server_tool_use"}}]


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [("stop", "completed", None), ("tool_calls", "completed", None), ("length", "incomplete", "max_output_tokens"), ("content_filter", "incomplete", "content_filter")],
)  # fmt: skip
def test_reasons(reason: str, status: str, why: str | None) -> None:
    raw = encoded(Text(CONTENT, "x"), Finish(0, reason))
    final = sdk.trees(raw)[-1]
    assert final["type"] == f"response.{status}"
    assert (final["response"]["incomplete_details"] or {}).get("reason") == why
    assert final["response"]["output"][0]["status"] == status
    assert sdk.response(raw).status == status


def test_an_answer_without_a_finish_is_not_called_complete() -> None:
    assert kinds(encoded(Text(CONTENT, "x")))[-1] == "incomplete"


def test_trap_14_an_error_is_an_error_and_a_failed_response_and_nothing_else() -> None:
    encoder = Encoder(HEAD)
    before = encoder.encode(ToolCall(0, 0, "a", "f")) + encoder.encode(Text(Lane(0, "arguments"), '{"rm":'))
    raw = encoder.fail(ProviderTimeout("late").facts("01TEST"))
    error, failed = sdk.trees(raw)
    assert [frame.event for frame in sdk.frames(raw)] == ["error", "response.failed"]
    assert error["error"]["type"] == "provider_timeout"
    assert (error["message"], error["code"]) == ("late", "PROVIDER_TIMEOUT")
    assert error["sequence_number"] == sdk.trees(before)[-1]["sequence_number"] + 1
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "PROVIDER_TIMEOUT", "message": "late"}
    assert failed["response"]["output"] == []  # the call that was cut is not there to be made


def test_only_the_first_choice_is_written() -> None:
    raw = encoded(Text(Lane(1, "content"), "other"), Text(CONTENT, "x"), Finish(1, "length"), STOP)
    assert sdk.response(raw).output_text == "x"
    assert sdk.response(raw).status == "completed"


# --- law 6 ------------------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
lanes = st.sampled_from(
    [CONTENT, REASONING, THINKING, Lane(0, "refusal"), Lane(0, "content", 1), Lane(0, "arguments", 0), Lane(0, "arguments", 1), Lane(0, "input", 2)]
)  # fmt: skip
CALLS = [ToolCall(0, 0, "a", "f"), ToolCall(0, 1, "b", "g"), ToolCall(0, 2, "c", "h", custom=True)]


@given(st.lists(st.builds(Text, lanes, text) | st.builds(LaneEnd, lanes), max_size=12))
def test_law_6_whatever_the_order_every_text_arrives_in_its_kind(said: list[Event]) -> None:
    """Late and interleaved; each lane stays in order, and what the SDK gets is what the deltas say."""
    ended: set[Lane] = set()
    events: list[Event] = [*CALLS]
    for event in said:
        if isinstance(event, LaneEnd):
            ended.add(event.lane)
            events.append(event)
        elif isinstance(event, Text) and event.lane not in ended:
            events.append(event)
    raw = encoded(*events, STOP)
    expected: dict[str, list[str]] = {}
    for lane, words in merged(events).items():
        kind = "reasoning" if lane.kind == "thinking" else lane.kind
        expected.setdefault(kind, []).append(words)
    got: dict[str, list[str]] = {}
    for lane, words in merged(decoded(raw)).items():
        got.setdefault(lane.kind, []).append(words)
    for kind, texts in expected.items():
        if kind in ("arguments", "input"):
            assert sorted(set(texts)) == sorted(set(got[kind]) - ({"{}"} - set(texts)))
        else:
            assert sorted("".join(texts)) == sorted("".join(got[kind]))
    final = sdk.response(raw)
    for index, item in enumerate(final.output):
        deltas = sdk.snapshot(raw).get(index, "")
        match item.type:
            case "message":
                assert deltas == "".join(
                    getattr(part, "text", "") or getattr(part, "refusal", "") for part in item.content
                )
            case "reasoning":
                assert deltas == "".join(part.text for part in item.summary)
            case "function_call":
                assert deltas == item.arguments
            case _:
                pass


@given(
    st.lists(st.builds(Text, st.just(CONTENT) | st.just(Lane(0, "arguments", 0)), text), max_size=6),
    st.sampled_from(["stop", "length", "content_filter"]),
)
def test_law_6_and_an_answer_in_one_piece_says_the_same(said: list[Event], reason: str) -> None:
    arguments = Lane(0, "arguments")
    ordered: list[Event] = [
        *(event for event in said if isinstance(event, Text) and event.lane == CONTENT),
        LaneEnd(CONTENT),
        ToolCall(0, 0, "a", "f"),
        *(event for event in said if isinstance(event, Text) and event.lane == arguments),
        LaneEnd(arguments),
        Finish(0, reason),
        Usage(3, 2, 1, 0, 1),
        End(),
    ]
    streamed = sdk.trees(encoded(*ordered))[-1]["response"]
    whole = body_of(ordered, HEAD)
    assert whole == streamed
    told = merged(neutral(events_of(whole)))
    expected = merged(ordered)
    expected.setdefault(arguments, "{}")
    assert told == expected


def test_an_encoder_that_forgets_a_lane_is_caught() -> None:
    class Forgetful(Encoder):
        def _end_lane(self, lane: Lane) -> Any:
            self._parts.pop(lane, None)
            return iter(())

    events: list[Event] = [ToolCall(0, 0, "a", "f"), LaneEnd(Lane(0, "arguments")), Finish(0, "tool_calls")]
    with pytest.raises(RuntimeError, match="unfinished"):
        sdk.response(encoded(*events, encoder=Forgetful(HEAD)))


def test_lone_surrogates_are_written_as_they_came() -> None:
    raw = encoded(Text(CONTENT, "\ud83d"), Text(CONTENT, "\ude00"), STOP)
    assert [json.loads(json.dumps(t["delta"])) for t in sdk.trees(raw) if t["type"].endswith("delta")] == [
        "\ud83d",
        "\ude00",
    ]
