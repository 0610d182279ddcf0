"""What the tests of this dialect share: frames of recordings, and events made comparable."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gateway.chat import Event, Finish, Lane, Opening, Text, Usage
from gateway.dialects.gemini.decode import Decoder
from gateway.wire.sse import Frame, SSESplitter
from tests.conftest import SHARED
from tests.dialects import recorded

STREAMS = recorded.streams("gemini")


def frames(folder: Path) -> list[Frame]:
    """A JSON array is recorded where a stream was asked for without `alt=sse`: each element is a frame."""
    body = (folder / "response.body").read_bytes()
    if body.startswith(b"["):
        datas = [json.dumps(each).encode() for each in json.loads(body)]
        return [Frame(b"data: " + data + b"\r\n\r\n", data) for data in datas]
    splitter = SSESplitter()
    return [*splitter.feed(body), *splitter.flush()]


def bodies() -> list[Path]:
    """Folders of whole answers, errors aside."""
    found = []
    for meta in sorted(SHARED.glob("recorded/*/*/meta.json")):
        facts = json.loads(meta.read_text())
        if facts["format"] == "gemini" and not facts["stream"]:
            body = json.loads((meta.parent / "response.body").read_bytes())
            if "error" not in body:
                found.append(meta.parent)
    return found


def body(folder: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((folder / "response.body").read_bytes())
    return tree


def decoded(data: bytes) -> list[Event]:
    decoder = Decoder()
    return [event for frame in SSESplitter().feed(data) if frame.data for event in decoder.decode(frame)]


def of(*chunks: dict[str, Any]) -> list[Event]:
    decoder = Decoder()
    return [event for chunk in chunks for event in decoder.decode(Frame(b"", json.dumps(chunk).encode()))]


def chunk(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, "index": 0, **candidate}]}


def neutral(events: Iterable[Event]) -> list[Event]:
    """What a translation sees, the pieces of a lane that follow each other joined, the last usage last."""
    out: list[Event] = []
    usage: list[Event] = []
    for event in events:
        if isinstance(event, Opening) or (isinstance(event, Text) and event.lane.choice < 0):
            continue
        lane = getattr(event, "lane", None)
        if isinstance(lane, Lane) and lane.choice < 0:
            continue
        if isinstance(event, Text):
            last = out[-1] if out else None
            if isinstance(last, Text) and last.lane == event.lane:
                out[-1] = Text(event.lane, last.text + event.text)
            else:
                out.append(Text(event.lane, event.text))
        elif isinstance(event, Usage):
            usage = [Usage(event.input, event.output, event.cached, reasoning=event.reasoning)]
        elif isinstance(event, Finish):
            out.append(Finish(event.choice, event.reason))
        else:
            out.append(event)
    return [*out, *usage]
