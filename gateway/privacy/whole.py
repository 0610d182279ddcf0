"""A whole text of an answer in, what is to be changed in it out: as a `TextRun` would that is fed it at once.

A run must say after each piece what is decided; of a whole text that is plain, and rules are looked for
together (`search`), as in a request. What acts and placeholders take their spans from left to right, flagged
rows what is left between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from gateway.privacy.plan import Plan
from gateway.privacy.rule import Rule
from gateway.privacy.rules import Rules, combine
from gateway.privacy.scanner import Blocked, Edit, Scan, exfiltrates
from gateway.privacy.search import Span, find, find_between


class _Sought(NamedTuple):
    """What is looked for in a whole text: what acts, and everything."""

    acting: Rules
    every: Rules


@lru_cache(maxsize=64)
def _sought(acting: tuple[Rule, ...], flagged: tuple[Rule, ...]) -> _Sought:
    return _Sought(combine(acting), combine(sorted((*acting, *flagged), key=lambda rule: rule.order)))


@lru_cache(maxsize=256)
def _sought_by(plan: Plan) -> _Sought:
    return _sought(plan.acting, tuple(plan.flagged or ()))


def edits_of_whole(scan: Scan, plan: Plan, text: str, context: str) -> list[Edit] | None:
    """What is changed in the text; None where only a run can tell: at a secret with an end mark."""
    sought = _sought_by(plan)
    lead = len(context)
    text = context + text
    found: list[Any] = []
    # Where no row matches anywhere, none does between placeholders either: nearly all texts are clean.
    spans = find(text, sought.every, lead)
    if not spans:
        found += _placeholders(plan, text, lead)
    else:
        found += _taken(plan, sought.acting, text, lead)
        if any(type(each) is Span and each.entity.until for each in found):
            return None
    edits: list[Edit] = []
    end = len(text)
    for each in found:
        if type(each) is Span:
            if each.entity.name in plan.blocked:
                end = each.start - each.entity.keep
                scan.blocked = Blocked(each.entity, each.start - lead, each.end - lead)
                break
            made = scan.replace(each.entity, text[each.start : each.end])
            scan.redacted += 1
            scan.hidden[each.entity.name] += 1
            edits.append(_edit(text, each.start, each.end, made))
        elif (value := _revealed(scan, text, each)) is not None:
            edits.append(_edit(text, each.start(), each.end(), value))
    if spans and plan.flagged is not None:
        _flag(scan, plan.flagged, text, lead, edits, end)
    return [Edit(e.start - lead, e.end - lead, e.text, e.lead) for e in edits] if lead else edits


def _placeholders(plan: Plan, text: str, start: int) -> Iterable[Any]:
    return () if plan.placeholders is None else plan.placeholders(text, start)


def _taken(plan: Plan, acting: Rules, text: str, start: int) -> list[Any]:
    """What acts, and placeholders: from left to right, a placeholder first."""
    taken: list[Any] = []
    while start < len(text):
        token = next(iter(_placeholders(plan, text, start)), None)
        stop = len(text) if token is None else token.start()
        while start < stop:
            start = find_between(text, acting, start, stop, taken)
        if token is not None and start == stop:
            taken.append(token)
            start = token.end()
    return taken


def _revealed(scan: Scan, text: str, token: Any) -> str | None:
    """The value of a placeholder, None where it stays as it is."""
    assert scan.vault is not None
    value = scan.vault.reveal(token)
    if value is None:
        scan.unresolved += 1
    elif exfiltrates(text, token.start(), scan.vault.hosts):
        scan.withheld += 1
        return None
    else:
        scan.restored += 1
    return value


def _edit(text: str, start: int, end: int, made: str) -> Edit:
    return Edit(start, end, made, text[max(0, start - 8) : start].rstrip()[-1:])


def _flag(scan: Scan, flagged: Rules, text: str, at: int, edits: list[Edit], end: int) -> None:
    """Count what is only seen, of what is left between the edits."""
    spans: list[Span] = []
    for start, stop in [*((edit.start, edit.end) for edit in edits), (end, end)]:
        if at < start:
            at = find_between(text, flagged, at, start, spans, start)
        at = max(at, stop)
    for span in spans:
        scan.flagged[span.entity.name] = scan.flagged.get(span.entity.name, 0) + 1
