"""What the strings of a dialect's bodies are, by where they stand.

In: a dialect's lists of paths. Out: a function from a path to a nature. `*` in a path is an index, `**` at
its end everything below, itself included. What no list names is text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gateway.chat import Nature, Path

# Between the names of a tree of paths: any index; a nature of a path; a nature of all that is below it.
_INDEX, _HERE, _BELOW = object(), object(), object()


def classifier(
    keep: Iterable[str],
    json: Iterable[str] = (),
    sniff: Iterable[str] = (),
    signed: Iterable[str] = (),
) -> Callable[[Path, str], Nature]:
    """Each argument lists the paths of its nature; a `data:` URL is never text."""
    tree: dict[Any, Any] = {}
    lists: tuple[tuple[Iterable[str], Nature], ...] = (
        (sniff, "sniff"),
        (json, "json"),
        (signed, "signed"),
        (keep, "keep"),
    )
    for paths, nature in lists:
        for path in paths:
            node: dict[Any, Any] = tree
            *steps, last = path.split(".")
            for step in steps if last == "**" else (*steps, last):
                node = node.setdefault(_INDEX if step == "*" else step, {})
            node[_BELOW if last == "**" else _HERE] = nature
    tree = {step: _settled(node) for step, node in tree.items()}

    def classify(path: Path, text: str = "") -> Nature:
        node: Any = tree
        for step in path:
            node = node.get(_INDEX if type(step) is int else step)
            if node is None:
                break
            if type(node) is str:
                return node  # type: ignore[return-value]
        else:
            if (nature := node.get(_HERE)) is not None:
                return nature  # type: ignore[no-any-return]
        return "keep" if text.startswith("data:") and _is_url(path) else "text"

    return classify


def _settled(node: Any) -> Any:
    """A node of the tree as it is read: where all below has one nature, that stands for the node."""
    if not isinstance(node, dict):
        return node
    return node[_BELOW] if _BELOW in node else {step: _settled(below) for step, below in node.items()}


def _is_url(path: Path) -> bool:
    return bool(path) and path[-1] in ("url", "image_url", "file_url")


def names(*paths: Iterable[str]) -> frozenset[str]:
    """The field names that paths are made of."""
    return frozenset(name for group in paths for path in group for name in path.split("."))
