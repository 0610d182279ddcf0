"""The search in a whole text: what is skipped could not have matched, and a stretch at a time is the same."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy import places, search
from gateway.privacy.entities import ENTITIES, LEFT_CONTEXT, Entity
from gateway.privacy.rule import Rule
from gateway.privacy.rules import combine, compile_rules, fold
from gateway.privacy.search import Span, find, find_between, find_in_steps
from tests.privacy import texts
from tests.privacy.entities import rows
from tests.privacy.stand_in import STAND_IN

TABLES = {"the table": ENTITIES, "the stand-in": STAND_IN}
every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())


def plainly(text: str, rules: Sequence[Rule], start: int = 0) -> list[Span]:
    """What the table means, in so many words: every row at every position, in order."""
    spans = []
    at = start
    while at < len(text):
        for rule in rules:
            if end := rule.match_at(text, at):
                end = rule.end_of_secret(text, end)
                spans.append(Span(at + rule.entity.keep, end, rule.entity))
                at = end
                break
        else:
            at += 1
    return spans


@pytest.mark.parametrize("name", TABLES)
def test_nothing_is_skipped_that_matches(name: str) -> None:
    rules = compile_rules(TABLES[name])
    for seed in range(60):
        text = rows.passage(TABLES[name], Random(seed))
        assert find(text, rules) == plainly(text, rules)


@every_table
@given(text=texts.texts)
def test_nothing_is_skipped_that_matches_in_any_text(table: tuple[Entity, ...], text: str) -> None:
    rules = compile_rules(table)
    assert find(text, rules) == plainly(text, rules)


def test_the_law_catches_a_word_that_is_missing() -> None:
    rules = combine(compile_rules(STAND_IN))
    rules.by_word = {word: near for word, near in rules.by_word.items() if word != "passport"}
    text = "passport number: X1234567"
    assert find(text, rules) != plainly(text, rules)


def test_a_word_counts_behind_the_one_before_it() -> None:
    rules = compile_rules(ENTITIES)
    assert rules.pairs["number"]
    for text in ("my number: 6710250154", "JP my number 123456789018, id_number=8001015009087", "number 1"):
        for start in range(len(text)):
            assert find(text, rules, start) == plainly(text, rules, start)


def test_the_law_catches_a_pair_of_words_that_is_missing() -> None:
    rules = combine(compile_rules(ENTITIES))
    text = "medical record: A12345678"
    assert find(text, rules) == plainly(text, rules) != []
    rules.pairs = {}
    assert find(text, rules) != plainly(text, rules)


@pytest.mark.parametrize("stretch", [1, 3, 17, 100])
@pytest.mark.parametrize("name", TABLES)
def test_any_stretch_finds_the_same(name: str, stretch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = compile_rules(TABLES[name])
    for seed in range(20):
        text = rows.passage(TABLES[name], Random(seed))
        spans: list[Span] = []
        assert find_between(text, rules, 0, len(text), spans) == len(text)
        monkeypatch.setattr(search, "STRETCH", stretch)
        assert find(text, rules) == spans


def test_the_law_catches_a_stretch_that_forgets_what_stood_before(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = compile_rules(STAND_IN)
    text = "my passport number is: X1234567 and more"
    spans = find(text, rules)
    monkeypatch.setattr(search, "STRETCH", 8)
    assert find(text, rules) == spans != []
    monkeypatch.setattr(places, "LEFT_CONTEXT", 4)
    assert find(text, rules) != spans


def test_steps_are_short_and_add_up() -> None:
    rules = compile_rules(STAND_IN)
    text = "call 4111 1111 1111 1111 now. " * 400
    spans: list[Span] = []
    at = 0
    for done in find_in_steps(text, rules, spans):
        assert at <= done <= at + search.STRETCH + 40
        assert all(span.end <= done for span in spans)
        at = done
    assert at == len(text)
    assert len(spans) == 400


def test_a_limit_leaves_out_what_ends_behind_it() -> None:
    rules = compile_rules(ENTITIES)
    text = "mail a@b.io and c@d.io"
    spans: list[Span] = []
    find_between(text, rules, 0, len(text), spans, limit=len(text) - 1)
    assert [text[span.start : span.end] for span in spans] == ["a@b.io"]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_taken_is_left_out_as_if_each_gap_were_searched_alone(seed: int) -> None:
    random = Random(seed)
    rules = combine(compile_rules(entity for entity in STAND_IN if not entity.until))
    text = rows.passage(STAND_IN, random, 10)
    places = sorted(random.sample(range(len(text)), 8))
    taken = list(zip(places[::2], places[1::2], strict=True))
    gaps: list[Span] = []
    at = 0
    for start, end in [*taken, (len(text), len(text))]:
        find_between(text, rules, at, start, gaps, start)
        at = end
    spans: list[Span] = []
    for _ in search.find_stretch(text, rules, 0, len(text), spans, len(text), taken):
        pass
    assert spans == gaps


CUED = Entity(
    name="CUED",
    label="CUED",
    kind="personal",
    core="[0-9]{4}",
    longest=4,
    openings=(("[0-9]",),),
    cue=r"(?i:\bpin\b)[ .]*",
    veto=r"(?i:not )",
    words=frozenset({"pin"}),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pin 1234", True),
        ("PIN 1234", True),
        ("pin" + "." * (LEFT_CONTEXT - 3) + "1234", True),
        ("pin" + "." * (LEFT_CONTEXT - 2) + "1234", False),
        ("pins 1234", False),
        ("spin 1234", False),
        ("pin 12345", False),
        ("pin: 1234", False),
        ("1234 pin", False),
    ],
)
def test_a_cue_ends_where_the_match_begins_and_is_near(text: str, found: bool) -> None:
    assert bool(find(text, compile_rules((CUED,)))) is found


@given(st.text())
def test_folding_keeps_every_place(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert all(new == old.lower() for new, old in zip(folded, text, strict=True) if old.isascii())


def test_a_long_token_is_searched_and_not_looked_at_place_by_place() -> None:
    """Digits without an end are one token, which no other is like: all there is to remember is in vain."""
    tokens = compile_rules(ENTITIES).by_token
    for sighted in (*tokens.members, *tokens.near):
        assert len([*sighted.places("0000 " * 200)]) <= 1
