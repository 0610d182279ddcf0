"""Input items to messages.

In: `instructions` and `input` of a request. Out: messages in neutral words; raises InvalidRequest with the
item at fault. Items that only a provider of this dialect knows become an ExtraPart.

Source: openai-python types (`response_input_item_param.py`, `response_input_content_param.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from gateway.conversation import (
    ExtraPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from gateway.dialects.openai_responses.answer import NAME
from gateway.dialects.openai_responses.sealed import unwrap
from gateway.dialects.tree import dicts, mapping, string
from gateway.errors import InvalidRequest

_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
}
# Who made a seal: Messages' seals come back to Anthropic, wherever Claude runs.
_ORIGINS = {"signature": "anthropic", "redacted": "anthropic", "encrypted": NAME}


def read_items(instructions: Any, input: Any) -> list[Message]:
    messages: list[Message] = []
    if instructions:
        if not isinstance(instructions, str):
            raise InvalidRequest("instructions must be a string", param="instructions")
        messages.append(Message("system", [TextPart(instructions)]))
    if isinstance(input, str):
        messages.append(Message("user", [TextPart(input)]))
    elif isinstance(input, list):
        _gather(input, messages)
    elif input is not None:
        raise InvalidRequest("input must be a string or a list of items", param="input")
    return messages


def _gather(items: list[Any], messages: list[Message]) -> None:
    """What the assistant says and calls in one turn is one message, and so are the results of its calls."""
    last = ""
    for index, item in enumerate(items):
        at = f"input[{index}]"
        if not isinstance(item, dict):
            raise InvalidRequest(f"{at} must be an object", param=at)
        role, kind, parts = _item(item, at)
        if last and messages and _belongs(role, kind, last, messages[-1]):
            messages[-1].parts += parts
        else:
            messages.append(Message(role, parts))
        last = kind


def _belongs(role: Role, kind: str, last: str, message: Message) -> bool:
    if role != message.role or role not in ("user", "assistant"):
        return False
    if role == "user":
        return kind == "result" and last == "result"
    return not (kind == "message" and last == "message")


def _item(item: dict[str, Any], at: str) -> tuple[Role, str, list[Part]]:
    """(role, what it is, parts)"""
    kind = item.get("type")
    match kind:
        case "message" | None if "role" in item:
            if (role := _ROLES.get(string(item, "role"))) is None:
                raise InvalidRequest(f"{at}.role is not known", param=f"{at}.role")
            return role, "message", list(_parts(item.get("content"), f"{at}.content"))
        case "function_call" | "custom_tool_call":
            custom = kind == "custom_tool_call"
            signature = string(mapping(mapping(item, "extra_content"), "google"), "thought_signature")
            arguments = _required(item, "input" if custom else "arguments", at)
            id, name = _required(item, "call_id", at), _required(item, "name", at)
            return "assistant", "call", [ToolCallPart(id, name, arguments, custom, signature)]
        case "function_call_output" | "custom_tool_call_output":
            shown: list[TextPart | ImagePart | FilePart] = []
            for part in _parts(item.get("output"), f"{at}.output"):
                if not isinstance(part, TextPart | ImagePart | FilePart):
                    _unknown(f"{at}.output")
                shown.append(part)
            return "user", "result", [ToolResultPart(_required(item, "call_id", at), shown)]
        case "reasoning":
            return "assistant", "reasoning", [_reasoning(item)]
        case "item_reference" | None if "id" in item:
            raise InvalidRequest(
                f"{at}: an item_reference names an item that OpenAI stored; it cannot be translated", param=at
            )
        case str():
            return "assistant", "extra", [ExtraPart(NAME, item)]
        case _:
            raise InvalidRequest(f"{at}.type is missing", param=f"{at}.type")


def _reasoning(item: dict[str, Any]) -> ReasoningPart:
    texts = [string(part, "text") for name in ("summary", "content") for part in dicts(item.get(name))]
    id, content = string(item, "id"), string(item, "encrypted_content")
    if not content:
        return ReasoningPart("\n\n".join(texts), id=id)
    seal = unwrap(content, id)
    origin = _ORIGINS[seal.kind]
    if seal.kind == "signature":
        return ReasoningPart(seal.text, seal.data, origin=origin)
    return ReasoningPart("\n\n".join(texts), sealed=seal.data, id=seal.id, origin=origin)


def _parts(content: Any, at: str) -> Iterator[Part]:
    if isinstance(content, str):
        yield TextPart(content)
    elif isinstance(content, list):
        for index, part in enumerate(content):
            where = f"{at}[{index}]"
            if not isinstance(part, dict):
                raise InvalidRequest(f"{where} must be an object", param=where)
            yield _part(part, where)
    else:
        raise InvalidRequest(f"{at} must be a string or a list of parts", param=at)


def _part(part: dict[str, Any], at: str) -> Part:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return TextPart(_required(part, "text", at))
        case "refusal":
            return RefusalPart(_required(part, "refusal", at))
        case "input_image":
            return _image(part, at)
        case "input_file":
            return _file(part, at)
        case "input_audio":
            audio = mapping(part, "input_audio")
            return FilePart(f"audio/{string(audio, 'format') or 'wav'}", string(audio, "data"))
        case str():
            return ExtraPart(NAME, part)
        case _:
            raise InvalidRequest(f"{at}.type is missing", param=f"{at}.type")


def _image(part: dict[str, Any], at: str) -> ImagePart:
    detail = string(part, "detail")
    image = ImagePart(detail="" if detail == "auto" else detail)
    if url := string(part, "image_url"):
        image.media_type, image.data = _inline(url)
        image.url = "" if image.data else url
    elif id := string(part, "file_id"):
        image.file_id = id
    else:
        raise InvalidRequest(f"{at} must have image_url or file_id", param=at)
    return image


def _file(part: dict[str, Any], at: str) -> FilePart:
    file = FilePart(name=string(part, "filename"))
    if data := string(part, "file_data"):
        file.media_type, file.data = _inline(data)
        if not file.data:
            file.media_type, file.data = "application/pdf", data  # bare base64: once the only kind taken
    elif url := string(part, "file_url"):
        file.url = url
    elif id := string(part, "file_id"):
        file.file_id = id
    else:
        raise InvalidRequest(f"{at} must have file_data, file_url or file_id", param=at)
    return file


def _inline(url: str) -> tuple[str, str]:
    """(media type, base64) of a `data:` URL, else ("", "")."""
    head, mark, data = url.partition(";base64,")
    if not url.startswith("data:") or not mark:
        return "", ""
    return head.removeprefix("data:").partition(";")[0], data


def _required(holder: dict[str, Any], name: str, at: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"{at}.{name} must be a string", param=f"{at}.{name}")
    return value


def _unknown(at: str) -> NoReturn:
    raise InvalidRequest(f"{at} has a part that only OpenAI Responses knows", param=at)
