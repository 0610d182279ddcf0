"""A request in neutral words to a Converse body.

Converse takes system texts only beside the messages, so all of them go there, in their order. What models
of one maker take beyond Converse goes into `additionalModelRequestFields`. A temperature above 1, which
OpenAI allows, is 1. Hints that change nothing in an answer and have no place here (`cache_key`,
`parallel_tool_calls` true, image detail, unsigned reasoning of another provider) are left out.

Source: botocore's service model of `bedrock-runtime` (ConverseRequest).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

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
    ToolCallPart,
    ToolResultPart,
)
from gateway.dialects.dialect import Target
from gateway.dialects.unsaid import refuse, refuse_said
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode

_NAME = "Bedrock Converse"
_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_VIDEOS = {"video/mp4": "mp4", "video/quicktime": "mov", "video/webm": "webm", "video/mpeg": "mpeg"}
# Tokens to think with; no provider publishes such a table (others use 1,024 to 4,096, or shares of the most).
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
_CACHE_POINT = {"cachePoint": {"type": "default"}}


def write(conversation: Conversation, target: Target) -> bytes:
    """Raises InvalidRequest, with the field in `param`, for what Converse cannot say."""
    refuse_said(
        conversation, _NAME, "n", "seed", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty"
    )
    body: dict[str, Any] = {"messages": _messages(conversation)}
    if system := _system(conversation):
        body["system"] = system
    if settings := _settings(conversation):
        body["inferenceConfig"] = settings
    if tools := _tools(conversation):
        body["toolConfig"] = tools
    if conversation.output is not None:
        body["outputConfig"] = {"textFormat": _format(conversation)}
    if more := _more(conversation, target.model):
        body["additionalModelRequestFields"] = more
    if conversation.service_tier not in (None, "auto"):
        body["serviceTier"] = {"type": conversation.service_tier}
    if metadata := _metadata(conversation):
        body["requestMetadata"] = metadata
    return encode(body)


def _system(conversation: Conversation) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for message in conversation.messages:
        if message.role in ("system", "developer"):
            for part in message.parts:
                if not isinstance(part, TextPart):
                    refuse("messages", _NAME, "a system message holds something else than text")
                if part.text.strip():
                    blocks += [{"text": part.text}, *([_CACHE_POINT] if part.cache else [])]
    return blocks


def _messages(conversation: Conversation) -> list[dict[str, Any]]:
    """Turns of one role are one message; tool results come first in theirs."""
    messages: list[dict[str, Any]] = []
    for message in conversation.messages:
        if message.role in ("system", "developer"):
            continue
        results = [part for part in message.parts if isinstance(part, ToolResultPart)]
        others = [part for part in message.parts if not isinstance(part, ToolResultPart)]
        content = [block for part in (*results, *others) for block in _blocks(part, message)]
        if not content:
            continue
        if messages and messages[-1]["role"] == message.role:
            messages[-1]["content"] += content
        else:
            messages.append({"role": message.role, "content": content})
    return messages


def _blocks(part: Part, message: Message) -> Iterator[dict[str, Any]]:
    match part:
        case TextPart():
            if part.text.strip():
                yield {"text": part.text}
        case RefusalPart():
            if part.text.strip():
                yield {"text": part.text}
        case ImagePart():
            yield _image(part)
        case FilePart():
            yield _file(part)
        case ReasoningPart():
            yield from _reasoning(part)
        case ToolCallPart():
            yield {"toolUse": {"toolUseId": tool_id(part.id), "name": part.name, "input": _arguments(part)}}
        case ToolResultPart():
            yield {"toolResult": _result(part)}
        case ExtraPart():
            if part.dialect != "bedrock":
                refuse("messages", _NAME, f"a part that only {part.dialect} knows")
            yield part.data
    if not isinstance(part, ReasoningPart | RefusalPart | ExtraPart) and part.cache:
        yield _CACHE_POINT


def _image(part: ImagePart) -> dict[str, Any]:
    if part.data:
        kind = _IMAGES.get(part.media_type)
        if kind is None:
            refuse("messages", _NAME, "an image must be PNG, JPEG, GIF or WebP")
        return {"image": {"format": kind, "source": {"bytes": part.data}}}
    if part.url.startswith("s3://"):
        kind = part.url.rpartition(".")[2].lower().replace("jpg", "jpeg")
        return {"image": {"format": kind, "source": {"s3Location": {"uri": part.url}}}}
    return refuse("messages", _NAME, "an image must come as data, since nothing is fetched for a request")


def _file(part: FilePart) -> dict[str, Any]:
    source: dict[str, Any]
    if part.text:
        source = {"text": part.text}
    elif part.data:
        source = {"bytes": part.data}
    elif part.url.startswith("s3://"):
        source = {"s3Location": {"uri": part.url}}
    else:
        refuse("messages", _NAME, "a file must come as data, since nothing is fetched for a request")
    if video := _VIDEOS.get(part.media_type):
        return {"video": {"format": video, "source": source}}
    kind = _DOCUMENTS.get(part.media_type or ("text/plain" if part.text else ""))
    if kind is None:
        refuse("messages", _NAME, "a file of that type")
    # A name holds letters, digits, single spaces, hyphens and brackets.
    name = re.sub(
        r"\s+", " ", re.sub(r"[^0-9A-Za-z\s()\[\]-]", " ", part.name.rpartition(".")[0] or part.name)
    )
    return {"document": {"format": kind, "name": name.strip() or "document", "source": source}}


def _reasoning(part: ReasoningPart) -> Iterator[dict[str, Any]]:
    """Only what the model's provider signed or sealed can come back to it."""
    if part.origin not in ("", "bedrock", "anthropic"):
        return
    if part.sealed:
        yield {"reasoningContent": {"redactedContent": part.sealed}}
    elif part.signature:
        yield {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}


