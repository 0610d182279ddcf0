"""Frames and answers with other texts: what would still spell out or place the old ones goes.

Log probabilities of a changed text, where citations stand in it, and the padding that hid a delta's length.
"""

from __future__ import annotations

from typing import Any

from gateway.chat import Path
from gateway.dialects.tree import dicts
from gateway.wire.jsontext import encode, load
from gateway.wire.sse import Frame

_OFFSETS = ("start_index", "end_index")


def rewrite(frame: Frame, changes: dict[Path, str]) -> bytes:
    """The frame with other texts, or b"" if it was a delta and nothing of it is left."""
    tree = load(frame.data or b"")
    for path, text in changes.items():
        node = tree
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = text
        if isinstance(node, dict):
            _forget(node)
    tree.pop("obfuscation", None)
    if str(tree.get("type")).endswith(".delta") and tree.get("delta") == "":
        return b""
    return sse(frame.event, encode(tree))


def sse(event: str | None, data: bytes) -> bytes:
    return (b"event: " + event.encode() + b"\n" if event else b"") + b"data: " + data + b"\n\n"


def scrub(body: dict[str, Any]) -> None:
    """Drop what spells out, token by token, texts that were changed, and where citations stand in them."""
    for item in dicts(body.get("output")):
        for part in dicts(item.get("content")):
            _forget(part)


def _forget(part: dict[str, Any]) -> None:
    if part.get("logprobs"):
        part["logprobs"] = []
    for citation in dicts(part.get("annotations")):
        for name in _OFFSETS:
            citation.pop(name, None)
