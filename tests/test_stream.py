"""The laws of a streamed answer, on synthetic and on recorded traffic."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import Lane
from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat import OPENAI_CHAT, decode
from gateway.errors import ProviderTimeout, SluiceError
from gateway.privacy.redact import answer_scan, in_answers
from gateway.privacy.scanner import Scan, plan_for
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from gateway.stream import lanes as stream_lanes
from gateway.stream.outbox import OVERTAKE_AFTER
from tests.conftest import needs_shared
from tests.dialects import recorded
from tests.privacy import texts

ADA = 'Ada "A"\nByron'


def vault() -> Vault:
    made = Vault()
    made.hide(texts.entity("PERSON"), ADA)
    made.hide(texts.entity("EMAIL"), "x@y.io")
    return made


def chat_stream(made: Vault, *, keep_usage: bool = True, **options: Any) -> ResponseStream:
    head = Head("01TEST", "m", 1, usage=keep_usage)
    return ResponseStream(answer_scan(made), OPENAI_CHAT, OPENAI_CHAT, head, **options)


def new_stream(**options: Any) -> ResponseStream:
    return chat_stream(vault(), **options)


def chunk(*deltas: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """A frame with one choice a delta; a delta's `index` says which."""
    choices = []
    for delta in deltas:
        fields = dict(delta)
        choices.append(
            {"index": fields.pop("index", 0), "delta": fields, "logprobs": None, "finish_reason": finish}
        )
    body = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
        **more,
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STOP = chunk({}, finish="stop")


def run(pieces: Sequence[bytes], stream: ResponseStream | None = None) -> bytes:
    stream = stream or new_stream()
    return b"".join([*map(stream.feed, pieces), stream.flush()])


def payloads(out: bytes) -> list[Any]:
    return [
        json.loads(line[6:])
        for line in out.split(b"\n")
        if line.startswith(b"data: ") and line != b"data: [DONE]"
    ]


def lanes(out: bytes) -> dict[Lane, str]:
    """What a client accumulates, lane by lane."""
    said: dict[Lane, str] = defaultdict(str)
    for body in payloads(out):
        for choice in body.get("choices", ()):
            index, delta = choice["index"], choice["delta"]
            for field in ("content", "reasoning", "reasoning_content", "refusal"):
                if isinstance(delta.get(field), str):
                    said[Lane(index, field)] += delta[field]
            for call in delta.get("tool_calls") or ():
                said[Lane(index, "arguments", call.get("index", 0))] += (
                    call["function"].get("arguments") or ""
                )
    return {lane: text for lane, text in said.items() if text}


def text_of(out: bytes) -> str:
    return lanes(out).get(Lane(0, "content"), "")


def cut_bytes(data: bytes, seed: int, count: int) -> list[bytes]:
    places = sorted(random.Random(seed).sample(range(len(data) + 1), min(count, len(data))))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


# --- law 1: chunking never matters ------------------------------------------------------------------------


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[dict[Lane, str], bytes]:
    """Some lanes with text, cut into deltas and mixed, as frames."""
    kinds = [
        Lane(0, "content"),
        Lane(0, "reasoning_content"),
        Lane(1, "content"),
        Lane(0, "arguments", 0),
        Lane(0, "arguments", 1),
    ]
    said: dict[Lane, str] = {}
    queues: list[tuple[Lane, list[str]]] = []
    for lane in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4, unique=True)):
        text = draw(texts.texts)
        if lane.kind == "arguments":
            text = json.dumps({"to": text, "n": [1, 2]}, ensure_ascii=draw(st.booleans()))
        said[lane] = text
        queues.append((lane, [piece for piece in draw(texts.cut(text)) if piece]))
    frames = []
    while queues := [(lane, pieces) for lane, pieces in queues if pieces]:
        lane, pieces = draw(st.sampled_from(queues))
        piece = pieces.pop(0)
        if lane.kind == "arguments":
            delta: dict[str, Any] = {
                "tool_calls": [{"index": lane.position, "function": {"arguments": piece}}]
            }
        else:
            delta = {lane.kind: piece}
        frames.append(chunk({"index": lane.choice, **delta}))
    finish = [chunk({"index": choice}, finish="stop") for choice in {lane.choice for lane in said}]
    return said, b"".join([*frames, *finish, DONE])


