"""Pieces are the same however the text came, and say truly where they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.sentences import LONGEST_SENTENCE, Piece, page, pieces, pieces_for, sentence

PROSE = st.text(alphabet="abZ .!?\n\"'。", max_size=60) | st.builds(
    lambda word, times: word * times, st.text(alphabet="ab .", min_size=1, max_size=9), st.integers(1, 300)
)
JSON: Any = st.recursive(
    st.none() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


def cut_up(text: str, data: st.DataObject) -> list[str]:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def fed(parts: list[str], nature: Any) -> list[Piece]:
    cutter = pieces_for(nature, sentence)
    found = [piece for part in parts for piece in list(cutter.feed(part))]
    return [*found, *cutter.flush()]


@given(PROSE, st.data())
def test_a_text_is_all_in_its_pieces_however_it_came(text: str, data: st.DataObject) -> None:
    found = fed(cut_up(text, data), "text")
    assert found == fed([text], "text")
    assert "".join(piece.text for piece in found) == text
    assert all(text[piece.start : piece.end] == piece.text for piece in found)
    assert all(0 < len(piece.text) <= LONGEST_SENTENCE for piece in found)


def values(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    if isinstance(node, dict):
        return [text for value in node.values() for text in values(value)]
    return [text for value in node for text in values(value)] if isinstance(node, list) else []


@given(JSON, st.booleans(), st.data())
def test_of_json_the_string_values_are_read_decoded(node: Any, ascii_only: bool, data: st.DataObject) -> None:
    text = json.dumps(node, ensure_ascii=ascii_only)
    found = fed(cut_up(text, data), "json")
    assert [(piece.text, *piece.places) for piece in found] == [
        (piece.text, *piece.places) for piece in fed([text], "json")
    ]
    assert "".join(piece.text for piece in found) == "".join(values(node))
    for piece in found:
        assert json.loads(f'"{text[piece.start : piece.end]}"', strict=False) == piece.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One. ", "Two! ", "Three? ", "Four"]),
        ("Dr. Smith and J. Doe paid 3.14 to e.g. Ann. He left.", ["Dr. Smith and J. Doe paid 3.14 to e.g. ", "Ann. ", "He left."]),
        ('He said "no." Then\nwent', ['He said "no." ', "Then\n", "went"]),
        ("今日は。明日も。", ["今日は。", "明日も。"]),
        ("a" * 401, ["a" * 400, "a"]),
    ],
)  # fmt: skip
def test_a_sentence_ends_where_a_reader_would_pause(text: str, expected: list[str]) -> None:
    assert [piece.text for piece in fed([text], "text")] == expected


def test_a_page_ends_with_a_paragraph() -> None:
    text = ("word " * 500 + "\n") * 3
    assert [len(piece.text) for piece in pieces(text, "text", page)] == [2501, 2501, 2501]


def test_a_large_json_text_is_cut_in_linear_time() -> None:
    """Each step looks at what is new: as many as there are pages, whatever stands before them."""
    text = json.dumps({"a": ["word " * 100_000]})
    assert sum(len(piece.text) for piece in pieces(text, "json", page)) == 500_000
