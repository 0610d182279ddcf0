"""Responses' frames to events.

In: the `data` of frames. Out: events. It refuses to know who sent them and what is looked for in the text.

A text comes up to four times: in deltas, when its part is done, when its item is done, and in the response
at the end. The deltas are lanes; each repetition is whole in itself, for the frames that pass. A translation
takes a repetition for a text only where no delta of it came: LM Studio sends a call's arguments in `.done`
alone, and an answer in one piece is nothing but such an end.

The deltas that come once a token are decoded by a strict type. Any other frame is walked as plain JSON, where
every string that is not an id, an enum or the like becomes text to look at, also in events, items and fields
that nobody has heard of.

What the provider's own tools are given streams in the lanes `server_arguments` (JSON) and `server_input`,
which only frames that pass need: a translation has it in the `Extra` that comes when the item is done.

Source: openai-python types (`response_stream_event.py`, `response_output_item.py`), recorded streams.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from gateway.chat import WHOLE, WHOLE_JSON, End, Event, Failure, Lane, LaneEnd, Path, Text
from gateway.dialects.openai_responses.answer import KIND_OF_FIELD, TEXT_OF_PART, Answer
from gateway.dialects.openai_responses.fields import classifier
from gateway.dialects.tree import string, texts
from gateway.errors import ProviderGarbage
from gateway.wire.jsontext import load
from gateway.wire.sse import Frame

WHOLE_CONTENT = Lane(-1, "content")
_classify = classifier(False)


class _Delta(Struct, forbid_unknown_fields=True):
    type: str
    delta: str
    output_index: int
    content_index: int = 0
    summary_index: int = 0
    item_id: Raw = Raw()
    sequence_number: Raw = Raw()
    logprobs: Raw = Raw()
    obfuscation: Raw = Raw()


_strict = msgspec.json.Decoder(_Delta).decode
_DELTA: Path = ("delta",)
_EMPTY = (b"", b"[]", b"null")

# Of each event, without `.delta` or `.done`: where the item's text stands, and what a `.done` calls it.
_TEXTS = {
    "response.output_text": ("output_text", "text"),
    "response.refusal": ("refusal", "refusal"),
    "response.reasoning_text": ("reasoning_text", "text"),
    "response.reasoning_summary_text": ("summary_text", "text"),
    "response.function_call_arguments": ("arguments", "arguments"),
    "response.custom_tool_call_input": ("input", "input"),
    "response.audio.transcript": ("transcript", "transcript"),
}
_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


class Decoder:
    """The frames of one answer to events."""

    def __init__(self) -> None:
        self._answer = Answer()
        self._fast: dict[tuple[str, int, int, int], Lane] = {}
        self._server: dict[tuple[int, str], dict[tuple[Any, ...], Lane]] = {}
        self._server_stems: dict[int, set[str]] = {}
        self._server_count = 0
        self._ended = False

    def decode(self, frame: Frame) -> list[Event]:
        """Raises ProviderGarbage when the frame is no event of this dialect."""
        data = frame.data or b""
        try:
            delta = _strict(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._decode_any(data)
        lane = self._fast.get((delta.type, delta.output_index, delta.content_index, delta.summary_index))
        if lane is None or bytes(delta.logprobs) not in _EMPTY:
            return self._decode_any(data)
        return [Text(lane, delta.delta, _DELTA)] if delta.delta else []

    def _decode_any(self, data: bytes) -> list[Event]:
        if data.startswith(b"[DONE]"):  # OpenRouter adds one
            return [] if self._ended else [End()]
        tree = load(data)
        if not isinstance(tree, dict):
            raise ProviderGarbage("the provider sent a frame that is not a JSON object")
        return self.decode_tree(tree)

    def decode_tree(self, tree: dict[str, Any]) -> list[Event]:
        """What the frame means, the texts that stand in it, and what follows them."""
        kind = string(tree, "type")
        if kind == "error" or (not kind and tree.get("error")):
            return [_failure(tree)]
        answer = self._answer
        means: list[Event] = []
        follows: list[Event] = []
        lanes: dict[Path, Lane] = {}
        index = answer.index_of(tree)
        stem, _, verb = kind.rpartition(".")
        response = tree.get("response")
        if isinstance(response, dict):
            means += answer.open(response)
            if kind in _ENDS and (failure := answer.failure(response, kind)) is not None:
                return [*means, failure]
            for place, item in enumerate(_list(response, "output")):
                lanes.update(_repeated(item, ("response", "output", place)))
            if kind in _ENDS:
                means += answer.rest(response)
                follows += [*answer.finish(response, kind), End()]
                self._ended = True
        elif kind == "response.output_item.added":
            self._fast.clear()
            item = _object(tree, "item")
            means += answer.begin(index, item)
            lanes.update(_repeated(item, ("item",)))
        elif kind == "response.output_item.done":
            self._fast.clear()
            item = _object(tree, "item")
            means += answer.complete(index, item)
            means += self._server_ends(index, *self._server_stems.pop(index, ()))
            lanes.update(_repeated(item, ("item",)))
        elif kind in ("response.content_part.added", "response.reasoning_summary_part.added"):
            self._begin_part(index, tree, lanes)
        elif kind in ("response.content_part.done", "response.reasoning_summary_part.done"):
            part = _object(tree, "part")
            means += answer.part(index, _place(tree), part)
            lanes.update(_repeated_part(part, ("part",)))
        elif kind == "response.output_text.annotation.added":
            lane = answer.lane(index, "output_text", _place(tree))
            follows.append(answer.cite(lane, _object(tree, "annotation")))
        elif kind == "response.audio.delta":
            return []  # bytes
        elif stem in _TEXTS and verb == "delta":
            follows += self._delta(kind, index, tree, lanes)
        elif stem in _TEXTS and verb == "done":
            means += self._repetition(stem, index, tree, lanes)
        elif verb == "delta":
            lanes.update(self._server_lanes(index, stem, tree))
        elif verb == "done":
            means += self._server_ends(index, stem)
        return [*means, *_stand_in(tree, lanes), *follows]

    def _begin_part(self, index: int, tree: dict[str, Any], lanes: dict[Path, Lane]) -> None:
        """What a part begins with is its first delta, as the SDK has it."""
        part = _object(tree, "part")
        kind = string(part, "type")
        if kind in TEXT_OF_PART:
            lane = self._answer.lane(index, kind, _place(tree))
            name = TEXT_OF_PART[kind]
            lanes["part", name] = lane
            self._answer.hear(lane, part.get(name))

    def _delta(self, kind: str, index: int, tree: dict[str, Any], lanes: dict[Path, Lane]) -> Iterator[Event]:
        if not isinstance(text := tree.get("delta"), str):
            raise ProviderGarbage("the provider sent a delta that is not a string")
        lane = self._answer.lane(index, _TEXTS[kind.removesuffix(".delta")][0], _place(tree))
        lanes[_DELTA] = lane
        self._answer.hear(lane, text)
        if text and tree.get("output_index") == index:
            places = (tree.get("content_index", 0), tree.get("summary_index", 0))
            if all(isinstance(place, int) for place in places):
                self._fast[(kind, index, *places)] = lane
        return self._answer.weigh(lane, tree.get("logprobs"))

    def _repetition(
        self, stem: str, index: int, tree: dict[str, Any], lanes: dict[Path, Lane]
    ) -> Iterator[Event]:
        field, name = _TEXTS[stem]
        lane = self._answer.lane(index, field, _place(tree))
        lanes[(name,)] = {"content": WHOLE_CONTENT, "arguments": WHOLE_JSON}.get(KIND_OF_FIELD[field], WHOLE)
        yield from self._answer.missing(lane, tree.get(name))
        yield from self._answer.weigh(lane, tree.get("logprobs"), whole=True)
        if field != "output_text":  # whose citations may follow
            yield from self._answer.end_lane(lane)

    def _server_lanes(self, index: int, stem: str, tree: dict[str, Any]) -> Iterator[tuple[Path, Lane]]:
        """Runs of text of a server's tool, or of an event that is news to us."""
        kind = "server_arguments" if stem.endswith("arguments") else "server_input"
        known = self._server.setdefault((index, stem), {})
        self._server_stems.setdefault(index, set()).add(stem)
        for path, _ in texts(tree.get("delta"), _DELTA):
            key = (str(tree.get("command_index")), _place(tree), *path)
            if key not in known:
                known[key] = Lane(0, kind, self._server_count)
                self._server_count += 1
            yield path, known[key]

    def _server_ends(self, index: int, *stems: str) -> Iterator[Event]:
        for stem in stems:
            for lane in self._server.pop((index, stem), {}).values():
                yield LaneEnd(lane)


