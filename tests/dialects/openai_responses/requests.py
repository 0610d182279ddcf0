"""Requests in OpenAI's Responses and in neutral words, and the ways between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.conversation import (
    ChatRequest,
    Conversation,
    Message,
    TextPart,
)
from gateway.dialects.dialect import Target
from gateway.dialects.openai_responses.read import read
from gateway.dialects.openai_responses.request import parse_request
from gateway.dialects.openai_responses.write import write
from gateway.errors import InvalidRequest

TARGET = Target("gpt-4.1", stream=False)
NAME = "openai_responses"


def parsed(**body: Any) -> ChatRequest:
    return parse_request(json.dumps({"model": "m", "input": "Hi", **body}).encode())


def conversation(**body: Any) -> Conversation:
    return read(parsed(**body))


def asked(messages: list[Message] | None = None, **fields: Any) -> Conversation:
    return Conversation("m", messages or [Message("user", [TextPart("Hi")])], "openai_chat", **fields)


def written(given: Conversation, target: Target = TARGET) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(write(given, target))
    return body


def items_of(*messages: Message) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = written(asked(list(messages)))["input"]
    return items


def refused(call: Any, *args: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as raised:
        call(*args)
    return raised.value
