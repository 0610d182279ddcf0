"""Neutral messages as the messages of a Chat request.

Results of tools come first in a turn, each as a message of its own right behind the calls; what the user says
beside them follows. A result can hold only text: its images and files follow in the user's message, under the
call's id. That a result is an error is said in its text. A document given as text is text, under its name.

Ids: Mistral takes nine letters or digits, others up to forty characters, and a call must have one. An id that
does not fit is replaced by a digest of it, the same for the same.

Reasoning of earlier turns goes back to those who ask for it: OpenRouter with what signs it, DeepSeek,
Moonshot and Z.ai as plain text. To others, and to any that did not make it, it says nothing: left out.

Source: openai-python types (`chat_completion_message_param.py`), openrouter.ai/docs (Preserving reasoning),
api-docs.deepseek.com (Thinking mode, tool calls).
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
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
from gateway.dialects.openai_chat.walk import CLAUDE, NAME
from gateway.dialects.unsaid import refuse

_DIALECT = "OpenAI Chat"
_MOST_ID_CHARACTERS = 40
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
# Know `developer`, `refusal` and lists of texts wherever OpenAI does.
_LIKE_OPENAI = ("openai", "azure", "openrouter")
_TAKE_REASONING = ("deepseek", "moonshot", "zai")
_FORMATS = {
    "anthropic": CLAUDE,
    "bedrock": CLAUDE,
    "openai_responses": "openai-responses-v1",
    "gemini": "google-gemini-v1",
    "xai": "xai-responses-v1",
}
_SOUNDS = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}

Said = dict[str, Any]


def write_messages(messages: Sequence[Message], provider: str) -> list[Said]:
    """Raises InvalidRequest."""
    return _Writer(provider).write(messages)


class _Writer:
    """`_nameless` are ids given to calls without one, by the tool's name, until their results come."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._like_openai = provider in _LIKE_OPENAI
        self._nameless: list[tuple[str, str]] = []
        self._given = 0

    def write(self, messages: Sequence[Message]) -> list[Said]:
        turn_begins = max((i for i, message in enumerate(messages) if _is_question(message)), default=0)
        written: list[Said] = []
        for index, message in enumerate(messages):
            if message.role == "assistant":
                written.append(self._answer(message, index > turn_begins))
            elif message.role == "user":
                written += self._user(message)
            else:
                is_old = message.role == "developer" and not self._like_openai
                role = "system" if is_old else message.role
                written.append(self._said(role, message, self._content(message.parts, "\n\n")))
        return written

    def _said(self, role: str, message: Message, content: Any) -> Said:
        said: Said = {"role": role, "content": content}
        if message.name:
            said["name"] = message.name
        for part in message.parts:
            if isinstance(part, ExtraPart) and _is_field(part):
                said |= part.data
        return said

    # --- the user ---------------------------------------------------------------------------------------

    def _user(self, message: Message) -> list[Said]:
        results = [part for part in message.parts if isinstance(part, ToolResultPart)]
        others: list[Part] = [part for part in message.parts if not isinstance(part, ToolResultPart)]
        written: list[Said] = []
        shown: list[Part] = []
        for result in results:
            id = self._id_of_result(result)
            texts = [part for part in result.content if isinstance(part, TextPart)]
            rest = [part for part in result.content if not isinstance(part, TextPart)]
            if rest:
                shown += [TextPart(f"The result of tool call {id}:"), *rest]
            content = self._content(texts, "\n") if texts else ""
            if isinstance(content, str):
                content = content or ("See the next message." if rest else "")
                if result.is_error and not content.lower().startswith("error"):
                    content = f"Error: {content}"
            written.append({"role": "tool", "tool_call_id": id, "content": content})
        others = [*shown, *others]
        if others or not results:
            written.append(self._said("user", message, self._content(others, None)))
        return written

    def _content(self, parts: Sequence[Part], joint: str | None) -> str | list[Said]:
        """A string where it is all text, as every provider takes it; `joint` joins several."""
        parts = [part for part in parts if not _is_field(part)]
        marks = self._provider == "openrouter" and any(getattr(part, "cache", None) for part in parts)
        texts = [part.text for part in parts if isinstance(part, TextPart)]
        if len(texts) == len(parts) and not marks:
            texts = [text for text in texts if text] or texts[:1]
            if len(texts) <= 1:
                return texts[0] if texts else ""
            if joint is not None:
                return joint.join(texts)
        shown = [part for part in parts if not (isinstance(part, TextPart) and not part.text)]
        return [self._shown(part, marks) for part in shown]

    def _shown(self, part: Part, marks: bool) -> Said:
        said = self._part(part)
        cache = getattr(part, "cache", None)
        return {**said, "cache_control": cache} if marks and cache else said

    def _part(self, part: Part) -> Said:
        match part:
            case TextPart():
                return {"type": "text", "text": part.text}
            case ImagePart():
                url = f"data:{part.media_type};base64,{part.data}" if part.data else part.url
                if not url:
                    refuse("messages", _DIALECT, "an image that another provider keeps")
                detail = {"detail": part.detail} if part.detail else {}
                return {"type": "image_url", "image_url": {"url": url, **detail}}
            case FilePart():
                return self._file(part)
            case ExtraPart() if part.dialect == NAME:
                return part.data
            case ExtraPart():
                return refuse("messages", _DIALECT, f"a part that only {part.dialect} knows")
            case _:
                return refuse("messages", _DIALECT, "a part of an answer that another role says")

    def _file(self, part: FilePart) -> Said:
        if part.text or (part.data and part.media_type.startswith("text/")):
            text = part.text or _decoded(part)
            return {"type": "text", "text": f"{part.name}\n\n{text}" if part.name else text}
        if part.media_type.startswith("audio/") and part.data:
            format = _SOUNDS.get(part.media_type, part.media_type.removeprefix("audio/"))
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": format}}
        if part.media_type.startswith("video/"):
            if self._provider != "openrouter":
                refuse("messages", _DIALECT, "a video")
            url = f"data:{part.media_type};base64,{part.data}" if part.data else part.url
            return {"type": "video_url", "video_url": {"url": url}}
        file = {"filename": part.name} if part.name else {}
        if part.data:
            file["filename"] = part.name or f"document.{part.media_type.rpartition('/')[2]}"
            file["file_data"] = f"data:{part.media_type};base64,{part.data}"
        elif part.file_id:
            file["file_id"] = part.file_id
        elif self._provider == "openrouter":
            file["file_data"] = part.url
        else:
            refuse("messages", _DIALECT, "a file by its URL")
        return {"type": "file", "file": file}

    # --- the assistant ----------------------------------------------------------------------------------

    def _answer(self, message: Message, in_turn: bool) -> Said:
        """An earlier answer. `in_turn`: no user has spoken since."""
        calls = [part for part in message.parts if isinstance(part, ToolCallPart)]
        thoughts = [part for part in message.parts if isinstance(part, ReasoningPart)]
        refusals = [part.text for part in message.parts if isinstance(part, RefusalPart)]
        content: list[Part] = [
            part for part in message.parts if not isinstance(part, ToolCallPart | ReasoningPart | RefusalPart)
        ]
        if not self._like_openai:
            content += [TextPart(text) for text in refusals]
        said = self._said("assistant", message, self._content(content, ""))
        if self._like_openai and refusals:
            said["refusal"] = "".join(refusals)
        if not said["content"] and (calls or "refusal" in said):
            said["content"] = None
        if calls:
            said["tool_calls"] = [self._call(call) for call in calls]
        self._reason(said, thoughts, in_turn and bool(calls))
        return said

    def _reason(self, said: Said, thoughts: list[ReasoningPart], must: bool) -> None:
        """`must`: DeepSeek demands the reasoning behind the calls of the turn, be it empty."""
        if self._provider in _TAKE_REASONING:
            if (text := "".join(part.text for part in thoughts)) or (must and self._provider == "deepseek"):
                said["reasoning_content"] = text
        elif self._provider == "openrouter":
            if details := [detail for part in thoughts for detail in _details(part)]:
                said["reasoning_details"] = [{**each, "index": i} for i, each in enumerate(details)]
        elif self._provider == "gemini":
            for part in thoughts:
                if part.origin == "gemini" and part.signature:
                    said["extra_content"] = {"google": {"thought_signature": part.signature}}

    def _call(self, part: ToolCallPart) -> Said:
        kind, name = ("custom", "input") if part.custom else ("function", "arguments")
        text = part.arguments if part.custom else part.arguments or "{}"
        call: Said = {"id": self._id_of_call(part), "type": kind, kind: {"name": part.name, name: text}}
        if part.signature and self._provider in ("gemini", "openrouter"):
            call["extra_content"] = {"google": {"thought_signature": part.signature}}
        return call

    # --- ids --------------------------------------------------------------------------------------------

    def _id_of_call(self, part: ToolCallPart) -> str:
        if part.id:
            return self._fitting(part.id)
        self._given += 1
        id = self._fitting(f"call_{self._given}")
        self._nameless.append((part.name, id))
        return id

    def _id_of_result(self, part: ToolResultPart) -> str:
        if part.call_id or not self._nameless:
            return self._fitting(part.call_id)
        names = [name for name, _ in self._nameless]
        return self._nameless.pop(names.index(part.name) if part.name in names else 0)[1]

    def _fitting(self, id: str) -> str:
        if self._provider == "mistral":
            if re.fullmatch(r"[a-zA-Z0-9]{9}", id):
                return id
            digest = sha256(id.encode("utf-8", "surrogatepass")).digest()
            return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:9])
        if len(id) > _MOST_ID_CHARACTERS:
            return f"call_{sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
        return id


def _is_question(message: Message) -> bool:
    return message.role == "user" and any(not isinstance(part, ToolResultPart) for part in message.parts)


def _is_field(part: Part) -> bool:
    """Is it a field of a Chat message, not a part of its content?"""
    return isinstance(part, ExtraPart) and part.dialect == NAME and "type" not in part.data


def _details(part: ReasoningPart) -> list[Said]:
    more: Said = {"format": _FORMATS.get(part.origin, "unknown")}
    if part.id:
        more["id"] = part.id
    details: list[Said] = []
    if part.text and part.sealed:
        details.append({"type": "reasoning.summary", "summary": part.text, **more})
    elif part.text or part.signature:
        signature = {"signature": part.signature} if part.signature else {}
        details.append({"type": "reasoning.text", "text": part.text, **signature, **more})
    if part.sealed:
        details.append({"type": "reasoning.encrypted", "data": part.sealed, **more})
    return details


def _decoded(part: FilePart) -> str:
    try:
        return b64decode(part.data, validate=True).decode()
    except ValueError:
        return refuse("messages", _DIALECT, "a text document that is not UTF-8 in base64")
