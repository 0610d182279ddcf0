"""Scans with every action, runs fed in pieces, and what a client would have seen of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random

from gateway.privacy import entities, scanner
from gateway.privacy.actions import every_rule
from gateway.privacy.entities import ENTITIES
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.plan import Action, plan_for
from gateway.privacy.redact import answer_scan
from gateway.privacy.rules import Rules, compile_rules
from gateway.privacy.scanner import Scan, TextRun
from gateway.privacy.search import Span
from gateway.privacy.vault import Vault
from tests.privacy import texts
from tests.privacy.entities import rows
from tests.privacy.stand_in import STAND_IN

Run = TextRun | JsonRun | SniffRun


def made_vault() -> Vault:
    vault = Vault()
    vault.hide(texts.entity("PERSON"), 'Ada "A" Byron')
    vault.hide(texts.entity("EMAIL"), "x@y.io")
    vault.hide(texts.entity("CREDIT_CARD"), "4111 1111 1111 1111")
    return vault


def label(entity: entities.Entity, value: str) -> str:
    return f"<{entity.label}>"


BIG = compile_rules(STAND_IN)
PAYMENT_CARD = next(entity for entity in ENTITIES if entity.name == "CREDIT_CARD")


def mixed(*actions: Action) -> dict[str, Action]:
    """Every name of the big table with one of the actions, in turn."""
    names = dict.fromkeys(entity.name for entity in STAND_IN)
    return {name: actions[index % len(actions)] for index, name in enumerate(names)}


def scan_with(rules: Rules, actions: Mapping[str, Action] = {}, restores: bool = True) -> Scan:
    vault = made_vault() if restores else None
    return Scan(plan_for(rules, vault.openings() if vault else (), actions), label, vault)


SCANS: dict[str, Callable[[], Scan]] = {
    "restore and redact": lambda: answer_scan(made_vault()),
    "redact everything": partial(scan_with, every_rule()),
    "redact only": partial(scan_with, every_rule(), {}, False),
    "big table": partial(scan_with, BIG),
    "flag everything": partial(scan_with, BIG, mixed("flag")),
    "flag and redact": partial(scan_with, BIG, mixed("flag", "redact")),
    "allow, flag, redact": partial(scan_with, BIG, mixed("allow", "redact", "flag"), False),
    "block some": partial(scan_with, BIG, mixed("redact", "flag", "redact", "block")),
}


Outcome = tuple[str, dict[str, int], scanner.Blocked | None]


def outcome(kind: type[Run], scan: Scan, pieces: list[str]) -> Outcome:
    """What a client would have seen, what was counted, and what ended it."""
    return run_pieces(kind(scan), pieces, scan), scan.flagged, scan.blocked


def run_pieces(run: Run, pieces: list[str], scan: Scan | None = None) -> str:
    """The text after all edits, made as they are decided: what a client would have seen."""
    text, out, at, before = "", "", 0, 0
    for index in range(len(pieces) + 1):
        if index < len(pieces):
            text += pieces[index]
            decided = run.feed(pieces[index])
        else:
            decided = run.flush()
            blocked = scan.blocked if scan else None
            if blocked is None:
                assert decided == len(text)
            else:
                assert decided <= blocked.start < blocked.end <= len(text)
        assert before <= decided <= len(text)
        before = decided
        for edit in run.edits:
            assert at <= edit.start <= edit.end <= decided
            out += text[at : edit.start] + edit.text
            at = edit.end
        run.edits.clear()
        out += text[at:decided]
        at = max(at, decided)
    return out


def corpus() -> list[str]:
    """A text for each row, so that no row goes untested, and some of several."""
    single = [cue + core for entity in STAND_IN for cue, core in rows.matches(entity, wanted=1)]
    return [
        *(text[:300] for text in single),
        *(rows.passage(STAND_IN, Random(seed), 3) for seed in range(25)),
    ]


def labelled(text: str, spans: list[Span]) -> str:
    for span in reversed(spans):
        text = text[: span.start] + f"<{span.entity.label}>" + text[span.end :]
    return text
