"""Legacy Completions requests, and what they mean in neutral words.

The prompt of one request is one user message, and the other way round: a conversation that is more than one
user's text cannot be completed. Refused by name when translated: several prompts, prompts as token numbers,
`echo`, `suffix`, `best_of`, and every field that has no neutral word.

Source: openai-python types (`completion_create_params.py`).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from gateway.conversation import ChatRequest, Conversation, Message, TextPart
from gateway.dialects.dialect import Target
from gateway.dialects.openai_chat import request as chat_request
from gateway.dialects.openai_chat.read import read_settings, unknown
from gateway.dialects.openai_completions.fields import NAME
from gateway.dialects.reading import json_object, said, typed
from gateway.dialects.unsaid import refuse, refuse_said
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode

forward = chat_request.forward  # model and usage are asked for in the same fields

_DIALECT = "OpenAI Completions"
_KNOWN = frozenset(
    "model prompt stream stream_options max_tokens temperature top_p top_k stop seed n presence_penalty "
    "frequency_penalty logprobs user".split()
)
_DEFAULTS: dict[str, Any] = {"echo": False, "best_of": 1, "suffix": ""}


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _Request(Struct):
    model: str
    prompt: str | list[str | int | list[int]] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None


def parse_request(raw: bytes, model: str | None = None, stream: bool | None = None) -> ChatRequest:
    """The request in a body. Raises InvalidRequest."""
    body = json_object(raw)
    shape = typed(body, _Request)
    if not shape.model:
        raise InvalidRequest("model must not be empty", param="model")
    options = shape.stream_options
    return ChatRequest(
        body=body,
        model=shape.model,
        stream=bool(shape.stream),
        wants_usage=bool(options and options.include_usage),
    )


def read(request: ChatRequest) -> Conversation:
    body = request.body
    conversation = Conversation(
        model=request.model,
        messages=[Message("user", [TextPart(_prompt(body.get("prompt")))])],
        dialect=NAME,
        stream=request.stream,
        user=said(body, "user", str),
        extra=unknown(body, _KNOWN, _DEFAULTS),
    )
    for field in ("echo", "suffix", "best_of"):
        if field in conversation.extra:
            refuse(field, "other dialects than legacy completions")
    read_settings(body, conversation)
    if (top := said(body, "logprobs", int)) is not None:
        conversation.logprobs, conversation.top_logprobs = True, top or None
    return conversation


def _prompt(prompt: Any) -> str:
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    return refuse("prompt", "other dialects than legacy completions", "it must be one text")


def write(conversation: Conversation, target: Target) -> bytes:
    refuse_said(
        conversation, _DIALECT, "tools", "output", "effort", "thinking_budget", "top_k", "service_tier"
    )
    match conversation.messages:
        case [Message("user", [TextPart(text)], "")]:
            body: dict[str, Any] = {"model": target.model, "prompt": text}
        case _:
            refuse("messages", _DIALECT, "it takes one text of the user's")
    if target.stream:
        body["stream"] = True
        if target.ask_usage:
            body["stream_options"] = {"include_usage": True}
    fields: dict[str, Any] = {
        "max_tokens": conversation.max_output_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "stop": conversation.stop or None,
        "seed": conversation.seed,
        "n": conversation.n,
        "presence_penalty": conversation.presence_penalty,
        "frequency_penalty": conversation.frequency_penalty,
        "logprobs": (conversation.top_logprobs or 0) if conversation.logprobs else None,
        "user": conversation.user,
    }
    body |= {name: value for name, value in fields.items() if value is not None}
    return encode(body)
