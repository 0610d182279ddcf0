"""What the dialects look for in a tree of JSON that a provider sent: it may hold anything, anywhere.

In: any node. Out: its texts with their places, or what should stand under a name. What it means is not known
here, and nothing raises.
"""

from __future__ import annotations

from typing import Any

from gateway.chat import Path

_TELLING = (str, dict, list)


def texts(node: Any, path: Path) -> list[tuple[Path, str]]:
    """Every string below a node that stands at `path`, itself included, in document order."""
    found: list[tuple[Path, str]] = []
    left: list[tuple[Any, Path]] = [(node, path)]  # a tree may be nested deeper than calls can be
    while left:
        node, path = left.pop()
        if isinstance(node, str):
            found.append((path, node))
        elif isinstance(node, dict):
            for key in reversed(node):
                if isinstance(value := node[key], _TELLING):
                    left.append((value, (*path, key)))
        elif isinstance(node, list):
            for index in range(len(node) - 1, -1, -1):
                left.append((node[index], (*path, index)))
    return found


def string(tree: dict[str, Any], name: str) -> str:
    value = tree.get(name)
    return value if isinstance(value, str) else ""


def mapping(tree: dict[str, Any], name: str) -> dict[str, Any]:
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def dicts(values: Any) -> list[dict[str, Any]]:
    """The objects of what should be a list of them."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
