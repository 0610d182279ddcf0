"""Events to what each adds to the message of its choice, in Chat's words.

The stream's chunks and the answer in one piece are both made of these, so that they say the same. What Chat
has no field for goes where others put it: reasoning into `reasoning_content`, what a client must return of
it into `reasoning_details` (OpenRouter), a signature that is not of reasoning into
`extra_content.google.thought_signature` (Google's own compatible API). Items that only one dialect knows
stand in `provider_items`.

Entries of lists carry the `index` by which OpenAI's SDK puts them together, counted here: other dialects
and some providers count otherwise. Source: openai-python (`lib/streaming/_deltas.py`).
"""

from __future__ import annotations

from typing import Any

from gateway.chat import Annotation, Event, Extra, Finish, Lane, Logprobs, Sealed, Text, ToolCall
from gateway.dialects.openai_chat.walk import CLAUDE, NAME

Delta = dict[str, Any]


class Deltas:
    """What must be remembered of one answer to count what is said in it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], int] = {}
        self._calls: dict[tuple[int, int], int] = {}
        self._silent: dict[tuple[int, int], None] = {}  # calls whose arguments have not been said
        self._blocks: dict[Lane, int] = {}

    def of(self, event: Event) -> Delta | None:
        """What the event adds to a message, None if nothing."""
        match event:
            case Text():
                return self._text(event)
            case ToolCall():
                return {"tool_calls": [self._call(event)]}
            case Sealed() if event.kind == "signature" and event.lane.kind != "thinking":
                return {"extra_content": {"google": {"thought_signature": event.data}}}
            case Sealed():
                return {"reasoning_details": [self._sealed(event)]}
            case Annotation():
                entry = {"index": self._next(event.lane.choice, "annotations"), **_annotation(event)}
                return {"annotations": [entry]}
            case Extra():
                return self._extra(event)
            case _:
                return None

    def unsaid(self, choice: int) -> Delta | None:
        """The arguments of calls that have none, once the choice has said all: `{}`, to be parsed."""
        silent = [key for key in self._silent if key[0] == choice]
        for key in silent:
            del self._silent[key]
        calls = [{"index": self._calls[key], "function": {"arguments": "{}"}} for key in silent]
        return {"tool_calls": calls} if calls else None

    def _next(self, choice: int, list_name: str) -> int:
        index = self._counts.get((choice, list_name), 0)
        self._counts[choice, list_name] = index + 1
        return index

    def _text(self, event: Text) -> Delta | None:
        choice, kind, position = event.lane
        if kind in ("arguments", "input"):
            self._silent.pop((choice, position), None)
            holder = "custom" if kind == "input" else "function"
            return {"tool_calls": [{"index": self._call_index(choice, position), holder: {kind: event.text}}]}
        if kind == "thinking":
            detail = {**self._signed_block(event.lane), "text": event.text}
            return {"reasoning_content": event.text, "reasoning_details": [detail]}
        if kind == "transcript":
            return {"audio": {"transcript": event.text}}
        if kind == "server_arguments":
            return None
        return {"reasoning_content" if kind == "reasoning" else kind: event.text}

    def _call_index(self, choice: int, index: int) -> int:
        if (choice, index) not in self._calls:
            self._calls[choice, index] = self._next(choice, "tool_calls")
        return self._calls[choice, index]

    def _call(self, event: ToolCall) -> dict[str, Any]:
        if not event.custom:
            self._silent[event.choice, event.index] = None
        kind, text = ("custom", "input") if event.custom else ("function", "arguments")
        call: dict[str, Any] = {
            "index": self._call_index(event.choice, event.index),
            "id": event.id,
            "type": kind,
            kind: {"name": event.name, text: ""},
        }
        if event.signature:
            call["extra_content"] = {"google": {"thought_signature": event.signature}}
        return call

    def _signed_block(self, lane: Lane) -> dict[str, Any]:
        """What each piece of signed reasoning says of its block. SDKs string together what is said again."""
        if (index := self._blocks.get(lane)) is not None:
            return {"type": "reasoning.text", "index": index}
        index = self._blocks[lane] = self._next(lane.choice, "reasoning_details")
        return {"type": "reasoning.text", "format": CLAUDE, "index": index}

    def _sealed(self, event: Sealed) -> dict[str, Any]:
        id = {"id": event.id} if event.id else {}
        if event.kind == "signature":
            return {**self._signed_block(event.lane), "signature": event.data, **id}
        format = CLAUDE if event.kind == "redacted" else "openai-responses-v1"
        index = self._next(event.lane.choice, "reasoning_details")
        return {"type": "reasoning.encrypted", "format": format, "index": index, "data": event.data, **id}

    def _extra(self, event: Extra) -> Delta:
        if event.dialect == NAME:  # fields of a provider that speaks Chat, as it says them
            return event.data
        index = self._next(event.choice, "provider_items")
        return {"provider_items": [{"index": index, "dialect": event.dialect, "item": event.data}]}


def choice_of(event: Event) -> int:
    return event.choice if isinstance(event, ToolCall | Extra | Finish) else event.lane.choice  # type: ignore[union-attr]


def logprobs_object(event: Logprobs) -> dict[str, Any]:
    is_refusal = event.lane.kind == "refusal"
    content = event.content
    return {"content": None if is_refusal else content, "refusal": content if is_refusal else None}


def _annotation(event: Annotation) -> dict[str, Any]:
    """Places are counted in the message's whole text, so they are only known within its first block."""
    citation: dict[str, Any] = {"url": event.url, "title": event.title}
    if event.start >= 0 and event.lane.position == 0:
        citation |= {"start_index": event.start, "end_index": event.end}
    if event.quote:
        citation["quote"] = event.quote
    return {"type": "url_citation", "url_citation": citation}
