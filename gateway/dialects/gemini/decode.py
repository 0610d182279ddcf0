"""Gemini's chunks to events, and rewritten chunks.

In: the `data` of SSE frames. Out: events. It refuses to know who sent them and what is looked for in it.

The chunks that only bring text are decoded by a strict type. Any other is walked as plain JSON, where every
string that is not an id, an enum or the like becomes text to look at, also in parts and fields that nobody
has heard of.

The text of a candidate is one lane, its thoughts another, whatever the parts. A function's arguments are a
tree: for a translation they are the JSON text of the call's lane, without a path; where frames pass they are
one JSON text whose path leads to the tree, so that keys and numbers are seen too. Where they come value by
value, each value is a run of its own that only frames have. The path of a candidate's metadata stands for
the text that its offsets count in: if that changes, they go.

Source: google-genai types (`GenerateContentResponse`), and recorded streams of both of Google's APIs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from gateway.chat import (
    WHOLE,
    WHOLE_JSON,
    Event,
    Extra,
    Failure,
    Finish,
    Lane,
    LaneEnd,
    Opening,
    Path,
    Sealed,
    Text,
    ToolCall,
)
from gateway.dialects.gemini import sources
from gateway.dialects.gemini.fields import classifier
from gateway.dialects.gemini.partial import PartialArguments
from gateway.dialects.gemini.usage import usage_of
from gateway.dialects.gemini.words import BLOCKED, NAME, REASONS
from gateway.dialects.tree import texts
from gateway.errors import ProviderGarbage
from gateway.wire.jsontext import encode, load
from gateway.wire.sse import Frame

_classify = classifier(False)
# What a part may hold beside the one thing that it is.
_BESIDE = ("thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution")
# Ids of calls that came without one; they do not go back to Gemini.
MADE_ID = "call_gemini_"
_LARGE_NUMBER = 10**8


class _Part(Struct, forbid_unknown_fields=True):
    text: str
    thought: bool = False


class _Content(Struct, forbid_unknown_fields=True):
    parts: list[_Part]
    role: Raw = Raw()


class _Candidate(Struct, forbid_unknown_fields=True):
    content: _Content
    index: int = 0
    safetyRatings: Raw = Raw()


class _Chunk(Struct, forbid_unknown_fields=True):
    candidates: list[_Candidate]
    usageMetadata: Raw = Raw()
    modelVersion: Raw = Raw()
    responseId: Raw = Raw()
    createTime: Raw = Raw()


_strict = msgspec.json.Decoder(_Chunk)
_FIRST: Path = ("candidates", 0, "content", "parts", 0, "text")
_CONTENT, _REASONING = Lane(0, "content"), Lane(0, "reasoning")


class _Call(Struct):
    """A function call whose arguments are still coming."""

    lane: Lane
    arguments: PartialArguments


class _Answer(Struct):
    """What is known of a candidate so far."""

    texts: list[str]
    calls: int = 0
    open: _Call | None = None
    sealed: Sealed | None = None
    finish: Finish | None = None


class Decoder:
    """The frames of one answer to events."""

    def __init__(self) -> None:
        self._answers: dict[int, _Answer] = {}
        self._opened = False
        self._id = ""
        self._counts = b""

    def decode(self, frame: Frame) -> list[Event]:
        """Raises ProviderGarbage when the frame is no chunk of this dialect."""
        data = frame.data or b""
        try:
            chunk = _strict.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self.decode_tree(load(data))
        events: list[Event] = [] if self._opened else list(self._open(load(data)))
        for place, candidate in enumerate(chunk.candidates):
            answer = self._answer(candidate.index)
            for position, part in enumerate(candidate.content.parts):
                if not part.text:
                    continue
                if candidate.index == 0:
                    lane = _REASONING if part.thought else _CONTENT
                else:
                    lane = Lane(candidate.index, "reasoning" if part.thought else "content")
                if answer.sealed is not None and answer.sealed.lane != lane:
                    events += self._seal(answer)
                if not part.thought:
                    answer.texts.append(part.text)
                path = _FIRST if place == position == 0 else (*_at(place), position, "text")
                events.append(Text(lane, part.text, path))
        counts = bytes(chunk.usageMetadata)
        if counts and counts != self._counts:  # most chunks say again what the one before said
            self._counts = counts
            if usage := usage_of(load(counts)):
                usage.alone = not chunk.candidates
                events.append(usage)
        return events

    def decode_tree(self, tree: Any) -> list[Event]:
        """Any JSON."""
        if isinstance(tree, list) and len(tree) == 1:
            (tree,) = tree
        if not isinstance(tree, dict):
            raise ProviderGarbage("the provider sent a frame that is not a JSON object")
        if error := tree.get("error"):
            return [Failure(error if isinstance(error, dict) else {"message": str(error)})]
        events: list[Event] = [] if self._opened else list(self._open(tree))
        self._counts = b""
        candidates = tree.get("candidates")
        seen: set[Path] = set()
        for place, candidate in enumerate(candidates if isinstance(candidates, list) else ()):
            if not isinstance(candidate, dict):
                raise ProviderGarbage("the provider sent a candidate that is not a JSON object")
            events += self._candidate(place, candidate, seen)
        for path, text in texts(tree, ()):
            if text and path not in seen and not _is_below(path, seen) and _classify(path, text) != "keep":
                events.append(Text(WHOLE, text, path))
        events += _blocked(tree.get("promptFeedback"))
        if usage := usage_of(tree.get("usageMetadata")):
            usage.alone = not candidates
            events.append(usage)
        return events

    def _open(self, tree: dict[str, Any]) -> Iterator[Event]:
        id, model, created = (tree.get(name) for name in ("responseId", "modelVersion", "createTime"))
        id, model = (value if isinstance(value, str) else "" for value in (id, model))
        if id or model:
            self._opened = True
            self._id = id
            yield Opening(id, model, _seconds(created))

    def _answer(self, index: int) -> _Answer:
        answer = self._answers.get(index)
        if answer is None:
            answer = self._answers[index] = _Answer([])
        return answer

    def _candidate(self, place: int, candidate: dict[str, Any], seen: set[Path]) -> Iterator[Event]:
        index = candidate.get("index", place)
        if not isinstance(index, int) or index < 0:
            raise ProviderGarbage("the provider sent a candidate whose index is not a number")
        answer = self._answer(index)
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        firsts: dict[int, int] = {}
        for position, part in enumerate(parts if isinstance(parts, list) else ()):
            if not isinstance(part, dict):
                raise ProviderGarbage("the provider sent a part that is not a JSON object")
            firsts[position] = len(answer.texts)
            yield from self._part(index, answer, part, (*_at(place), position), seen)
        content_lane = Lane(index, "content")
        yield from sources.rests_on(content_lane, candidate, answer.texts, firsts)
        yield from _counted(candidate, ("candidates", place), answer.texts)
        if probabilities := sources.logprobs(content_lane, candidate.get("logprobsResult")):
            yield probabilities
        if isinstance(native := candidate.get("finishReason"), str) and native:
            yield from self._close(answer)
            yield from self._seal(answer)
            reason = REASONS.get(native, "stop")
            finish = Finish(index, "tool_calls" if native == "STOP" and answer.calls else reason, native)
            if finish != answer.finish:  # some models say STOP in every chunk
                answer.finish = finish
                yield finish

    def _part(
        self, index: int, answer: _Answer, part: dict[str, Any], at: Path, seen: set[Path]
    ) -> Iterator[Event]:
        text, call, signature = (part.get(name) for name in ("text", "functionCall", "thoughtSignature"))
        signature = signature if isinstance(signature, str) else ""
        lane = Lane(index, "reasoning" if part.get("thought") is True else "content")
        if answer.sealed is not None and (answer.sealed.lane != lane or signature or call):
            yield from self._seal(answer)
        if isinstance(text, str):
            if lane.kind == "content":
                answer.texts.append(text)
            if text:
                seen.add((*at, "text"))
                yield Text(lane, text, (*at, "text"))
        if isinstance(call, dict):
            yield from self._call(index, answer, call, signature, (*at, "functionCall"), seen)
            return
        others = [name for name in part if name not in _BESIDE and name != "text"]
        foreign = part.get("partMetadata")
        foreign = foreign.get("providerItem") if isinstance(foreign, dict) else None
        if others:
            yield Extra(index, NAME, {name: value for name, value in part.items() if name != "text"})
        elif isinstance(foreign, dict) and isinstance(foreign.get("item"), dict):
            yield Extra(index, str(foreign.get("dialect")), foreign["item"])
        elif signature:
            # It signs the text of its lane; the text may go on in the next chunk.
            answer.sealed = Sealed(lane, "signature", signature)

    def _seal(self, answer: _Answer) -> Iterator[Event]:
        if answer.sealed is not None:
            yield answer.sealed
            answer.sealed = None

    def _call(
        self, index: int, answer: _Answer, call: dict[str, Any], signature: str, at: Path, seen: set[Path]
    ) -> Iterator[Event]:
        name, given = call.get("name"), call.get("args")
        goes_on = call.get("willContinue") is True
        if isinstance(name, str) and name:
            yield from self._close(answer)
            number = answer.calls
            answer.calls += 1
            id = call.get("id")
            if not isinstance(id, str) or not id:
                id = (
                    f"{MADE_ID}{self._id}_{number}" if index == 0 else f"{MADE_ID}{self._id}_{index}_{number}"
                )
            yield ToolCall(index, number, id, name, signature=signature)
            lane = Lane(index, "arguments", number)
            if goes_on or "partialArgs" in call:
                answer.open = _Call(lane, PartialArguments())
            else:
                arguments = encode(given if isinstance(given, dict) else {}).decode()
                yield Text(lane, arguments)
                yield LaneEnd(lane)
        if given and isinstance(given, dict | list):
            seen.add((*at, "args"))
            yield Text(WHOLE_JSON, encode(given).decode(), (*at, "args"))
        if answer.open is not None:
            yield from self._more(answer.open, call.get("partialArgs"), at, seen)
            if not goes_on:
                yield from self._close(answer)

    def _more(self, call: _Call, args: Any, at: Path, seen: set[Path]) -> Iterator[Event]:
        """Values of arguments that come one by one."""
        for position, arg in enumerate(args if isinstance(args, list) else ()):
            if not isinstance(arg, dict):
                raise ProviderGarbage("the provider sent a part of arguments that is not a JSON object")
            call.arguments.add(arg)
            lane = Lane(-2 - call.lane.choice, str(arg.get("jsonPath")), call.lane.position)
            path = (*at, "partialArgs", position)
            if isinstance(text := arg.get("stringValue"), str):
                seen.add((*path, "stringValue"))
                if text:
                    yield Text(lane, text, (*path, "stringValue"))
            number = arg.get("numberValue")
            if isinstance(number, int | float) and abs(number) >= _LARGE_NUMBER:
                yield Text(WHOLE, encode(number).decode(), (*path, "numberValue"))
            if arg.get("willContinue") is not True:
                yield LaneEnd(lane)

    def _close(self, answer: _Answer) -> Iterator[Event]:
        if answer.open is not None:
            call, answer.open = answer.open, None
            yield Text(call.lane, encode(call.arguments.whole()).decode())
            yield LaneEnd(call.lane)


def _blocked(feedback: Any) -> Iterator[Event]:
    """A prompt that was blocked: an answer with status 200 and no candidates."""
    if isinstance(feedback, dict) and isinstance(reason := feedback.get("blockReason"), str) and reason:
        yield Finish(0, "content_filter", BLOCKED + reason)


def _counted(candidate: dict[str, Any], at: Path, texts: list[str]) -> Iterator[Event]:
    """The text that offsets count in, once more, at the place of what holds them."""
    for name, lists in (
        ("groundingMetadata", ("groundingSupports",)),
        ("citationMetadata", ("citations", "citationSources")),
    ):
        metadata = candidate.get(name)
        if texts and isinstance(metadata, dict) and any(metadata.get(each) for each in lists):
            yield Text(WHOLE, "".join(texts), (*at, name))


def _seconds(created: Any) -> int:
    try:
        return int(datetime.fromisoformat(created).timestamp())
    except (TypeError, ValueError, OverflowError):
        return 0


def _at(place: int) -> Path:
    return ("candidates", place, "content", "parts")


def _is_below(path: Path, seen: set[Path]) -> bool:
    """Does the string stand in arguments that were seen as a whole?"""
    return len(path) > 7 and path[5] == "functionCall" and path[:7] in seen


# --- rewriting --------------------------------------------------------------------------------------------


def rewrite(frame: Frame, changes: dict[Path, str]) -> bytes:
    """The frame with other texts, or b"" if nothing is left in it that a client would miss."""
    tree = load(frame.data or b"")
    root = tree[0] if isinstance(tree, list) else tree
    for path, text in changes.items():
        if len(path) == 3 and path[2] in ("groundingMetadata", "citationMetadata"):
            sources.drop_offsets(root["candidates"][path[1]])
            continue
        node = root
        for step in path[:-1]:
            node = node[step]
        if isinstance(node[path[-1]], str):
            node[path[-1]] = text
        elif path[-1] == "numberValue":
            del node["numberValue"]
            node["stringValue"] = text
        else:
            node[path[-1]] = _tree_of(text)
        if path[0] == "candidates" and isinstance(path[1], int):
            sources.drop_offsets(root["candidates"][path[1]])
    if not any(changes.values()) and _is_hollow(root):
        return b""
    end = b"\n\n" if frame.raw.endswith(b"\n\n") else b"\r\n\r\n"
    return b"data: " + encode(tree) + end


def _tree_of(text: str) -> Any:
    """Changed arguments. A number changed within its digits leaves no JSON: then they stand as text."""
    try:
        return load(text.encode("utf-8", "surrogatepass"))
    except ProviderGarbage:
        return text


def _is_hollow(tree: dict[str, Any]) -> bool:
    """Does the chunk carry nothing but emptied text? Its usage comes again with the next."""
    candidates = tree.get("candidates")
    for candidate in candidates or ():
        if not set(candidate) <= {"content", "index", "safetyRatings"}:
            return False
        for part in (candidate.get("content") or {}).get("parts") or ():
            if part.get("text") != "" or not set(part) <= {"text", "thought"}:
                return False
    return bool(candidates)
