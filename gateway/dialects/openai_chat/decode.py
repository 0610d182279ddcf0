"""OpenAI Chat Completions, the dialect that most providers speak.

In: the `data` of SSE frames. Out: events, and rewritten frames. It refuses to know who sent them and what
is looked for in the text. Whole bodies and encoding are next door.

Nearly every frame is decoded by a strict type that takes the fields that providers really send and nothing
else (0.9 µs). A frame with any other field is walked as plain JSON (`walk`, 6 to 20 µs), where every string
that is not an id or an enum becomes text to look at: an unknown field costs time, and is not passed on
unseen.

Source: openai-python types (`chat_completion_chunk.py`), and recorded traffic of the compatible providers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from gateway.chat import End, Event, Failure, Finish, Lane, Logprobs, Opening, Path, Text, ToolCall
from gateway.dialects.openai_chat.usage import usage_of
from gateway.dialects.openai_chat.walk import Walk, at_delta
from gateway.errors import ProviderGarbage
from gateway.wire.jsontext import encode, load
from gateway.wire.sse import Frame

_Empty = Annotated[list[Any], Meta(max_length=0)]


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
    function_call: None = None
    audio: None = None
    reasoning_details: _Empty | None = None
    annotations: _Empty | None = None


class _Choice(Struct, forbid_unknown_fields=True):
    delta: _Delta
    index: int = 0
    finish_reason: str | None = None
    logprobs: Raw = Raw()
    content_filter_results: Raw = Raw()
    native_finish_reason: str | None = None
    stop_reason: int | None = None


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
    p: Raw = Raw()
    provider: Raw = Raw()
    prompt_filter_results: Raw = Raw()


_strict = msgspec.json.Decoder(_Chunk)
_CONTENT_OF_FIRST: tuple[Lane, Path] = (Lane(0, "content"), ("choices", 0, "delta", "content"))
# Finish reasons that are not OpenAI's words. One that stands nowhere here is a `stop`.
_REASONS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "model_length": "length",  # Mistral
    "max_tokens": "length",
    "insufficient_system_resource": "length",  # DeepSeek broke off
    "tool_use": "tool_calls",
    "safety": "content_filter",
    "recitation": "content_filter",
}


class Decoder:
    """The frames of one answer to events. Tool calls without an index are told apart by their ids.

    What a translation leaves out: Azure's filter results, moderation results, timings and other facts of a
    provider beside the choices. An unknown field of a delta is an Extra.
    """

    __slots__ = ("_begun", "_opened", "_walk")

    def __init__(self) -> None:
        self._walk: Walk | None = None  # most answers have no frame that needs it
        self._begun: dict[tuple[int, int], None] = {}  # a set, but those are large before they hold anything
        self._opened = False

    def decode(self, frame: Frame) -> list[Event]:
        """Raises ProviderGarbage when the frame is no chunk of this dialect."""
        data = frame.data or b""
        try:
            chunk = _strict.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            if data.startswith(b"[DONE]"):
                return [End()]
            return self.decode_tree(load(data))
        events: list[Event] = []
        if not self._opened:
            events += self._open(load(data))
        for place, choice in enumerate(chunk.choices):
            delta = choice.delta
            if delta.reasoning_content:
                events.append(_text(choice.index, place, "reasoning", "reasoning_content", delta))
            if delta.reasoning:
                # Both fields hold the same where both come (vLLM renamed one into the other).
                position = -2 if delta.reasoning_content else 0
                events.append(_text(choice.index, place, "reasoning", "reasoning", delta, position))
            if delta.content:
                if place == 0 and choice.index == 0:
                    lane, path = _CONTENT_OF_FIRST
                    events.append(Text(lane, delta.content, path))
                else:
                    events.append(_text(choice.index, place, "content", "content", delta))
            if delta.refusal:
                events.append(_text(choice.index, place, "refusal", "refusal", delta))
            if delta.tool_calls:
                for position, call in enumerate(delta.tool_calls):
                    function = call.function or _Function()
                    events += self._call(choice.index, call.index, call.id, function.name, False, "")
                    if function.arguments:
                        lane = Lane(choice.index, "arguments", call.index)
                        path = (*at_delta(place), "tool_calls", position, "function", "arguments")
                        events.append(Text(lane, function.arguments, path))
            if len(choice.logprobs) > 4:
                events += logprobs_of(choice.index, load(bytes(choice.logprobs)))
            if choice.finish_reason:
                events.append(finish(choice.index, choice.finish_reason))
        if len(chunk.usage) > 4 and (usage := usage_of(load(bytes(chunk.usage)))):
            usage.alone = not chunk.choices
            if len(chunk.service_tier) > 4:
                usage.service_tier = str(load(bytes(chunk.service_tier)))
            events.append(usage)
        return events

    def decode_tree(self, tree: Any) -> list[Event]:
        """Any JSON: the known fields as lanes, every other string as a text that is whole in itself."""
        if not isinstance(tree, dict):
            raise ProviderGarbage("the provider sent a frame that is not a JSON object")
        if error := tree.get("error"):
            return [Failure(error if isinstance(error, dict) else {"message": str(error)})]
        events: list[Event] = [] if self._opened else list(self._open(tree))
        if self._walk is None:
            self._walk = Walk()
        events += self._walk.texts_and_calls(tree, self._call)
        choices = tree.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            index = choice.get("index")
            index = index if isinstance(index, int) else 0
            if choice.get("logprobs"):
                events += logprobs_of(index, choice["logprobs"])
            if isinstance(reason := choice.get("finish_reason"), str) and reason:
                events.append(finish(index, reason, choice.get("stop_reason")))
        if usage := usage_in(tree):
            usage.alone = not choices
            events.append(usage)
        return events

    def _call(
        self, choice: int, index: int, id: str | None, name: str | None, custom: bool, signature: str
    ) -> Iterator[Event]:
        if (id or name) and (choice, index) not in self._begun:
            self._begun[choice, index] = None
            yield ToolCall(choice, index, id or "", name or "", custom, signature)

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


def text_in(data: bytes) -> str | None:
    """What a chunk says, if that is one text and nothing else."""
    choice = only_choice(data, _strict)
    if choice is None:
        return None
    delta = choice.delta
    said = [delta.content, delta.reasoning_content, delta.reasoning, delta.refusal]
    for call in delta.tool_calls or ():
        function = call.function or _Function()
        if call.id or function.name:
            return None
        said.append(function.arguments)
    texts = [text for text in said if text]
    return texts[0] if len(texts) == 1 else None


def only_choice(data: bytes, strict: msgspec.json.Decoder[Any]) -> Any:
    """The choice of a chunk that has one, goes on, and says nothing beside its text; None for any other."""
    try:
        chunk = strict.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if len(chunk.choices) != 1 or len(chunk.usage) > 4:
        return None
    choice = chunk.choices[0]
    return None if choice.finish_reason or len(choice.logprobs) > 4 else choice


def finish(choice: int, word: str, met: Any = None) -> Event:
    """`met` is vLLM's `stop_reason`: the stop sequence, or a token's number."""
    if word == "error":
        return Failure({"message": "the provider broke off its answer", "code": "error"})
    return Finish(choice, _REASONS.get(word, "stop"), word, met if isinstance(met, str) else "")


def logprobs_of(choice: int, raw: Any) -> Iterator[Event]:
    for kind in ("content", "refusal"):
        content = raw.get(kind) if isinstance(raw, dict) else None
        if isinstance(content, list) and content and all(isinstance(token, dict) for token in content):
            yield Logprobs(Lane(choice, kind), content)


def usage_in(tree: dict[str, Any]) -> Any:
    groq = tree.get("x_groq")
    usage = usage_of(tree.get("usage")) or (usage_of(groq.get("usage")) if isinstance(groq, dict) else None)
    if usage and isinstance(tier := tree.get("service_tier"), str):
        usage.service_tier = tier
    return usage


def _text(choice: int, place: int, kind: str, field: str, delta: _Delta, position: int = 0) -> Text:
    return Text(Lane(choice, kind, position), getattr(delta, field), (*at_delta(place), field))


def rewrite(frame: Frame, changes: dict[Path, str]) -> bytes:
    """The frame with other texts, or b"" if nothing is left in it that a client would miss.

    What spells out the old text goes too: the choice's logprobs, the places of its citations, and the
    padding that hid its length.
    """
    tree = load(frame.data or b"")
    for path, text in changes.items():
        node = tree
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = text
        if len(path) > 1 and path[0] == "choices":
            scrub_choice(tree["choices"][path[1]])
    for padding in ("obfuscation", "p"):
        tree.pop(padding, None)
    if not any(changes.values()) and _is_hollow(tree):
        return b""
    return b"data: " + encode(tree) + b"\n\n"


def scrub_choice(choice: dict[str, Any]) -> None:
    """Drop what spells out, or counts into, a text that was changed."""
    if choice.get("logprobs"):
        choice["logprobs"] = None
    for field in ("delta", "message"):
        message = choice.get(field)
        annotations = message.get("annotations") if isinstance(message, dict) else None
        for annotation in annotations if isinstance(annotations, list) else ():
            citation = annotation.get("url_citation") if isinstance(annotation, dict) else None
            if isinstance(citation, dict):
                citation.pop("start_index", None)
                citation.pop("end_index", None)


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
