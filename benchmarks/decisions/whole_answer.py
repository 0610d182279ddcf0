"""How rows and placeholders are looked for in a whole answer: by the run of streams, or all at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks import dialogue
from benchmarks.decisions import show
from gateway.privacy import whole
from gateway.privacy.actions import IN_ANSWERS, actions
from gateway.privacy.redact import answer_scan
from gateway.privacy.scanner import Scan, TextRun, find
from gateway.privacy.vault import Vault

_POLICY = actions({}, IN_ANSWERS)
_NAMES = ("PERSON", "EMAIL", "CREDIT_CARD")


def _vault() -> Vault:
    vault = Vault()
    for name, value in zip(_NAMES, dialogue.values(0), strict=True):
        vault.hide(next(rule.entity for rule in _POLICY.both if rule.entity.label == name), value)
    return vault


_VAULT = _vault()
_HIDDEN = dialogue.Values(*(f"[{name}_1]" for name in _NAMES))
CLEAN = "".join(dialogue.tokens(dialogue.Asked(_HIDDEN, "prose"), 101))
MIXED = f"{CLEAN} Ask Mary Jackson, mary@example.com, or pay with 4111 1111 1111 1111."


def _run(scan: Scan, text: str) -> None:
    run = TextRun(scan)
    run.feed(text)
    run.flush()


def _by_turns(scan: Scan, text: str) -> None:
    """As chosen, but each stretch between placeholders by itself, whether anything overlaps or not."""
    whole._by_turns(scan.plan, _VAULT, _POLICY.acting, text, 0)
    assert scan.plan.flagged is not None
    at = 0
    for token in whole.placeholders(scan.plan, _VAULT, text, 0):
        find(text[at : token.start], scan.plan.flagged)
        at = token.end
    find(text[at:], scan.plan.flagged)


def main() -> None:
    for name, text in (("clean", CLEAN), ("with values", MIXED)):
        scan = answer_scan(_VAULT, _POLICY)
        variants: dict[str, Callable[[], object]] = {
            "a run, fed all of it": partial(_run, scan, text),
            "each stretch between placeholders by itself": partial(_by_turns, scan, text),
            "the whole text for each of the three (chosen)": partial(
                whole.edits_of_whole, scan, scan.plan, text, ""
            ),
        }
        show(f"an answer of {len(text)} characters, {name}", variants, 1)


if __name__ == "__main__":
    main()