def _arguments(part: ToolCallPart) -> Any:
    if part.custom:
        refuse("messages", _NAME, "a call of a tool that takes free text")
    try:
        arguments = msgspec.json.decode(part.arguments or "{}")
    except msgspec.DecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise InvalidRequest("the arguments of an earlier tool call are not a JSON object", param="messages")
    return arguments


def _result(part: ToolResultPart) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for each in part.content:
        if isinstance(each, TextPart):
            content += [{"text": each.text}] if each.text.strip() else []
        else:
            content.append(_image(each) if isinstance(each, ImagePart) else _file(each))
    result: dict[str, Any] = {"toolUseId": tool_id(part.call_id), "content": content}
    if part.is_error:
        result["status"] = "error"
    return result


def tool_id(id: str) -> str:
    """An id that Bedrock takes ([a-zA-Z0-9_.:-]{1,64}); the same for the same."""
    if re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", id):
        return id
    return f"call_{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _settings(conversation: Conversation) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if conversation.max_output_tokens is not None:
        settings["maxTokens"] = conversation.max_output_tokens
    if conversation.temperature is not None:
        settings["temperature"] = min(conversation.temperature, 1.0)
    if conversation.top_p is not None:
        settings["topP"] = conversation.top_p
    if conversation.stop:
        settings["stopSequences"] = conversation.stop
    return settings


def _tools(conversation: Conversation) -> dict[str, Any] | None:
    """Tools, also where only the history has them: Converse demands their definitions then."""
    choice = conversation.tool_choice
    tools: list[dict[str, Any]] = []
    for tool in conversation.tools:
        if tool.schema is None:
            refuse("tools", _NAME, "a tool that takes free text")
        spec: dict[str, Any] = {
            "name": tool.name,
            "description": tool.description or tool.name,
            "inputSchema": {"json": tool.schema or {"type": "object"}},
        }
        if tool.strict is not None:
            spec["strict"] = tool.strict
        tools += [{"toolSpec": spec}, *([_CACHE_POINT] if tool.cache else [])]
    used = _tools_used(conversation.messages)
    if choice is not None and choice.mode == "none" and not used:
        return None
    if not tools:
        tools = [
            {"toolSpec": {"name": name, "description": name, "inputSchema": {"json": {"type": "object"}}}}
            for name in used
        ]
    if not tools:
        return None
    config: dict[str, Any] = {"tools": tools}
    if choice is not None:
        if choice.mode == "named":
            config["toolChoice"] = {"tool": {"name": choice.names[0]}}
        elif choice.names:
            refuse("tool_choice", _NAME, "a choice among some of the tools")
        elif choice.mode == "required":
            config["toolChoice"] = {"any": {}}
    return config


def _tools_used(messages: Sequence[Message]) -> list[str]:
    names = [part.name for each in messages for part in each.parts if isinstance(part, ToolCallPart)]
    return list(dict.fromkeys(names))


def _format(conversation: Conversation) -> dict[str, Any]:
    output = conversation.output
    assert output is not None
    if output.type != "json_schema" or output.schema is None:
        refuse("response_format", _NAME, "JSON without a schema")
    schema: dict[str, Any] = {"schema": encode(output.schema).decode()}
    schema |= {"name": output.name} if output.name else {}
    schema |= {"description": output.description} if output.description else {}
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _more(conversation: Conversation, model: str) -> dict[str, Any]:
    """What only some models take, by their makers' names for it."""
    more: dict[str, Any] = {}
    is_claude = "anthropic" in model
    if conversation.top_k is not None:
        more |= (
            {"inferenceConfig": {"topK": conversation.top_k}}
            if "amazon.nova" in model
            else {"top_k": conversation.top_k}
        )
    effort, budget = conversation.effort, conversation.thinking_budget
    if is_claude and (budget or effort not in (None, "none")):
        more["thinking"] = {"type": "enabled", "budget_tokens": budget or _BUDGETS.get(effort or "", 8192)}
    elif effort is not None and not is_claude:
        more["reasoning_effort"] = effort
    if conversation.parallel_tool_calls is False:
        if not is_claude:
            refuse("parallel_tool_calls", _NAME, "this model may call several tools at once")
        more["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    return more


def _metadata(conversation: Conversation) -> dict[str, str]:
    metadata = {str(key): str(value) for key, value in (conversation.metadata or {}).items()}
    return {**metadata, **({"user": conversation.user} if conversation.user else {})}
