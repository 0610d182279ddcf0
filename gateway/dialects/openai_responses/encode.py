"""Events to the frames of a Responses stream.

Each lane is an item of its own; reasoning lanes that follow each other are parts of one item, which their
seal ends. A message or reasoning item ends when the next item begins: late text goes on in a new one. A call
cannot be cut in two, nor can reasoning that is signed: they stay open until their lane ends, or the answer.

Source: openai-python types (`response_stream_event.py`), `lib/streaming/responses`, recorded streams.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from gateway.chat import (
    Annotation,
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
from gateway.dialects.openai_responses.answer import NAME
from gateway.dialects.openai_responses.errors import error_event
from gateway.dialects.openai_responses.rewrite import sse
from gateway.dialects.openai_responses.sealed import Seal, wrap
from gateway.dialects.openai_responses.usage import usage_object
from gateway.wire.jsontext import encode

_MESSAGES = ("content", "refusal", "transcript")
_REASONING = ("reasoning", "thinking")
_CALLS = ("arguments", "input")
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_BASE = 48  # the API takes ids of 64 characters


class _Shape(Struct, frozen=True):
    """How a kind of lane is written: its events' stem, the part it is, the name of its text."""

    stem: str
    name: str
    counter: str = ""
    part: str = ""
    after: bytes = b',"sequence_number":'


_TEXT = _Shape(
    "response.output_text",
    "text",
    "content_index",
    "response.content_part",
    b',"logprobs":[],"sequence_number":',
)
_SUMMARY = _Shape(
    "response.reasoning_summary_text", "text", "summary_index", "response.reasoning_summary_part"
)
_SHAPES = {
    "content": _TEXT,
    "transcript": _TEXT,
    "refusal": _Shape("response.refusal", "refusal", "content_index", "response.content_part"),
    "reasoning": _SUMMARY,
    "thinking": _SUMMARY,
    "arguments": _Shape("response.function_call_arguments", "arguments"),
    "input": _Shape("response.custom_tool_call_input", "input"),
}


class _Item(Struct):
    index: int
    raw: dict[str, Any]
    lanes: list[Lane] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)


class _Part(Struct):
    """What is open of an item: a part of its content, or a call's text."""

    item: _Item
    shape: _Shape
    place: dict[str, Any]  # item_id, output_index, the part's own index
    before: bytes
    texts: list[str] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)


