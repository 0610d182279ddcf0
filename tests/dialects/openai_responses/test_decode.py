"""Frames to events: every recording decodes with nothing unseen, and what is not changed stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.chat import (
    WHOLE_JSON,
    Annotation,
    End,
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
from gateway.dialects.openai_responses import OPENAI_RESPONSES
from gateway.dialects.openai_responses.body import events_of
from gateway.dialects.openai_responses.decode import WHOLE_CONTENT, Decoder
from gateway.dialects.openai_responses.rewrite import rewrite
from gateway.dialects.tree import texts
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from gateway.wire.sse import Frame
from tests.conftest import needs_shared
from tests.dialects import recorded
from tests.dialects.openai_responses.streams import (
    added,
    bodies,
    call,
    decode,
    decoded,
    delta,
    done,
    each_stream,
    ended,
    frames_of,
    message,
    neutral,
)

# --- recordings -------------------------------------------------------------------------------------------


# Every string that a recording holds beside text: a new one here is looked at by a person.
OPAQUE = frozenset(
    "type id item_id call_id caller_id container_id file_id obfuscation object model status role phase name "
    "namespace execution encrypted_content fingerprint result background output_format quality size "
    "server_label token effort summary context mode service_tier verbosity tool_choice truncation "
    "prompt_cache_retention moderation require_approval search_context_size syntax payer "
    "partial_image_b64 previous_response_id".split()
)


@needs_shared
@each_stream
def test_every_string_of_a_recording_is_text_or_known_to_be_none(folder: Path) -> None:
    decoder = Decoder()
    for frame in frames_of((folder / "response.body").read_bytes()):
        if frame.data is None or frame.data.startswith(b"[DONE]"):
            continue
        seen = {event.path: event.text for event in decoder.decode(frame) if isinstance(event, Text)}
        for path, text in texts(json.loads(frame.data), ()):
            if path in seen:
                assert seen.pop(path) == text
            elif text:
                named = [step for step in path if isinstance(step, str)]
                assert OPAQUE & {named[-1]} or named[-1] == "vector_store_ids", path
        assert not {path for path in seen if path}


@needs_shared
@each_stream
def test_law_1_the_cut_of_the_bytes_does_not_matter(folder: Path) -> None:
    body = (folder / "response.body").read_bytes()
    body = body[: 40_000 + body[40_000:].find(b"\n\n") + 2]
    whole = decode(frames_of(body))
    for cut in (1, 7, 4096):
        assert decode(frames_of(body, cut)) == whole


@needs_shared
@each_stream
def test_law_2_a_clean_stream_passes_byte_for_byte(folder: Path) -> None:
    body = (folder / "response.body").read_bytes()
    stream = ResponseStream(answer_scan(Vault()), OPENAI_RESPONSES, OPENAI_RESPONSES, Head("r", "m", 1))
    out = stream.feed(body) + stream.flush()
    assert stream.error is None
    assert out == body


@needs_shared
@each_stream
def test_rewriting_nothing_changes_nothing_but_the_padding(folder: Path) -> None:
    for frame in frames_of((folder / "response.body").read_bytes()):
        if frame.data is not None and not frame.data.startswith(b"[DONE]"):
            tree = json.loads(frame.data)
            tree.pop("obfuscation", None)
            if not (str(tree["type"]).endswith(".delta") and tree["delta"] == ""):
                [out] = frames_of(rewrite(frame, {}))
                assert out.event == frame.event
                assert json.loads(out.data or b"") == tree


@needs_shared
@pytest.mark.parametrize("folder", bodies(), ids=recorded.name)
def test_a_recorded_answer_in_one_piece_says_its_texts_once(folder: Path) -> None:
    body = json.loads((folder / "response.body").read_bytes())
    if body.get("error"):
        status = json.loads((folder / "meta.json").read_text()).get("status")
        error = OPENAI_RESPONSES.provider_error(status, body, None)
        assert error.message == body["error"]["message"]
        return
    events = neutral(events_of(body))
    said = [event.text for event in events if isinstance(event, Text)]
    expected = []
    for item in body["output"]:
        expected += [part["text"] for part in item.get("summary") or ()]
        if item["type"] == "message":
            expected += [part["text"] for part in item["content"]]
        elif item["type"] == "function_call":
            expected.append(item["arguments"])
    assert said == expected
    assert isinstance(events[-1], End)
    assert sum(isinstance(event, Finish) for event in events) == 1


# --- meanings ---------------------------------------------------------------------------------------------


def test_an_answer_is_said_once_however_often_it_is_repeated() -> None:
    item = message(
        "Hi",
        annotations=[{"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 2}],
    )
    created = {
        "type": "response.created",
        "response": {"id": "resp_1", "model": "m", "created_at": 7.0, "output": []},
    }
    events = decoded(
        created,
        added(0, {**item, "content": []}),
        {"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": ""}},
        delta("output_text", 0, "H", content_index=0),
        delta("output_text", 0, "i", content_index=0),
        {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation": item["content"][0]["annotations"][0]},
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hi"},
        {"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": item["content"][0]},
        done(0, item),
        ended(item, usage={"input_tokens": 5, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}),
    )  # fmt: skip
    lane = Lane(0, "content")
    raw = item["content"][0]["annotations"][0]
    assert [event for event in neutral(events) if not isinstance(event, Usage)] == [
        Opening("resp_1", "m", 7),
        Text(lane, "H"),
        Text(lane, "i"),
        Annotation(lane, "u", "t", "", 0, 2, raw),
        LaneEnd(lane),
        Finish(0, "stop", "completed"),
        End(),
    ]
    assert sum(isinstance(event, Text) and event.lane == WHOLE_CONTENT for event in events) == 4


def test_a_body_says_what_its_stream_says() -> None:
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}], "encrypted_content": "gAAAA"},
        message("Hi"),
        call("f", '{"a":1}'),
    ]  # fmt: skip
    streamed = neutral(decoded(*(done(i, item) for i, item in enumerate(items)), ended(*items)))
    whole = neutral(events_of(ended(*items)["response"]))
    assert [e for e in streamed if not isinstance(e, Opening)] == [
        e for e in whole if not isinstance(e, Opening)
    ]
    assert Sealed(Lane(0, "reasoning"), "encrypted", "gAAAA", "rs_1") in whole


def test_trap_01_calls_are_counted_without_the_other_items() -> None:
    """`output_index` counts all items."""
    events = decoded(
        added(0, {"type": "reasoning", "id": "rs_1", "summary": []}),
        added(1, call("f", id="fc_1", call_id="0")),
        added(2, message("", id="msg_1")),
        added(3, call("g", id="fc_2", call_id="1")),
        delta("function_call_arguments", 3, "{"),
        delta("function_call_arguments", 1, "["),
    )
    assert [e for e in neutral(events) if isinstance(e, ToolCall | Text)] == [
        ToolCall(0, 0, "0", "f"),
        ToolCall(0, 1, "1", "g"),
        Text(Lane(0, "arguments", 1), "{"),
        Text(Lane(0, "arguments", 0), "["),
    ]


def test_trap_03_arguments_that_come_with_done_alone_are_not_lost() -> None:
    """LM Studio."""
    events = decoded(
        added(0, call("f")),
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'},
        done(0, call("f", '{"a":1}')),
    )
    lane = Lane(0, "arguments")
    assert neutral(events) == [ToolCall(0, 0, "c1", "f"), Text(lane, '{"a":1}'), LaneEnd(lane)]
    assert Text(WHOLE_JSON, '{"a":1}', ("arguments",)) in events


def test_trap_06_a_call_without_arguments_has_none() -> None:
    events = neutral(decoded(added(0, call("f")), done(0, call("f"))))
    assert events == [ToolCall(0, 0, "c1", "f"), LaneEnd(Lane(0, "arguments"))]


def test_a_custom_tools_input_is_free_text() -> None:
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "sql", "input": ""}
    events = neutral(
        decoded(added(0, item), delta("custom_tool_call_input", 0, "SEL"), done(0, {**item, "input": "SEL"}))
    )
    lane = Lane(0, "input")
    assert events == [ToolCall(0, 0, "c", "sql", custom=True), Text(lane, "SEL"), LaneEnd(lane)]


def test_summaries_and_raw_reasoning_are_reasoning() -> None:
    events = neutral(
        decoded(
            added(0, {"type": "reasoning", "id": "rs_1", "summary": []}),
            delta("reasoning_summary_text", 0, "a", summary_index=0),
            delta("reasoning_summary_text", 0, "b", summary_index=1),
            delta("reasoning_text", 0, "c", content_index=0),
        )
    )
    assert events == [Text(Lane(0, "reasoning", at), text) for at, text in enumerate("abc")]


def test_refusals_have_a_lane_of_their_own() -> None:
    item = {
        "type": "message",
        "id": "m",
        "role": "assistant",
        "content": [{"type": "refusal", "refusal": "No."}],
    }
    events = neutral(decoded(delta("refusal", 0, "No.", content_index=0), done(0, item)))
    assert events == [Text(Lane(0, "refusal"), "No."), LaneEnd(Lane(0, "refusal"))]


def test_log_probabilities_come_with_their_text() -> None:
    odds = [{"token": "Hi", "logprob": -0.1, "top_logprobs": []}]
    lane = Lane(0, "content")
    streamed = decoded(
        delta("output_text", 0, "Hi", content_index=0, logprobs=odds), done(0, message("Hi", logprobs=odds))
    )
    assert neutral(streamed) == [Text(lane, "Hi"), Logprobs(lane, odds), LaneEnd(lane)]
    assert Logprobs(lane, odds) in decoded(done(0, message("Hi", logprobs=odds)))


@pytest.mark.parametrize(
    "kind", "web_search_call file_search_call code_interpreter_call mcp_call mcp_list_tools image_generation_call computer_call compaction".split()
)  # fmt: skip
def test_items_of_the_providers_own_come_whole(kind: str) -> None:
    item = {"type": kind, "id": "x_1", "status": "completed"}
    assert neutral(decoded(added(0, {**item, "status": "in_progress"}), done(0, item), ended(item)))[:2] == [
        Extra(0, "openai_responses", item),
        Opening("resp_1", "m"),
    ]


def test_what_a_servers_tool_is_given_is_a_run_of_its_own() -> None:
    events = decoded(
        added(0, {"type": "mcp_call", "id": "mcp_1"}),
        delta("mcp_call_arguments", 0, '{"to":"[EMA', item_id="mcp_1"),
        delta("mcp_call_arguments", 0, 'IL_1]"}', item_id="mcp_1"),
        {"type": "response.mcp_call_arguments.done", "output_index": 0, "arguments": '{"to":"[EMAIL_1]"}'},
        delta("news_of_tomorrow", 1, {"deep": "x"}),  # type: ignore[arg-type]
    )
    lane = Lane(0, "server_arguments")
    assert events == [
        Text(lane, '{"to":"[EMA', ("delta",)),
        Text(lane, 'IL_1]"}', ("delta",)),
        LaneEnd(lane),
        Text(WHOLE_JSON, '{"to":"[EMAIL_1]"}', ("arguments",)),
        Text(Lane(0, "server_input", 1), "x", ("delta", "deep")),
    ]


@pytest.mark.parametrize(
    ("response", "finish"),
    [
        ({"status": "completed"}, Finish(0, "stop", "completed")),
        ({"status": "complete"}, Finish(0, "stop", "completed")),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, Finish(0, "length", "max_output_tokens")),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, Finish(0, "content_filter", "content_filter")),
        ({"status": "completed", "output": [call("f")]}, Finish(0, "tool_calls", "completed")),
        ({"status": "queued"}, None),
    ],
)  # fmt: skip
def test_reasons(response: dict[str, Any], finish: Finish | None) -> None:
    finishes = [event for event in events_of({"id": "r", **response}) if isinstance(event, Finish)]
    assert finishes == ([finish] if finish else [])


@pytest.mark.parametrize(
    "tree",
    [
        {"type": "error", "code": "server_error", "message": "Oh", "param": None, "sequence_number": 2},
        {"type": "error", "sequence_number": 2, "error": {"code": "server_error", "message": "Oh", "param": None}},
        {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "Oh", "param": None}}},
        {"error": {"code": "server_error", "message": "Oh", "param": None}},
    ],
)  # fmt: skip
def test_trap_14_a_failure_is_never_a_finish(tree: dict[str, Any]) -> None:
    assert [e for e in decoded(tree) if not isinstance(e, Opening)] == [
        Failure({"code": "server_error", "message": "Oh", "param": None})
    ]


def test_trap_12_usage_counts_cached_tokens_once() -> None:
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 15,
    }
    [event] = [e for e in decoded(ended(usage=usage, service_tier="flex")) if isinstance(e, Usage)]
    assert event == Usage(10, 5, 4, 2, 3, usage, service_tier="flex")


def test_trap_27_an_end_mark_behind_the_end_is_not_a_second_one() -> None:
    decoder = Decoder()
    events = decoder.decode(Frame(b"", json.dumps(ended()).encode())) + decoder.decode(Frame(b"", b"[DONE]"))
    assert sum(isinstance(event, End) for event in events) == 1
