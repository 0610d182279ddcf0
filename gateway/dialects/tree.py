"""What the dialects look for in a tree of JSON that a provider sent: it may hold anything, anywhere.

In: any node. Out: its texts with their places, or what should stand under a name. What it means is not known
here, and nothing raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.chat import Path


def texts(node: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every string below a node that stands at `path`, itself included, in document order."""
    left: list[tuple[Any, Path]] = [(node, path)]  # A tree may be nested deeper than calls can be.
    while left:
        node, path = left.pop()
        if isinstance(node, str):
            yield path, node
        elif isinstance(node, dict):
            left += [(value, (*path, key)) for key, value in reversed(node.items())]
        elif isinstance(node, list):
            left += [(value, (*path, index)) for index, value in reversed([*enumerate(node)])]


def string(tree: dict[str, Any], name: str) -> str:
    value = tree.get(name)
    return value if isinstance(value, str) else ""


def mapping(tree: dict[str, Any], name: str) -> dict[str, Any]:
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def dicts(values: Any) -> list[dict[str, Any]]:
    """The objects of what should be a list of them."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
