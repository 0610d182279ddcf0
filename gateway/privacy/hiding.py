"""One text of a request in, what is to be changed in it out.

Rules look at it as it stands and with its hidden characters plain; what a model has found joins them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import regex

from gateway.chat import Nature
from gateway.privacy.entities import Entity
from gateway.privacy.findings import find_all, finished, in_disguise_in_steps
from gateway.privacy.json_run import JsonRun, SniffRun, decoded, looks_like_json
from gateway.privacy.model import Known, joined, spans_of
from gateway.privacy.plan import plan_for
from gateway.privacy.rules import Rules
from gateway.privacy.scanner import Edit, Scan, TextRun
from gateway.privacy.search import Span
from gateway.privacy.sentences import page, pieces
from gateway.privacy.whole import edits_of_whole

_ESCAPE_OR_QUOTE = regex.compile(r'[\\"]').search
# Stands for what is changed already.
_CHANGED = Entity(name="", label="", kind="ordinary", core="", longest=0, openings=())


def read(text: str, nature: Nature, known: Known | None) -> list[Span]:
    """What the model found in a text. Raises KeyError for what it was not given."""
    if not known:
        return []
    return [
        span for each in pieces(text, nature, page) for span in spans_of(each, known[each.text], text, nature)
    ]


def noted(rules: Rules, text: str, nature: Nature, context: str) -> list[Span]:
    """What of the flagged stands in a text of a request."""
    if nature == "text":
        return find_all(text, rules, context)
    entities: list[Entity] = []

    def note(entity: Entity, value: str) -> str:
        entities.append(entity)
        return ""

    edits = edits_of(Scan(plan_for(rules), note), text, nature, context)
    spans = [Span(e.start, e.end, entity) for e, entity in zip(edits, entities, strict=True)]
    return sorted([*spans, *apart(_disguised_in_json(rules, text), list(edits))], key=lambda s: s.start)


def hiding(
    scan: Scan,
    rules: Rules,
    text: str,
    nature: Nature,
    context: str,
    known: list[Span] | None = None,
    by_model: Sequence[Span] = (),
) -> list[Edit]:
    """What is to be changed in a text of a request; `known` is what rules found in it, if they have."""
    if nature == "text":
        spans = joined(find_all(text, rules, context) if known is None else known, by_model, text)
        edits = [Edit(s.start, s.end, scan.replace(s.entity, text[s.start : s.end])) for s in spans]
    else:
        edits = edits_of(scan, text, nature, context)
        more = joined(list(apart(_disguised_in_json(rules, text), list(edits))), by_model, text)
        is_json = nature == "json" or looks_like_json(text, final=True)
        for span in _beside(more, edits, text) if by_model else more:
            value = text[span.start : span.end]
            edits.append(
                Edit(span.start, span.end, scan.replace(span.entity, decoded(value) if is_json else value))
            )
        edits.sort()
    # What is allowed was replaced by itself.
    return [e for e in edits if e.text.strip('"') != text[e.start : e.end].strip('"')]


def _disguised_in_json(rules: Rules, text: str) -> list[Span]:
    spans = finished(in_disguise_in_steps(text, rules))
    # What holds an escape or a quote was looked at decoded, or is not one string.
    return [each for each in spans if not _ESCAPE_OR_QUOTE(text, each.start, each.end)]


def _beside(spans: Sequence[Span], edits: Sequence[Edit], text: str) -> list[Span]:
    """The spans, less what is changed already."""
    changed = [Span(edit.start, edit.end, _CHANGED) for edit in edits]
    return [each for each in joined(changed, spans, text) if each.entity is not _CHANGED]


_Piece = TypeVar("_Piece", Edit, Span)


def apart(spans: Iterable[_Piece], others: Sequence[Edit]) -> Iterator[_Piece]:
    """The pieces that overlap none of the others; both ascend."""
    at = 0
    for piece in spans:
        while at < len(others) and others[at].end <= piece.start:
            at += 1
        if at == len(others) or others[at].start >= piece.end:
            yield piece


def run_for(scan: Scan, nature: Nature, context: str) -> TextRun | JsonRun | SniffRun:
    """A run of that nature. JSON brings its own context, its keys."""
    if nature in ("text", "signed"):
        return TextRun(scan, context, signed=nature == "signed")
    return JsonRun(scan) if nature == "json" else SniffRun(scan)


def edits_of(scan: Scan, text: str, nature: Nature, context: str) -> list[Edit]:
    """What a run changes in a whole text."""
    if scan.blocked is not None:
        return []
    if nature in ("text", "signed"):
        edits = edits_of_whole(scan, scan.plan.signed if nature == "signed" else scan.plan, text, context)
        if edits is not None:
            return edits
    run = run_for(scan, nature, context)
    run.feed(text)
    run.flush()
    return run.edits
