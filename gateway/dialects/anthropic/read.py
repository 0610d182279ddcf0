"""A Messages request in neutral words.

In: a parsed, redacted request. Out: a Conversation, for the writer of another dialect. Raises InvalidRequest
where a body is not of this dialect. What has no neutral word goes into `extra` or an ExtraPart.

Hints that are left out: `cache_control` of the whole request, `context_management` and `diagnostics` (what
Anthropic may forget or tell of a long conversation), `thinking.display`, citations of earlier answers, and of
a tool `eager_input_streaming`, `defer_loading`, `input_examples` and `allowed_callers`. Adaptive thinking
says that the model decides how much it thinks: without an effort beside it, so does any other.

Source: anthropic-sdk-python types (`message_create_params.py`, `content_block_param.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from gateway.conversation import (
    ChatRequest,
    Conversation,
    ExtraPart,
    FilePart,
    ImagePart,
    Message,
    OutputFormat,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from gateway.dialects.anthropic.decode import NAME
from gateway.dialects.anthropic.encode import ENCRYPTED
from gateway.dialects.anthropic.request import UNSIGNED
from gateway.dialects.reading import dicts_in, list_in, number_in, object_in, string_in
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode

# Fields with a neutral word, and hints.
_KNOWN = frozenset(
    "model messages system max_tokens stream temperature top_p top_k stop_sequences tools tool_choice "
    "thinking output_config output_format metadata service_tier cache_control anthropic_version "
    "context_management diagnostics".split()
)
# What a field is if it is not said.
_DEFAULTS: dict[str, Any] = {"speed": "standard", "container": None, "betas": []}


def read(request: ChatRequest) -> Conversation:
    body = request.body
    conversation = Conversation(
        model=request.model,
        messages=list(_messages(body)),
        dialect=NAME,
        stream=request.stream,
        max_output_tokens=number_in(body, "max_tokens", int),
        top_k=number_in(body, "top_k", int),
        stop=list_in(body, "stop_sequences"),
        extra={
            name: value
            for name, value in body.items()
            if name not in _KNOWN and value is not None and value != _DEFAULTS.get(name)
        },
    )
    if (temperature := number_in(body, "temperature", float)) != 1.0:
        conversation.temperature = temperature
    if (top_p := number_in(body, "top_p", float)) != 1.0:
        conversation.top_p = top_p
    _read_tools(body, conversation)
    _read_output(body, conversation)
    _read_thinking(body, conversation)
    if metadata := dict(object_in(body, "metadata")):
        conversation.user = metadata.pop("user_id", None)
        conversation.metadata = metadata or None
    if body.get("service_tier") == "standard_only":
        conversation.service_tier = "default"
    return conversation


def _read_tools(body: dict[str, Any], conversation: Conversation) -> None:
    for index, tool in enumerate(dicts_in(body, "tools")):
        kind = tool.get("type")
        if kind not in (None, "custom"):
            conversation.extra[str(kind)] = tool  # the provider's own, as web_search_20250305
            continue
        name = tool.get("name")
        if not isinstance(name, str):
            raise InvalidRequest(f"tools[{index}].name must be a string", param=f"tools[{index}].name")
        conversation.tools.append(
            Tool(
                name,
                tool.get("description") or "",
                object_in(tool, "input_schema"),
                tool.get("strict"),
                cache=tool.get("cache_control"),
            )
        )
    if choice := object_in(body, "tool_choice"):
        modes: dict[Any, Literal["auto", "none", "required", "named"]] = {
            "auto": "auto",
            "any": "required",
            "tool": "named",
            "none": "none",
        }
        if (mode := modes.get(choice.get("type"))) is None:
            raise InvalidRequest("tool_choice.type is not known", param="tool_choice.type")
        names = [str(choice.get("name") or "")] if mode == "named" else []
        conversation.tool_choice = ToolChoice(mode, names)
        if choice.get("disable_parallel_tool_use"):
            conversation.parallel_tool_calls = False


def _read_output(body: dict[str, Any], conversation: Conversation) -> None:
    config = object_in(body, "output_config")
    format = object_in(config, "format") or object_in(body, "output_format")
    if format:
        if format.get("type") != "json_schema":
            raise InvalidRequest("the output format is not known", param="output_config.format.type")
        conversation.output = OutputFormat("json_schema", schema=object_in(format, "schema"))
    if effort := config.get("effort"):
        conversation.effort = str(effort)
    for name, value in config.items():
        if name not in ("format", "effort") and value is not None:
            conversation.extra[f"output_config.{name}"] = value


def _read_thinking(body: dict[str, Any], conversation: Conversation) -> None:
    thinking = object_in(body, "thinking")
    match thinking.get("type"):
        case None | "adaptive":
            return
        case "enabled":
            conversation.thinking_budget = number_in(thinking, "budget_tokens", int)
        case "disabled" | "between_tools":
            conversation.effort = "none"
        case _:
            raise InvalidRequest("thinking.type is not known", param="thinking.type")


def _messages(body: dict[str, Any]) -> Iterator[Message]:
    if system := body.get("system"):
        yield Message("system", list(_parts(system, "system")))
    for index, message in enumerate(dicts_in(body, "messages")):
        role = message.get("role")
        at = f"messages[{index}]"
        if role not in ("user", "assistant", "system"):
            raise InvalidRequest(f"{at}.role is not known", param=f"{at}.role")
        yield Message(role, list(_parts(message.get("content"), f"{at}.content")))


def _parts(content: Any, at: str) -> Iterator[Part]:
    if isinstance(content, str):
        yield TextPart(content)
        return
    if not isinstance(content, list):
        raise InvalidRequest(f"{at} must be a string or a list of blocks", param=at)
    for index, block in enumerate(content):
        where = f"{at}[{index}]"
        if not isinstance(block, dict):
            raise InvalidRequest(f"{where} must be an object", param=where)
        yield from _part(block, where)


def _part(block: dict[str, Any], at: str) -> Iterator[Part]:
    cache = block.get("cache_control")
    match block.get("type"):
        case "text":
            yield TextPart(string_in(block, "text"), cache)
        case "image":
            yield _image(object_in(block, "source"), cache, at)
        case "document":
            yield from _document(block, cache)
        case "thinking":
            signature = string_in(block, "signature")
            text = string_in(block, "thinking" if signature else UNSIGNED)
            yield ReasoningPart(text, signature, origin=NAME if signature else "")
        case "redacted_thinking":
            data = string_in(block, "data")
            if data.startswith(ENCRYPTED):
                id, _, sealed = data.removeprefix(ENCRYPTED).partition(":")
                yield ReasoningPart(sealed=sealed, id=id, origin="openai_responses")
            else:
                yield ReasoningPart(sealed=data, origin=NAME)
        case "tool_use":
            id, name = string_in(block, "id"), string_in(block, "name")
            arguments = encode(block.get("input") or {}).decode()
            yield ToolCallPart(id, name, arguments, signature=string_in(block, "signature"), cache=cache)
        case "tool_result":
            content = block.get("content")
            parts = list(_parts([] if content is None else content, f"{at}.content"))
            shown = [part for part in parts if isinstance(part, TextPart | ImagePart | FilePart)]
            if len(shown) < len(parts):
                raise InvalidRequest(
                    f"{at}.content has a block that only Anthropic knows", param=f"{at}.content"
                )
            yield ToolResultPart(
                string_in(block, "tool_use_id"), shown, bool(block.get("is_error")), cache=cache
            )
        case _:
            yield ExtraPart(NAME, block)


def _image(source: dict[str, Any], cache: dict[str, Any] | None, at: str) -> ImagePart:
    match source.get("type"):
        case "base64":
            return ImagePart(string_in(source, "data"), string_in(source, "media_type"), cache=cache)
        case "url":
            return ImagePart(url=string_in(source, "url"), cache=cache)
        case "file":
            return ImagePart(file_id=string_in(source, "file_id"), cache=cache)
        case _:
            raise InvalidRequest(f"{at}.source.type is not known", param=f"{at}.source.type")


def _document(block: dict[str, Any], cache: dict[str, Any] | None) -> Iterator[Part]:
    source = object_in(block, "source")
    if object_in(block, "citations").get("enabled"):
        yield ExtraPart(NAME, block)  # answers that cite it can be asked for nowhere else
        return
    if context := string_in(block, "context"):
        yield TextPart(context)
    part = FilePart(name=string_in(block, "title"), media_type=string_in(source, "media_type"), cache=cache)
    match source:
        case {"type": "base64", "data": str(data)}:
            part.data = data
        case {"type": "text", "data": str(data)} | {"type": "content", "content": str(data)}:
            part.text, part.media_type = data, "text/plain"
        case {"type": "content", "content": [*blocks]} if all(_is_text(block) for block in blocks):
            part.text, part.media_type = "\n".join(string_in(block, "text") for block in blocks), "text/plain"
        case {"type": "url", "url": str(url)}:
            part.url, part.media_type = url, "application/pdf"
        case {"type": "file", "file_id": str(id)}:
            part.file_id = id
        case _:
            yield ExtraPart(NAME, block)
            return
    yield part


def _is_text(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "text"
