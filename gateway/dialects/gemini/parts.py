"""Whose words the parts of a Gemini request hold, and which tools it offers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.chat import Path
from gateway.conversation import Source, Sourced
from gateway.dialects.parts import definitions, dicts, leaves, rest, text_of_file

_ROLES: dict[Any, Source] = {None: "user", "user": "user", "function": "tool", "tool": "tool"}
_RESULTS = frozenset({"functionResponse", "codeExecutionResult", "toolResponse"})
_TREES = frozenset({"args", "response"})


def sources(body: dict[str, Any]) -> Iterator[Sourced]:
    yield from leaves(body.get("systemInstruction"), "system", ("systemInstruction",))
    for index, content in dicts(body.get("contents")):
        at = ("contents", index)
        role = content.get("role")
        said = _ROLES.get(role, "document") if isinstance(role, str | None) else "document"
        for number, part in dicts(content.get("parts")):
            yield from _part(part, said, (*at, "parts", number))
        yield from leaves({k: v for k, v in content.items() if k not in ("parts", "role")}, said, at)
    yield from definitions(body, "tools")
    yield from rest(body, ("systemInstruction", "contents", "tools"))


def _part(part: dict[str, Any], said: Source, at: Path) -> Iterator[Sourced]:
    for key, value in part.items():
        yield from leaves(value, "tool" if key in _RESULTS else said, (*at, key), _TREES)
        file = value if key == "inlineData" and isinstance(value, dict) else {}
        if text := text_of_file(file.get("mimeType"), file.get("data")):
            yield Sourced("document", (*at, key), text)


def tool_names(body: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Functions by their names, Google's own tools by theirs: `googleSearch`."""
    for index, tool in dicts(body.get("tools")):
        at = ("tools", index)
        for number, function in dicts(tool.get("functionDeclarations")):
            yield (*at, "functionDeclarations", number), str(function.get("name"))
        for key in tool:
            if key != "functionDeclarations":
                yield at, key
