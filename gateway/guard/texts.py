"""The parts of a request as texts to judge.

In: `Sourced` parts and what their dialect says of their strings. Out: texts, each with its source and place.
A tree is read as one text, its keys with it. JSON is read as what it says: `\\u0069gnore` is a word. Strings
of one source that follow each other are read together too, because a model reads them so: an order may be
cut anywhere between two parts.

A tool's definition speaks of sending, paying and deleting by nature, and orders the model about; metadata is
names and numbers. So what stands aside of the conversation is refused for what refuses a user's words, and
only flagged for what refuses a document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Any, NamedTuple

from gateway.chat import Nature, Path
from gateway.conversation import Source, Sourced

Classify = Callable[[Path, str], Nature]

_SHORTEST = 4  # Characters: no order is shorter in any script, and a body may hold very many.
_EDGE = 200  # Characters of a long part's ends that are read together with its neighbours.
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_MEANING = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_DEPTH = 3  # JSON in JSON in JSON.
# They would stand between all the words of a tool's definition.
_SCHEMA_TYPES = frozenset("object array string number integer boolean null".split())


class Passage(NamedTuple):
    """`exact` says that offsets in `text` are offsets in the string at `path`.

    `mild` says that the text is never refused: what would refuse it flags it.
    """

    source: Source
    path: Path
    text: str
    exact: bool = True
    mild: bool = False


def passages(parts: Iterable[Sourced], classify: Classify, names: AbstractSet[str]) -> Iterator[Passage]:
    """What is to be judged. `names` are the dialect's own keys, which say nothing."""
    run: list[Passage] = []
    for part in parts:
        source, path, value, aside = part
        if run and run[0].source != source:
            yield from seams(run)
            run = []
        text = text_of(part, classify, names)
        if not text:
            continue
        if aside:
            yield Passage("user", path, text, False)
            yield Passage(source, path, text, False, mild=True)
        elif not isinstance(value, str):
            yield Passage(source, path, text, False)
        else:
            run.append(Passage(source, path, text, text is value))
            if len(text) >= _SHORTEST:
                yield run[-1]
    yield from seams(run)


def text_of(part: Sourced, classify: Classify, names: AbstractSet[str]) -> str:
    """What a part says; empty for bytes, ids and the like."""
    if not isinstance(part.value, str):
        text = "\n".join(_said(part.value, part.path, classify, names))
    elif classify(part.path, part.value) == "keep":
        return ""
    else:
        text = part.value
    return "" if text.isspace() else unescaped(text)


def _said(root: Any, at: Path, classify: Classify, names: AbstractSet[str]) -> Iterator[str]:
    """The keys, strings and numbers of a tree, in document order."""
    left: list[tuple[Any, Path]] = [(root, at)]
    while left:
        node, path = left.pop()
        key = path[-1]
        label = f"{key}: " if isinstance(key, str) and key not in names and path != at else ""
        if isinstance(node, str):
            if node not in _SCHEMA_TYPES and classify(path, node) != "keep":
                yield label + unescaped(node)
            continue
        letters = _numbers(node)
        if label or letters:
            yield label + letters
        if isinstance(node, dict):
            left += [(value, (*path, key)) for key, value in reversed(node.items())]
        elif isinstance(node, list) and not letters:
            left += [(value, (*path, index)) for index, value in reversed([*enumerate(node)])]


def _numbers(node: Any) -> str:
    """Letters can be written as numbers."""
    if isinstance(node, list) and node and all(type(each) is int for each in node):
        return " ".join(map(str, node))
    return ""


def unescaped(text: str) -> str:
    """JSON with its escapes resolved, also those of JSON in its strings; any other text as it is."""
    if "\\" not in text or not text.lstrip().startswith(("{", "[", '"')):
        return text
    for _ in range(_DEPTH):
        text = _ESCAPE.sub(_resolved, text)
        if "\\" not in text:
            break
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _resolved(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _MEANING.get(match[2], match[2])


def seams(run: list[Passage]) -> Iterator[Passage]:
    """Neighbours read as one: short ones whole, of long ones the ends. Linear in what they hold."""
    if len(run) < 2:
        return
    joined: list[Passage] = []
    for passage in run:
        if len(passage.text) <= 2 * _EDGE:
            joined.append(passage)
            continue
        yield from _together([*joined, passage._replace(text=passage.text[:_EDGE])])
        joined = [passage._replace(text=passage.text[-_EDGE:])]
    yield from _together(joined)


def _together(parts: list[Passage]) -> Iterator[Passage]:
    if len(parts) < 2:
        return
    first = parts[0]
    texts = [each.text for each in parts]
    yield Passage(first.source, first.path, " ".join(texts), False)
    if any(one[-1].isalnum() and other[0].isalnum() for one, other in pairwise(texts)):
        yield Passage(first.source, first.path, "".join(texts), False)
