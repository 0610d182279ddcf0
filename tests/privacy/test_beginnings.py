"""Openings that are read off patterns: every match begins with one of them."""

from __future__ import annotations

import re

import pytest

from gateway.privacy.beginnings import beginnings
from gateway.privacy.rule import plain_letters, plain_starts
from tests.privacy.entities import rows
from tests.privacy.stand_in import STAND_IN


def begins(core: str, text: str) -> bool:
    return any(re.match("".join(opening), text) for opening in beginnings(core))


def test_every_match_of_a_row_begins_with_an_opening_of_its_pattern() -> None:
    for entity in STAND_IN[::6]:
        if beginnings(entity.core):
            for _, match in rows.matches(entity, wanted=1):
                assert begins(entity.core, match), entity.core


@pytest.mark.parametrize(
    ("core", "openings"),
    [
        ("[0-9]{9}", {("[0-9]",)}),
        ("[A-Z][0-9]{8}|X", {("[A-Z]", "[0-9]"), ("[A-Z]",)}),
        ("(?:[a-z]{1,2}-?)?[0-9]+", {("[0-9]",), ("[a-z]", "[0-9]"), ("[a-z]", r"[\-]", "[0-9]"),
                                     ("[a-z]", "[a-z]", "[0-9]"), ("[a-z]", "[a-z]", r"[\-]", "[0-9]")}),
        ("(?=x)[a-z]{9}", {("[a-z]",) * 6}),
        ("[A-Z](?i:nr)", {("[A-Z]",)}),
        ("[^ ]x", set()),
        ("(?:ab)?", set()),
        (r"\d{4}", set()),
    ],
)  # fmt: skip
def test_openings_go_on_to_the_first_digit(core: str, openings: set[tuple[str, ...]]) -> None:
    assert set(beginnings(core)) == openings


WORDY = "[A-Za-z0-9]"


def test_what_a_plain_word_begins_with_is_told_by_three_letters() -> None:
    assert plain_starts([(WORDY, ("s", "k", r"\-"))]) == frozenset({"s", "sk"})
    assert plain_starts([(WORDY, ("[pQ]", "a", "t", "[0-9]"))]) == frozenset("p Q pa Qa pat Qat".split())
    assert plain_starts([(WORDY, ("[AB]", "[A-Z]"))]) == frozenset("AB")
    assert plain_starts([("", ("s", "k", r"\-"))]) is None  # within a word too
    assert plain_starts([(WORDY, (r"\s", "k"))]) is None  # at the blank too
    assert plain_starts([(WORDY, ("[a-z]", "[a-z]"))]) is None  # anywhere


def test_a_word_with_more_letters_than_an_opening_begins_nothing() -> None:
    assert plain_letters([(WORDY, ("[A-Za-z]", "[A-Za-z]", "[0-9]")), (WORDY, ("[0-9]",))]) == 2
    assert plain_letters([(WORDY, ("[0-9]",))]) == 0
    assert plain_letters([(WORDY, ("[A-Z]", "[A-Z]"))]) == 1
    assert plain_letters([(WORDY, ("[a-z]", "[a-z]"))]) > 1000
    assert plain_letters([("", ("[a-z]", "[a-z]"))]) == -1
