"""Neutral messages as the turns of a Messages request.

Leading system messages go to `system`. One that comes later stays where it was said, as text of the user's
turn between `<system>` and `</system>`: what it is about is what went before, and a place at the top would
change the beginning that the provider has cached. Turns of one role that follow each other are one. What a
turn answers to calls stands before all else in it. Empty text, which the API refuses, is left out, and so is
the white space that an answer to be continued ends with.

Calls whose ids repeat, or hold what Anthropic does not take, get an id of their own, their results with them.
Reasoning that another provider made is left out: nobody else can use it.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

from gateway.conversation import (
    ExtraPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from gateway.dialects.anthropic.decode import NAME, input_object
from gateway.errors import InvalidRequest

_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
# Signatures that are Claude's, as far as a client's dialect lets us know whose they are.
_OWN = ("", NAME, "bedrock", "openai_chat")

Block = dict[str, Any]


def is_own(part: ReasoningPart) -> bool:
    return bool(part.signature or part.sealed) and part.origin in _OWN


def write_turns(messages: list[Message]) -> tuple[list[Block], list[Block]]:
    """(`system`, `messages`). Raises InvalidRequest."""
    writer = _Turns()
    leading = True
    for index, message in enumerate(messages):
        at = f"messages[{index}]"
        leading = leading and message.role in ("system", "developer")
        writer.add(message, at, leading)
    if not writer.turns:
        raise InvalidRequest("messages has nothing to answer", param="messages")
    last = writer.turns[-1]
    if last["role"] == "assistant" and last["content"][-1]["type"] == "text":
        last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()
    return writer.system, writer.turns


class _Turns:
    """What has been written so far. `_open` are the ids of calls that wait for their result, by old id."""

    def __init__(self) -> None:
        self.system: list[Block] = []
        self.turns: list[Block] = []
        self._used: dict[str, int] = {}
        self._open: dict[str, list[str]] = {}
        self._results = 0  # how many blocks at the front of the last turn are results

    def add(self, message: Message, at: str, leading: bool) -> None:
        if message.role in ("system", "developer"):
            texts = [self._system_text(part, at) for part in message.parts]
            blocks = [block for block in texts if block["text"].strip()]
            if leading:
                self.system += blocks
            else:
                for block in blocks:
                    block["text"] = f"<system>\n{block['text']}\n</system>"
                self._extend("user", blocks)
        elif message.role == "assistant":
            blocks = [block for part in message.parts for block in self._said(part, at)]
            self._extend("assistant", blocks)
        else:
            results = [self._result(p, at) for p in message.parts if isinstance(p, ToolResultPart)]
            others = [part for part in message.parts if not isinstance(part, ToolResultPart)]
            self._extend("user", [block for part in others for block in _shown(part, at)], results)

    def _extend(self, role: str, blocks: list[Block], results: list[Block] | None = None) -> None:
        if not blocks and not results:
            return
        if not self.turns or self.turns[-1]["role"] != role:
            self.turns.append({"role": role, "content": []})
            self._results = 0
        content = self.turns[-1]["content"]
        if results:
            content[self._results : self._results] = results
            self._results += len(results)
        content += blocks

    def _system_text(self, part: Part, at: str) -> Block:
        if not isinstance(part, TextPart):
            raise InvalidRequest("a system message can only hold text in Anthropic Messages", param=at)
        return _cached({"type": "text", "text": part.text}, part.cache)

    def _said(self, part: Part, at: str) -> list[Block]:
        """A part of the assistant's."""
        match part:
            case TextPart() | RefusalPart():
                return _text(part.text, part.cache if isinstance(part, TextPart) else None)
            case ReasoningPart():
                return _thought(part)
            case ToolCallPart(custom=True):
                raise InvalidRequest("a custom tool cannot be said in Anthropic Messages", param=at)
            case ToolCallPart():
                call = {"type": "tool_use", "id": self._new_id(part.id), "name": part.name}
                return [_cached({**call, "input": input_object(part.arguments)}, part.cache)]
            case ExtraPart(dialect=dialect) if dialect == NAME:
                return [part.data]
        what = getattr(part, "dialect", "") or type(part).__name__.removesuffix("Part").lower()
        raise InvalidRequest(f"a part ({what}) of an answer cannot be said in Anthropic Messages", param=at)

    def _new_id(self, old: str) -> str:
        id = base = _NOT_IN_ID.sub("_", old) or "toolu"
        while id in self._used:
            self._used[base] += 1
            id = f"{base}_{self._used[base]}"
        self._used[id] = 1
        self._open.setdefault(old, []).append(id)
        return id

    def _result(self, part: ToolResultPart, at: str) -> Block:
        waiting = self._open.get(part.call_id)
        id = waiting.pop(0) if waiting else _NOT_IN_ID.sub("_", part.call_id) or "toolu"
        result: Block = {"type": "tool_result", "tool_use_id": id}
        if content := [block for item in part.content for block in _shown(item, at)]:
            result["content"] = content
        if part.is_error:
            result["is_error"] = True
        return _cached(result, part.cache)


def _text(text: str, cache: dict[str, Any] | None) -> list[Block]:
    return [_cached({"type": "text", "text": text}, cache)] if text.strip() else []


def _thought(part: ReasoningPart) -> list[Block]:
    if not is_own(part):
        return []
    if part.signature:
        return [{"type": "thinking", "thinking": part.text, "signature": part.signature}]
    return [{"type": "redacted_thinking", "data": part.sealed}]


def _shown(part: Part, at: str) -> list[Block]:
    """A part of the user's, or of a tool's result."""
    match part:
        case TextPart():
            return _text(part.text, part.cache)
        case ImagePart():
            return [_cached({"type": "image", "source": _image(part, at)}, part.cache)]
        case FilePart():
            document: Block = {"type": "document", "source": _document(part, at)}
            if part.name:
                document["title"] = part.name
            return [_cached(document, part.cache)]
        case ExtraPart(dialect=dialect) if dialect == NAME:
            return [part.data]
    what = getattr(part, "dialect", "") or type(part).__name__.removesuffix("Part").lower()
    raise InvalidRequest(f"a part ({what}) of a user's turn cannot be said in Anthropic Messages", param=at)


def _image(part: ImagePart, at: str) -> Block:
    if part.data:
        return {"type": "base64", "media_type": part.media_type, "data": part.data}
    if part.url:
        return {"type": "url", "url": part.url}
    raise InvalidRequest("an image that another provider keeps cannot be said to Anthropic", param=at)


def _document(part: FilePart, at: str) -> Block:
    if part.text:
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    if part.data and part.media_type == "application/pdf":
        return {"type": "base64", "media_type": part.media_type, "data": part.data}
    if part.data and part.media_type.startswith("text/"):
        try:
            return {"type": "text", "media_type": "text/plain", "data": b64decode(part.data).decode()}
        except ValueError:
            raise InvalidRequest("a text document is not UTF-8 in base64", param=at) from None
    if part.url and part.media_type in ("", "application/pdf"):
        return {"type": "url", "url": part.url}
    raise InvalidRequest("Anthropic Messages takes documents as PDF or text, by value or by URL", param=at)


def _cached(block: Block, cache: dict[str, Any] | None) -> Block:
    return {**block, "cache_control": cache} if cache else block
