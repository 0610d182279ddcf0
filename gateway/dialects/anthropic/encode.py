"""Events to the frames of a Messages stream.

One block is open at a time, as Anthropic sends them, though its SDKs would follow several: many clients know
only the last that began. Where another provider's lanes come interleaved, text goes on in a new block, and
what comes beside a tool call that is not complete yet waits until it is: a call can be neither cut in two nor
told that it has ended.

Source: anthropic-sdk-python (`_streaming.py`, `lib/streaming/_messages.py`), docs.claude.com (Streaming).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from gateway.chat import (
    Annotation,
    Event,
    Extra,
    Finish,
    Lane,
    LaneEnd,
    Opening,
    Sealed,
    Text,
    ToolCall,
    Usage,
)
from gateway.dialects.anthropic.decode import NAME, sse
from gateway.dialects.anthropic.errors import error_object
from gateway.dialects.anthropic.reasons import stop_reason
from gateway.dialects.anthropic.usage import usage_object
from gateway.dialects.dialect import Head
from gateway.wire.jsontext import encode

_TOOL_KINDS = ("arguments", "input")
_THINKING_KINDS = ("reasoning", "thinking")
_MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
# A delta of each kind: what stands before the index, before the text and after it.
_BEFORE_INDEX = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":'
_TEXT = b',"delta":{"type":"text_delta","text":'
_THINKING = b',"delta":{"type":"thinking_delta","thinking":'
_JSON = b',"delta":{"type":"input_json_delta","partial_json":'
_AFTER_TEXT = b"}}\n\n"

# What a tool's id may be made of (the API refuses others).
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
# The id of reasoning that only another provider can read: it comes back as the data of redacted thinking.
ENCRYPTED = "encrypted:"


class _Block(Struct):
    """The block that is open. `end` follows a tool's JSON to tell when it is complete."""

    lane: Lane
    before: bytes
    end: _JsonEnd | None = None
    said: bool = False


