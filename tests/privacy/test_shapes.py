"""What all matches of a pattern have in common: nothing that one of them has not."""

from __future__ import annotations

import re
from random import Random

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.shapes import (
    Needles,
    begins_with,
    has_digit,
    images,
    long_runs,
    needles,
    runs,
    shape,
    shape_pattern,
    spelt_out,
)
from tests.privacy.entities.sampling import sample


@pytest.mark.parametrize(
    "pattern", ["[0-9]{3}", "[A-Z]?[0-9]", "(?:a1|[0-5])", "(?:x|[0-9]){0,2}7", "[a-z]+4", "(?i:a[0-9])"]
)
def test_a_pattern_that_needs_a_digit(pattern: str) -> None:
    assert has_digit(pattern)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("[0-9]{2}-A", "0-A"), ("(?:[xX]|7)?", "0Aa"), ("(?i:x)", "Aa"), ("(?=a)é*", "a"), ("(?!b)", "")],
)
def test_what_shapes_consist_of(pattern: str, found: str) -> None:
    assert images(pattern) == set(found)


@pytest.mark.parametrize("pattern", [r"\d", "[^a]", "."])
def test_what_shapes_consist_of_cannot_be_told(pattern: str) -> None:
    assert "" in images(pattern)


@pytest.mark.parametrize(
    ("pattern", "width"),
    [
        (r"\+ ?[1-9](?:-?[0-9]){5,9}x?", 7),
        ("[0-9]{3}a", 3),
        ("a[0-9]", 0),
        ("[+-]{4}a[0-9]", 0),
        (r"\d{4}", 0),
    ],
)
def test_how_much_of_a_match_begins_in_an_alphabet(pattern: str, width: int) -> None:
    assert begins_with(pattern, frozenset("0+- ")) == width


@pytest.mark.parametrize(
    "pattern",
    ["[0-9]{0,3}", "[A-Z0-9]", "(?:a1|b)", "[^0-9]", r"\d", "(?<=[0-9])a", "", "(?:[0-9]a)?", "(?|1)"],
)
def test_a_pattern_that_may_need_none(pattern: str) -> None:
    assert not has_digit(pattern)


PATTERNS = [
    "[0-9]{8}-?[A-Z]", "[0-9](?:[ ./-]?[0-9]){9}", "(?:a1|[0-5])", "(?i:k[0-9])", "[A-Z]{2}[0-9]{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}",
    r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", "(?:1[89]|20)?[0-9]{2}[01][0-9]", r"(?:\(0|0)[1-9][0-9]{2}", "x{2,5}[0-9]{3}y",
    "[0-9]{2}(?:[A-Z]{1,3} ?){2,4}[0-9]", "(?:AB|C)[ -]?[0-9]{1,2}[ -]?[A-Z]{1,3}[ -]?[0-9]{4}", "[0-9][\u2010-\u2013][0-9]{3}",
    "[^0-9]{1,4}[0-9]{5}", "(?=[0-9])[0-9]{3}(?:[A-F]|0)", "(?:[0-9]{4} ){3,4}|[0-9]{12}",
]  # fmt: skip


@pytest.mark.parametrize("of", [shape, runs, long_runs])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_match_has_one_of_the_needles_where_it_is_said(pattern: str, of: type) -> None:
    random = Random(pattern)
    strings, offset = needles(pattern, of)
    spelt = spelt_out(pattern).strings
    for _ in range(300):
        match = sample(pattern, random)
        assert re.fullmatch(pattern, match)
        assert not strings or any(0 <= of(match).find(string) <= offset for string in strings)
        assert not spelt or any(string in shape(match) for string in spelt)


@pytest.mark.parametrize(
    ("pattern", "known"),
    [
        ("[0-9]{3}-[0-9]{2}", Needles(("000-00",), 0)),
        ("[^@]{1,9}@[a-z]", Needles(("@",), 9)),
        (r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]", Needles(("0.0",), 2)),
        ("[A-Z]{2,4}[0-9]{4}", Needles(("AA0000",), 2)),
        ("(?:[A-Z]|[0-9])?", Needles((), 0)),
        ("(?|1)", Needles((), 0)),
    ],
)
def test_the_needles_say_most(pattern: str, known: Needles) -> None:
    assert needles(pattern) == known


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_shape_of_a_match_matches_the_shape_of_the_pattern(pattern: str) -> None:
    random = Random(pattern)
    shapes = regex.compile(shape_pattern(pattern))
    for match in [sample(pattern, random) for _ in range(100)]:
        assert shapes.fullmatch(shape(match))
        assert shapes.fullmatch(shape(match)[: random.randrange(len(match))], partial=True)
        assert not shapes.fullmatch("A@" + shape(match) + "\x00@")


@given(st.text())
def test_a_shape_keeps_every_place(text: str) -> None:
    for of in (shape, runs, long_runs):
        assert len(of(text)) == len(text)
        assert of(text) == "".join(map(of, text))
    assert ("0" in shape(text)) == (re.search("[0-9]", text) is not None)
