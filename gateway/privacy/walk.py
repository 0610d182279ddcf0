"""Every string of a JSON body, in document order, each with what the dialect says of it.

The body's shape is left alone. Object keys are text too: a value can hide in one. A number that reads like an
identifier is looked at as text, and becomes a string if that changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from gateway.chat import Nature, Path

Classify = Callable[[Path, str], Nature]
Change = Callable[[str, Path, Nature, str], str]
Rename = Callable[[str, Path], str]

# No number below nine digits is an identifier that we know of.
_SMALLEST_NUMBER = 10**8
_NUMBERS = (int, float)
_OTHERS = (dict, list, int, float)


def strings(node: Any, classify: Classify, path: Path) -> Iterator[tuple[Path, str]]:
    """Every string that is not kept, keys included, in document order."""
    if isinstance(node, str):
        if classify(path, str(node)) != "keep":
            yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield path, key
            yield from strings(value, classify, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from strings(value, classify, (*path, index))


def texts_of(body: Any, classify: Classify) -> Iterator[tuple[str, Nature, str]]:
    """Every value of a body that is looked at, with its nature and its left context."""
    found: list[tuple[str, Nature, str]] = []

    def note(text: str, path: Path, nature: Nature, context: str) -> str:
        found.append((text, nature, context))
        return text

    walk(body, classify, (), note)
    return iter(found)


def walk(
    node: Any,
    classify: Classify,
    path: Path,
    change: Change,
    rename: Rename | None = None,
    names: AbstractSet[str] = frozenset(),
) -> Any:
    """Change strings in place, depth first in document order; what stands in the node's place.

    Keys in `names` are not looked at, without `rename` none is.
    """
    if isinstance(node, dict):
        renamed: dict[str, str] = {}
        for key, value in node.items():
            if isinstance(value, str):  # not a call of its own: half of what a walk costs are calls
                here = (*path, key)
                if (nature := classify(here, value)) != "keep":
                    made = change(value, here, nature, f"{key}: ")
                    if made is not value:
                        node[key] = made
            elif isinstance(value, _OTHERS):
                made = walk(value, classify, (*path, key), change, rename, names)
                if made is not value:
                    node[key] = made
            if rename is not None and key not in names and (name := rename(key, path)) != key:
                renamed[key] = name
        if renamed:  # order matters to prompt caches and to people, so it is all built anew
            items: dict[str, Any] = {}
            for key, value in node.items():
                key = renamed.get(key, key)
                while key in items:  # one-way formats may write two keys alike
                    key += "'"
                items[key] = value
            node.clear()
            node.update(items)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            node[index] = walk(item, classify, (*path, index), change, rename, names)
    elif isinstance(node, str):
        if (nature := classify(path, node)) != "keep":
            key = path[-1] if path else ""
            return change(node, path, nature, f"{key}: " if isinstance(key, str) else "")
    elif isinstance(node, _NUMBERS) and abs(node) >= _SMALLEST_NUMBER:  # a table's may be 1.0
        written = str(node)
        made = walk(written, classify, path, change)
        return node if made == written else made
    return node
