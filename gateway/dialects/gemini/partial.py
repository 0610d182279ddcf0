"""The arguments of a function call that come value by value, each with its JSON Path.

In: `partialArgs` of Vertex AI (`streamFunctionCallArguments`). Out: the object that they make. A string may
come in several pieces; everything comes in the order of the object.

Source: google-genai types (`PartialArg`), RFC 9535 (normalized paths), recorded streams.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.errors import ProviderGarbage

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]]+)|\[(?P<index>[0-9]{1,9})\]|\['(?P<single>(?:[^'\\]|\\.)*)'\]"""
    r"""|\["(?P<double>(?:[^"\\]|\\.)*)"\]"""
)
_ESCAPED = re.compile(r"\\(.)")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


class PartialArguments:
    def __init__(self) -> None:
        self._pieces: dict[str, list[Any]] = {}

    def add(self, arg: dict[str, Any]) -> None:
        """Raises ProviderGarbage for what has no path."""
        path = arg.get("jsonPath")
        if not isinstance(path, str):
            raise ProviderGarbage("the provider sent a part of arguments without a path")
        for name in _VALUES:
            if name in arg:
                self._pieces.setdefault(path, []).append(None if name == "nullValue" else arg[name])

    def whole(self) -> dict[str, Any]:
        root: dict[str, Any] = {}
        for path, pieces in self._pieces.items():
            is_text = all(isinstance(piece, str) for piece in pieces)
            _put(root, _steps(path), "".join(pieces) if is_text else pieces[-1])
        return root


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1
    while path.startswith("$") and (found := _STEP.match(path, at)):
        at = found.end()
        if found["index"] is not None:
            steps.append(int(found["index"]))
        elif found["name"] is not None:
            steps.append(found["name"])
        else:
            steps.append(_ESCAPED.sub(r"\1", found["single"] or found["double"] or ""))
    if not steps or at < len(path):
        raise ProviderGarbage("the provider sent a part of arguments with a path that cannot be read")
    return steps


def _put(root: dict[str, Any], steps: list[str | int], value: Any) -> None:
    node: Any = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(node, dict) and isinstance(step, str):
            held = node.setdefault(step, fresh)
        elif isinstance(node, list) and isinstance(step, int) and step <= len(node):
            if step == len(node):
                node.append(fresh)
            held = node[step]
        else:
            raise ProviderGarbage("the provider sent parts of arguments that do not fit together")
        node = held