class Encoder:
    """Events to the frames of one answer. A response has one choice: others are left out.

    What Responses has no field for goes into fields of its own: a call's signature into
    `extra_content.google.thought_signature` (as in Google's compatible Chat), items of other dialects into
    `provider_items` of the final response.
    """

    keepalive = b": keep-alive\n\n"

    def __init__(self, head: Head) -> None:
        self._head = head
        self._opening = Opening()
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._begun = False
        self._sequence = 0
        self._parts: dict[Lane, _Part] = {}
        self._current: _Item | None = None  # the message or reasoning that the next item ends
        self._ended_calls: set[Lane] = set()
        self._call_ids: set[str] = set()
        self._output: dict[int, dict[str, Any]] = {}
        self._count = 0
        self._foreign: list[dict[str, Any]] = []
        self._base = _NOT_IN_ID.sub("", head.id)[-_LONGEST_BASE:]

    def encode(self, event: Event) -> bytes:
        if isinstance(event, Text):
            if (part := self._parts.get(event.lane)) is not None:
                return self._delta(part, event.text)
            return b"".join(self._first(event))
        match event:
            case Opening():
                self._opening = event
                return b""
            case Usage():
                self._usage = event
                return b""
            case Finish(choice=0):
                self._finish = event
                return b"".join(self._close_all())
            case ToolCall(choice=0):
                return b"".join(self._call(event))
            case LaneEnd():
                return b"".join(self._end_lane(event.lane))
            case Sealed():
                return b"".join(self._seal(event))
            case Annotation():
                return b"".join(self._cite(event))
            case Logprobs():
                return b"".join(self._weigh(event))
            case Extra(dialect=dialect, choice=0) if dialect == NAME:
                return b"".join(self._whole_item(event.data))
            case Extra():
                self._foreign.append({"dialect": event.dialect, "item": event.data})
                return b""
            case _:
                return b""

    def end(self) -> bytes:
        frames = [*self._begin(), *self._close_all()]
        response = self.response()
        return b"".join([*frames, self._frame(f"response.{response['status']}", response=response)])

    def verdict(self, told: Mapping[str, Any]) -> bytes:
        """An event of the gateway's own. It has no number: where frames pass, they are the provider's."""
        return sse("sluice.verdict", encode({"type": "sluice.verdict", "sluice": told}))

    def fail(self, facts: dict[str, Any]) -> bytes:
        """As OpenAI does it: an error, at which the SDKs raise, and the response that failed, for the others.

        Nothing is closed before it: a call that was cut must not look as if it could be made.
        """
        error = sse("error", encode(error_event(facts, self._next_number())))
        code = facts.get("code")
        raw = {"code": str(code) if code is not None else "server_error", "message": facts.get("message")}
        failed = self._object("failed") | {"error": raw, "output": self._items()}
        return error + self._frame("response.failed", response=failed)

    def response(self) -> dict[str, Any]:
        """The answer in one piece."""
        for _ in self._close_all():
            pass
        reason = self._finish.reason if self._finish is not None else ""
        response = self._object("completed" if reason in ("stop", "tool_calls") else "incomplete")
        if response["status"] == "incomplete":
            response["incomplete_details"] = {"reason": _INCOMPLETE.get(reason, reason)} if reason else None
        response["output"] = self._items()
        if self._usage is not None:
            response["usage"] = usage_object(self._usage)
            if self._usage.service_tier:
                response["service_tier"] = self._usage.service_tier
        if self._foreign:
            response["provider_items"] = self._foreign
        return response

    def _items(self) -> list[dict[str, Any]]:
        return [self._output[index] for index in sorted(self._output)]

    def _object(self, status: str) -> dict[str, Any]:
        """A response with what the SDK's types demand; what was asked is not known here."""
        return {
            "id": self._opening.id or self._head.id,
            "object": "response",
            "created_at": self._opening.created or self._head.created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "model": self._opening.model or self._head.model,
            "output": [],
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "store": False,
            "temperature": None,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "truncation": "disabled",
            "usage": None,
        }

    def _begin(self) -> Iterator[bytes]:
        if not self._begun:
            self._begun = True
            for name in ("created", "in_progress"):
                yield self._frame(f"response.{name}", response=self._object("in_progress"))

    # --- texts ----------------------------------------------------------------------------------------

    def _delta(self, part: _Part, text: str) -> bytes:
        part.texts.append(text)
        number = self._next_number()
        return part.before + encode(text) + part.shape.after + str(number).encode() + b"}\n\n"

    def _first(self, event: Text) -> Iterator[bytes]:
        """The first text of a lane, or one that comes when its item has ended."""
        if (part := (yield from self._open_lane(event.lane))) is not None:
            yield self._delta(part, event.text)

    def _open_lane(self, lane: Lane) -> Generator[bytes, None, _Part | None]:
        """Returns the lane's part, opened if it must be, None if the lane cannot be written."""
        if (part := self._parts.get(lane)) is not None:
            return part
        if lane.choice != 0 or lane in self._ended_calls or lane.kind not in _SHAPES:
            return None
        if lane.kind in _CALLS:  # nobody announced it
            yield from self._call(ToolCall(0, lane.position, "", "", lane.kind == "input"))
            return self._parts[lane]
        if lane.kind == "reasoning" and self._current is not None and "summary" in self._current.raw:
            item = self._current
            yield from self._close_part(item.lanes[-1])
        elif lane.kind in _REASONING:
            item = yield from self._open_item("rs", {"type": "reasoning", "summary": []})
        else:
            raw = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
            item = yield from self._open_item("msg", raw)
        if lane.kind != "thinking":
            self._current = item
        return (yield from self._open_part(item, lane))

    def _open_part(self, item: _Item, lane: Lane) -> Generator[bytes, None, _Part]:
        shape = _SHAPES[lane.kind]
        place: dict[str, Any] = {"item_id": item.raw["id"], "output_index": item.index}
        if shape.counter:
            place[shape.counter] = len(item.parts)
        name = f"{shape.stem}.delta"
        before = sse(name, encode({"type": name, **place}))[:-3] + b',"delta":'
        part = _Part(item, shape, place, before)
        item.lanes.append(lane)
        self._parts[lane] = part
        if shape.part:
            yield self._frame(f"{shape.part}.added", **place, part=_part_object(lane, part))
        return part

    def _open_item(self, prefix: str, raw: dict[str, Any], id: str = "") -> Generator[bytes, None, _Item]:
        yield from self._begin()
        yield from self._close_current()
        index = self._count
        self._count += 1
        item = _Item(index, {"id": id or f"{prefix}_{self._base}_{index}", **raw})
        yield self._frame("response.output_item.added", output_index=index, item=item.raw)
        return item

    def _close_part(self, lane: Lane) -> Iterator[bytes]:
        """A part's text once more, and the part."""
        if (part := self._parts.pop(lane, None)) is None:
            return
        shape, text = part.shape, "".join(part.texts)
        if not shape.part:
            if not text and lane.kind == "arguments":
                text = "{}"
                yield self._delta(part, text)
            part.item.raw[shape.name] = text
            yield self._frame(f"{shape.stem}.done", **part.place, **{shape.name: text})
            return
        raw = _part_object(lane, part, text)
        part.item.parts.append(raw)
        said = {shape.name: text}
        if shape is _TEXT:
            said["logprobs"] = raw["logprobs"]
        yield self._frame(f"{shape.stem}.done", **part.place, **said)
        yield self._frame(f"{shape.part}.done", **part.place, part=raw)

    def _close_item(self, item: _Item) -> Iterator[bytes]:
        for lane in item.lanes:
            if lane.kind in _CALLS:
                self._ended_calls.add(lane)
            yield from self._close_part(lane)
        if self._current is item:
            self._current = None
        raw = dict(item.raw)
        if "status" in raw:
            cut = self._finish is not None and self._finish.reason in _INCOMPLETE
            raw["status"] = "incomplete" if cut else "completed"
        if raw["type"] == "message":
            raw["content"] = item.parts
        elif raw["type"] == "reasoning":
            raw["summary"] = item.parts
        yield self._done(item.index, raw)

    def _close_current(self) -> Iterator[bytes]:
        if self._current is not None:
            yield from self._close_item(self._current)

    def _close_all(self) -> Iterator[bytes]:
        left = {part.item.index: part.item for part in self._parts.values()}
        if self._current is not None:
            left[self._current.index] = self._current
        for index in sorted(left):
            yield from self._close_item(left[index])

    def _end_lane(self, lane: Lane) -> Iterator[bytes]:
        part = self._parts.get(lane)
        if part is None:
            return
        if lane.kind == "reasoning":  # a seal may follow
            yield from self._close_part(lane)
        else:
            yield from self._close_item(part.item)

    # --- everything else ------------------------------------------------------------------------------

    def _call(self, call: ToolCall) -> Iterator[bytes]:
        lane = Lane(0, "input" if call.custom else "arguments", call.index)
        if lane in self._parts or lane in self._ended_calls:
            return
        # Some providers number their calls' ids from 0 in each answer, or say none: the SDK wants its own.
        id = call.id
        if not id or id in self._call_ids:
            id = f"call_{self._base}_{self._count}"
        self._call_ids.add(id)
        kind, prefix = ("custom_tool_call", "ctc") if call.custom else ("function_call", "fc")
        name = _SHAPES[lane.kind].name
        raw: dict[str, Any] = {"type": kind, "status": "in_progress", name: ""}
        raw |= {"call_id": id, "name": call.name}
        if call.signature:
            raw["extra_content"] = {"google": {"thought_signature": call.signature}}
        item = yield from self._open_item(prefix, raw)
        yield from self._open_part(item, lane)

    def _seal(self, event: Sealed) -> Iterator[bytes]:
        if event.lane.choice != 0:
            return
        lane = event.lane
        part = self._parts.get(lane)
        item = part.item if part is not None else self._current
        if item is None or lane not in item.lanes:
            item = yield from self._open_item("rs", {"type": "reasoning", "summary": []}, event.id)
        yield from self._close_part(lane)
        text = item.parts[-1]["text"] if item.parts and event.kind == "signature" else ""
        seal = Seal(event.kind, event.data, event.id, text)
        item.raw["encrypted_content"] = wrap(seal, item.raw["id"])
        yield from self._close_item(item)

    def _cite(self, event: Annotation) -> Iterator[bytes]:
        if event.lane.kind not in ("content", "transcript"):
            return
        part = yield from self._open_lane(event.lane)
        if part is not None:
            annotation = _annotation(event)
            index = len(part.annotations)
            part.annotations.append(annotation)
            name = "response.output_text.annotation.added"
            yield self._frame(name, **part.place, annotation_index=index, annotation=annotation)

    def _weigh(self, event: Logprobs) -> Iterator[bytes]:
        """After its text, in a delta of none."""
        part = self._parts.get(event.lane)
        if part is not None and part.shape is _TEXT:
            part.logprobs += event.content
            yield self._frame(f"{_TEXT.stem}.delta", **part.place, delta="", logprobs=event.content)

    def _whole_item(self, raw: dict[str, Any]) -> Iterator[bytes]:
        given = {key: value for key, value in raw.items() if key != "id"}
        item = yield from self._open_item("item", given, str(raw.get("id") or ""))
        yield self._done(item.index, item.raw)

    def _done(self, index: int, raw: dict[str, Any]) -> bytes:
        self._output[index] = raw
        return self._frame("response.output_item.done", output_index=index, item=raw)

    def _next_number(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _frame(self, name: str, **fields: Any) -> bytes:
        return sse(name, encode({"type": name, "sequence_number": self._next_number(), **fields}))


def _part_object(lane: Lane, part: _Part, text: str = "") -> dict[str, Any]:
    if lane.kind in _REASONING:
        return {"type": "summary_text", "text": text}
    if lane.kind == "refusal":
        return {"type": "refusal", "refusal": text}
    logprobs, annotations = list(part.logprobs), list(part.annotations)
    return {"type": "output_text", "annotations": annotations, "logprobs": logprobs, "text": text}


def _annotation(event: Annotation) -> dict[str, Any]:
    """OpenAI's own citation of a file with its name as it is now; any other as that of a web page."""
    raw = event.raw or {}
    said: dict[str, Any]
    if raw.get("type") in ("file_citation", "container_file_citation", "file_path"):
        places = ("type", "file_id", "container_id", "index")
        said = {name: raw[name] for name in places if name in raw}
        if "filename" in raw:
            said["filename"] = event.title
    else:
        said = {"type": "url_citation", "url": event.url, "title": event.title}
    if event.start >= 0:
        said |= {"start_index": event.start, "end_index": event.end}
    if event.quote:
        said["quote"] = event.quote
    return said
