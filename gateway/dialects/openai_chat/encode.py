"""Events to the chunks of an OpenAI Chat stream.

Source: openai-python types (`chat_completion_chunk.py`); where Chat has no field, the one that others use.
"""

from __future__ import annotations

from typing import Any

from gateway.chat import (
    Annotation,
    End,
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
    Usage,
)
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat.usage import usage_object
from gateway.wire.jsontext import encode

DONE = b"data: [DONE]\n\n"
_AFTER_CONTENT = b'},"logprobs":null,"finish_reason":null}]}\n\n'


class Encoder:
    """Events to the chunks of one answer; a chunk holds one event.

    What Chat has no field for goes where others put it: reasoning into `reasoning_content`, what a client
    must return of it into `reasoning_details` (OpenRouter), a call's signature into
    `extra_content.google.thought_signature` (Google's own compatible API), a met stop sequence into
    `stop_reason` (vLLM). Items of other dialects stand in `provider_items`.
    """

    keepalive = b": keep-alive\n\n"

    def __init__(self, head: Head) -> None:
        self._ask_usage = head.usage
        self._usage: Usage | None = None
        self._begun: set[int] = set()
        self._thoughts: dict[Lane, list[str]] = {}
        self._identify(head.id, head.model, head.created)
        self._default = head

    def _identify(self, id: str, model: str, created: int) -> None:
        head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._before = b"data: " + encode(head)[:-1] + b',"choices":['
        self._before_content = self._before + b'{"index":0,"delta":{"content":'

    def encode(self, event: Event) -> bytes:
        if isinstance(event, Text):
            lane = event.lane
            if lane.kind == "content" and lane.choice == 0 and 0 in self._begun:
                return (
                    self._before_content
                    + encode(event.text)
                    + b'},"logprobs":null,"finish_reason":null}]}\n\n'
                )
            if lane.kind == "thinking":
                self._thoughts.setdefault(lane, []).append(event.text)
            return self._delta(lane.choice, _delta_of(event))
        match event:
            case Opening():
                default = self._default
                self._identify(
                    event.id or default.id, event.model or default.model, event.created or default.created
                )
                return b""
            case ToolCall():
                return self._delta(event.choice, {"tool_calls": [_tool_call(event)]})
            case Sealed():
                return self._delta(event.lane.choice, {"reasoning_details": [self._detail(event)]})
            case Annotation():
                return self._delta(event.lane.choice, {"annotations": [_annotation(event)]})
            case Logprobs():
                kind = "refusal" if event.lane.kind == "refusal" else "content"
                return self._chunk(event.lane.choice, {}, logprobs={kind: event.content})
            case Extra():
                item = {"dialect": event.dialect, "item": event.data}
                return self._delta(event.choice, {"provider_items": [item]})
            case Finish():
                stopped = {"stop_reason": event.stop_sequence} if event.stop_sequence else {}
                return self._role(event.choice) + self._chunk(event.choice, {}, event.reason, more=stopped)
            case Usage():
                self._usage = event
                return b""
            case Text() | LaneEnd() | Failure() | End():
                return b""

    def end(self) -> bytes:
        """Usage stands in a chunk without choices, behind everything else."""
        if self._usage is None or not self._ask_usage:
            return DONE
        usage = encode(usage_object(self._usage))
        return self._before + b'],"usage":' + usage + b"}\n\n" + DONE

    def fail(self, facts: dict[str, Any]) -> bytes:
        return b"data: " + encode({"error": facts}) + b"\n\n" + DONE

    def _role(self, choice: int) -> bytes:
        """Each choice begins with a chunk that says the role."""
        if choice in self._begun:
            return b""
        self._begun.add(choice)
        return self._chunk(choice, {"role": "assistant", "content": ""})

    def _delta(self, choice: int, delta: dict[str, Any]) -> bytes:
        return self._role(choice) + self._chunk(choice, delta)

    def _chunk(
        self,
        index: int,
        delta: dict[str, Any],
        reason: str | None = None,
        logprobs: dict[str, Any] | None = None,
        more: dict[str, Any] | None = None,
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return self._before + encode({**choice, **more} if more else choice) + b"]}\n\n"

    def _detail(self, event: Sealed) -> dict[str, Any]:
        detail: dict[str, Any] = {"index": event.lane.position}
        if event.id:
            detail["id"] = event.id
        if event.kind == "signature":
            text = "".join(self._thoughts.pop(event.lane, ()))
            return {"type": "reasoning.text", "text": text, "signature": event.data, **detail}
        return {"type": f"reasoning.{event.kind}", "data": event.data, **detail}


def _tool_call(event: ToolCall) -> dict[str, Any]:
    kind, text = ("custom", "input") if event.custom else ("function", "arguments")
    call: dict[str, Any] = {
        "index": event.index,
        "id": event.id,
        "type": kind,
        kind: {"name": event.name, text: ""},
    }
    if event.signature:
        call["extra_content"] = {"google": {"thought_signature": event.signature}}
    return call


def _annotation(event: Annotation) -> dict[str, Any]:
    citation: dict[str, Any] = {"url": event.url, "title": event.title}
    if event.start >= 0:
        citation |= {"start_index": event.start, "end_index": event.end}
    if event.quote:
        citation["quote"] = event.quote
    return {"type": "url_citation", "url_citation": citation}


def _delta_of(event: Text) -> dict[str, Any]:
    kind = event.lane.kind
    if kind in ("arguments", "input"):
        if event.lane.position < 0:
            return {"function_call": {"arguments": event.text}}
        holder = "custom" if kind == "input" else "function"
        return {"tool_calls": [{"index": event.lane.position, holder: {kind: event.text}}]}
    if kind == "transcript":
        return {"audio": {"transcript": event.text}}
    return {"reasoning_content" if kind in ("reasoning", "thinking") else kind: event.text}
