"""Laws 3 and 4 of a streamed answer: nothing leaks, and what is held is held for a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.chat_stream import (
    ADA,
    DONE,
    STOP,
    chunk,
    new_stream,
    payloads,
    run,
    text_of,
)


def test_held_frames_leave_in_order_before_finish_usage_and_end() -> None:
    stream = new_stream()
    assert stream.feed(chunk({"content": "see [PERS"})) == b""
    assert stream.feed(chunk({"content": "ON"})) == b""
    held = [chunk({"content": "see [PERS"}), chunk({"content": "ON"})]
    assert stream.feed(STOP + DONE) == b"".join([*held, STOP, DONE])


def test_a_frame_that_is_not_undecided_is_not_held() -> None:
    stream = new_stream()
    for text in ("Hello", " world", ".", "\n\n", " The next", " class", " so"):
        assert stream.feed(chunk({"content": text})) == chunk({"content": text})


def test_what_an_edit_empties_goes_unless_it_says_more() -> None:
    frames = [
        chunk({"content": "[PER"}),
        chunk({"content": "SON"}),
        chunk({"content": "_1]", "role": "assistant"}),
        STOP,
        DONE,
    ]
    bodies = payloads(run(frames))
    assert [b["choices"][0]["delta"] for b in bodies] == [
        {"content": ADA},
        {"content": "", "role": "assistant"},
        {},
    ]


def test_a_held_tail_does_not_hold_up_other_lanes_for_long() -> None:
    stream = new_stream()
    stream.feed(chunk({"reasoning_content": "the answer is 42"}))
    out = b"".join(stream.feed(chunk({"content": f" word{i}x"})) for i in range(40))
    assert out.count(b"word") == 40
    assert b"42" not in out
    rest = stream.feed(STOP)
    assert b"42" in rest
    assert text_of(out) == "".join(f" word{i}x" for i in range(40))


def test_choices_interleaved_within_a_few_frames_keep_their_order() -> None:
    frames = [chunk({"index": i % 3, "content": piece}) for piece in ("4", "2", " a") for i in range(3)]
    data = b"".join(frames)
    assert run([data, *(chunk({"index": i}, finish="stop") for i in range(3)), DONE]).startswith(data)


def test_changed_text_takes_its_logprobs_and_padding_with_it() -> None:
    body = json.loads(chunk({"content": "[EMAIL_1]"}, obfuscation="xyz")[6:])
    body["choices"][0]["logprobs"] = {"content": [{"token": "[EMAIL_1]"}]}
    [out, *_] = payloads(run([b"data: " + json.dumps(body).encode() + b"\n\n", STOP, DONE]))
    assert out["choices"][0]["logprobs"] is None
    assert "obfuscation" not in out


@pytest.mark.parametrize(
    "delta",
    [
        {"content": [{"type": "text", "text": "[EMAIL_1]"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "[EMAIL_1]"}]}]},
        {"audio": {"transcript": "[EMAIL_1]"}},
        {"function_call": {"arguments": '{"a":"[EMAIL_1]"}'}},
        {"annotations": [{"url_citation": {"title": "[EMAIL_1]"}}]},
        {"something_new": "[EMAIL_1]"},
        {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"a":"[EMAIL_1]"}'}}]},
        {"tool_calls": [{"index": 0, "type": "custom", "custom": {"input": "[EMAIL_1]"}}]},
    ],
)
def test_every_place_of_a_delta_is_restored(delta: dict[str, Any]) -> None:
    out = run([chunk(delta), STOP, DONE])
    assert b"x@y.io" in out
    assert b"EMAIL_1" not in out


def test_unknown_fields_beside_the_choices_are_restored() -> None:
    out = run([chunk({"content": "a"}, citations=["about [EMAIL_1]"]), STOP, DONE])
    assert b"about x@y.io" in out


def test_signed_reasoning_passes_unrestored() -> None:
    frame = chunk(
        {"reasoning_details": [{"type": "reasoning.text", "text": "[EMAIL_1]", "signature": "sig"}]}
    )
    assert run([frame, STOP, DONE]) == frame + STOP + DONE


def test_a_surrogate_pair_cut_over_two_deltas_survives() -> None:
    frames = [chunk({"content": "\ud83d"}), chunk({"content": "\ude00 [EMAIL_1]"}), STOP, DONE]
    assert text_of(run(frames)) == "\ud83d\ude00 x@y.io"


def test_json_output_is_restored_escaped() -> None:
    frames = [chunk({"content": c}) for c in '{"name":"[PERSON_1]"}']
    out = run([*frames, STOP, DONE], new_stream(json_output=True))
    assert json.loads(text_of(out)) == {"name": ADA}
