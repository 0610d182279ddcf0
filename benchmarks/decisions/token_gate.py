"""What to run on each token: one gate for a character that could begin anything, or the patterns themselves.

`regex` can say that text so far could still become a match, but to ask that of every pattern for every token
costs more than all the rest of a proxy.
"""

from __future__ import annotations

import regex

from benchmarks import dialogue
from benchmarks.decisions import EVENTS, show
from gateway.privacy.entities import ENTITIES
from gateway.privacy.plan import plan_for
from gateway.privacy.redact import in_answers
from gateway.privacy.scanner import Scan, TextRun
from gateway.privacy.vault import Vault

TOKENS = dialogue.tokens(dialogue.Asked(dialogue.values(0), "prose"), EVENTS)
_WINDOW = 120
_VAULT = Vault()
for _entity in ENTITIES:
    if _entity.label in ("PERSON", "EMAIL", "CREDIT_CARD"):
        _VAULT.hide(_entity, "x")
_PLAN = plan_for(in_answers().acting, _VAULT.openings())
_SCAN = Scan(_PLAN, lambda entity, _: f"[{entity.label}]")
_PATTERNS = [regex.compile(rule.entity.core) for rule in in_answers().acting]
_ALTERNATION = regex.compile("|".join(f"(?:{rule.entity.core})" for rule in in_answers().acting))


def gate_alone() -> None:
    for token in TOKENS:
        _PLAN.gate(token)


def ours() -> None:
    run = TextRun(_SCAN)
    for token in TOKENS:
        run.feed(token)
        run.edits.clear()


def alternation() -> None:
    window = ""
    for token in TOKENS:
        window = (window + token)[-_WINDOW:]
        _ALTERNATION.search(window, partial=True)


def each_pattern() -> None:
    window = ""
    for token in TOKENS:
        window = (window + token)[-_WINDOW:]
        for pattern in _PATTERNS:
            pattern.search(window, partial=True)


def main() -> None:
    variants = {
        "the gate alone": gate_alone,
        "TextRun: gate, then what begins there (chosen)": ours,
        f"one alternation, partial, over {_WINDOW} characters": alternation,
        f"each pattern, partial, over {_WINDOW} characters": each_pattern,
    }
    show("What runs on each token", variants, len(TOKENS))


if __name__ == "__main__":
    main()
