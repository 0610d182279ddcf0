"""Whose words the parts of a Messages request hold, and which tools it offers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.chat import Path
from gateway.conversation import Source, Sourced
from gateway.dialects.parts import definitions, dicts, leaves, rest

_ROLES: dict[str, Source] = {"user": "user", "system": "system"}
_TREES = frozenset({"input"})


def sources(body: dict[str, Any]) -> Iterator[Sourced]:
    yield from leaves(body.get("system"), "system", ("system",))
    for index, message in dicts(body.get("messages")):
        at = ("messages", index)
        said = _ROLES.get(str(message.get("role")), "document")
        content = message.get("content")
        if isinstance(content, str):
            yield Sourced(said, (*at, "content"), content)
        for number, block in dicts(content):
            yield from leaves(block, _source(block.get("type"), said), (*at, "content", number), _TREES)
        for key, value in message.items():
            if key not in ("content", "role"):
                yield from leaves(value, said, (*at, key))
    yield from definitions(body, "tools", "mcp_servers")
    yield from rest(body, ("system", "messages", "tools", "mcp_servers"))


def _source(kind: Any, said: Source) -> Source:
    if kind in ("document", "search_result"):
        return "document"
    return "tool" if isinstance(kind, str) and kind.endswith("tool_result") else said


def tool_names(body: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for field in ("tools", "mcp_servers"):
        for index, tool in dicts(body.get(field)):
            yield (field, index), str(tool.get("name") or tool.get("type"))
