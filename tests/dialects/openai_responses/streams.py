"""Streams of Responses, recorded and made, and what is decoded from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.chat import (
    SERVER_KINDS,
    Event,
    Text,
)
from gateway.dialects.openai_responses.decode import Decoder
from gateway.wire.sse import Frame, SSESplitter
from tests.conftest import SHARED
from tests.dialects import recorded

each_stream = pytest.mark.parametrize("folder", recorded.streams("responses"), ids=recorded.name)


def bodies() -> list[Path]:
    return sorted(
        meta.parent
        for meta in SHARED.glob("recorded/*/responses-*/meta.json")
        if not json.loads(meta.read_text())["stream"]
    )


def frames_of(body: bytes, cut: int | None = None) -> list[Frame]:
    splitter = SSESplitter()
    frames: list[Frame] = []
    for start in range(0, len(body), cut or len(body)):
        frames += splitter.feed(body[start : start + (cut or len(body))])
    return [*frames, *splitter.flush()]


def decode(frames: list[Frame]) -> list[Event]:
    decoder = Decoder()
    return [event for frame in frames if frame.data is not None for event in decoder.decode(frame)]


def decoded(*trees: dict[str, Any]) -> list[Event]:
    return decode([Frame(b"", json.dumps(tree).encode()) for tree in trees])


def neutral(events: list[Event]) -> list[Event]:
    """What a translation is told: lanes only, each delta without its place."""
    return [
        Text(event.lane, event.text) if isinstance(event, Text) else event
        for event in events
        if not (isinstance(event, Text) and (event.lane.choice < 0 or event.lane.kind in SERVER_KINDS))
    ]


def added(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def delta(what: str, index: int, text: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{what}.delta", "output_index": index, "delta": text, **more}


def ended(*output: dict[str, Any], **more: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "model": "m", "status": "completed", "output": list(output), **more}
    return {"type": f"response.{response['status']}", "response": response}


def call(name: str, arguments: str = "", id: str = "fc_1", call_id: str = "c1") -> dict[str, Any]:
    return {"type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": arguments}


def message(text: str, id: str = "msg_1", **part: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, **part}]
    return {"type": "message", "id": id, "role": "assistant", "content": content}
