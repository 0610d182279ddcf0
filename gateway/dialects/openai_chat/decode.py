"""OpenAI Chat Completions, the dialect that most providers speak.

In: the `data` of SSE frames. Out: events, and rewritten frames. It refuses to know who sent them and what
is looked for in the text. Whole bodies and encoding are next door.

Nearly every frame is decoded by a strict type that takes the fields that providers really send and nothing
else (0.9 µs). A frame with any other field is walked as plain JSON (6 to 10 µs), where every string that is
not an id or an enum becomes text to look at: an unknown field costs time, and is not passed on unseen.

Source: openai-python types (`chat_completion_chunk.py`), and recorded traffic of the compatible providers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from gateway.chat import (
    WHOLE,
    End,
    Event,
    Failure,
    Finish,
    Lane,
    Opening,
    Path,
    Text,
    ToolCall,
)
from gateway.dialects.openai_chat.fields import classifier
from gateway.dialects.openai_chat.usage import usage_of
from gateway.errors import ProviderGarbage
from gateway.wire.jsontext import encode, load
from gateway.wire.sse import Frame

_classify = classifier(False)


class _Function(Struct, forbid_unknown_fields=True):
    name: str | None = None
    arguments: str | None = None


class _ToolDelta(Struct, forbid_unknown_fields=True):
    index: int
    function: _Function | None = None
    id: str | None = None
    type: str | None = None


class _Delta(Struct, forbid_unknown_fields=True):
    content: str | None = None
    role: str | None = None
    tool_calls: list[_ToolDelta] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    channel: str | None = None


class _Choice(Struct, forbid_unknown_fields=True):
    delta: _Delta
    index: int = 0
    finish_reason: str | None = None
    logprobs: Raw = Raw()
    content_filter_results: Raw = Raw()
    native_finish_reason: str | None = None


class _Chunk(Struct, forbid_unknown_fields=True):
    choices: list[_Choice]
    id: Raw = Raw()
    object: Raw = Raw()
    created: Raw = Raw()
    model: Raw = Raw()
    usage: Raw = Raw()
    system_fingerprint: Raw = Raw()
    service_tier: Raw = Raw()
    obfuscation: Raw = Raw()
    provider: Raw = Raw()
    prompt_filter_results: Raw = Raw()


_strict = msgspec.json.Decoder(_Chunk)
_CONTENT_OF_FIRST: tuple[Lane, Path] = (Lane(0, "content"), ("choices", 0, "delta", "content"))
_LANE_KINDS = {
    "content": "content",
    "reasoning_content": "reasoning",
    "reasoning": "reasoning",
    "refusal": "refusal",
}


class Decoder:
    """The frames of one answer to events. Tool calls without an index are told apart by their ids."""

    def __init__(self) -> None:
        self._calls: dict[int, list[str]] = {}  # choice -> ids of its calls, in order
        self._begun: set[tuple[int, int]] = set()
        self._opened = False

    def decode(self, frame: Frame) -> list[Event]:
        """Raises ProviderGarbage when the frame is no chunk of this dialect."""
        data = frame.data or b""
        try:
            chunk = _strict.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._decode_any(data)
        events: list[Event] = []
        if not self._opened:
            events += self._open(load(data))
        for place, choice in enumerate(chunk.choices):
            delta = choice.delta
            if delta.content:
                if place == 0 and choice.index == 0:
                    lane, path = _CONTENT_OF_FIRST
                    events.append(Text(lane, delta.content, path))
                else:
                    events.append(_text(choice.index, place, "content", delta.content))
            if delta.reasoning_content:
                events.append(_text(choice.index, place, "reasoning_content", delta.reasoning_content))
            if delta.reasoning:
                events.append(_text(choice.index, place, "reasoning", delta.reasoning))
            if delta.refusal:
                events.append(_text(choice.index, place, "refusal", delta.refusal))
            if delta.tool_calls:
                for position, call in enumerate(delta.tool_calls):
                    function = call.function or _Function()
                    events += self._call(choice.index, call.index, call.id, function.name, False)
                    if function.arguments:
                        lane = Lane(choice.index, "arguments", call.index)
                        path = (*_at(place), "tool_calls", position, "function", "arguments")
                        events.append(Text(lane, function.arguments, path))
            if choice.finish_reason is not None:
                events.append(Finish(choice.index, choice.finish_reason))
        if len(chunk.usage) > 4 and (usage := usage_of(load(bytes(chunk.usage)))):
            usage.alone = not chunk.choices
            events.append(usage)
        return events

    def _call(
        self, choice: int, index: int, id: str | None, name: str | None, custom: bool
    ) -> Iterator[Event]:
        if (id or name) and (choice, index) not in self._begun:
            self._begun.add((choice, index))
            yield ToolCall(choice, index, id or "", name or "", custom)

    def _open(self, tree: dict[str, Any]) -> Iterator[Event]:
        """The identity, with the first chunk that has one: Azure's first has empty fields."""
        id, model, created = (tree.get(name) for name in ("id", "model", "created"))
        if id or model:
            self._opened = True
            yield Opening(
                id if isinstance(id, str) else "",
                model if isinstance(model, str) else "",
                created if isinstance(created, int) else 0,
            )

    def _decode_any(self, data: bytes) -> list[Event]:
        """Any JSON: the known fields as lanes, every other string as a text that is whole in itself."""
        if data.startswith(b"[DONE]"):
            return [End()]
        tree = load(data)
        if not isinstance(tree, dict):
            raise ProviderGarbage("the provider sent a frame that is not a JSON object")
        if error := tree.get("error"):
            return [Failure(error if isinstance(error, dict) else {"message": str(error)})]
        events: list[Event] = [] if self._opened else list(self._open(tree))
        choices = tree.get("choices")
        if not isinstance(choices, list):
            choices = []
        finishes: list[Event] = []
        lanes: dict[Path, Lane] = {}
        for place, choice in enumerate(choices):
            if not isinstance(choice, dict):
                raise ProviderGarbage("the provider sent a choice that is not a JSON object")
            index = choice.get("index")
            index = index if isinstance(index, int) else 0
            delta = choice.get("delta")
            if isinstance(delta, dict):
                lanes.update(self._lanes(index, place, delta))
                events += self._begin_calls(index, delta)
            if "text" in choice:  # legacy completions
                lanes["choices", place, "text"] = Lane(index, "content")
            if isinstance(reason := choice.get("finish_reason"), str):
                finishes.append(Finish(index, reason))
        for path, text in _texts(tree, ()):
            if text and (path in lanes or _classify(path, text) != "keep"):
                events.append(Text(lanes[path], text, path) if path in lanes else Text(WHOLE, text, path))
        events += finishes
        if usage := usage_of(tree.get("usage")):
            usage.alone = not choices
            events.append(usage)
        return events

    def _lanes(self, index: int, place: int, delta: dict[str, Any]) -> Iterator[tuple[Path, Lane]]:
        at = _at(place)
        for field, kind in _LANE_KINDS.items():
            if isinstance(delta.get(field), str):
                yield (*at, field), Lane(index, kind)
        if isinstance(parts := delta.get("content"), list):  # Mistral: text and thinking as typed parts
            for i, part in enumerate(parts):
                if isinstance(part, dict):
                    yield (*at, "content", i, "text"), Lane(index, "content")
                    if isinstance(thoughts := part.get("thinking"), list):
                        for j in range(len(thoughts)):
                            yield (*at, "content", i, "thinking", j, "text"), Lane(index, "reasoning")
        yield (*at, "audio", "transcript"), Lane(index, "transcript")
        yield (*at, "function_call", "arguments"), Lane(index, "arguments", -1)
        for position, call, number in self._numbered(index, delta):
            tool = (*at, "tool_calls", position)
            yield (*tool, "function", "arguments"), Lane(index, "arguments", number)
            if "custom" in call:
                yield (*tool, "custom", "input"), Lane(index, "input", number)

    def _begin_calls(self, index: int, delta: dict[str, Any]) -> Iterator[Event]:
        for _, call, number in self._numbered(index, delta):
            custom = isinstance(call.get("custom"), dict)
            named = call.get("custom" if custom else "function")
            name = named.get("name") if isinstance(named, dict) else None
            yield from self._call(index, number, call.get("id"), name, custom)

    def _numbered(self, choice: int, delta: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], int]]:
        """(position, tool call, its index). Mistral sends none: a new id is a new call."""
        calls = delta.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else ()):
            if not isinstance(call, dict):
                raise ProviderGarbage("the provider sent a tool call that is not a JSON object")
            number = call.get("index")
            if not isinstance(number, int):
                ids = self._calls.setdefault(choice, [])
                if (id := call.get("id")) and id not in ids:
                    ids.append(id)
                number = ids.index(id) if id else max(len(ids) - 1, 0)
            yield position, call, number


