"""What a named-entity model is to us: it reads a piece of text and says where names stand in it.

Its words for them become ours here, and its findings join those of the rules. Rules win where both have
something to say, because they know what may be done with it; what a model found beyond them is hidden too.
What loads a model and waits for it is the server's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import regex

from gateway.chat import Nature
from gateway.privacy.entities import ENTITIES, MODEL_ONLY, Entity, resolve
from gateway.privacy.plan import Action
from gateway.privacy.search import Span
from gateway.privacy.sentences import Piece

ActionOf = Callable[[Entity], Action]


class Finding(NamedTuple):
    """Code points `start` to `end` of a piece, the name of one of our entities, and how sure, 0 to 1."""

    start: int
    end: int
    name: str
    score: float = 1.0


# What was found in each piece that a model has read, by the piece's text.
Known = Mapping[str, Sequence[Finding]]

# Labels of spaCy's pipelines (OntoNotes 5 and WikiNER) that are not our names.
_LABELS = {
    "PER": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "TIME": "DATE_TIME",
}
# Labels of the same that say nothing about a person.
_IMPERSONAL = frozenset(
    "CARDINAL EVENT LANGUAGE LAW MISC MONEY ORDINAL PERCENT PRODUCT QUANTITY WORK_OF_ART".split()
)

# The row that stands for a name: its first is the plainest one, except for what is `ordinary` elsewhere.
_ROWS: dict[str, Entity] = {}
for _row in (*ENTITIES, *MODEL_ONLY):
    if _row.name not in _ROWS or _row.kind == "ordinary" != _ROWS[_row.name].kind:
        _ROWS[_row.name] = _row

_PLACEHOLDER = regex.compile(r"\[[A-Z][A-Z_]*(?:_[#0-9a-z]+)?\]")
# In JSON these are written otherwise than they are read.
_ESCAPED = regex.compile(r'["\\\x00-\x1f]+')
_SAYS = regex.compile(r"[\p{L}\p{N}]")


def meaning(label: str, own: Mapping[str, str]) -> str | None:
    """Our name for what a model calls `label`, None for what is nothing personal.

    `own` are the caller's words for labels, and come first; an empty one means nothing. Raises UnknownEntity.
    """
    if label in own:
        return _name(own[label]) if own[label] else None
    if label.upper() in _IMPERSONAL:
        return None
    return _name(_LABELS.get(label.upper(), label))


def _name(word: str) -> str:
    """One entity for a word. Where it stands for several, it is hidden as the first that bears the name."""
    names = resolve(word)
    return word if word in names else min(names)


def row(name: str) -> Entity:
    return _ROWS[name]


def spans_of(piece: Piece, found: Sequence[Finding], text: str, nature: Nature) -> Iterator[Span]:
    """The findings as spans of the whole text, ascending; not of what is a placeholder in it."""
    places = piece.places
    for finding in sorted(found):
        start, end = places[finding.start], places[finding.end]
        taken = [each.span() for each in _PLACEHOLDER.finditer(text, start, end)]
        if nature != "text":
            special = _ESCAPED.finditer(piece.text, finding.start, finding.end)
            taken = sorted([*taken, *((places[each.start()], places[each.end()]) for each in special)])
        yield from beside([Span(start, end, row(finding.name))], taken, text)


def masked(piece: Piece, taken: Iterable[tuple[int, int]]) -> str:
    """The piece with crosses for what is taken: a model need not read what is hidden anyway."""
    text = piece.text
    for start, end in taken:
        if start < piece.end and piece.start < end:
            crossed = ["X" if start <= at < end else c for c, at in zip(text, piece.places, strict=False)]
            text = "".join(crossed)
    return text


def beside(spans: Iterable[Span], taken: Sequence[tuple[int, int]], text: str) -> Iterator[Span]:
    """What the spans hold beside what is taken, without white space at its ends, if it says something.

    All ascend. Of spans that overlap, the later one gets what the earlier has left.
    """
    behind = 0
    for span in spans:
        at = max(span.start, behind)
        for start, end in (*taken, (span.end, span.end)):
            if end <= at and start < span.end:
                continue
            if start > at and (part := _trimmed(text, at, min(start, span.end))):
                yield Span(*part, span.entity)
            at = max(at, end)
            if at >= span.end:
                break
        behind = max(behind, span.end)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if _SAYS.search(text, start, end) else None


def joined(rules: Sequence[Span], model: Sequence[Span], text: str) -> list[Span]:
    """The rules' spans and the model's as one list, ascending and apart. Both ascend, the rules' are apart.

    Where all that overlap bear one name they are one span. Otherwise the rules' stay as they are, and so does
    what the model found beside them.
    """
    if not model:
        return list(rules)
    both = sorted(
        [*((each, True) for each in rules), *((each, False) for each in model)],
        key=lambda each: each[0].start,
    )
    spans: list[Span] = []
    at = 0
    while at < len(both):
        last, end = at, both[at][0].end
        while last + 1 < len(both) and both[last + 1][0].start < end:
            last += 1
            end = max(end, both[last][0].end)
        met = both[at : last + 1]
        at = last + 1
        ruled = [span for span, is_rule in met if is_rule]
        entity = (ruled or [met[0][0]])[0].entity
        if all(span.entity.name == entity.name for span, _ in met):
            spans.append(Span(met[0][0].start, end, entity))
        else:
            found = [span for span, is_rule in met if not is_rule]
            extents = [(each.start, each.end) for each in ruled]
            spans += sorted([*ruled, *beside(found, extents, text)], key=lambda each: each.start)
    return spans
