"""Law 8 of a run: twice the text is twice the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

import pytest

from gateway.privacy.plan import Action, Plan
from gateway.privacy.rule import Rule
from gateway.privacy.rules import Rules
from gateway.privacy.scanner import Scan, TextRun
from tests.privacy.runs import (
    BIG,
    label,
    made_vault,
    mixed,
)


class Counting:
    """A plan's searches, each counted by the characters it may look at."""

    def __init__(self, rules: Rules, actions: Mapping[str, Action]) -> None:
        self.steps = 0
        counted = tuple(self._rule(rule) for rule in rules)
        self.plan = Plan(counted, actions).restoring(made_vault().openings())
        self.plan.gate = self._search(self.plan.gate)
        cues = {word: cue._replace(gate=self._search(cue.gate)) for word, cue in self.plan.cues.items()}
        self.plan.cues = cues

    def _search(self, search: Callable[..., Any]) -> Callable[..., Any]:
        def counting(text: str, at: int, end: int = 1 << 30) -> Any:
            found = search(text, at, end)
            self.steps += (found.end() if found else min(end, len(text))) - at + 1
            return found

        return counting

    def _rule(self, rule: Rule) -> Rule:
        rule.warm()  # what is done once is not counted
        own = copy(rule)
        match, extend = rule.match, rule.extend

        def matching(text: str, at: int) -> Any:
            found = match(text, at)
            self.steps += (found.end() - at if found else 0) + 1
            return found

        def extending(text: str, at: int, partial: bool) -> Any:
            self.steps += min(len(text) - at, rule.longest) // 8 + 1  # much quicker than the rest
            return extend(text, at, partial=partial)

        own.match, own.extend = matching, extending
        return own


HOSTILE = [
    "word and ", "1234 ", "[PERSON_1] ", "[[[[", "4111 1111 1111 1111 ", "sk-aaaa", "A", "1234567890", "+ ", "::::", "a@", "((((",
    "Abc ", "ABC ", "sk-", "QWxhZGRpbjpvcGVuIHNlc2FtZQ/+", "1.", "[(", "\\", "passport number ", "ssn id no account password: ",
    "number 123456 id 1234567 ", "A-", "eyJ", "http://", "://a:", " ", "-----BEGIN ", "a.", "1:", "password=", "\"\'", "\n", "é ",
    "[PERSON_", "%5B", "tax 12 ",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("actions", [{}, mixed("flag", "redact")], ids=["redact", "flag"])
def test_twice_the_text_is_twice_the_work(unit: str, actions: Mapping[str, Action]) -> None:
    steps = []
    for size in (800, 1600):
        counting = Counting(BIG, actions)
        text = (unit * size)[:size]
        run = TextRun(Scan(counting.plan, label, made_vault()))
        for at in range(0, size, 4):
            run.feed(text[at : at + 4])
        run.flush()
        steps.append(counting.steps)
    assert steps[1] < 2.2 * steps[0] + 2000
    assert steps[1] < 60 * 1600


def test_the_law_catches_work_that_is_not_linear() -> None:
    steps = []
    for size in (2000, 4000):
        counting = Counting(BIG, {})
        run = TextRun(Scan(counting.plan, label))
        for _ in range(0, size, 4):
            run._pos = 0  # begins again with every piece
            run._open = None
            run.feed("word")
        steps.append(counting.steps)
    assert steps[1] > 2.2 * steps[0] + 4000
