"""OpenAI Chat requests: a client's body in, a body for a provider of the same dialect out.

What they mean to other dialects is read in `read` and written in `write`.

Source: openai-python types (`completion_create_params.py`).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from gateway.conversation import ChatRequest
from gateway.dialects.dialect import Target
from gateway.dialects.reading import json_object, typed
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode


class _Message(Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _ResponseFormat(Struct):
    type: str = "text"


class _Request(Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    response_format: _ResponseFormat | None = None
    tools: list[dict[str, Any]] | None = None
    n: int | None = None


def parse_request(raw: bytes, model: str | None = None, stream: bool | None = None) -> ChatRequest:
    """The request in a body.

    Raises InvalidRequest with the field at fault in `param`; never with what stood there.
    """
    body = json_object(raw)
    shape = typed(body, _Request)
    if not shape.model:
        raise InvalidRequest("model must not be empty", param="model")
    if not shape.messages:
        raise InvalidRequest("messages must not be empty", param="messages")
    output = shape.response_format
    return ChatRequest(
        body=body,
        model=shape.model,
        stream=bool(shape.stream),
        wants_usage=bool(shape.stream_options and shape.stream_options.include_usage),
        json_output=output is not None and output.type in ("json_object", "json_schema"),
    )


def forward(request: ChatRequest, target: Target) -> bytes:
    """The body for a provider that speaks Chat too. Usage is asked for, to account with, where it can be."""
    body = {**request.body, "model": target.model}
    if request.stream and target.ask_usage and not request.wants_usage:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return encode(body)
