"""Gemini requests: a client's body in, a body for a provider out.

The model and whether the answer streams stand in the path. Google takes each field in lowerCamelCase and in
the snake_case of its protocol buffers, and its own SDK sends both in one body: here all become camelCase, so
that what is never touched is known by one name. What is the caller's own tree (arguments, results, schemas,
labels) is left as it is.

Source: google-genai types (`GenerateContentConfig`), recorded requests, protobuf.dev (ProtoJSON).
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from gateway.conversation import ChatRequest
from gateway.dialects.dialect import Target
from gateway.dialects.gemini.fields import FIELD_NAMES
from gateway.dialects.reading import json_object, typed
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode

# Below these stand the caller's own names.
_FREE = frozenset(
    "args response parameters parametersJsonSchema responseJsonSchema responseSchema labels partMetadata "
    "modelArmorConfig".split()
)


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)


_CAMEL = {_snake(name): name for name in FIELD_NAMES if _snake(name) != name}


class _Content(Struct):
    parts: list[dict[str, Any]] | None = None
    role: str | None = None


class _GenerationConfig(Struct):
    responseMimeType: str | None = None
    stopSequences: list[str] | None = None
    candidateCount: int | None = None


class _Tool(Struct):
    functionDeclarations: list[dict[str, Any]] | None = None


class _Request(Struct):
    contents: list[_Content]
    systemInstruction: _Content | None = None
    generationConfig: _GenerationConfig | None = None
    tools: list[_Tool] | None = None
    toolConfig: dict[str, Any] | None = None
    safetySettings: list[dict[str, Any]] | None = None


def parse_request(raw: bytes, model: str | None = None, stream: bool | None = None) -> ChatRequest:
    """The request in a body.

    Raises InvalidRequest with the field at fault in `param`; never with what stood there.
    """
    body: dict[str, Any] = _camel(json_object(raw))
    if model is None and isinstance(said := body.get("model"), str):
        model = said
    body.pop("model", None)  # it stands in the path
    if not model:
        raise InvalidRequest("model must not be empty", param="model")
    if isinstance(system := body.get("systemInstruction"), str):  # as early versions of the API took it
        body["systemInstruction"] = {"parts": [{"text": system}]}
    shape = typed(body, _Request)
    if not shape.contents:
        raise InvalidRequest("contents must not be empty", param="contents")
    config = shape.generationConfig
    return ChatRequest(
        body=body,
        model=model,
        stream=bool(stream),
        json_output=config is not None and config.responseMimeType == "application/json",
    )


def _camel(node: Any) -> Any:
    """The tree with Google's own names in camelCase; where both forms stand, the first is kept."""
    if isinstance(node, list):
        return [_camel(item) for item in node]
    if not isinstance(node, dict):
        return node
    renamed: dict[str, Any] = {}
    for key, value in node.items():
        name = _CAMEL.get(key) or key
        renamed.setdefault(name, value if name in _FREE else _camel(value))
    return renamed


def forward(request: ChatRequest, target: Target) -> bytes:
    """The body for a provider that speaks Gemini too; the model goes into the path."""
    return encode(request.body)