@given(case=interleaved(), seed=st.integers(0, 1000))
def test_lanes_mixed_and_cut_anywhere_read_as_each_lane_whole(
    case: tuple[dict[Lane, str], bytes], seed: int
) -> None:
    said, data = case
    out = run(cut_bytes(data, seed, 20))
    for lane, text in said.items():
        if lane.kind == "arguments":
            delta: dict[str, Any] = {
                "tool_calls": [{"index": lane.position, "function": {"arguments": text}}]
            }
        else:
            delta = {lane.kind: text}
        whole = run(
            [chunk({"index": lane.choice, **delta}), chunk({"index": lane.choice}, finish="stop"), DONE]
        )
        assert lanes(out).get(lane) == lanes(whole).get(lane)


SENTENCE = "Dear [PERSON_1], mail [EMAIL_1] — [PERSON_1]'s card 4111 1111 1111 1111 é😀."
RESTORED = f"Dear {ADA}, mail x@y.io — {ADA}'s card [CREDIT_CARD] é😀."


def test_every_cut_of_the_bytes() -> None:
    data = chunk({"content": SENTENCE[:20]}) + chunk({"content": SENTENCE[20:]}) + STOP + DONE
    assert text_of(run([data])) == RESTORED
    assert run([data[i : i + 1] for i in range(len(data))]) == run([data])
    for place in range(len(data)):
        assert run([data[:place], data[place:]]) == run([data])


def test_every_cut_of_the_text_in_two_and_into_characters() -> None:
    for place in range(len(SENTENCE)):
        frames = [chunk({"content": part}) for part in (SENTENCE[:place], SENTENCE[place:])]
        assert text_of(run([*frames, STOP, DONE])) == RESTORED
    assert text_of(run([*(chunk({"content": c}) for c in SENTENCE), STOP, DONE])) == RESTORED


def test_every_cut_of_tool_arguments() -> None:
    arguments = '{"to":"[EMAIL_1]","who":"\\u005bPERSON_1\\u005d","n":"{\\"q\\":\\"[PERSON_1]\\"}"}'
    expected = {"to": "x@y.io", "who": ADA, "n": json.dumps({"q": ADA}, separators=(",", ":"))}
    for place in range(len(arguments)):
        parts = (arguments[:place], arguments[place:])
        frames = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}) for part in parts]
        out = run([*frames, chunk({}, finish="tool_calls"), DONE])
        assert json.loads(lanes(out)[Lane(0, "arguments", 0)]) == expected


def test_the_law_catches_a_stream_that_restores_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hasty(stream_lanes.LaneState):
        def settle(self, decided: int) -> None:
            super().settle(self.run.flush())

    monkeypatch.setattr(stream_lanes, "LaneState", Hasty)
    assert text_of(run([chunk({"content": "[PERS"}), chunk({"content": "ON_1]"}), STOP, DONE])) != ADA


