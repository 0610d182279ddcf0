"""A conversation as a Responses request.

In: a request of another dialect in neutral words. Out: the body for a provider, or InvalidRequest with the
field that cannot be said. `store` is always false: the provider keeps nothing of a translated request, so its
reasoning is asked for in encrypted form, which the client brings back.

Said otherwise: system messages stay where they stand, as items; a thinking budget becomes an effort; a tool
that does not say that it is strict is not, which is the default everywhere but here.

Hints that are left out: names of participants, cache breakpoints, `is_error` of a tool's result (its content
tells), another provider's reasoning, which OpenAI could not read, and signatures of calls.

Source: openai-python types (`response_create_params.py`), platform.openai.com (Reasoning models).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from gateway.conversation import (
    Conversation,
    ExtraPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from gateway.dialects.dialect import Target
from gateway.dialects.openai_responses.answer import NAME
from gateway.dialects.unsaid import refuse, refuse_said
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode

# The least budget that is still this effort (LiteLLM's table).
_EFFORTS = ((10_000, "high"), (5_000, "medium"), (2_000, "low"), (1, "minimal"), (0, "none"))
# Other models refuse to include encrypted reasoning.
_REASONS = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9](?!.*-chat)|gpt-oss|codex|computer-use)")
_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_SUFFIXES = {"application/pdf": "pdf", "text/plain": "txt", "text/markdown": "md", "text/csv": "csv"}


def write(conversation: Conversation, target: Target) -> bytes:
    refuse_said(conversation, NAME, "top_k", "stop", "seed", "n", "presence_penalty", "frequency_penalty")
    body: dict[str, Any] = {
        "model": target.model,
        "input": list(_items(conversation.messages)),
        "store": False,
    }
    if target.stream:
        body["stream"] = True
    said = {
        "max_output_tokens": conversation.max_output_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "service_tier": conversation.service_tier,
        "metadata": conversation.metadata or None,
        "prompt_cache_key": conversation.cache_key,
        "user": conversation.user,
    }
    body |= {name: value for name, value in said.items() if value is not None}
    _write_tools(conversation, body)
    _write_output(conversation, body)
    include = []
    if effort := _effort(conversation):
        body["reasoning"] = {"effort": effort}
    if _REASONS.match(target.model) or (effort and effort != "none"):
        include.append(_ENCRYPTED)
    if conversation.logprobs or conversation.top_logprobs:
        include.append(_LOGPROBS)
        body["top_logprobs"] = conversation.top_logprobs or 0
    if include:
        body["include"] = include
    return encode(body)


def _effort(conversation: Conversation) -> str | None:
    budget = conversation.thinking_budget
    if conversation.effort or budget is None or budget < 0:  # below 0, the model decides
        return conversation.effort
    return next(word for least, word in _EFFORTS if budget >= least)


def _write_output(conversation: Conversation, body: dict[str, Any]) -> None:
    output = conversation.output
    if output is None:
        return
    format: dict[str, Any] = {"type": output.type}
    if output.type == "json_schema":
        format |= {"name": output.name or "output", "schema": output.schema or {}}
        if output.strict is not None:
            format["strict"] = output.strict
        if output.description:
            format["description"] = output.description
    body["text"] = {"format": format}


def _write_tools(conversation: Conversation, body: dict[str, Any]) -> None:
    tools, choice = conversation.tools, conversation.tool_choice
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
        if conversation.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = conversation.parallel_tool_calls
    if choice is None:
        return
    custom = {tool.name for tool in tools if tool.custom is not None}
    names = [{"type": "custom" if name in custom else "function", "name": name} for name in choice.names]
    if choice.mode == "named":
        if len(names) != 1:
            raise InvalidRequest("tool_choice must name one tool", param="tool_choice")
        body["tool_choice"] = names[0]
    elif names and choice.mode != "none":
        body["tool_choice"] = {"type": "allowed_tools", "mode": choice.mode, "tools": names}
    elif tools or choice.mode == "required":
        body["tool_choice"] = choice.mode


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    if tool.custom is None:
        schema = tool.schema or {"type": "object", "properties": {}}
        return {
            "type": "function",
            "name": tool.name,
            **described,
            "parameters": schema,
            "strict": bool(tool.strict),
        }
    format = tool.custom
    if isinstance(grammar := format.get("grammar"), dict):  # as Chat nests it
        format = {"type": "grammar", **grammar}
    return {"type": "custom", "name": tool.name, **described, "format": format}


def _items(messages: list[Message]) -> Iterator[dict[str, Any]]:
    custom: set[str] = set()
    for index, message in enumerate(messages):
        at = f"messages[{index}]"
        if message.role == "assistant":
            yield from _assistant(message.parts, custom, at)
            continue
        # Results answer the calls before them, so they come before what the user adds.
        for part in message.parts:
            if isinstance(part, ToolResultPart):
                kind = "custom_tool_call_output" if part.call_id in custom else "function_call_output"
                yield {"type": kind, "call_id": part.call_id, "output": _output(part, at)}
        content = [_shown(part, at) for part in message.parts if not isinstance(part, ToolResultPart)]
        if content:
            yield {"type": "message", "role": message.role, "content": content}


def _assistant(parts: list[Part], custom: set[str], at: str) -> Iterator[dict[str, Any]]:
    """Its items in their order: reasoning must be followed by what it led to."""
    content: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case TextPart():
                content.append({"type": "output_text", "text": part.text})
                continue
            case RefusalPart():
                content.append({"type": "refusal", "refusal": part.text})
                continue
            case _:
                pass
        if content:
            yield {"type": "message", "role": "assistant", "content": content}
            content = []
        match part:
            case ReasoningPart():
                if part.origin == NAME and part.sealed:
                    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
                    item = {"type": "reasoning", "summary": summary, "encrypted_content": part.sealed}
                    yield {"id": part.id, **item} if part.id else item
            case ToolCallPart(custom=True):
                custom.add(part.id)
                call = {"type": "custom_tool_call", "call_id": part.id, "name": part.name}
                yield {**call, "input": part.arguments}
            case ToolCallPart():
                call = {"type": "function_call", "call_id": part.id, "name": part.name}
                yield {**call, "arguments": part.arguments or "{}"}
            case ExtraPart(dialect=dialect) if dialect == NAME:
                yield part.data
            case _:
                refuse(at, NAME, "a part that an assistant cannot say there")
    if content:
        yield {"type": "message", "role": "assistant", "content": content}


def _output(result: ToolResultPart, at: str) -> str | list[dict[str, Any]]:
    match result.content:
        case []:
            return ""
        case [TextPart(text=text)]:
            return text
        case parts:
            return [_shown(part, at) for part in parts]


def _shown(part: Part, at: str) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            image: dict[str, Any] = {"type": "input_image", "detail": part.detail or "auto"}
            if part.file_id:
                return {**image, "file_id": part.file_id}
            return {**image, "image_url": part.url or f"data:{part.media_type};base64,{part.data}"}
        case FilePart():
            return _file(part, at)
        case ExtraPart(dialect=dialect) if dialect == NAME:
            return part.data
        case _:
            refuse(at, NAME, "a part that only an assistant or another dialect can say")


def _file(part: FilePart, at: str) -> dict[str, Any]:
    if part.media_type.startswith(("audio/", "video/")):
        refuse(at, NAME, "audio or video")
    file: dict[str, Any] = {"type": "input_file"}
    if part.file_id:
        return {**file, "file_id": part.file_id}
    if part.url:
        return {**file, "file_url": part.url}
    media_type = part.media_type or ("text/plain" if part.text else "application/pdf")
    data = part.data or base64.b64encode(part.text.encode("utf-8", "surrogatepass")).decode()
    # Data needs a name, by whose ending it is read.
    name = part.name or f"file.{_SUFFIXES.get(media_type, 'bin')}"
    return {**file, "filename": name, "file_data": f"data:{media_type};base64,{data}"}
