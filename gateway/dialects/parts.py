"""What the dialects share when they say whose words the parts of a request hold.

In: a request's body, which may hold anything that its dialect did not check. Out: `Sourced` parts. What is
text and what is bytes is the classifier's business, so everything is named here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from gateway.chat import Path
from gateway.conversation import Source, Sourced

# What a text file is called that is sent as bytes; a provider shows the model its text.
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/x-yaml", "application/yaml")
_LONGEST_FILE = 4 << 20


def leaves(node: Any, source: Source, path: Path, trees: AbstractSet[str] = frozenset()) -> Iterator[Sourced]:
    """Each string below a node by itself; what stands under a key in `trees` is one part."""
    left: list[tuple[Any, Path]] = [(node, path)]  # A body may be nested deeper than calls can be.
    while left:
        node, path = left.pop()
        if isinstance(node, str) or (path and path[-1] in trees):
            yield Sourced(source, path, node)
        elif isinstance(node, dict):
            left += [(value, (*path, key)) for key, value in reversed(node.items())]
        elif isinstance(node, list):
            left += [(value, (*path, index)) for index, value in reversed([*enumerate(node)])]


def rest(body: dict[str, Any], known: Collection[str]) -> Iterator[Sourced]:
    """The fields that are none of those, each in one part: names, metadata, what nobody here has heard of."""
    for key, value in body.items():
        if key not in known and isinstance(value, str | dict | list):
            yield Sourced("document", (key,), value, aside=True)


def definitions(body: dict[str, Any], *fields: str) -> Iterator[Sourced]:
    """The definitions of tools, one by one. They may come from a stranger's server, so they are documents."""
    for field in fields:
        if isinstance(items := body.get(field), list):
            for index, item in enumerate(items):
                yield Sourced("document", (field, index), item, aside=True)


def dicts(items: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of what should be a list of them."""
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield index, item


def text_of_file(media_type: Any, data: Any) -> str:
    """The text of a text file that is sent in base64, or as a data URL; empty for any other."""
    if not isinstance(data, str) or len(data) > _LONGEST_FILE:
        return ""
    if data.startswith("data:"):
        head, _, data = data.partition(",")
        media_type = head.removeprefix("data:")
    if not isinstance(media_type, str) or not media_type.lower().startswith(_TEXT_TYPES):
        return ""
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
