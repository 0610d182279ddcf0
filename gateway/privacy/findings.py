"""A whole text in; what is personal or secret in it, or the text without it, out.

A value in disguise is found where it stands. Work on a long text can be done a step at a time, so that
nothing else has to wait for it. What a policy does with a finding is not known here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from heapq import merge
from typing import TypeVar

from gateway.privacy.entities import ENTITIES, Entity, resolve
from gateway.privacy.grammar import LONGEST_PLACEHOLDER
from gateway.privacy.normalise import normalise_in_steps
from gateway.privacy.rules import Rules
from gateway.privacy.search import Span, find_in_steps
from gateway.privacy.vault import Vault

T = TypeVar("T")
# Generators that do a step between two yields and return what they made.
Steps = Generator[None, None, T]

# What a request is rid of when its policy says nothing else.
HIDDEN: tuple[Entity, ...] = tuple(entity for entity in ENTITIES if entity.kind != "ordinary")

_AT_ONCE = 256
_RESERVED_AT_ONCE = 8192
# A placeholder may stand behind JSON escapes, six characters for one, and twice so in nested JSON.
_PLACEHOLDER_REACH = 36 * LONGEST_PLACEHOLDER


def names_of(asked: Iterable[str]) -> frozenset[str]:
    """The entities' names that names, other products' names, labels or kinds stand for.

    Raises UnknownEntity, which says the nearest name.
    """
    return frozenset(name for each in asked for name in resolve(each))


def rows_of(names: frozenset[str]) -> tuple[Entity, ...]:
    """The rows of the table that have these names, in its order."""
    return tuple(entity for entity in ENTITIES if entity.name in names)


def find_all(text: str, rules: Rules, context: str = "") -> list[Span]:
    """What is found in the text, in disguise too: ascending, none overlapping.

    `context` stands before the text and only says what may be found in it.
    """
    return finished(find_all_in_steps(text, rules, context))


def find_all_in_steps(text: str, rules: Rules, context: str = "") -> Generator[int | None, None, list[Span]]:
    """As `find_all`, with a stop after each stretch of the text.

    Each says how many characters have been looked at as they stand, None while those in disguise are.
    """
    spans: list[Span] = []
    lead = len(context)
    for done in find_in_steps(context + text, rules, spans, lead):
        yield done - lead
    if lead:
        spans = [Span(each.start - lead, each.end - lead, each.entity) for each in spans]
    disguised = yield from in_disguise_in_steps(text, rules, context)
    return (yield from united_in_steps(spans, disguised))


def write(text: str, spans: Sequence[Span], vault: Vault) -> str:
    """The text with every span written in the vault's format, which is told of the text here."""
    return finished(write_in_steps(text, spans, vault))


def write_in_steps(text: str, spans: Sequence[Span], vault: Vault) -> Steps[str]:
    """As `write`, with a stop after each stretch of the text and after some of the spans."""
    for start in range(0, len(text), _RESERVED_AT_ONCE):
        vault.reserve(text[start : start + _RESERVED_AT_ONCE + _PLACEHOLDER_REACH])
        yield
    pieces: list[str] = []
    at = 0
    for number, span in enumerate(spans):
        pieces += text[at : span.start], vault.hide(span.entity, text[span.start : span.end])
        at = span.end
        if number % _AT_ONCE == 0:
            yield
    pieces.append(text[at:])
    return "".join(pieces)


def finished(steps: Generator[object, None, T]) -> T:
    """What the steps make, done at once."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            made: T = done.value
            return made


# --- in disguise --------------------------------------------------------------------------------------------


def in_disguise_in_steps(text: str, rules: Rules, context: str = "") -> Steps[list[Span]]:
    """What is found only once hidden characters are plain, at its offsets in the text as it is."""
    normal = yield from normalise_in_steps(text)
    if normal is None:
        return []
    lead = len(context)
    plain: list[Span] = []
    spans: list[Span] = []
    done = 0
    for _ in find_in_steps(context + normal.text, rules, plain, lead):
        for found in plain[done:]:
            start, end = normal.original(found.start - lead, found.end - lead)
            if text[start:end] != normal.text[found.start - lead : found.end - lead]:
                spans.append(Span(start, end, found.entity))
        done = len(plain)
        yield
    return spans


def united_in_steps(spans: list[Span], more: list[Span]) -> Steps[list[Span]]:
    """Both, ascending; of two that overlap one span, as the longer of them. Both lists ascend."""
    if not more:
        return spans
    both: list[Span] = []
    for number, span in enumerate(merge(spans, more, key=lambda span: (span.start, -span.end))):
        if number % _AT_ONCE == 0:
            yield
        if both and span.start < both[-1].end:
            last = both[-1]
            longer = span if span.end - span.start > last.end - last.start else last
            both[-1] = Span(last.start, max(last.end, span.end), longer.entity)
        else:
            both.append(span)
    return both
