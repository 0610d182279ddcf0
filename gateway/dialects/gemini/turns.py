"""Neutral messages as Gemini's contents: see `write`."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

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
from gateway.dialects.gemini import words
from gateway.dialects.gemini.decode import MADE_ID
from gateway.errors import InvalidRequest

# What Google documents for calls that another model made: it skips the check of their signature.
SKIP_SIGNATURE = "skip_thought_signature_validator"
_BY_SUFFIX = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
}
_KEPT_BY_GOOGLE = ("https://generativelanguage.googleapis.com/", "gs://")

Block = dict[str, Any]


def write_turns(messages: list[Message], model: str) -> tuple[list[Block], list[Block]]:
    """(parts of the system instruction, contents). Raises InvalidRequest."""
    writer = _Turns(model)
    leading = True
    for index, message in enumerate(messages):
        leading = leading and message.role in ("system", "developer")
        writer.add(message, f"messages[{index}]", leading)
    if not writer.contents:
        raise InvalidRequest("messages has nothing to answer", param="messages")
    return writer.system, writer.contents


class _Turns:
    """What has been written so far. `_calls` are those of the last turn that has any: id -> (place, name)."""

    def __init__(self, model: str) -> None:
        self.system: list[Block] = []
        self.contents: list[Block] = []
        self._model = model
        self._names: dict[str, str] = {}
        self._places: dict[str, int] = {}
        self._results: list[tuple[int, list[Block]]] = []

    def add(self, message: Message, at: str, leading: bool) -> None:
        if message.role in ("system", "developer"):
            texts = [self._text(part, at) for part in message.parts]
            if leading:
                self.system += [{"text": text} for text in texts if text]
            else:
                self._extend("user", [{"text": f"<system>\n{text}\n</system>"} for text in texts if text])
        elif message.role == "assistant":
            self._extend("model", self._said(message, at))
        else:
            for part in message.parts:
                if isinstance(part, ToolResultPart):
                    self._result(part, at)
            others = [part for part in message.parts if not isinstance(part, ToolResultPart)]
            self._extend("user", [block for part in others for block in _shown(part, at)])

    def _extend(self, role: str, parts: list[Block]) -> None:
        if not parts:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": role, "parts": parts})
            self._results = []

    def _text(self, part: Part, at: str) -> str:
        if not isinstance(part, TextPart):
            _unsayable("a system message can only hold text", at)
        return part.text

    # --- the model's turns ------------------------------------------------------------------------------

    def _said(self, message: Message, at: str) -> list[Block]:
        parts: list[Block] = []
        calls = [part for part in message.parts if isinstance(part, ToolCallPart)]
        signed = any(call.signature for call in calls)
        if calls and not (self.contents and self.contents[-1]["role"] == "model"):
            self._places = {}
        for part in message.parts:
            match part:
                case TextPart() | RefusalPart():
                    parts += [{"text": part.text}] if part.text else []
                case ReasoningPart(origin=words.NAME) if part.signature:
                    parts.append({"text": part.text, "thought": True, "thoughtSignature": part.signature})
                case ReasoningPart():
                    pass
                case ToolCallPart():
                    block = self._call(part, at)
                    if part.signature:
                        block["thoughtSignature"] = part.signature
                    elif not signed and part is calls[0] and words.demands_signatures(self._model):
                        block["thoughtSignature"] = SKIP_SIGNATURE
                    parts.append(block)
                case ExtraPart(dialect=words.NAME):
                    parts.append(part.data)
                case _:
                    _unsayable(f"a part ({_word(part)}) of an answer", at)
        return parts

    def _call(self, part: ToolCallPart, at: str) -> Block:
        if part.custom:
            _unsayable("a call of a tool that takes free text", at)
        try:
            arguments = msgspec.json.decode(part.arguments) if part.arguments.strip() else {}
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            arguments = None
        if not isinstance(arguments, dict):
            raise InvalidRequest("the arguments of an earlier tool call are not a JSON object", param=at)
        self._names[part.id] = part.name
        self._places.setdefault(part.id, len(self._places))
        return {"functionCall": {"name": part.name, "args": arguments, **_id(part.id)}}

    # --- the user's turns -------------------------------------------------------------------------------

    def _result(self, part: ToolResultPart, at: str) -> None:
        name = part.name or self._names.get(part.call_id)
        if not name:
            raise InvalidRequest("a tool result answers no call of the conversation", param=at)
        texts = [each.text for each in part.content if isinstance(each, TextPart)]
        media = [
            block for each in part.content if not isinstance(each, TextPart) for block in _shown(each, at)
        ]
        said = "error" if part.is_error else "output"
        response: Block = {"name": name, "response": {said: "\n".join(texts)}, **_id(part.call_id)}
        blocks: list[Block] = [{"functionResponse": response}]
        if words.demands_signatures(self._model):  # older models take media only beside the response
            response |= {"parts": media} if media else {}
        else:
            blocks += media
        if not self.contents or self.contents[-1]["role"] != "user":
            self.contents.append({"role": "user", "parts": []})
            self._results = []
        before = sum(len(each) for _, each in self._results)
        self._results.append((self._places.get(part.call_id, len(self._places)), blocks))
        self._results.sort(key=lambda result: result[0])
        ordered = [block for _, each in self._results for block in each]
        self.contents[-1]["parts"][:before] = ordered


def _id(id: str) -> Block:
    """The call's id, unless Gemini sent none and it was made up."""
    return {"id": id} if id and not id.startswith(MADE_ID) else {}


def _shown(part: Part, at: str) -> list[Block]:
    """A part of the user's, or of a tool's result."""
    match part:
        case TextPart():
            return [{"text": part.text}] if part.text else []
        case ImagePart():
            return [_media(part, part.media_type, "image/jpeg", at)]
        case FilePart() if part.text:
            return [{"text": part.text}]
        case FilePart():
            return [_media(part, part.media_type, "", at)]
        case ExtraPart(dialect=words.NAME):
            return [part.data]
        case _:
            _unsayable(f"a part ({_word(part)}) of a user's turn", at)


def _media(part: ImagePart | FilePart, kind: str, default: str, at: str) -> Block:
    url = part.url
    if part.file_id.startswith(_KEPT_BY_GOOGLE):
        url = part.file_id
    path = url.partition("?")[0] or (part.name if isinstance(part, FilePart) else "")
    kind = kind or _BY_SUFFIX.get(path.rpartition(".")[2].lower(), default)
    if not part.data and not url:
        _unsayable("a file that another provider keeps", at)
    if not kind:
        _unsayable("a file whose type is not said", at)
    if part.data:
        return {"inlineData": {"mimeType": kind, "data": part.data}}
    return {"fileData": {"mimeType": kind, "fileUri": url}}


def _word(part: Part) -> str:
    return getattr(part, "dialect", "") or type(part).__name__.removesuffix("Part").lower()


def _unsayable(what: str, at: str) -> NoReturn:
    raise InvalidRequest(f"{what} cannot be said in Gemini", param=at)
