"""What dialects look for in any tree of JSON."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import Path
from gateway.dialects.registry import DIALECTS
from gateway.dialects.tree import texts
from gateway.errors import ProviderGarbage
from gateway.wire.sse import Frame

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
TREES = st.recursive(
    LEAVES, lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=3), each, max_size=4)
)


def told(node: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The same by calls within calls."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from told(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from told(value, (*path, index))


@given(TREES)
def test_every_text_is_told_with_its_place_in_document_order(tree: Any) -> None:
    assert list(texts(tree, ("at",))) == list(told(tree, ("at",)))


@pytest.mark.parametrize("name", sorted(DIALECTS))
@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"x","a":%s}',
        '{"type":"response.output_text.delta","delta":"a","x":%s}',
        '{"choices":[{"index":0,"delta":{"content":"a","x":%s}}]}',
        '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":%s}}}]}}]}',
    ],
)
def test_law_7_a_frame_nested_as_deeply_as_it_can_be_read_raises_only_documented_errors(
    name: str, frame: str
) -> None:
    for depth in range(880, 1010, 12):
        data = (frame % ("[" * depth + '"x"' + "]" * depth)).encode()
        with contextlib.suppress(ProviderGarbage):
            DIALECTS[name].decoder().decode(Frame(b"data: " + data + b"\n\n", data, None, None))
