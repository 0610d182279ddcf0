"""A Gemini request in neutral words.

In: a parsed, redacted request. Out: a Conversation, for the writer of another dialect. Raises InvalidRequest
where a body is not of this dialect. What has no neutral word goes into `extra` or an ExtraPart.

A function call without an id gets one by its number in the conversation, and a response without one belongs
to the first call of its name that has none yet: so ids stay the same from turn to turn. What the model said
in pieces, as SDKs keep a streamed answer, is put together again.

Hints that are left out: `includeThoughts`, `streamFunctionCallArguments` (a call's arguments stream wherever
they can), the mode VALIDATED (arguments by the schema), signatures of texts, `propertyOrdering` and examples
in schemas, a function's `response` schema, and of media `mediaResolution` and `videoMetadata`.

Source: google-genai types (`GenerateContentConfig`, `Content`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
from gateway.dialects.gemini.encode import foreign_seal
from gateway.dialects.gemini.schema import json_schema
from gateway.dialects.gemini.words import NAME
from gateway.dialects.reading import dicts_in, number_in, object_in, string_in
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode

_KNOWN = frozenset("contents systemInstruction tools toolConfig generationConfig labels serviceTier".split())
_SETTINGS = frozenset(
    "temperature topP topK maxOutputTokens stopSequences candidateCount seed presencePenalty "
    "frequencyPenalty responseLogprobs logprobs responseMimeType responseSchema responseJsonSchema "
    "thinkingConfig".split()
)
# What a setting is if it is not said.
_DEFAULTS: dict[str, Any] = {
    "responseModalities": ["TEXT"],
    "mediaResolution": "MEDIA_RESOLUTION_UNSPECIFIED",
    "audioTimestamp": False,
    "enableEnhancedCivicAnswers": False,
}
_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}
_FILES_API = "https://generativelanguage.googleapis.com/"


def read(request: ChatRequest) -> Conversation:
    body = request.body
    conversation = Conversation(
        model=request.model,
        messages=list(_messages(body)),
        dialect=NAME,
        stream=request.stream,
        metadata=object_in(body, "labels") or None,
        extra={name: value for name, value in body.items() if name not in _KNOWN and value},
    )
    tier = body.get("serviceTier")
    if isinstance(tier, str) and tier.lower() != "unspecified":
        conversation.service_tier = _TIERS.get(tier.lower(), tier)
    _read_settings(object_in(body, "generationConfig"), conversation)
    _read_tools(body, conversation)
    return conversation


def _read_settings(config: dict[str, Any], conversation: Conversation) -> None:
    conversation.temperature = number_in(config, "temperature", float)
    conversation.top_p = number_in(config, "topP", float)
    top_k = number_in(config, "topK", float)
    conversation.top_k = None if top_k is None else int(top_k)
    conversation.max_output_tokens = number_in(config, "maxOutputTokens", int)
    conversation.seed = number_in(config, "seed", int)
    conversation.n = number_in(config, "candidateCount", int)
    conversation.presence_penalty = number_in(config, "presencePenalty", float)
    conversation.frequency_penalty = number_in(config, "frequencyPenalty", float)
    conversation.stop = [str(each) for each in config.get("stopSequences") or ()]
    if config.get("responseLogprobs"):
        conversation.logprobs = True
        conversation.top_logprobs = number_in(config, "logprobs", int)
    _read_output(config, conversation)
    thinking = object_in(config, "thinkingConfig")
    budget, level = number_in(thinking, "thinkingBudget", int), thinking.get("thinkingLevel")
    if budget == 0:
        conversation.effort = "none"
    elif budget is not None and budget > 0:  # below 0, the model decides
        conversation.thinking_budget = budget
    if isinstance(level, str) and level.upper() != "THINKING_LEVEL_UNSPECIFIED":
        conversation.effort = level.lower()
    for name, value in config.items():
        if name not in _SETTINGS and value and value != _DEFAULTS.get(name):
            conversation.extra[f"generationConfig.{name}"] = value


def _read_output(config: dict[str, Any], conversation: Conversation) -> None:
    kind = config.get("responseMimeType") or "text/plain"
    schema = config.get("responseJsonSchema")
    if schema is None and (own := object_in(config, "responseSchema")):
        schema = json_schema(own)
    if kind == "application/json":
        if isinstance(schema, dict):
            conversation.output = OutputFormat("json_schema", name="answer", schema=schema)
        else:
            conversation.output = OutputFormat("json_object")
    elif kind != "text/plain":
        conversation.extra["generationConfig.responseMimeType"] = kind


def _read_tools(body: dict[str, Any], conversation: Conversation) -> None:
    for index, holder in enumerate(dicts_in(body, "tools")):
        at = f"tools[{index}]"
        for name, value in holder.items():
            if name == "functionDeclarations":
                conversation.tools += [_tool(tool, at) for tool in dicts_in(holder, name)]
            elif value is not None:
                conversation.extra[f"{at}.{name}"] = value  # the provider's own, as googleSearch
    config = object_in(body, "toolConfig")
    for name, value in config.items():
        if name != "functionCallingConfig" and value:
            conversation.extra[f"toolConfig.{name}"] = value
    calling = object_in(config, "functionCallingConfig")
    names = [str(name) for name in calling.get("allowedFunctionNames") or ()]
    match str(calling.get("mode") or "AUTO").upper():
        case "AUTO" | "MODE_UNSPECIFIED" | "VALIDATED":
            if names:
                conversation.tool_choice = ToolChoice("auto", names)
        case "ANY":
            conversation.tool_choice = ToolChoice("named" if len(names) == 1 else "required", names)
        case "NONE":
            conversation.tool_choice = ToolChoice("none")
        case _:
            at = "toolConfig.functionCallingConfig.mode"
            raise InvalidRequest(f"{at} is not known", param=at)


def _tool(declared: dict[str, Any], at: str) -> Tool:
    name = string_in(declared, "name")
    if not name:
        raise InvalidRequest(f"{at} has a function without a name", param=at)
    schema = declared.get("parametersJsonSchema")
    if not isinstance(schema, dict):
        schema = json_schema(object_in(declared, "parameters"))
    return Tool(name, string_in(declared, "description"), schema or {"type": "object", "properties": {}})


def _messages(body: dict[str, Any]) -> Iterator[Message]:
    if system := object_in(body, "systemInstruction"):
        reader = _Parts()
        yield Message("system", reader.of(system, "systemInstruction"))
    reader = _Parts()
    said: Message | None = None
    for index, content in enumerate(dicts_in(body, "contents")):
        at = f"contents[{index}]"
        role = content.get("role") or "user"
        if role not in ("user", "model", "function"):
            raise InvalidRequest(f"{at}.role is not known", param=f"{at}.role")
        parts = reader.of(content, at)
        if role == "model" and said is not None and said.role == "assistant":
            said.parts += parts
            continue
        if said is not None:
            yield _joined(said)
        said = Message("assistant" if role == "model" else "user", parts)
    if said is not None:
        yield _joined(said)


def _joined(message: Message) -> Message:
    """A streamed answer has a part for each chunk: texts and thoughts that follow each other are one."""
    if message.role != "assistant":
        return message
    parts: list[Part] = []
    pieces: list[str] = []
    for part in message.parts:
        last = parts[-1] if parts else None
        if isinstance(part, TextPart) and isinstance(last, TextPart):
            pieces.append(part.text)
        elif (
            isinstance(part, ReasoningPart)
            and isinstance(last, ReasoningPart)
            and not (last.signature or last.sealed or part.sealed)
        ):
            pieces.append(part.text)
            last.signature, last.origin = part.signature, part.origin
        else:
            _settle(last, pieces)
            parts.append(part)
            pieces = [part.text] if isinstance(part, TextPart | ReasoningPart) else []
    _settle(parts[-1] if parts else None, pieces)
    kept = [part for part in parts if part not in (TextPart(""), ReasoningPart(""))]
    return Message(message.role, kept)


def _settle(part: Part | None, pieces: list[str]) -> None:
    if isinstance(part, TextPart | ReasoningPart):
        part.text = "".join(pieces)


class _Parts:
    """The parts of a conversation. `_open` are the ids of calls that wait for their response, by name."""

    def __init__(self) -> None:
        self._count = 0
        self._open: dict[str, list[str]] = {}

    def of(self, content: dict[str, Any], at: str) -> list[Part]:
        return [self._part(part, f"{at}.parts[{i}]") for i, part in enumerate(dicts_in(content, "parts"))]

    def _part(self, part: dict[str, Any], at: str) -> Part:
        foreign = object_in(object_in(part, "partMetadata"), "providerItem")
        if isinstance(foreign.get("item"), dict):
            return ExtraPart(str(foreign.get("dialect")), foreign["item"])
        match part:
            case {"functionCall": dict(call)}:
                return self._call(call, string_in(part, "thoughtSignature"), at)
            case {"functionResponse": dict(response)}:
                return self._response(response, at)
            case {"text": str(text), "thought": True}:
                return _thought(text, string_in(part, "thoughtSignature"))
            case {"text": str(text)}:
                return TextPart(text)
            case {"inlineData": dict(blob)} | {"fileData": dict(blob)}:
                return _media(blob, at)
            case _:
                return ExtraPart(NAME, part)

    def _call(self, call: dict[str, Any], signature: str, at: str) -> Part:
        name, id = string_in(call, "name"), string_in(call, "id")
        if not name:
            raise InvalidRequest(f"{at}.functionCall.name must not be empty", param=f"{at}.functionCall.name")
        self._count += 1
        id = id or f"call_{self._count}_{name}"
        self._open.setdefault(name, []).append(id)
        return ToolCallPart(id, name, encode(object_in(call, "args")).decode(), signature=signature)

    def _response(self, response: dict[str, Any], at: str) -> Part:
        name, id = string_in(response, "name"), string_in(response, "id")
        waiting = self._open.get(name, [])
        if id in waiting:
            waiting.remove(id)
        elif not id:
            if not waiting:
                raise InvalidRequest(f"{at} answers no call of that function", param=f"{at}.functionResponse")
            id = waiting.pop(0)
        said = object_in(response, "response")
        content: list[TextPart | ImagePart | FilePart] = []
        is_error = set(said) == {"error"}
        match said:
            case {"output": value, **rest} | {"result": value, **rest} | {"error": value, **rest} if not rest:
                content.append(TextPart(value if isinstance(value, str) else encode(value).decode()))
            case _:
                if said or not response.get("parts"):
                    content.append(TextPart(encode(said).decode()))
        for each in dicts_in(response, "parts"):
            blob = object_in(each, "inlineData") or object_in(each, "fileData")
            content.append(_media(blob, at))
        return ToolResultPart(id, content, is_error, name)


def _thought(text: str, signature: str) -> ReasoningPart:
    if seal := foreign_seal(signature):
        kind, id, data = seal
        if kind == "signature":
            return ReasoningPart(text, data, id=id)
        return ReasoningPart(
            text, sealed=data, id=id, origin="openai_responses" if kind == "encrypted" else ""
        )
    return ReasoningPart(text, signature, origin=NAME if signature else "")


def _media(blob: dict[str, Any], at: str) -> ImagePart | FilePart:
    kind, data, url = (string_in(blob, name) for name in ("mimeType", "data", "fileUri"))
    if not data and not url:
        raise InvalidRequest(f"{at} has neither data nor fileUri", param=at)
    # Only Google can find what its Files API keeps.
    file_id, url = (url, "") if url.startswith(_FILES_API) else ("", url)
    if kind.startswith("image/"):
        return ImagePart(data, kind, url, file_id)
    return FilePart(kind, data, url=url, file_id=file_id, name=string_in(blob, "displayName"))
