"""A whole Converse answer to the events that its stream would have been.

Source: botocore's service model of `bedrock-runtime` (ConverseResponse).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.chat import End, Event, Extra, Lane, LaneEnd, Opening, Sealed, Text, ToolCall, Usage
from gateway.dialects.bedrock.decode import DIALECT, annotation, finish, usage
from gateway.errors import ProviderGarbage
from gateway.wire.jsontext import encode


def events_of(body: dict[str, Any]) -> list[Event]:
    """Raises ProviderGarbage for what is no answer."""
    output = body.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    if not isinstance(message, dict):
        raise ProviderGarbage("the provider sent an answer without a message")
    counts: dict[str, int] = {}

    def lane(kind: str) -> Lane:
        position = counts.get(kind, 0)
        counts[kind] = position + 1
        return Lane(0, kind, position)

    events: list[Event] = [Opening()]
    for block in message.get("content") or ():
        if not isinstance(block, dict):
            raise ProviderGarbage("the provider sent a content block that is not a JSON object")
        call = block.get("toolUse")
        if isinstance(block.get("text"), str):
            events += _texts(lane("content"), block["text"])
        elif isinstance(call, dict) and call.get("type") in (None, "tool_use"):
            at = lane("arguments")
            events.append(ToolCall(0, at.position, str(call.get("toolUseId")), str(call.get("name"))))
            if call.get("input"):
                events += _texts(at, encode(call["input"]).decode())
        elif isinstance(reasoning := block.get("reasoningContent"), dict):
            events += _reasoning(lane("thinking"), reasoning)
        elif isinstance(cited := block.get("citationsContent"), dict):
            events += _cited(lane("content"), cited)
        else:
            events.append(Extra(0, DIALECT, block))
    return [*events, finish(body), *usage(body), End()]


def usage_of(body: dict[str, Any]) -> Usage | None:
    return next((event for event in usage(body) if isinstance(event, Usage)), None)


def _texts(lane: Lane, text: str) -> list[Event]:
    return [Text(lane, text), LaneEnd(lane)] if text else []


def _reasoning(lane: Lane, reasoning: dict[str, Any]) -> Iterator[Event]:
    if isinstance(said := reasoning.get("reasoningText"), dict):
        if said.get("text"):
            yield Text(lane, str(said["text"]))
        if said.get("signature"):
            yield Sealed(lane, "signature", str(said["signature"]))
    if sealed := reasoning.get("redactedContent"):
        yield Sealed(lane, "redacted", str(sealed))
    yield LaneEnd(lane)


def _cited(lane: Lane, cited: dict[str, Any]) -> Iterator[Event]:
    for piece in cited.get("content") or ():
        if isinstance(piece, dict) and piece.get("text"):
            yield Text(lane, str(piece["text"]))
    for each in cited.get("citations") or ():
        if isinstance(each, dict):
            yield annotation(lane, each)
    yield LaneEnd(lane)
