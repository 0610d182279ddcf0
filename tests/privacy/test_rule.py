"""What a rule is asked before it is read in full: nothing is ruled out that the rule would have taken."""

from __future__ import annotations

from random import Random

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy import rule
from gateway.privacy.entities import ENTITIES, LEFT_CONTEXT, Entity
from gateway.privacy.rule import ASCII, ENDING, ByEnding, Rule, one_of
from gateway.privacy.rules import compile_rules
from tests.privacy.entities import rows

LED = [entity for entity in ENTITIES if entity.cue]
every_led_row = pytest.mark.parametrize("entity", LED, ids=map(rows.named, LED))


@every_led_row
def test_a_cue_that_ends_at_a_place_may_end_there(entity: Entity) -> None:
    ends, random = ByEnding(entity.cue), Random(1)
    cue = regex.compile(entity.cue, regex.REVERSE).match
    for before, core in rows.candidates(entity, 30):
        text = random.choice(("", "x", " ", "é ", "1")) + before + core
        for at in range(1, len(text)):
            if cue(text, max(0, at - LEFT_CONTEXT), at):
                assert ends[text[max(0, at - ENDING) : at]]


def test_an_ending_may_be_longer_than_the_cue() -> None:
    assert ByEnding("(?<![a-z])[0-9]")[" a 1"]
    assert not ByEnding("(?<![a-z])[0-9]")[" a b"]


def test_few_endings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule, "_MANY_ENDINGS", 8)
    ends = ByEnding("[0-9]{3}")
    for number in range(100):
        assert ends[f"{number:03}"]
        assert len(ends) <= 8


@given(st.text(max_size=40))
def test_what_may_be_led_is_all_that_is(text: str) -> None:
    for each in compile_rules(ENTITIES)[::7]:
        if each.cue is not None and each.led(text, len(text)):
            assert each.maybe_led(text, len(text))


@given(st.sets(st.sampled_from(ASCII)), st.booleans())
def test_a_class_is_the_same_however_it_is_written(members: set[str], beyond: bool) -> None:
    if not members and not beyond:
        return
    known = "".join(map(regex.escape, sorted(members))) + (r"\x80-\U0010ffff" if beyond else "")
    for c in (*ASCII, "\x80", "é", "😀"):
        assert bool(regex.match(one_of(known), c)) == (c in members or (beyond and not c.isascii()))


def test_a_rule_with_a_cue_says_what_may_stand_before_it() -> None:
    entity = next(entity for entity in LED if entity.rule == "PASSWORD")
    assert not regex.match(f"[{Rule(entity, 0).last}]", "x")
