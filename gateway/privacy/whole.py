"""A whole text of an answer in, what is to be changed in it out: as a `TextRun` would that is fed it at once.

A run must say after each piece what is decided; of a whole text that is plain, and rules are looked for
together (`search`), as in a request. What acts and placeholders take their spans from left to right, flagged
rows what is left between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Any

from gateway.privacy.plan import Plan
from gateway.privacy.rule import Rule
from gateway.privacy.rules import Rules, combine
from gateway.privacy.scan import Blocked, Edit, Scan, lead_of
from gateway.privacy.search import Span, find, find_between, find_stretch
from gateway.privacy.vault import Placeholder, Vault


@lru_cache(maxsize=64)
def _combined(rules: tuple[Rule, ...]) -> Rules:
    return combine(rules)


def edits_of_whole(scan: Scan, plan: Plan, text: str, context: str) -> list[Edit] | None:
    """What is changed in the text; None where only a run can tell: at a secret with an end mark."""
    lead = len(context)
    text = context + text
    vault = scan.vault if plan.opening is not None else None
    found = _taken(plan, vault, text, lead)
    if any(isinstance(each, Span) and each.entity.until for each in found):
        return None
    edits: list[Edit] = []
    end = len(text)
    for each in found:
        if isinstance(each, Span):
            if each.entity.name in plan.blocked:
                end = each.start - each.entity.keep
                scan.blocked = Blocked(each.entity, each.start - lead, each.end - lead)
                break
            made = scan.hide(each.entity, text[each.start : each.end])
            edits.append(Edit(each.start, each.end, made, lead_of(text, each.start)))
        elif (value := scan.reveal(each, text)) is not None:
            edits.append(Edit(each.start, each.end, value, lead_of(text, each.start)))
    if plan.flagged is not None:
        _flag(scan, plan.flagged, text, lead, edits, end)
    return [Edit(e.start - lead, e.end - lead, e.text, e.lead) for e in edits] if lead else edits


def _taken(plan: Plan, vault: Vault | None, text: str, start: int) -> list[Span | Placeholder]:
    """What acts and placeholders, from left to right; a placeholder first."""
    tokens: list[Span | Placeholder] = [] if vault is None else list(placeholders(plan, vault, text, start))
    acting = _combined(plan.acting)
    spans = find(text, acting, start)
    if not spans:
        return tokens
    # Where none overlaps another, each of the two searches has seen the text as if the other were none.
    if not tokens:
        return list(spans)
    taken = sorted([*spans, *tokens], key=attrgetter("start", "end"))
    if all(before.end <= behind.start for before, behind in pairwise(taken)):
        return taken
    return _by_turns(plan, vault, acting, text, start)


def _by_turns(
    plan: Plan, vault: Vault | None, acting: Rules, text: str, start: int
) -> list[Span | Placeholder]:
    """As `_taken`, whatever overlaps."""
    taken: list[Any] = []
    while start < len(text):
        token = None if vault is None else next(placeholders(plan, vault, text, start), None)
        stop = len(text) if token is None else token.start
        while start < stop:
            start = find_between(text, acting, start, stop, taken)
        if token is not None and start == stop:
            taken.append(token)
            start = token.end
    return taken


def placeholders(plan: Plan, vault: Vault, text: str, at: int) -> Iterator[Placeholder]:
    """What of the vault stands in a text, from a position on."""
    assert plan.opening is not None
    while (opening := plan.opening(text, at)) is not None:
        at = opening.start()
        found = vault.find(text, at, final=True)
        if found is None:
            at += 1
        else:
            yield found
            at = found.end


def _flag(scan: Scan, flagged: Rules, text: str, start: int, edits: list[Edit], end: int) -> None:
    """Count what is only seen up to an end, of what is left between the edits."""
    spans: list[Span] = []
    taken = [(edit.start, edit.end) for edit in edits]
    for _ in find_stretch(text, flagged, start, end, spans, end, taken):
        pass
    scan.flagged.update(each.entity.name for each in spans)
