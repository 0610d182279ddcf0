"""Whose words the parts of a Chat request hold, and which tools it offers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.chat import Path
from gateway.conversation import Source, Sourced
from gateway.dialects.parts import definitions, dicts, leaves, rest, text_of_file

ROLES: dict[str, Source] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "tool": "tool",
    "function": "tool",
}


def sources(body: dict[str, Any]) -> Iterator[Sourced]:
    for index, message in dicts(body.get("messages")):
        at = ("messages", index)
        source = ROLES.get(str(message.get("role")), "document")
        yield from leaves(message, source, at)
        for number, part in dicts(message.get("content")):
            if isinstance(file := part.get("file"), dict) and (
                text := text_of_file(None, file.get("file_data"))
            ):
                yield Sourced("document", (*at, "content", number, "file"), text)
    yield from definitions(body, "tools", "functions")
    yield from rest(body, ("messages", "tools", "functions"))


def tool_names(body: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for index, tool in dicts(body.get("tools")):
        own = [tool[kind] for kind in ("function", "custom") if isinstance(tool.get(kind), dict)]
        for name in [said.get("name") for said in own] or [tool.get("type")]:
            yield ("tools", index), str(name)
    for index, function in dicts(body.get("functions")):
        yield ("functions", index), str(function.get("name"))
