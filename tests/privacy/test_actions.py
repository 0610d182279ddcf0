"""What a policy's actions do to what is found: allow, flag, redact, block."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given

from gateway.privacy import flagging
from gateway.privacy.actions import every_rule
from gateway.privacy.entities import ENTITIES
from gateway.privacy.flagging import Flagging
from gateway.privacy.json_run import JsonRun, SniffRun, escape
from gateway.privacy.plan import Action
from gateway.privacy.rules import compile_rules
from gateway.privacy.scanner import TextRun
from gateway.privacy.search import Span, find, find_between
from tests.privacy import texts
from tests.privacy.entities import rows
from tests.privacy.runs import (
    PAYMENT_CARD,
    labelled,
    mixed,
    outcome,
    scan_with,
)
from tests.privacy.stand_in import STAND_IN


def test_what_is_allowed_is_not_looked_for() -> None:
    scan = scan_with(every_rule(), {"EMAIL_ADDRESS": "allow"})
    text = "mail a@b.io card 4111 1111 1111 1111"
    assert outcome(TextRun, scan, [text]) == ("mail a@b.io card <CREDIT_CARD>", {}, None)


def test_what_is_flagged_is_counted_and_holds_nothing() -> None:
    rules = compile_rules(entity for entity in ENTITIES if entity.name in ("EMAIL_ADDRESS", "CREDIT_CARD"))
    scan = scan_with(rules, {"EMAIL_ADDRESS": "flag", "CREDIT_CARD": "flag"}, restores=False)
    run = TextRun(scan)
    text = "mail a@b.io or c@d.io, card 4111 1111 1111 1111" + " and so on" * 160 + " e@f.io"
    for fed, character in enumerate(text, 1):
        assert run.feed(character) == fed
    assert scan.flagged == {"EMAIL_ADDRESS": 2, "CREDIT_CARD": 1}
    assert run.flush() == len(text)
    assert scan.flagged == {"EMAIL_ADDRESS": 3, "CREDIT_CARD": 1}
    assert run.edits == []


@given(text=texts.texts)
def test_what_is_flagged_is_what_find_finds(text: str) -> None:
    scan = scan_with(
        every_rule(), dict.fromkeys((entity.name for entity in ENTITIES), "flag"), restores=False
    )
    for entity in ENTITIES:
        if entity.until and entity.openings[0][0] in text:
            return  # flagged by its opening, found to its end
    counts: dict[str, int] = {}
    for span in find(text, every_rule()):
        counts[span.entity.name] = counts.get(span.entity.name, 0) + 1
    assert outcome(TextRun, scan, list(text)) == (text, counts, None)


@pytest.mark.parametrize("seed", range(40))
def test_flagged_rows_compete_for_what_acting_rows_leave(seed: int) -> None:
    """The definition, done plainly: acting rows first, then flagged rows in the gaps between their spans."""
    text = rows.passage(STAND_IN, Random(seed), 10)
    actions = mixed("redact", "flag", "flag")
    bounded = tuple(entity for entity in STAND_IN if not entity.until)
    acting = find(text, compile_rules(e for e in bounded if actions[e.name] == "redact"))
    flagged = compile_rules(e for e in bounded if actions[e.name] == "flag")
    spans: list[Span] = []
    at = 0
    # What `keep` spares is text for others.
    for start, end in [*((span.start, span.end) for span in acting), (len(text), len(text))]:
        find_between(text, flagged, at, start, spans, start)
        at = end
    counts: dict[str, int] = {}
    for span in spans:
        counts[span.entity.name] = counts.get(span.entity.name, 0) + 1
    scan = scan_with(compile_rules(bounded), actions, restores=False)
    assert outcome(TextRun, scan, list(text)) == (labelled(text, acting), counts, None)


def test_what_is_blocked_ends_the_scan_before_its_first_character() -> None:
    scan = scan_with(every_rule(), {"CREDIT_CARD": "block", "EMAIL_ADDRESS": "flag"})
    first, second = TextRun(scan), TextRun(scan)
    assert second.feed("other [PER") == 6
    for character in "mail a@b.io card ":
        first.feed(character)
    card = "4111 1111 1111 1111"
    assert {first.feed(character) for character in card + "."} == {17}
    assert scan.blocked == (PAYMENT_CARD, 17, 17 + len(card))
    assert (first.feed(" more"), first.flush()) == (17, 17)
    assert (second.feed("SON_1] more"), second.flush()) == (6, 6)
    assert (first.edits, second.edits, scan.flagged) == ([], [], {"EMAIL_ADDRESS": 1})


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("kind", [JsonRun, SniffRun])
def test_a_block_in_json_counts_raw_characters(kind: type[JsonRun], size: int) -> None:
    card = r"\u0034111 1111 1111 1111"
    inner = escape('{"a\\u00e9": "' + card + '"}')
    text = '{"x": "\\n", "y": "' + inner + '", "z": 4111111111111111}'
    scan = scan_with(every_rule(), {"CREDIT_CARD": "block"})
    start = text.index("u0034") - 2
    end = text.index('\\"}', start)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert outcome(kind, scan, pieces) == (text[:start], {}, (PAYMENT_CARD, start, end))


def test_the_law_catches_flags_that_are_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "mail a@b.io " + "and so on " * 100
    actions: Mapping[str, Action] = {"EMAIL_ADDRESS": "flag"}
    whole = outcome(TextRun, scan_with(every_rule(), actions), [text])
    begin = Flagging._begin

    def again(run: Flagging, text: str, base: int, stop: int, known: int) -> None:
        run._done = max(base, run._done - 40)
        begin(run, text, base, stop, known)

    assert outcome(TextRun, scan_with(every_rule(), actions), list(text)) == whole
    monkeypatch.setattr(Flagging, "_begin", again)
    monkeypatch.setattr(flagging, "FLAG_STRIDE", 1)
    assert outcome(TextRun, scan_with(every_rule(), actions), list(text)) != whole