def _stand_in(tree: dict[str, Any], lanes: dict[Path, Lane]) -> Iterator[Event]:
    """Every text of a frame: in its lane, or whole in itself."""
    for path, text in texts(tree, ()):
        if not text:
            continue
        if (lane := lanes.get(path)) is not None:
            yield Text(lane, text, path)
        elif (nature := _classify(path, text)) != "keep":
            yield Text(WHOLE_JSON if nature == "json" else WHOLE, text, path)


def _repeated(item: Any, at: Path) -> Iterator[tuple[Path, Lane]]:
    """What of an item has been content, which may be JSON."""
    if isinstance(item, dict) and item.get("type") == "message":
        for place, part in enumerate(_list(item, "content")):
            yield from _repeated_part(part, (*at, "content", place))


def _repeated_part(part: Any, at: Path) -> Iterator[tuple[Path, Lane]]:
    if isinstance(part, dict) and part.get("type") == "output_text":
        yield (*at, "text"), WHOLE_CONTENT


def _failure(tree: dict[str, Any]) -> Failure:
    """Flat, as the SDK's types have it, or with an `error` object, as OpenAI sends it."""
    error = tree.get("error")
    if isinstance(error, dict):
        return Failure(error)
    if isinstance(error, str):
        return Failure({"message": error})
    return Failure({key: value for key, value in tree.items() if key not in ("type", "sequence_number")})


def _place(tree: dict[str, Any]) -> int:
    for name in ("content_index", "summary_index"):
        if isinstance(place := tree.get(name), int):
            return place
    return 0


def _object(tree: dict[str, Any], name: str) -> dict[str, Any]:
    value = tree.get(name)
    if not isinstance(value, dict):
        raise ProviderGarbage(f"the provider sent an event without a {name} object")
    return value


def _list(tree: dict[str, Any], name: str) -> list[Any]:
    value = tree.get(name)
    return value if isinstance(value, list) else []
