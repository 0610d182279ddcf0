"""Whose words the parts of a Responses request hold, and which tools it offers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.chat import Path
from gateway.conversation import Source, Sourced
from gateway.dialects.openai_chat.parts import ROLES
from gateway.dialects.parts import definitions, dicts, leaves, rest, text_of_file

# Of an item that is no message: where a tool's words stand; everything else of it the model has said.
_RESULTS = frozenset({"output", "outputs", "results", "result", "error"})


def sources(body: dict[str, Any]) -> Iterator[Sourced]:
    yield from _messages(body.get("instructions"), ("instructions",), "system")
    yield from _messages(body.get("input"), ("input",), "user")
    if isinstance(prompt := body.get("prompt"), dict):
        yield from leaves(prompt.get("variables"), "user", ("prompt", "variables"))
    yield from definitions(body, "tools")
    yield from rest(body, ("instructions", "input", "tools", "prompt"))


def _messages(items: Any, path: Path, plain: Source) -> Iterator[Sourced]:
    """`plain` is the source of what is only a string."""
    if isinstance(items, str):
        yield Sourced(plain, path, items)
    for index, item in dicts(items):
        role = item.get("role")
        said = ROLES.get(role, "document") if isinstance(role, str) else "document"
        for key, value in item.items():
            source: Source = "tool" if key in _RESULTS and role is None else said
            yield from leaves(value, source, (*path, index, key))
            for number, part in dicts(value):
                if text := text_of_file(None, part.get("file_data")):
                    yield Sourced("document", (*path, index, key, number, "file"), text)


def tool_names(body: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    yield from _names(body, ())


def _names(holder: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """A provider's own tool is known by its type, a server's by its label; a namespace holds tools."""
    for index, tool in dicts(holder.get("tools")):
        at = (*path, "tools", index)
        yield at, str(tool.get("name") or tool.get("server_label") or tool.get("type"))
        if not path:
            yield from _names(tool, at)
