"""Laws 3 and 4 of a run: nothing leaks, and only what could still become something is held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.actions import every_rule
from gateway.privacy.entities import ENTITIES, Entity
from gateway.privacy.rule import Rule
from gateway.privacy.rules import compile_rules
from gateway.privacy.scanner import TextRun
from gateway.privacy.search import find
from tests.privacy import texts
from tests.privacy.runs import (
    SCANS,
    run_pieces,
    scan_with,
)


@given(
    value=texts.values,
    data=st.data(),
    before=st.sampled_from(["", "x ", '"', "(", ": "]),
    after=st.sampled_from(["", " x", '"', ")", "\n"]),
)
def test_no_character_of_a_match_is_ever_decided_before_it_is_replaced(
    value: str, data: st.DataObject, before: str, after: str
) -> None:
    text = before + value + after
    spans = find(text, every_rule())
    run = TextRun(SCANS["redact only"]())
    fed = 0
    for piece in data.draw(texts.cut(text)):
        decided = run.feed(piece)
        fed += len(piece)
        for span in spans:
            if fed <= span.end:
                assert decided <= span.start or decided >= span.end
    run.flush()
    assert [(e.start, e.end) for e in run.edits] == [(s.start, s.end) for s in spans]


@pytest.mark.parametrize("cut", range(1, len(texts.PEM)))
def test_a_private_key_is_swallowed_from_its_opening_on(cut: int) -> None:
    run = TextRun(SCANS["restore and redact"]())
    assert run_pieces(run, [texts.PEM[:cut], texts.PEM[cut:], " done"]) == "[PRIVATE_KEY] done"


def test_a_private_key_that_never_ends_is_swallowed_to_the_end() -> None:
    run = TextRun(SCANS["restore and redact"]())
    assert run_pieces(run, [texts.PEM[:40], "Q" * 500, "R" * 500]) == "[PRIVATE_KEY]"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("Hello wor", ""),
        ("see [", "["),
        ("see [PER", "[PER"),
        ("see [PERSON_1", "[PERSON_1"),
        ("see [PERSON_1]", ""),
        ("see [PERSONAL", ""),
        ("see [Err", ""),
        ("see [ERR", "ERR"),  # a fiscal code begins with six capitals
        ("see [PERSON_1s", ""),
        ("a[i", ""),
        ("total 42", "42"),
        ("total 42 ", "42 "),
        ("total 42 a", ""),
        ("4111 1111 1111 1111", "4111 1111 1111 1111"),
        ("4111 1111 1111 1111.", ""),
        ("class", ""),
        ("this is s", "s"),
        ("this is so", ""),
        ("x sk-", "sk-"),
        ("x sk- ", ""),
        ("1" * 60, ""),
    ],
)
def test_only_what_could_still_become_something_is_held(text: str, held: str) -> None:
    run = TextRun(SCANS["restore and redact"]())
    assert text[run.feed(text) :] == held


@given(text=texts.texts)
def test_nothing_longer_than_the_longest_entity_is_held(text: str) -> None:
    run = TextRun(SCANS["redact everything"]())
    for fed, character in enumerate(text, 1):
        assert fed - run.feed(character) <= max(entity.longest for entity in ENTITIES)


def test_longest_is_the_longest() -> None:
    """No pattern can match more than its row says: one character more, and no extension is possible."""
    fillers = "A1a0-. :_/@+="
    for entity in ENTITIES:
        rule = Rule(entity, 0)
        for filler in fillers:
            assert not rule.extend(entity.cue[:0] + filler * (entity.longest + 1), partial=True), entity.name


def test_a_word_with_a_letter_that_folds_to_ascii_may_be_cut_there() -> None:
    row = Entity(
        name="TR",
        label="TR",
        kind="government",
        core="[0-9]{8}",
        longest=8,
        openings=(("[0-9]",),),
        cue="numarası: ",
        words=frozenset({"numarasi"}),
    )
    text = "numarası: 12345678 "
    for cut in range(len(text)):
        run = TextRun(scan_with(compile_rules((row,))))
        run.feed(text[:cut])
        run.feed(text[cut:])
        run.flush()
        assert [edit.text for edit in run.edits] == ["<TR>"], cut
