"""Law 1 of a run: however a text is cut, it gives what the whole text gives."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy import entities
from gateway.privacy.actions import every_rule
from gateway.privacy.entities import ENTITIES
from gateway.privacy.json_run import JsonRun, SniffRun, escape
from gateway.privacy.plan import Plan
from gateway.privacy.rule import Rule
from gateway.privacy.rules import compile_rules
from gateway.privacy.scanner import Scan, TextRun
from gateway.privacy.search import find
from tests.privacy import texts
from tests.privacy.entities import rows
from tests.privacy.runs import (
    BIG,
    SCANS,
    Run,
    corpus,
    label,
    labelled,
    outcome,
    run_pieces,
    scan_with,
)
from tests.privacy.stand_in import STAND_IN


@pytest.mark.parametrize("kind", [TextRun, JsonRun, SniffRun])
@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS.keys())
@given(data=st.data(), text=texts.texts)
def test_any_cut_gives_what_the_whole_gives(
    kind: type[Run], scan: Callable[[], Scan], data: st.DataObject, text: str
) -> None:
    whole = outcome(kind, scan(), [text])
    assert outcome(kind, scan(), data.draw(texts.cut(text))) == whole
    assert outcome(kind, scan(), list(text)) == whole


def in_json(text: str) -> str:
    return f'{{"note": "{escape(text)}", "n": 1234567890}}'


@pytest.mark.parametrize("scan", [SCANS["flag and redact"], SCANS["block some"]], ids=["flag", "block"])
@pytest.mark.parametrize("kind", [TextRun, JsonRun])
def test_every_row_at_every_cut_gives_what_the_whole_gives(kind: type[Run], scan: Callable[[], Scan]) -> None:
    random = Random(0)
    for text in corpus():
        text = in_json(f"a {text}, b") if kind is JsonRun else f"a {text}, b"
        whole = outcome(kind, scan(), [text])
        cuts = random.sample(range(1, len(text)), min(8, len(text) - 1))
        for cut in cuts:
            assert outcome(kind, scan(), [text[:cut], text[cut:]]) == whole, text
        for size in (1, 4):
            pieces = [text[at : at + size] for at in range(0, len(text), size)]
            assert outcome(kind, scan(), pieces) == whole, text


@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS.keys())
@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_any_passage_at_any_cuts_gives_what_the_whole_gives(
    scan: Callable[[], Scan], seed: int, data: st.DataObject
) -> None:
    text = rows.passage(STAND_IN, Random(seed), 12)
    whole = outcome(TextRun, scan(), [text])
    assert outcome(TextRun, scan(), data.draw(texts.cut(text))) == whole
    assert outcome(TextRun, scan(), list(text)) == whole


@given(text=texts.texts)
def test_a_stream_finds_what_find_finds(text: str) -> None:
    """Two algorithms, one answer: the gate and the partial matches against searching the whole."""
    whole = labelled(text, find(text, every_rule()))
    assert run_pieces(TextRun(SCANS["redact only"]()), list(text)) == whole


def test_a_stream_finds_what_find_finds_of_every_row() -> None:
    for text in corpus():
        whole = labelled(text, find(text, BIG))
        assert run_pieces(TextRun(scan_with(BIG, {}, restores=False)), list(text)) == whole


def test_the_law_catches_a_cue_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = list("passport number: X1234567.")
    whole = run_pieces(TextRun(scan_with(BIG)), ["".join(pieces)])
    assert run_pieces(TextRun(scan_with(BIG)), pieces) == whole
    read = TextRun._read_words

    def forgetful(run: TextRun, piece: str) -> None:
        run._word = ""
        read(run, piece)

    monkeypatch.setattr(TextRun, "_read_words", forgetful)
    assert run_pieces(TextRun(scan_with(BIG)), pieces) != whole


def test_the_law_catches_a_run_that_trusts_partial_match() -> None:
    """`match(partial=True)` calls a match complete although the next character could void or extend it."""

    class Trusting(Rule):
        def __init__(self, entity: entities.Entity, order: int) -> None:
            super().__init__(entity, order)
            match = regex.compile(entity.core).match

            def extend(text: str, at: int, partial: bool) -> object:
                found = match(text, at, partial=True)
                return found if found and found.partial else None

            self.extend = extend

    rules = tuple(Trusting(entity, order) for order, entity in enumerate(ENTITIES))
    text = "123-45-67890 and bob@ex.com"
    pieces = ["123-45-6789", "0 and bob@ex.co", "m"]
    scan = Scan(Plan(rules), label)
    assert run_pieces(TextRun(scan), pieces) != run_pieces(TextRun(scan), [text])
    assert run_pieces(TextRun(SCANS["redact only"]()), pieces) == run_pieces(
        TextRun(SCANS["redact only"]()), [text]
    )


def test_the_law_catches_a_gate_that_misses_an_opening() -> None:
    blind = compile_rules(tuple(e for e in ENTITIES if e.name == "CREDIT_CARD"))
    plan = Plan(blind)
    plan.gate = lambda text, at: None
    text = "4111 1111 1111 1111"
    assert run_pieces(TextRun(Scan(plan, label)), [text]) != "<CREDIT_CARD>"