def _at(place: int) -> Path:
    return ("choices", place, "delta")


def _text(choice: int, place: int, field: str, text: str) -> Text:
    return Text(Lane(choice, _LANE_KINDS[field]), text, (*_at(place), field))


def _texts(node: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _texts(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _texts(value, (*path, index))


def rewrite(frame: Frame, changes: dict[Path, str]) -> bytes:
    """The frame with other texts, or b"" if nothing is left in it that a client would miss.

    What spells out the old text goes too: the choice's logprobs, and the padding that hid its length.
    """
    tree = load(frame.data or b"")
    for path, text in changes.items():
        node = tree
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = text
        if len(path) > 1 and path[0] == "choices" and tree["choices"][path[1]].get("logprobs"):
            tree["choices"][path[1]]["logprobs"] = None
    tree.pop("obfuscation", None)
    if not any(changes.values()) and _is_hollow(tree):
        return b""
    return b"data: " + encode(tree) + b"\n\n"


def _is_hollow(tree: dict[str, Any]) -> bool:
    """Does the chunk carry nothing but emptied text?"""
    if tree.get("usage"):
        return False
    for choice in tree.get("choices") or ():
        if choice.get("finish_reason"):
            return False
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return bool(choice.get("text") == "")
        for field, value in delta.items():
            if field == "tool_calls":
                for call in value or ():
                    if call.get("id") or (call.get("function") or call.get("custom") or {}).get("name"):
                        return False
            elif value and field != "channel":
                return False
    return True