class Encoder:
    """Events to the frames of one answer. A message has one choice: others are left out.

    What Messages has no field for goes into fields of its own: a call's signature into `signature` of its
    block, items of other dialects into `provider_items` of the last event.
    """

    keepalive = b'event: ping\ndata: {"type": "ping"}\n\n'

    def __init__(self, head: Head) -> None:
        self._head = head
        self._opening = Opening(head.id, head.model)
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._begun = False
        self._block: _Block | None = None
        self._index = -1
        self._calls: set[Lane] = set()
        self._refused = False
        self._items: list[dict[str, Any]] = []
        # What waits for the open call to be complete, by lane, in the order in which the lanes began.
        self._waiting: dict[Lane, list[Event]] = {}

    def encode(self, event: Event) -> bytes:
        if isinstance(event, Text):
            block = self._block
            if block is not None and block.lane == event.lane and block.lane.kind != "input":
                if block.end is None:
                    return block.before + encode(event.text) + _AFTER_TEXT
                if not self._waiting:
                    return b"".join(self._piece(block, event.text))
            return b"".join(self._take(event.lane, event))
        match event:
            case Opening():
                self._opening = event
                return b""
            case Usage():
                self._usage = event
                return b""
            case Finish():
                if event.choice != 0:
                    return b""
                self._finish = event
                return b"".join(self._settle())
            case Sealed() if event.lane.kind not in _THINKING_KINDS:
                if event.kind == "signature":  # of text that Messages does not sign
                    return b""
                lane = Lane(event.lane.choice, "thinking", event.lane.position)
                return b"".join(self._take(lane, event))
            case LaneEnd() | Sealed() | Annotation():
                return b"".join(self._take(event.lane, event))
            case ToolCall():
                lane = Lane(event.choice, "input" if event.custom else "arguments", event.index)
                return b"".join(self._take(lane, event))
            case Extra(dialect=dialect) if dialect != NAME:
                self._items.append({"dialect": dialect, "item": event.data})
                return b""
            case Extra():
                return b"".join(self._take(Lane(event.choice, "extra"), event))
            case _:
                return b""

    def end(self) -> bytes:
        usage = self._usage or Usage(0, 0)
        delta: dict[str, Any] = {"stop_reason": None, "stop_sequence": None}
        if self._finish is not None:
            called = bool(self._calls)
            delta["stop_reason"] = stop_reason(self._finish, called, self._refused)
            delta["stop_sequence"] = self._finish.stop_sequence or None
        counts = usage_object(usage)
        counts.pop("service_tier", None)  # said where the message begins
        last: dict[str, Any] = {"type": "message_delta", "delta": delta, "usage": counts}
        if self._items:
            last["provider_items"] = self._items
        frames = [*self._begin(), *self._settle(), sse("message_delta", encode(last)), _MESSAGE_STOP]
        return b"".join(frames)

    def verdict(self, told: Mapping[str, Any]) -> bytes:
        """An event that no SDK knows; the API demands of clients that they pass over those."""
        return sse("sluice", encode({"type": "sluice", "sluice": told}))

    def fail(self, facts: dict[str, Any]) -> bytes:
        """Nothing is closed before it: a call that was cut must not look as if it could be made."""
        return sse("error", encode(error_object(facts)))

    def _begin(self) -> Iterator[bytes]:
        if self._begun:
            return
        self._begun = True
        usage = usage_object(self._usage or Usage(0, 0))
        message: dict[str, Any] = {
            "id": self._opening.id or self._head.id,
            "type": "message",
            "role": "assistant",
            "model": self._opening.model or self._head.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        yield sse("message_start", encode({"type": "message_start", "message": message}))

    def _take(self, lane: Lane, event: Event) -> Iterator[bytes]:
        """An event of a lane: said, or kept until the open call is complete."""
        if lane.choice != 0 or lane.kind == "server_arguments":
            return
        block = self._block
        if lane in self._waiting:
            self._waiting[lane].append(event)
        elif block is None or block.lane == lane or _is_over(block):
            yield from self._say(lane, event)
            if self._waiting and _is_over(self._block):
                yield from self._settle(all=False)
        elif lane not in self._calls:
            self._waiting[lane] = [event]

    def _settle(self, all: bool = True) -> Iterator[bytes]:
        """Close the block, then say what waited for it; `all`: nothing more comes."""
        yield from self._close()
        while self._waiting and (all or _is_over(self._block)):
            lane = next(iter(self._waiting))
            for event in self._waiting.pop(lane):
                yield from self._say(lane, event)
        if all:
            yield from self._close()

    def _say(self, lane: Lane, event: Event) -> Iterator[bytes]:
        """An event in its block, which opens if it must. What comes for a block that has ended is over."""
        block = self._block
        if block is not None and block.lane == lane:
            yield from self._add(block, event)
        elif not isinstance(event, LaneEnd) and lane not in self._calls:
            yield from self._open(lane, event)

    def _open(self, lane: Lane, event: Event) -> Iterator[bytes]:
        yield from self._begin()
        yield from self._close()
        if isinstance(event, Extra):
            self._index += 1
            yield self._frame("content_block_start", content_block=event.data)
            yield self._frame("content_block_stop")
            return
        self._index += 1
        before = _BEFORE_INDEX + str(self._index).encode()
        end: _JsonEnd | None = None
        raw: dict[str, Any]
        if lane.kind in _TOOL_KINDS:
            self._calls.add(lane)
            call = event if isinstance(event, ToolCall) else ToolCall(0, lane.position, "", "")
            raw = {"type": "tool_use", "id": self._tool_id(call), "name": call.name, "input": {}}
            if call.signature:
                raw["signature"] = call.signature
            before += _JSON
            end = _JsonEnd()
        elif lane.kind in _THINKING_KINDS:
            if isinstance(event, Sealed) and event.kind != "signature":
                data = event.data if event.kind == "redacted" else f"{ENCRYPTED}{event.id}:{event.data}"
                raw = {"type": "redacted_thinking", "data": data}
            else:
                raw = {"type": "thinking", "thinking": "", "signature": ""}
            before += _THINKING
        else:
            self._refused = self._refused or lane.kind == "refusal"
            raw = {"type": "text", "text": ""}
            if isinstance(event, Annotation):
                raw["citations"] = []
            before += _TEXT
        yield self._frame("content_block_start", content_block=raw)
        self._block = block = _Block(lane, before, end)
        if raw["type"] == "redacted_thinking":
            yield from self._close()
        elif not isinstance(event, ToolCall):
            yield from self._add(block, event)
        elif event.custom:
            yield from self._piece(block, '{"input":"')

    def _add(self, block: _Block, event: Event) -> Iterator[bytes]:
        """An event in the block that is open for it."""
        match event:
            case Text() if block.end is None:
                yield block.before + encode(event.text) + _AFTER_TEXT
            case Text() if block.lane.kind == "input":  # free text, in the one field of an object
                yield from self._piece(block, encode(event.text).decode()[1:-1])
            case Text():
                yield from self._piece(block, event.text)
            case LaneEnd():
                yield from self._close()
            case Sealed(kind="signature"):
                delta = {"type": "signature_delta", "signature": event.data}
                yield self._frame("content_block_delta", delta=delta)
                yield from self._close()  # a signature ends what it signs
            case Sealed():
                yield from self._open(block.lane, event)
            case Annotation():
                citation = {"type": "citations_delta", "citation": _citation(event)}
                yield self._frame("content_block_delta", delta=citation)
            case _:
                return

    def _piece(self, block: _Block, text: str) -> Iterator[bytes]:
        if block.end is not None and text:
            block.said = True
            block.end.feed(text)
            yield block.before + encode(text) + _AFTER_TEXT

    def _close(self) -> Iterator[bytes]:
        if (block := self._block) is None:
            return
        if block.lane.kind == "input":
            yield from self._piece(block, '"}')
        elif block.end is not None and not block.said:
            yield from self._piece(block, "{}")
        self._block = None
        yield self._frame("content_block_stop")

    def _frame(self, name: str, **fields: Any) -> bytes:
        return sse(name, encode({"type": name, "index": self._index, **fields}))

    def _tool_id(self, call: ToolCall) -> str:
        """A call must have an id, of its own among all of the conversation."""
        return _NOT_IN_ID.sub("_", call.id or f"toolu_{self._head.id}_{call.index}")


def _is_over(block: _Block | None) -> bool:
    """Can another block begin? Text can stop anywhere."""
    return block is None or block.end is None or block.end.complete()


class _JsonEnd:
    """Tells when a JSON object or list that comes in pieces is all there. Pieces are read when asked."""

    def __init__(self) -> None:
        self._unread: list[str] = []
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._complete = False

    def feed(self, text: str) -> None:
        self._unread.append(text)

    def complete(self) -> bool:
        for text in self._unread:
            self._read(text)
        self._unread.clear()
        return self._complete

    def _read(self, text: str) -> None:
        at = 1 if self._escaped and text else 0
        self._escaped = self._escaped and not text
        while mark := _MARK_IN_STRING.search(text, at) if self._in_string else _MARK.search(text, at):
            at = mark.end()
            match mark[0]:
                case '"':
                    self._in_string = not self._in_string
                case "\\":
                    self._escaped = at == len(text)
                    at += 1
                case "{" | "[":
                    self._depth += 1
                case _:
                    self._depth -= 1
                    self._complete = self._depth <= 0


_MARK = re.compile(r'["{}\[\]]')
_MARK_IN_STRING = re.compile(r'["\\]')

# What of a citation is neither text nor in the neutral fields: where the quote stands in its source.
_PLACES = (
    "type document_index start_char_index end_char_index start_page_number end_page_number start_block_index "
    "end_block_index search_result_index encrypted_index file_id"
).split()


def _citation(event: Annotation) -> dict[str, Any]:
    """Anthropic's own citation with its texts as they are now; any other as that of a web search."""
    raw = event.raw or {}
    kind = raw.get("type")
    if not isinstance(kind, str) or not kind.endswith("_location"):
        web = {"type": "web_search_result_location", "encrypted_index": ""}
        return {**web, "cited_text": event.quote, "url": event.url, "title": event.title or None}
    citation: dict[str, Any] = {name: raw[name] for name in _PLACES if name in raw}
    texts = {"cited_text": event.quote, "document_title": event.title, "title": event.title}
    texts |= {"url": event.url, "source": event.url}
    citation |= {name: text or None for name, text in texts.items() if name in raw}
    return citation
