"""Gemini answers in one piece.

Source: google-genai types (`GenerateContentResponse`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.chat import End, Event, Usage
from gateway.dialects.dialect import Head
from gateway.dialects.gemini import sources, usage
from gateway.dialects.gemini.decode import Decoder
from gateway.dialects.gemini.encode import Encoder
from gateway.wire.jsontext import load
from gateway.wire.sse import SSESplitter

_ONLY_TEXT = {"text", "thought"}


def usage_of(body: dict[str, Any]) -> Usage | None:
    return usage.usage_of(body.get("usageMetadata"))


def scrub(body: dict[str, Any]) -> None:
    """Drop what counts in a text that was changed, or spells it out token by token."""
    candidates = body.get("candidates")
    for candidate in candidates if isinstance(candidates, list) else ():
        if isinstance(candidate, dict):
            sources.drop_offsets(candidate)


def events_of(body: dict[str, Any]) -> list[Event]:
    """A whole answer is a stream of one chunk."""
    return [*Decoder().decode_tree(body), End()]


def body_of(events: Sequence[Event], head: Head) -> dict[str, Any]:
    """The answer that the chunks of these events add up to."""
    encoder = Encoder(Head(head.id, head.model, head.created, head.usage))
    frames = b"".join([*map(encoder.encode, events), encoder.end()])
    body: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for frame in SSESplitter(len(frames) + 1).feed(frames):
        chunk = load(frame.data or b"")
        for candidate in chunk.pop("candidates", ()):
            whole = candidates.setdefault(candidate["index"], {"content": {"parts": [], "role": "model"}})
            for part in candidate.pop("content")["parts"]:
                _join(whole["content"]["parts"], part)
            tokens = candidate.pop("logprobsResult", None)
            whole |= candidate
            if tokens is not None:
                joined = whole.setdefault("logprobsResult", {})
                for name, values in tokens.items():
                    joined.setdefault(name, []).extend(values)
        body |= chunk
    for whole in candidates.values():
        parts = whole["content"]["parts"]
        for part in parts:
            if isinstance(part.get("text"), list):
                part["text"] = "".join(part["text"])
        whole["content"]["parts"] = [part for part in parts if part != {"text": ""}]
    order = sorted(candidates)
    return {**({"candidates": [candidates[index] for index in order]} if order else {}), **body}


def _join(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """Add a part: text goes on in the one before, and a signature belongs to the text that it follows."""
    last = parts[-1] if parts else None
    if "text" not in part or "partMetadata" in part:
        parts.append(part)
    elif last is not None and set(last) <= _ONLY_TEXT and last.get("thought") == part.get("thought"):
        last["text"].append(part["text"])
        if "thoughtSignature" in part:
            last["thoughtSignature"] = part["thoughtSignature"]
    elif part["text"] or "thoughtSignature" in part:
        parts.append({**part, "text": [part["text"]]})
