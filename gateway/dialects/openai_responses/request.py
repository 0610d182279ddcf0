"""Responses requests: a client's body in, a body for a provider of the same dialect out.

Source: openai-python types (`response_create_params.py`).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from gateway.conversation import ChatRequest
from gateway.dialects.dialect import Target
from gateway.dialects.openai_responses.sealed import is_wrapped
from gateway.dialects.reading import json_object, typed
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode


class _Format(Struct):
    type: str = "text"


class _TextConfig(Struct):
    format: _Format | None = None


class _Request(Struct):
    model: str
    input: str | list[dict[str, Any]] | None = None
    instructions: str | list[dict[str, Any]] | None = None
    stream: bool | None = None
    text: _TextConfig | None = None
    tools: list[dict[str, Any]] | None = None
    previous_response_id: str | None = None
    prompt: dict[str, Any] | None = None
    conversation: str | dict[str, Any] | None = None


def parse_request(raw: bytes, model: str | None = None, stream: bool | None = None) -> ChatRequest:
    """The request in a body.

    Raises InvalidRequest with the field at fault in `param`; never with what stood there.
    """
    body = json_object(raw)
    shape = typed(body, _Request)
    if not shape.model:
        raise InvalidRequest("model must not be empty", param="model")
    kept = (shape.instructions, shape.previous_response_id, shape.prompt, shape.conversation)
    if not shape.input and not any(kept):
        raise InvalidRequest("input must not be empty", param="input")
    output = shape.text.format if shape.text is not None else None
    return ChatRequest(
        body=body,
        model=shape.model,
        stream=bool(shape.stream),
        json_output=output is not None and output.type in ("json_object", "json_schema"),
    )


def forward(request: ChatRequest, target: Target) -> bytes:
    """The body for a provider that speaks Responses too, which reports usage unasked.

    Reasoning of another provider, from an earlier turn that was translated, is left out: only its maker can
    read it.
    """
    body = {**request.body, "model": target.model}
    if isinstance(items := body.get("input"), list):
        body["input"] = [item for item in items if not _is_foreign(item)]
    return encode(body)


def _is_foreign(item: Any) -> bool:
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    content = item.get("encrypted_content")
    return isinstance(content, str) and is_wrapped(content)
