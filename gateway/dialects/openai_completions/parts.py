"""Whose words the parts of a Completions request hold. It offers no tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.chat import Path
from gateway.conversation import Sourced
from gateway.dialects.parts import leaves, rest

_USERS = ("prompt", "suffix")


def sources(body: dict[str, Any]) -> Iterator[Sourced]:
    for field in _USERS:
        yield from leaves(body.get(field), "user", (field,))
    yield from rest(body, _USERS)


def tool_names(body: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    return iter(())
