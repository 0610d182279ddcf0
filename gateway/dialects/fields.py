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

    def classify(path: Path, text: str = "") -> Nature:
        node: Any = tree
        for step in path:
            node = node.get(step if isinstance(step, str) else _INDEX)
            if node is None:
                break
            if _BELOW in node:
                nature: Nature = node[_BELOW]
                return nature
        else:
            if _HERE in node:
                nature = node[_HERE]
                return nature
        return "keep" if text.startswith("data:") and _is_url(path) else "text"

    return classify


def _is_url(path: Path) -> bool:
    return bool(path) and path[-1] in ("url", "image_url", "file_url")


def names(*paths: Iterable[str]) -> frozenset[str]:
    """The field names that paths are made of."""
    return frozenset(name for group in paths for path in group for name in path.split("."))