# --- law 2: clean text is untouched -----------------------------------------------------------------------


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_a_clean_recorded_stream_is_byte_equal_at_any_cut(folder: Path) -> None:
    data = (folder / "response.body").read_bytes()
    for pieces in (
        [data],
        [data[i : i + 1] for i in range(len(data))],
        *(cut_bytes(data, seed, 40) for seed in range(5)),
    ):
        stream = new_stream()
        out = run(pieces, stream)
        assert stream.error is None
        if out != data:  # another lane's held tail was overtaken: each lane is still in order
            assert sorted(out.split(b"\n\n")) == sorted(data.split(b"\n\n"))
            assert lanes(out) == lanes(data)
            assert len(lanes(data)) > 1
            assert stream.outbox.held > OVERTAKE_AFTER


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("completions"), ids=recorded.name)
def test_a_clean_recorded_legacy_completion_is_byte_equal(folder: Path) -> None:
    data = (folder / "response.body").read_bytes()
    assert run(cut_bytes(data, 7, 60)) == data


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_placeholders_planted_in_a_recorded_stream_come_back_however_it_is_cut(folder: Path) -> None:
    """The recording's own text, with a placeholder after every 40 characters, in its own deltas' places."""
    data = (folder / "response.body").read_bytes()
    planted = data.replace(b'"content":" the"', b'"content":" [PERSON_1]"').replace(
        b'"content":" a"', b'"content":" [EMAIL_1]"'
    )
    whole = run([planted])
    assert b"PERSON_1" not in whole
    assert b"EMAIL_1" not in whole
    for seed in range(3):
        assert run(cut_bytes(planted, seed, 50)) == whole


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_a_recorded_text_is_restored_at_every_cut_into_deltas(folder: Path) -> None:
    """The recording's words with placeholders among them, in two deltas cut anywhere, and character by character."""
    said = text_of((folder / "response.body").read_bytes()) or "no text in this one"
    text = f"[PERSON_1] {said[:150]} [EMAIL_1]{said[150:200]}"
    whole = run([chunk({"content": text}), STOP, DONE])
    assert ADA in text_of(whole)
    for place in range(len(text)):
        frames = [chunk({"content": part}) for part in (text[:place], text[place:])]
        assert text_of(run([*frames, STOP, DONE])) == text_of(whole)
    assert text_of(run([*(chunk({"content": c}) for c in text), STOP, DONE])) == text_of(whole)


def test_only_the_usage_that_the_gateway_asked_for_is_left_out() -> None:
    usage = chunk(usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})
    frames = [chunk({"content": "Hi"}, usage=None), STOP, usage, DONE]
    kept, dropped = new_stream(), new_stream(keep_usage=False)
    assert run(frames, kept) == b"".join(frames)
    assert run(frames, dropped) == b"".join([frames[0], STOP, DONE])
    assert kept.usage is not None
    assert dropped.usage is not None
    assert dropped.usage.output == 2


def test_comments_and_unknown_fields_pass() -> None:
    data = (
        b": PROCESSING\n\n"
        + chunk({"content": "Hi", "x_new": {"deep": [1, "two"]}}, x_more="kept")
        + STOP
        + DONE
    )
    assert run([data]) == data


# --- law 3 and 4: nothing leaks, and what is held is held for a reason ------------------------------------


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


# --- honest endings ---------------------------------------------------------------------------------------


def error_in(out: bytes) -> dict[str, Any]:
    assert out.endswith(DONE)
    return dict(payloads(out)[-1]["error"])


def test_an_end_without_finish_is_an_error_and_held_text_goes_first() -> None:
    stream = new_stream()
    out = run([chunk({"content": "held [PERS"})], stream)
    assert text_of(out) == "held [PERS"
    assert error_in(out)["code"] == "UPSTREAM_TRUNCATED"
    assert stream.error is not None


@pytest.mark.parametrize("rest", [b"da", b"data: ", b'data: {"cho', b'data: {"choices":[]}'])
def test_an_end_within_an_event_is_a_truncation(rest: bytes) -> None:
    assert error_in(run([chunk({"content": "Hi"}), rest]))["code"] == "UPSTREAM_TRUNCATED"


def test_an_end_after_finish_needs_no_end_mark() -> None:
    stream = new_stream()
    data = chunk({"content": "Hi"}) + STOP
    assert run([data], stream) == data
    assert stream.error is None


def test_an_end_mark_needs_no_finish() -> None:
    data = chunk({"content": "Hi"}) + DONE
    assert run([data]) == data


def test_an_error_before_anything_real_can_still_be_a_status() -> None:
    stream = new_stream()
    out = stream.feed(
        b': hi\n\ndata: {"error":{"message":"overloaded","type":"server_error","code":"x"}}\n\n'
    )
    assert (out, stream.opened, stream.ended) == (b": hi\n\n", False, True)
    assert stream.error is not None
    assert stream.error.code == "x"
    assert stream.flush() == b""


