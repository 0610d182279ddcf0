"""Events to the chunks of a Gemini stream: server-sent events, or the elements of one JSON array.

Source: google-genai types (`GenerateContentResponse`) and `_api_client.py`; recorded streams.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from gateway.chat import (
    Annotation,
    Event,
    Extra,
    Finish,
    LaneEnd,
    Logprobs,
    Opening,
    Sealed,
    Text,
    ToolCall,
    Usage,
)
from gateway.dialects.dialect import Head
from gateway.dialects.gemini.errors import error_object
from gateway.dialects.gemini.sources import grounding_of, logprobs_result
from gateway.dialects.gemini.usage import usage_object
from gateway.dialects.gemini.words import BLOCKED, NAME, finish_reason
from gateway.wire.jsontext import encode

_TEXTS = ("content", "refusal", "transcript")
_THOUGHTS = ("reasoning", "thinking")
_CALLS = ("arguments", "input")
_EMPTY = {"text": ""}
# Opaque reasoning that is not Gemini's own: what it is stands in front of it.
_FOREIGN = b"\x00gateway:"


class _Call(Struct):
    """A function call whose arguments are not all there. `texts` is the JSON so far, or free text."""

    event: ToolCall
    texts: list[str] = field(default_factory=list)
    ended: bool = False


class _Answer(Struct):
    """A candidate: its calls that have not gone yet, by index, and what goes with its last chunk."""

    calls: dict[int, _Call] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    finish: Finish | None = None
    was_cut: bool = False


class Encoder:
    """Events to the chunks of one answer.

    A function's arguments are an object, so a call goes when they are complete: when its lane ends, when the
    next call begins and they are JSON by then, or with the finish. Calls go in their order. One whose
    arguments are no JSON object even at the end (a model that met its limit) is left out, as Gemini does:
    the finish is then MAX_TOKENS, or MALFORMED_FUNCTION_CALL if the provider called it finished.

    Finishes and usage stand in the last chunk. What another provider's reasoning must come back with is a
    thought signature that says what it is; items of other dialects stand in a part's `partMetadata`.

    A comment would not do to keep a stream alive: Google's SDK takes each line that does not begin with
    `data: ` for JSON. Blank lines it skips, and within an array they are white space.
    """

    keepalive = b"\r\n"

    def __init__(self, head: Head) -> None:
        self._array = head.array
        self._head = head
        self._usage: Usage | None = None
        self._answers: dict[int, _Answer] = {}
        self._started = False
        self._blocked = ""
        self._identify(head.id, head.model)

    def _identify(self, id: str, model: str) -> None:
        self._identity = {"modelVersion": model, "responseId": id}
        after = encode(self._identity)[1:] + (b"" if self._array else b"\r\n\r\n")
        self._before_text = (
            b"" if self._array else b"data: "
        ) + b'{"candidates":[{"content":{"parts":[{"text":'
        self._after_text = b'}],"role":"model"},"index":0}],' + after
        self._after_thought = b',"thought":true' + self._after_text

    def encode(self, event: Event) -> bytes:
        if isinstance(event, Text):
            return self._text(event)
        match event:
            case Opening():
                self._identify(event.id or self._head.id, event.model or self._head.model)
            case ToolCall():
                answer = self._answer(event.choice)
                answer.calls[event.index] = _Call(event)
                return self._calls(event.choice, answer, try_first=len(answer.calls) == 2)
            case LaneEnd(lane=lane) if lane.kind in _CALLS:
                answer = self._answer(lane.choice)
                if call := answer.calls.get(lane.position):
                    call.ended = True
                    return self._calls(lane.choice, answer)
            case Sealed():
                return self._part(event.lane.choice, _sealed(event))
            case Annotation():
                self._answer(event.lane.choice).annotations.append(event)
            case Logprobs():
                result = {"logprobsResult": logprobs_result(event.content)}
                return self._part(event.lane.choice, dict(_EMPTY), result)
            case Extra(dialect=dialect) if dialect == NAME:
                return self._part(event.choice, event.data)
            case Extra():
                item = {"dialect": event.dialect, "item": event.data}
                return self._part(event.choice, {**_EMPTY, "partMetadata": {"providerItem": item}})
            case Finish() if event.native.startswith(BLOCKED):
                self._blocked = event.native.removeprefix(BLOCKED)
            case Finish():
                answer = self._answer(event.choice)
                answer.finish = event
                return self._calls(event.choice, answer, final=True)
            case Usage():
                self._usage = event
            case _:
                pass
        return b""

    def end(self) -> bytes:
        """The last chunk, behind the calls of who ends without a finish; that is never made up."""
        calls = b"".join(
            self._calls(index, answer, final=True) for index, answer in sorted(self._answers.items())
        )
        chunk: dict[str, Any] = {}
        candidates = [
            self._last(index, answer)
            for index, answer in sorted(self._answers.items())
            if answer.finish is not None or answer.annotations
        ]
        if candidates:
            chunk["candidates"] = candidates
        if self._blocked:
            chunk["promptFeedback"] = {"blockReason": self._blocked}
        if self._usage is not None:
            chunk["usageMetadata"] = usage_object(self._usage)
        return calls + (self._chunk(chunk) if chunk else b"") + self._closed()

    def verdict(self, told: Mapping[str, Any]) -> bytes:
        """A chunk without candidates, with a field of the gateway's own."""
        return self._chunk({"sluice": told})

    def fail(self, facts: dict[str, Any]) -> bytes:
        """Calls that were not complete do not go: they must not look as if they could be made."""
        return self._framed(encode({"error": error_object(facts)})) + self._closed()

    def _text(self, event: Text) -> bytes:
        choice, kind, position = event.lane
        if kind in _TEXTS or kind in _THOUGHTS:
            is_thought = kind in _THOUGHTS
            if not is_thought:
                self._answer(choice).texts.append(event.text)
            if choice == 0:
                after = self._after_thought if is_thought else self._after_text
                chunk = self._before_text + encode(event.text) + after
                return self._separated(chunk) if self._array else chunk
            part = {"text": event.text}
            return self._part(choice, {**part, "thought": True} if is_thought else part)
        if kind in _CALLS and (call := self._answer(choice).calls.get(position)):
            call.texts.append(event.text)
        return b""

    def _answer(self, choice: int) -> _Answer:
        answer = self._answers.get(choice)
        if answer is None:
            answer = self._answers[choice] = _Answer()
        return answer

    def _calls(self, choice: int, answer: _Answer, try_first: bool = False, final: bool = False) -> bytes:
        """The calls that can go. `try_first`: the first may be complete, because the second has begun."""
        out: list[bytes] = []
        for index in sorted(answer.calls):
            call = answer.calls[index]
            if not (call.ended or final or (try_first and call.texts and not call.event.custom)):
                break
            arguments = _arguments(call)
            if arguments is None and not (call.ended or final):
                break
            try_first = False
            del answer.calls[index]
            if arguments is None:
                answer.was_cut = True
                continue
            event = call.event
            part: dict[str, Any] = {"functionCall": {"name": event.name, "args": arguments}}
            if event.id:
                part["functionCall"]["id"] = event.id
            if event.signature:
                part["thoughtSignature"] = event.signature
            out.append(self._part(choice, part))
        return b"".join(out)

    def _last(self, index: int, answer: _Answer) -> dict[str, Any]:
        last: dict[str, Any] = {"content": {"parts": [_EMPTY], "role": "model"}, "index": index}
        if (finish := answer.finish) is not None:
            last["finishReason"] = finish_reason(finish.reason, finish.native)
            if answer.was_cut and last["finishReason"] == "STOP":
                last["finishReason"] = "MALFORMED_FUNCTION_CALL"
                last["finishMessage"] = "The arguments of a function call were not a JSON object."
        if answer.annotations:
            last["groundingMetadata"] = grounding_of(answer.annotations, "".join(answer.texts))
        return last

    def _part(self, index: int, part: dict[str, Any], beside: dict[str, Any] | None = None) -> bytes:
        content = {"parts": [part], "role": "model"}
        return self._chunk({"candidates": [{"content": content, "index": index, **(beside or {})}]})

    def _chunk(self, chunk: dict[str, Any]) -> bytes:
        return self._framed(encode({**chunk, **self._identity}))

    def _framed(self, data: bytes) -> bytes:
        return self._separated(data) if self._array else b"data: " + data + b"\r\n\r\n"

    def _separated(self, data: bytes) -> bytes:
        if self._started:
            return b",\r\n" + data
        self._started = True
        return b"[" + data

    def _closed(self) -> bytes:
        if not self._array:
            return b""
        return b"\r\n]" if self._started else b"[]"


