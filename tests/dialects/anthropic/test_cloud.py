"""Messages through Bedrock's InvokeModel and Vertex AI."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest

from gateway.chat import End, Failure, Finish, Lane, Text, ToolCall, Usage
from gateway.dialects.anthropic.cloud import InvokeSplitter, bedrock_body, vertex_body
from gateway.dialects.anthropic.decode import Decoder
from gateway.errors import ProviderGarbage
from gateway.wire import eventstream
from gateway.wire.sse import SSESplitter

BODY = b'{"model":"m","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"\\u00e9"}]}'
EVENT = {":message-type": "event", ":event-type": "chunk", ":content-type": "application/json"}


def test_a_body_for_bedrock_leaves_the_model_to_the_path() -> None:
    told = json.loads(bedrock_body(BODY, ["context-1m-2025-08-07"]))
    assert told == {
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "é"}],
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": ["context-1m-2025-08-07"],
    }


def test_a_body_for_vertex_keeps_stream() -> None:
    told = json.loads(vertex_body(BODY))
    assert list(told) == ["max_tokens", "stream", "messages", "anthropic_version"]


def test_trap_20_no_beta_is_sent_that_nobody_allowed() -> None:
    assert b"anthropic_beta" not in bedrock_body(BODY)


def test_what_stands_in_the_body_keeps_its_bytes_and_what_the_caller_chose() -> None:
    chosen = BODY[:-1] + b',"anthropic_version":"bedrock-2099-01-01"}'
    assert b'"content":"\\u00e9"' in vertex_body(BODY)
    assert json.loads(bedrock_body(chosen))["anthropic_version"] == "bedrock-2099-01-01"


def chunk(event: dict[str, object]) -> bytes:
    payload = {"bytes": b64encode(json.dumps(event).encode()).decode(), "p": "abc"}
    return eventstream.encode(EVENT, json.dumps(payload).encode())


@pytest.mark.parametrize("cut", [1, 50, 10_000])
def test_recorded_chunks_are_messages_frames(shared: Path, cut: int) -> None:
    decoder, splitter = Decoder(), InvokeSplitter()
    name = "invoke-stream-invoke-model-with-response-stream-no-content-tool-call-anthropic-claud-1"
    body = (shared / "recorded/bedrock" / name / "response.body").read_bytes()
    frames = [f for at in range(0, len(body), cut) for f in splitter.feed(body[at : at + cut])]
    frames += splitter.flush()
    events = [event for frame in frames for event in decoder.decode(frame)]
    assert isinstance(events[-1], End)
    assert sum(isinstance(event, Finish | Usage) for event in events) == 3
    text = "".join(e.text for e in events if isinstance(e, Text) and e.lane == Lane(0, "content"))
    assert text or any(isinstance(event, ToolCall) for event in events)
    again = SSESplitter().feed(b"".join(frame.raw for frame in frames))
    assert [(f.event, f.data) for f in again] == [(f.event, f.data) for f in frames]


def test_an_exception_in_the_stream_is_an_error_event() -> None:
    headers = {":message-type": "exception", ":exception-type": "throttlingException"}
    (frame,) = InvokeSplitter().feed(eventstream.encode(headers, b'{"message":"Too many"}'))
    assert frame.event == "error"
    assert Decoder().decode(frame) == [Failure({"type": "rate_limit_error", "message": "Too many"})]


@pytest.mark.parametrize("payload", [b"{}", b'{"bytes":7}', b'{"bytes":"?"}', b"[]", b'{"bytes":"e30="}'])
def test_a_chunk_that_is_no_event_is_garbage(payload: bytes) -> None:
    with pytest.raises(ProviderGarbage):
        list(InvokeSplitter().feed(eventstream.encode(EVENT, payload)))


def test_a_frame_of_a_chunk_stands_on_one_line() -> None:
    payload = {"bytes": b64encode(b'{"type":\n"ping"}').decode()}
    (frame,) = InvokeSplitter().feed(eventstream.encode(EVENT, json.dumps(payload).encode()))
    assert frame.raw == b'event: ping\ndata: {"type":"ping"}\n\n'
