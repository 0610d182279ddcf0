"""How a streamed answer ends: with the provider, with an error, with a block, or on garbage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.dialect import Dialect, Head
from gateway.dialects.openai_chat import OPENAI_CHAT, decode
from gateway.errors import ProviderTimeout, SluiceError
from gateway.privacy.redact import answer_scan, in_answers
from gateway.privacy.scanner import Scan, plan_for
from gateway.stream import ResponseStream
from tests.chat_stream import (
    ADA,
    DONE,
    STOP,
    chunk,
    error_in,
    lanes,
    new_stream,
    run,
    text_of,
    vault,
)


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


@pytest.mark.parametrize("nothing", [b"data:\n\n", b"data\n\n", b"event: ping\ndata: \n\n", b"data\r\n\r\n"])
@pytest.mark.parametrize("client", [OPENAI_CHAT, ANTHROPIC])
def test_an_event_without_data_says_nothing(client: Dialect, nothing: bytes) -> None:
    stream = ResponseStream(answer_scan(vault()), OPENAI_CHAT, client, Head("01TEST", "m", 1))
    assert stream.feed(nothing) == (nothing if client is OPENAI_CHAT else b"")
    assert not stream.opened
    out = run(
        [chunk({"content": "[PERSON"}), nothing, chunk({"content": "_1]"}), nothing, STOP, DONE], stream
    )
    assert stream.error is None
    assert json.dumps(ADA)[1:-1].encode() in out
    assert (nothing in out) is (client is OPENAI_CHAT)


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
        plan_for(in_answers().acting, vault().openings(), {"CREDIT_CARD": "block"}),
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