def _arguments(call: _Call) -> dict[str, Any] | None:
    """The arguments as an object, {} if there are none; None if they are no JSON object."""
    text = "".join(call.texts)
    if call.event.custom:
        return {"input": text}
    try:
        arguments = msgspec.json.decode(text) if text.strip() else {}
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    return arguments if isinstance(arguments, dict) else None


# --- opaque reasoning -------------------------------------------------------------------------------------


def _sealed(event: Sealed) -> dict[str, Any]:
    part: dict[str, Any] = {"text": "", "thoughtSignature": event.data}
    if event.lane.kind in _THOUGHTS:
        part["thought"] = True
    if event.kind != "signature" or event.lane.kind == "thinking":
        kind = f"{event.kind}:{event.id}:{event.data}".encode("utf-8", "surrogatepass")
        part["thoughtSignature"] = urlsafe_b64encode(_FOREIGN + kind).decode()
        part["thought"] = True
    return part


def foreign_seal(signature: str) -> tuple[str, str, str] | None:
    """(kind, id, data) of opaque reasoning that `Encoder` wrote; None if the signature is Gemini's own."""
    try:
        data = urlsafe_b64decode(signature.replace("+", "-").replace("/", "_"))
        kind, id, sealed = data.removeprefix(_FOREIGN).decode().split(":", 2)
    except (Error, ValueError):
        return None
    return (kind, id, sealed) if data.startswith(_FOREIGN) else None
