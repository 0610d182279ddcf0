"""What an answer has said so far: its items, their lanes, and what of them came already.

In: items, parts and responses as JSON objects. Out: the events that nobody has heard yet. An item that was
announced, streamed and repeated is said once; one that comes whole is said whole.

Source: openai-python types (`response_output_item.py`, `response.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from gateway.chat import (
    Annotation,
    Event,
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
)
from gateway.dialects.openai_responses.sealed import unwrap
from gateway.dialects.openai_responses.usage import usage_of
from gateway.dialects.tree import dicts, mapping, string

NAME = "openai_responses"

# Where an item's text stands, and the kind of its lane: `field` tells apart what has the same kind.
KIND_OF_FIELD = {
    "output_text": "content",
    "refusal": "refusal",
    "summary_text": "reasoning",
    "reasoning_text": "reasoning",
    "arguments": "arguments",
    "input": "input",
    "transcript": "transcript",
}
# The name of a part's text, by the part's type.
TEXT_OF_PART = {"output_text": "text", "refusal": "refusal", "summary_text": "text", "reasoning_text": "text"}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}


class _Item(Struct):
    id: str = ""
    type: str = ""
    call: int = -1
    done: bool = False
    lanes: dict[tuple[str, int], Lane] = field(default_factory=dict)


class Answer:
    def __init__(self) -> None:
        self._items: dict[int, _Item] = {}
        self._index_of: dict[str, int] = {}
        self._last = 0
        self._count: dict[str, int] = {}
        self._heard: set[Lane] = set()
        self._ended: set[Lane] = set()
        self._weighed: set[Lane] = set()
        self._cited: dict[Lane, int] = {}
        self._calls = 0
        self._opened = False

    def index_of(self, tree: dict[str, Any]) -> int:
        """Which item an event is about; without an index, its id tells, or it is the last that began."""
        index = tree.get("output_index")
        if isinstance(index, int):
            return index
        return self._index_of.get(string(tree, "item_id"), self._last)

    def open(self, response: dict[str, Any]) -> list[Event]:
        if self._opened:
            return []
        self._opened = True
        created = response.get("created_at")
        seconds = int(created) if isinstance(created, int | float) and abs(created) < 1e18 else 0
        return [Opening(string(response, "id"), string(response, "model"), seconds)]

    def begin(self, index: int, raw: dict[str, Any]) -> list[Event]:
        """An item is announced, or comes unannounced."""
        item = self._items[index] = _Item(string(raw, "id"), string(raw, "type"))
        self._last = index
        if item.id:
            self._index_of[item.id] = index
        if item.type not in _CALLS:
            return []
        item.call = self._next_call()
        extra = mapping(mapping(raw, "extra_content"), "google")
        return [
            ToolCall(
                0,
                item.call,
                string(raw, "call_id") or item.id,
                string(raw, "name"),
                item.type == "custom_tool_call",
                string(extra, "thought_signature"),
            )
        ]

    def lane(self, index: int, field: str, place: int) -> Lane:
        item = self._items.setdefault(index, _Item())
        if (lane := item.lanes.get((field, place))) is None:
            kind = KIND_OF_FIELD[field]
            if kind in ("arguments", "input"):
                if item.call < 0:
                    item.call = self._next_call()
                lane = Lane(0, kind, item.call)
            else:
                lane = Lane(0, kind, self._next(kind))
            item.lanes[field, place] = lane
        return lane

    def hear(self, lane: Lane, text: Any) -> None:
        """A delta came."""
        if text:
            self._heard.add(lane)

    def missing(self, lane: Lane, text: Any) -> Iterator[Event]:
        """A whole text, if no delta of it came. It has no path: in its own frame it is a repetition."""
        if isinstance(text, str) and text and lane not in self._heard:
            self._heard.add(lane)
            yield Text(lane, text)

    def end_lane(self, lane: Lane) -> Iterator[Event]:
        if lane not in self._ended:
            self._ended.add(lane)
            yield LaneEnd(lane)

    def weigh(self, lane: Lane, logprobs: Any, whole: bool = False) -> Iterator[Event]:
        """Log probabilities of a delta, or of a whole text if none came with its deltas."""
        given = dicts(logprobs)
        if given and not (whole and lane in self._weighed):
            self._weighed.add(lane)
            yield Logprobs(lane, given)

    def cite(self, lane: Lane, citation: dict[str, Any]) -> Event:
        self._cited[lane] = self._cited.get(lane, 0) + 1
        start, end = citation.get("start_index"), citation.get("end_index")
        return Annotation(
            lane,
            url=string(citation, "url"),
            title=string(citation, "title") or string(citation, "filename"),
            start=start if isinstance(start, int) else -1,
            end=end if isinstance(end, int) else -1,
            raw=citation,
        )

    def part(self, index: int, place: int, part: dict[str, Any]) -> Iterator[Event]:
        """A part of a message or of reasoning, whole."""
        kind = string(part, "type")
        if kind not in TEXT_OF_PART:
            return
        lane = self.lane(index, kind, place)
        yield from self.missing(lane, part.get(TEXT_OF_PART[kind]))
        yield from self.weigh(lane, part.get("logprobs"), whole=True)
        for citation in dicts(part.get("annotations"))[self._cited.get(lane, 0) :]:
            yield self.cite(lane, citation)
        yield from self.end_lane(lane)

    def complete(self, index: int, raw: dict[str, Any]) -> Iterator[Event]:
        """An item is done."""
        kind = string(raw, "type")
        item = self._items.get(index)
        if item is None or (item.type and item.type != kind) or (item.done and item.id != string(raw, "id")):
            yield from self.begin(index, raw)
        elif not item.type:  # its deltas came unannounced
            known = item
            yield from self.begin(index, raw)
            if known.call >= 0:
                self._items[index].call = known.call
            self._items[index].lanes = known.lanes
        item = self._items[index]
        if item.done:
            return
        item.done = True
        if kind in _CALLS:
            yield from self.missing(self.lane(index, _CALLS[kind], 0), raw.get(_CALLS[kind]))
        elif kind in ("message", "reasoning"):
            for name in ("summary", "content"):
                for place, part in enumerate(dicts(raw.get(name))):
                    yield from self.part(index, place, part)
        else:
            yield Extra(0, NAME, raw)
        lanes = list(item.lanes.values())
        for lane in lanes:
            yield from self.end_lane(lane)
        if kind == "reasoning" and (content := string(raw, "encrypted_content")):
            lane = lanes[-1] if lanes else Lane(0, "reasoning", self._next("reasoning"))
            seal = unwrap(content, item.id)
            yield Sealed(lane, seal.kind, seal.data, seal.id)

    def rest(self, response: dict[str, Any]) -> Iterator[Event]:
        """Items of the final response that have not come before."""
        output = response.get("output")
        done = {item.id for item in self._items.values() if item.done and item.id}
        for place, raw in enumerate(output if isinstance(output, list) else ()):
            if not isinstance(raw, dict) or string(raw, "id") in done:
                continue
            at = self._index_of.get(string(raw, "id"), place)
            item = self._items.get(at)
            if item is None or not (item.done and item.type == string(raw, "type")):
                yield from self.complete(at, raw)

    def failure(self, response: dict[str, Any], kind: str) -> Failure | None:
        status = string(response, "status")
        error = response.get("error")
        if kind in ("response.failed", "response.cancelled") or status in ("failed", "cancelled") or error:
            if isinstance(error, dict):
                return Failure(error)
            return Failure({"message": error if isinstance(error, str) else "the answer was broken off"})
        return None

    def finish(self, response: dict[str, Any], kind: str) -> Iterator[Event]:
        if kind == "response.incomplete" or string(response, "status") == "incomplete":
            why = string(mapping(response, "incomplete_details"), "reason")
            yield Finish(0, _REASONS.get(why, "stop"), why or "incomplete")
        else:
            yield Finish(0, "tool_calls" if self._calls else "stop", "completed")
        if usage := usage_of(response):
            yield usage

    def _next(self, kind: str) -> int:
        position = self._count.get(kind, 0)
        self._count[kind] = position + 1
        return position

    def _next_call(self) -> int:
        self._calls += 1
        return self._calls - 1
