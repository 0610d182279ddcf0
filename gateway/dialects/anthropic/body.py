"""Anthropic answers in one piece.

Source: anthropic-sdk-python types (`message.py`, `content_block.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.chat import End, Event
from gateway.dialects.anthropic.decode import Decoder, drop_offsets, input_object
from gateway.dialects.anthropic.encode import Encoder
from gateway.dialects.dialect import Head
from gateway.dialects.tree import dicts
from gateway.wire.jsontext import load
from gateway.wire.sse import SSESplitter


def scrub(body: dict[str, Any]) -> None:
    """Drop where quotes stood in a source: in a text that was changed they stand elsewhere."""
    for block in dicts(body.get("content")):
        for citation in dicts(block.get("citations")):
            drop_offsets(citation)


def events_of(body: dict[str, Any]) -> list[Event]:
    """A whole answer as the frames that would bring each block at once."""
    decoder = Decoder()
    message = {**body, "content": []}
    events = decoder.decode_tree({"type": "message_start", "message": message})
    for index, block in enumerate(dicts(body.get("content"))):
        start = {"type": "content_block_start", "index": index, "content_block": block}
        events += decoder.decode_tree(start, complete=True)
        events += decoder.decode_tree({"type": "content_block_stop", "index": index})
    last = {name: body.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    events += decoder.decode_tree({"type": "message_delta", "delta": last})
    return [*events, End()]


def body_of(events: Sequence[Event], head: Head) -> dict[str, Any]:
    """The answer that the frames of these events add up to."""
    encoder = Encoder(head)
    frames = b"".join([*map(encoder.encode, events), encoder.end()])
    body: dict[str, Any] = {}
    content: list[dict[str, Any]] = []
    pieces: dict[str, list[str]] = {}
    for frame in SSESplitter(len(frames) + 1).feed(frames):
        tree = load(frame.data or b"")
        match tree["type"]:
            case "message_start":
                body = tree["message"]
            case "content_block_start":
                block = tree["content_block"]
                content.append(block)
                pieces = {}
                if block["type"] == "fallback":  # the model that answers instead
                    body["model"] = (block.get("to") or {}).get("model") or body["model"]
            case "content_block_delta":
                _gather(content[-1], tree["delta"], pieces)
            case "content_block_stop":
                for name, texts in pieces.items():
                    text = "".join(texts)
                    if name == "partial_json":
                        content[-1]["input"] = input_object(text)
                    else:
                        content[-1][name] += text
            case "message_delta":
                body |= tree["delta"]
                body["usage"] |= tree["usage"]
                if "provider_items" in tree:
                    body["provider_items"] = tree["provider_items"]
            case _:
                pass  # message_stop
    body["content"] = content
    return body


def _gather(block: dict[str, Any], delta: dict[str, Any], pieces: dict[str, list[str]]) -> None:
    match delta["type"]:
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
        case _:
            for name in ("text", "thinking", "partial_json"):
                if name in delta:
                    pieces.setdefault(name, []).append(delta[name])