def test_an_error_midway_ends_the_stream_with_the_envelope() -> None:
    failure = b'event: error\ndata: {"error":{"message":"no","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"g","status_code":400}}\n\n'
    out = run([chunk({"content": "a [PER"}), failure, chunk({"content": "never"})])
    assert text_of(out) == "a [PER"
    error = error_in(out)
    assert (error["code"], error["status"], error["failed_generation"], error["request_id"]) == (
        "tool_use_failed",
        400,
        "g",
        "01TEST",
    )


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {broken\n\n",
        b"data: 5\n\n",
        b'data: {"choices":[5]}\n\n',
        b"data: \xff\n\n",
        b"data: " + b"[" * 5000 + b"\n\n",
    ],
)
def test_garbage_is_a_documented_error(garbage: bytes) -> None:
    error = error_in(run([chunk({"content": "a"}), garbage]))
    assert error["type"] == "provider_garbage"


def test_what_comes_behind_the_end_mark_is_no_error() -> None:
    stream = new_stream()
    stream.feed(chunk({"content": "Hi"}) + STOP + DONE)
    assert stream.fail(ProviderTimeout("idle")) == b""
    assert stream.error is None


CARD = "4111 1111 1111 1111"


def blocking() -> ResponseStream:
    scan = Scan(
        plan_for(in_answers().acting, vault().grammar(), {"CREDIT_CARD": "block"}),
        lambda entity, _: "",
        vault(),
    )
    return ResponseStream(scan, OPENAI_CHAT, OPENAI_CHAT, Head("01TEST", "m", 1))


@pytest.mark.parametrize("kind", ["content", "reasoning_content", "refusal"])
@pytest.mark.parametrize("size", range(1, 24))
def test_law_3_a_blocked_match_never_begins_to_go_out(kind: str, size: int) -> None:
    text = f"Dear [PERSON_1], the card is {CARD}, keep it."
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    frames = [chunk({kind: piece}) for piece in pieces] + [chunk({}, finish="stop"), DONE]
    stream = blocking()
    out = run(frames, stream)
    assert "4" not in "".join(lanes(out).values())
    assert stream.error is not None
    assert error_in(out)["type"] == "policy_violation"
    assert stream.ended
    assert stream.feed(chunk({kind: "more"})) == b""


def test_a_match_that_only_the_end_decides_is_blocked_too() -> None:
    for end in ([chunk({}, finish="stop"), DONE], [DONE], []):
        out = run([chunk({"content": "the card is "}), chunk({"content": CARD}), *end], blocking())
        assert "4" not in text_of(out)
    out = run([chunk({"content": "the card is "}), chunk({"content": CARD}), DONE], blocking())
    assert error_in(out)["type"] == "policy_violation"


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_raise_nothing(data: bytes, framed: bool) -> None:
    stream = new_stream()
    run([chunk({"content": "a"}), b"data: " + data + b"\n\n" if framed else data], stream)
    assert stream.error is None or isinstance(stream.error, SluiceError)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(["choices", "delta", "index", "content", "tool_calls", "function", "arguments", "finish_reason", "usage", "error", "id", "custom", "audio"]), x, max_size=4), max_leaves=12))  # fmt: skip
def test_any_json_raises_only_documented_errors(body: Any) -> None:
    stream = new_stream()
    run([chunk({"content": "a"}), b"data: " + json.dumps({"choices": [body]}).encode() + b"\n\n"], stream)
    run([b"data: " + json.dumps(body).encode() + b"\n\n"])


def test_frames_at_the_decoder_go_through_the_strict_way_when_they_are_plain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fast way is taken: a chunk as OpenAI sends it is never walked as plain JSON."""
    monkeypatch.setattr(decode.Decoder, "decode_tree", None)
    stream = new_stream()
    assert stream.feed(
        chunk({"role": "assistant", "content": "Hi"}, usage=None, system_fingerprint="fp", obfuscation="x")
    )


def test_trap_27_what_stands_behind_the_end_mark_is_not_translated() -> None:
    stream = ResponseStream(answer_scan(vault()), OPENAI_CHAT, ANTHROPIC, Head("01TEST", "m", 1))
    out = run([chunk({"content": "one"}), STOP, DONE, chunk({"content": "two"}), STOP, DONE], stream)
    assert b'"one"' in out
    assert b'"two"' not in out
    assert out.count(b"event: message_stop") == 1
