"""Anthropic's frames to events, and rewritten frames.

In: the `data` of frames. Out: events. It refuses to know who sent them and what is looked for in the text.

The deltas that come once a token are decoded by a strict type. Any other frame is walked as plain JSON, where
every string that is not an id, an enum or the like becomes text to look at, also in events, blocks and
fields that nobody has heard of.

What a tool of the provider's own is given streams in the lane `server_arguments`, which only the frames
themselves need: a translation has it, whole, in the `Extra` that comes when the block ends.

Source: anthropic-sdk-python types (`raw_message_stream_event.py`, the beta ones beside it), recorded streams.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct, field

from gateway.chat import (
    WHOLE,
    Annotation,
    End,
    Event,
    Extra,
    Failure,
    Lane,
    LaneEnd,
    Opening,
    Path,
    Sealed,
    Text,
    ToolCall,
)
from gateway.dialects.anthropic.fields import classifier
from gateway.dialects.anthropic.reasons import finish
from gateway.dialects.anthropic.usage import usage_of
from gateway.dialects.tree import string, texts
from gateway.errors import ProviderGarbage
from gateway.wire.jsontext import encode, load
from gateway.wire.sse import Frame

NAME = "anthropic"
_classify = classifier(False)


class _Delta(Struct, forbid_unknown_fields=True):
    type: str
    text: str = ""
    partial_json: str = ""
    thinking: str = ""


class _DeltaFrame(Struct, forbid_unknown_fields=True):
    type: str
    index: int
    delta: _Delta


_strict = msgspec.json.Decoder(_DeltaFrame).decode

# The lane that a block's text is in, by the field that carries it.
_KIND_OF_FIELD = {"text": "content", "thinking": "thinking", "partial_json": "arguments"}
_FIELD_OF_DELTA = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_LANE_OF_BLOCK = {
    "text": "content",
    "thinking": "thinking",
    "redacted_thinking": "thinking",
    "tool_use": "arguments",
}


class _Block(Struct):
    """`raw` is set for a block that has no word in the vocabulary; `pieces` is the JSON of its input."""

    lane: Lane
    kind: str
    raw: dict[str, Any] | None = None
    pieces: list[str] = field(default_factory=list)


class Decoder:
    """The frames of one answer to events. Usage is cumulative: what a frame leaves out stands as it was."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._lanes: dict[tuple[int, str], tuple[Lane, Path]] = {}  # (index, delta type), for the fast path
        self._count: dict[str, int] = {}
        self._usage: dict[str, Any] = {}
        self._ended = False

    def decode(self, frame: Frame) -> list[Event]:
        """Raises ProviderGarbage when the frame is no event of this dialect."""
        data = frame.data or b""
        try:
            message = _strict(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._decode_any(data)
        delta = message.delta
        known = self._lanes.get((message.index, delta.type))
        if known is None or message.type != "content_block_delta":
            return self._decode_any(data)
        lane, path = known
        text = _text_of(delta)
        if text is None:
            return self._decode_any(data)
        return [Text(lane, text, path)] if text else []

    def _decode_any(self, data: bytes) -> list[Event]:
        if data.startswith(b"[DONE]"):  # OpenRouter adds one
            return [] if self._ended else [End()]
        tree = load(data)
        if not isinstance(tree, dict):
            raise ProviderGarbage("the provider sent a frame that is not a JSON object")
        return self.decode_tree(tree)

    def decode_tree(self, tree: dict[str, Any], complete: bool = False) -> list[Event]:
        """The events of a parsed frame; `complete`: a block that begins is already all there.

        Raises ProviderGarbage.
        """
        try:
            return self._events(tree, complete)
        except RecursionError:
            raise ProviderGarbage("the provider sent JSON that is nested too deeply") from None

    def _events(self, tree: dict[str, Any], complete: bool) -> list[Event]:
        before: list[Event] = []
        after: list[Event] = []
        lanes: dict[Path, Lane] = {}
        kind = tree.get("type")
        if kind == "error" or (kind is None and tree.get("error")):
            error = tree.get("error")
            return [Failure(error if isinstance(error, dict) else {"message": str(error)})]
        match kind:
            case "message_start":
                message = _object(tree, "message")
                before.append(_opening(message))
                after += self._cost(message)
            case "content_block_start":
                self._begin(_index(tree), _object(tree, "content_block"), complete, before, lanes, after)
            case "content_block_delta":
                self._continue(_index(tree), _object(tree, "delta"), lanes, after)
            case "content_block_stop":
                after += self._stop(_index(tree))
            case "message_delta":
                delta = _object(tree, "delta")
                if isinstance(reason := delta.get("stop_reason"), str):
                    sequence = delta.get("stop_sequence")
                    after.append(finish(reason, sequence if isinstance(sequence, str) else ""))
                after += self._cost(tree)
            case "message_stop":
                self._ended = True
                after.append(End())
            case _:
                pass  # a ping, or news: its strings are looked at like any other
        for path, text in texts(tree, ()):
            if text and (path in lanes or _classify(path, text) != "keep"):
                before.append(Text(lanes.get(path, WHOLE), text, path))
        return before + after

    def _cost(self, holder: dict[str, Any]) -> list[Event]:
        """Newer models repeat all counts in `message_delta`, older ones only `output_tokens`."""
        if not isinstance(raw := holder.get("usage"), dict):
            return []
        self._usage |= {key: value for key, value in raw.items() if value is not None}
        usage = usage_of(dict(self._usage))
        return [usage] if usage else []

    def _begin(
        self,
        index: int,
        raw: dict[str, Any],
        complete: bool,
        before: list[Event],
        lanes: dict[Path, Lane],
        after: list[Event],
    ) -> None:
        kind = raw.get("type")
        kind = kind if isinstance(kind, str) else ""
        block = self._block(index, kind)
        lane = block.lane
        match kind:
            case "text":
                lanes["content_block", "text"] = lane
                for citation in raw.get("citations") or ():
                    if isinstance(citation, dict):
                        after.append(annotation(lane, citation))
            case "thinking":
                lanes["content_block", "thinking"] = lane
                if signature := string(raw, "signature"):
                    after.append(Sealed(lane, "signature", signature))
            case "redacted_thinking":
                after.append(Sealed(lane, "redacted", string(raw, "data")))
            case "tool_use":
                id, name = string(raw, "id"), string(raw, "name")
                before.append(ToolCall(0, lane.position, id, name, signature=string(raw, "signature")))
                # An empty object is how a call begins whose input streams.
                if (given := raw.get("input")) or (complete and given is not None):
                    after.append(Text(lane, encode(given).decode()))
            case _:
                block.raw = dict(raw)

    def _block(self, index: int, kind: str) -> _Block:
        lane_kind = _LANE_OF_BLOCK.get(kind, "server_arguments")
        position = self._count.get(lane_kind, 0)
        self._count[lane_kind] = position + 1
        lane = Lane(0, lane_kind, position)
        block = self._blocks[index] = _Block(lane, kind)
        if lane_kind in ("content", "thinking", "arguments"):
            for delta_type, name in _FIELD_OF_DELTA.items():
                if _KIND_OF_FIELD[name] == lane_kind:
                    self._lanes[index, delta_type] = (lane, ("delta", name))
        return block

    def _continue(
        self, index: int, delta: dict[str, Any], lanes: dict[Path, Lane], after: list[Event]
    ) -> None:
        kind = delta.get("type")
        name = _FIELD_OF_DELTA.get(kind) if isinstance(kind, str) else None
        block = self._blocks.get(index)
        if block is None:
            # Nobody announced it; what it is can be told by what it says.
            kinds = {"text": "text", "thinking": "thinking", "partial_json": "tool_use"}
            block = self._block(index, kinds.get(name or "", ""))
        if name is not None and isinstance(text := delta.get(name), str):
            if block.lane.kind in (_KIND_OF_FIELD[name], "server_arguments"):
                lanes["delta", name] = block.lane
            if block.raw is not None and name == "partial_json":
                block.pieces.append(text)
            elif block.raw is not None:
                block.raw[name] = string(block.raw, name) + text
        elif kind == "signature_delta":
            if signature := string(delta, "signature"):
                after.append(Sealed(block.lane, "signature", signature))
        elif kind == "citations_delta" and isinstance(citation := delta.get("citation"), dict):
            after.append(annotation(block.lane, citation))
        elif block.raw is not None:
            block.raw |= {key: value for key, value in delta.items() if key != "type"}

    def _stop(self, index: int) -> Iterator[Event]:
        for delta_type in _FIELD_OF_DELTA:
            self._lanes.pop((index, delta_type), None)
        if (block := self._blocks.pop(index, None)) is None:
            return
        yield LaneEnd(block.lane)
        if block.raw is not None:
            if block.pieces and (given := "".join(block.pieces)):
                block.raw["input"] = input_object(given)
            yield Extra(0, NAME, block.raw)


def text_in(data: bytes) -> str | None:
    """What a frame says, if that is one text and nothing else."""
    try:
        message = _strict(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if message.type != "content_block_delta" or message.delta.type not in _FIELD_OF_DELTA:
        return None
    return _text_of(message.delta)


def _text_of(delta: _Delta) -> str | None:
    """The text in the field of its type; None if it has one in another field, too."""
    text, json, thinking = delta.text, delta.partial_json, delta.thinking
    match delta.type:
        case "text_delta":
            return None if json or thinking else text
        case "input_json_delta":
            return None if text or thinking else json
        case _:
            return None if text or json else thinking


def input_object(text: str) -> dict[str, Any]:
    """A tool's input from its JSON text; what is no object is wrapped, as Anthropic's documentation says.

    Source: docs.claude.com, Fine-grained tool streaming ("Handling invalid JSON in tool responses").
    """
    if not text.strip():
        return {}
    try:
        given = load(text.encode("utf-8", "surrogatepass"))
    except ProviderGarbage:
        given = text
    if given is None:
        return {}
    return given if isinstance(given, dict) else {"INVALID_JSON": text}


def annotation(lane: Lane, citation: dict[str, Any]) -> Annotation:
    return Annotation(
        lane,
        url=string(citation, "url") or string(citation, "source"),
        title=string(citation, "title") or string(citation, "document_title"),
        quote=string(citation, "cited_text"),
        raw=citation,
    )


def _opening(message: dict[str, Any]) -> Opening:
    return Opening(string(message, "id"), string(message, "model"))


def _index(tree: dict[str, Any]) -> int:
    index = tree.get("index")
    return index if isinstance(index, int) else -1


def _object(tree: dict[str, Any], name: str) -> dict[str, Any]:
    value = tree.get(name)
    if not isinstance(value, dict):
        raise ProviderGarbage(f"the provider sent an event without a {name} object")
    return value


def rewrite(frame: Frame, changes: dict[Path, str]) -> bytes:
    """The frame with other texts, or b"" if nothing is left in it that a client would miss.

    Where a changed quote stood in its source is no longer said.
    """
    tree = load(frame.data or b"")
    for path, text in changes.items():
        node = tree
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = text
        if path[-1] == "cited_text":
            drop_offsets(node)
    if changes and not any(changes.values()) and _is_hollow(tree):
        return b""
    return sse(frame.event, encode(tree))


def sse(event: str | None, data: bytes) -> bytes:
    """Anthropic's SDKs go by the event's name, and leave out what has none."""
    return (b"event: " + event.encode() + b"\n" if event else b"") + b"data: " + data + b"\n\n"


def drop_offsets(citation: dict[str, Any]) -> None:
    for name in ("start_char_index", "end_char_index"):
        citation.pop(name, None)


def _is_hollow(tree: dict[str, Any]) -> bool:
    """Is the event a delta of emptied text and nothing else?"""
    delta = tree.get("delta")
    if tree.get("type") != "content_block_delta" or not isinstance(delta, dict):
        return False
    name = _FIELD_OF_DELTA.get(delta.get("type", ""))
    return name is not None and not any(value for key, value in delta.items() if key != "type")
