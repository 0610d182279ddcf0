"""The messages of a Chat request in neutral words.

Results of tools that follow each other are one neutral user message. A call of a legacy function has no id:
it gets one, and its result finds it by the function's name. What a client returns of earlier reasoning is
read in OpenRouter's form (`reasoning_details`), Google's (`extra_content`) and as plain text.

Hints that are left out: citations of earlier answers (`annotations`), `channel`.

Source: openai-python types (`chat_completion_message_param.py`, `chat_completion_content_part_param.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
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
from gateway.dialects.openai_chat.walk import NAME
from gateway.dialects.reading import said, typed
from gateway.errors import InvalidRequest

_KNOWN = frozenset(
    "role content name refusal tool_calls tool_call_id function_call reasoning reasoning_content "
    "reasoning_details extra_content thought_signature provider_items annotations channel".split()
)
# Whose words a form of reasoning is in (OpenRouter's names).
_ORIGINS = {"anthropic": "anthropic", "openai": "openai_responses", "google": "gemini", "xai": "xai"}
_SOUNDS = {"mp3": "audio/mpeg"}
# Files come by their name or as a data URL; without either they are what most are.
_MEDIA_TYPES = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def read_messages(body: dict[str, Any]) -> list[Message]:
    """Raises InvalidRequest."""
    messages: list[Message] = []
    functions: dict[str, str] = {}  # legacy function -> the id given to its last call
    results: Message | None = None
    for index, raw in enumerate(typed(body.get("messages"), list[dict[str, Any]], "messages")):
        at = f"messages[{index}]"
        role = raw.get("role")
        name = _text(raw, "name", at)
        if role in ("tool", "function"):
            if results is None:
                results = Message("user", [])
                messages.append(results)
            id = functions.get(name, "") if role == "function" else _text(raw, "tool_call_id", at)
            results.parts.append(_result(raw, id, name, at))
            continue
        results = None
        parts: list[Part]
        match role:
            case "system" | "developer" | "user":
                parts = list(_content(raw.get("content"), f"{at}.content"))
            case "assistant":
                parts = list(_answer(raw, at))
                if function := said(raw, "function_call", dict[str, Any], f"{at}."):
                    called = _text(function, "name", f"{at}.function_call")
                    functions[called] = id = f"call_{index}"
                    arguments = _text(function, "arguments", f"{at}.function_call")
                    parts.append(ToolCallPart(id, called, arguments))
            case _:
                raise InvalidRequest(f"{at}.role is not known", param=f"{at}.role")
        for field, value in raw.items():
            if value and field not in _KNOWN:
                parts.append(ExtraPart(NAME, {field: value}))
        messages.append(Message(role, parts, name))
    return messages


def _result(raw: dict[str, Any], id: str, name: str, at: str) -> ToolResultPart:
    for field, value in raw.items():
        if value and field not in _KNOWN and field != "cache_control":
            raise InvalidRequest(f"{at}.{field} is not known", param=f"{at}.{field}")
    content = list(_content(raw.get("content"), f"{at}.content"))
    shown = [part for part in content if isinstance(part, TextPart | ImagePart | FilePart)]
    if len(shown) < len(content):
        raise InvalidRequest(f"{at}.content has a part that is not known", param=f"{at}.content")
    cache = said(raw, "cache_control", dict[str, Any], f"{at}.")
    return ToolResultPart(id, shown, name=name, cache=cache)


def _answer(raw: dict[str, Any], at: str) -> Iterator[Part]:
    """An earlier answer: reasoning, items of other dialects, content, calls."""
    yield from _reasoning(raw, at)
    for item in said(raw, "provider_items", list[dict[str, Any]], f"{at}.") or ():
        if isinstance(data := item.get("item"), dict):
            yield ExtraPart(_text(item, "dialect", f"{at}.provider_items"), data)
    content = list(_content(raw.get("content"), f"{at}.content"))
    if refusal := _text(raw, "refusal", at):
        content.append(RefusalPart(refusal))
    if raw.get("content") or refusal:
        yield from content
    calls = said(raw, "tool_calls", list[dict[str, Any]], f"{at}.") or ()
    signature = _signature(raw)
    for index, call in enumerate(calls):
        where = f"{at}.tool_calls[{index}]"
        custom = call.get("type") == "custom"
        kind, text = ("custom", "input") if custom else ("function", "arguments")
        tool = typed(call.get(kind), dict[str, Any], f"{where}.{kind}")
        yield ToolCallPart(
            _text(call, "id", where),
            _text(tool, "name", f"{where}.{kind}"),
            _text(tool, text, f"{where}.{kind}"),
            custom,
            _signature(call) or (signature if index == 0 else ""),
        )
    if signature and not calls:
        yield ReasoningPart(signature=signature, origin="gemini")


def _reasoning(raw: dict[str, Any], at: str) -> Iterator[Part]:
    """`reasoning_details` come as they were streamed: pieces of one block have one index."""
    parts: dict[Any, ReasoningPart] = {}
    details = said(raw, "reasoning_details", list[dict[str, Any]], f"{at}.")
    for number, detail in enumerate(details or ()):
        kind = _text(detail, "type", at)
        # One index may hold a summary and, sealed, what it sums up.
        key = detail.get("index", ("", number)), kind == "reasoning.text"
        part = parts.setdefault(key, ReasoningPart(origin=_origin(detail)))
        part.text += _text(detail, "text", at) + _text(detail, "summary", at)
        part.signature += _text(detail, "signature", at)
        part.sealed += _text(detail, "data", at)
        part.id = part.id or _text(detail, "id", at)
    plain = _text(raw, "reasoning_content", at) or _text(raw, "reasoning", at)
    if plain and not any(part.text for part in parts.values()):
        # Unsigned: it stands with what its provider sealed, or alone.
        sealed = next((part for part in parts.values() if part.sealed and part.origin != "anthropic"), None)
        if sealed is not None:
            sealed.text = plain
        else:
            yield ReasoningPart(plain)
    yield from parts.values()


def _origin(detail: dict[str, Any]) -> str:
    format = detail.get("format")
    return _ORIGINS.get(format.partition("-")[0], "") if isinstance(format, str) else ""


def _signature(holder: dict[str, Any]) -> str:
    match holder:
        case {"extra_content": {"google": {"thought_signature": str(signature)}}}:
            return signature
        case _:
            return ""


def _content(content: Any, at: str) -> Iterator[Part]:
    if isinstance(content, str):
        yield TextPart(content)
    elif content is not None:
        for index, part in enumerate(typed(content, list[dict[str, Any]], at)):
            yield _part(part, f"{at}[{index}]")


def _part(part: dict[str, Any], at: str) -> Part:
    cache = said(part, "cache_control", dict[str, Any], f"{at}.")
    match part:
        case {"type": "text", "text": str(text)}:
            return TextPart(text, cache)
        case {"type": "refusal", "refusal": str(text)}:
            return RefusalPart(text)
        case {"type": "image_url", "image_url": {"url": str(url), **rest}}:
            detail = rest.get("detail")
            return _image(url, detail if isinstance(detail, str) else "", cache, at)
        case {"type": "image_url", "image_url": str(url)}:  # Mistral
            return _image(url, "", cache, at)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(format)}}:
            return FilePart(_SOUNDS.get(format, f"audio/{format}"), data, cache=cache)
        case {"type": "file", "file": dict(file)}:
            return _file(file, cache, at)
        case {"type": "thinking", "thinking": [*thoughts]}:  # Mistral
            texts = [thought.get("text") for thought in thoughts if isinstance(thought, dict)]
            return ReasoningPart("".join(text for text in texts if isinstance(text, str)))
        case {"type": "text" | "refusal" | "image_url" | "input_audio" | "file" | "thinking"}:
            raise InvalidRequest(f"{at} lacks what its type says it holds", param=at)
        case {"type": str()}:
            return ExtraPart(NAME, part)
        case _:
            raise InvalidRequest(f"{at}.type must be a string", param=f"{at}.type")


def _image(url: str, detail: str, cache: dict[str, Any] | None, at: str) -> ImagePart:
    if not url.startswith("data:"):
        return ImagePart(url=url, detail=detail, cache=cache)
    media_type, data = _data_url(url, at)
    return ImagePart(data, media_type, detail=detail, cache=cache)


def _file(file: dict[str, Any], cache: dict[str, Any] | None, at: str) -> FilePart:
    name = _text(file, "filename", at)
    data = _text(file, "file_data", at)
    part = FilePart(name=name, file_id=_text(file, "file_id", at), cache=cache)
    if data.startswith("data:"):
        part.media_type, part.data = _data_url(data, at)
    elif data.startswith(("https://", "http://")):  # OpenRouter
        part.url = data
    elif data:
        part.media_type = _MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "application/pdf")
        part.data = data
    if not (part.data or part.url or part.file_id):
        raise InvalidRequest(f"{at}.file has neither file_data nor file_id", param=f"{at}.file")
    return part


def _data_url(url: str, at: str) -> tuple[str, str]:
    """(media type, base64) of a `data:` URL (RFC 2397)."""
    head, comma, data = url.removeprefix("data:").partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in parameters:
        raise InvalidRequest(f"{at} has a data: URL that is not base64", param=at)
    return media_type.lower(), data


def _text(holder: dict[str, Any], name: str, at: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"{at}.{name} must be a string", param=f"{at}.{name}")
    return value
