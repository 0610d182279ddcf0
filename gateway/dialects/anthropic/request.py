"""Anthropic Messages requests: a client's body in, a body for a provider of the same dialect out.

Source: anthropic-sdk-python types (`message_create_params.py`, `message_count_tokens_params.py`).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from gateway.conversation import ChatRequest
from gateway.dialects.anthropic.encode import ENCRYPTED
from gateway.dialects.dialect import Target
from gateway.dialects.reading import json_object, typed
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode

# Where a parsed request holds the text of a thinking block that nobody signed.
UNSIGNED = "unsigned_thinking"


class _Message(Struct):
    role: str
    content: str | list[dict[str, Any]]


class _Format(Struct):
    type: str = ""


class _OutputConfig(Struct):
    format: _Format | None = None


class _Counted(Struct):
    model: str
    messages: list[_Message]
    system: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None


class _Request(_Counted, kw_only=True):
    max_tokens: int
    stream: bool | None = None


def parse_request(raw: bytes, model: str | None = None, stream: bool | None = None) -> ChatRequest:
    """The request in a body.

    Raises InvalidRequest with the field at fault in `param`; never with what stood there.
    """
    body = json_object(raw)
    shape = typed(body, _Request)
    return _checked(body, shape, bool(shape.stream))


def parse_count(raw: bytes) -> ChatRequest:
    """The request in the body of `/v1/messages/count_tokens`: a Messages body that needs no `max_tokens`."""
    body = json_object(raw)
    return _checked(body, typed(body, _Counted), False)


def _checked(body: dict[str, Any], shape: _Counted, stream: bool) -> ChatRequest:
    if not shape.model:
        raise InvalidRequest("model must not be empty", param="model")
    if not shape.messages:
        raise InvalidRequest("messages must not be empty", param="messages")
    for message in body["messages"]:
        _set_apart_unsigned(message)
    output = shape.output_format or (shape.output_config.format if shape.output_config else None)
    return ChatRequest(
        body=body,
        model=shape.model,
        stream=stream,
        json_output=output is not None and output.type == "json_schema",
    )


def forward(request: ChatRequest, target: Target) -> bytes:
    """The body for a provider that speaks Messages too, each field where it stood.

    Only what our own encoder put into earlier answers of other providers is taken out again: reasoning
    without a signature, or sealed by others, and signatures of calls. Claude refuses them; of others who
    speak the dialect, some do not sign, and want their reasoning back.
    """
    body = {**request.body, "model": target.model}
    signs = "claude" in target.model
    messages = [_without_foreign(message, signs) for message in body["messages"]]
    # A turn that has become empty would be refused; turns of one role that follow each other are not.
    body["messages"] = [message for message in messages if message["content"] != []]
    return encode(body)


def _set_apart_unsigned(message: dict[str, Any]) -> None:
    """Signed reasoning is never changed, so what is not signed must stand where it is looked at.

    It may hold the caller's own values: the reasoning of other dialects is restored for display.
    """
    content = message["content"]
    for index, block in enumerate(content if isinstance(content, list) else ()):
        if block.get("type") == "thinking" and not block.get("signature"):
            content[index] = _renamed(block, "thinking", UNSIGNED)


def _renamed(block: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in block.items()}


def _without_foreign(message: dict[str, Any], signs: bool) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, str) or not any(map(_is_foreign, content)):
        return message
    own = []
    for block in content:
        if block.get("type") == "tool_use":
            own.append({name: value for name, value in block.items() if name != "signature"})
        elif UNSIGNED in block and not signs:
            own.append(_renamed(block, UNSIGNED, "thinking"))
        elif not _is_foreign(block):
            own.append(block)
    return {**message, "content": own}


def _is_foreign(block: dict[str, Any]) -> bool:
    match block:
        case {"type": "thinking"}:
            return UNSIGNED in block
        case {"type": "tool_use"}:
            return "signature" in block
        case {"type": "redacted_thinking", "data": str(data)}:
            return data.startswith(ENCRYPTED)
        case _:
            return False
