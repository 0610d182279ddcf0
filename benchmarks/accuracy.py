"""Labelled texts and what was found in them in; precision, recall, F1 and leak by entity out.

A record says where its entities stand and which entities it labels completely; a finding of any other entity
is not judged there. Optional spans never count, found or missed. What finds them is not known here.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

# Of the longer of two spans, so much must be common for them to overlap.
LEAST_OVERLAP = 0.5
# A value of which less is hidden can still be read.
LEAST_HIDDEN = 0.9
# What patterns can find; names and places need more than that.
PATTERN_ENTITIES = tuple(
    "EMAIL_ADDRESS PHONE_NUMBER CREDIT_CARD US_SSN IBAN_CODE IP_ADDRESS URL MAC_ADDRESS DATE_TIME US_ITIN "
    "US_PASSPORT US_DRIVER_LICENSE CRYPTO".split()
)


class Labelled(Struct, frozen=True):
    start: int
    end: int
    entity: str
    optional: bool = False


class Record(Struct, frozen=True):
    text: str
    spans: list[Labelled] = []
    labels: list[str] = []


class Found(Struct, frozen=True):
    start: int
    end: int
    entity: str
    score: float = 1.0


class Tally(Struct):
    """`hits` are both labelled and found, `false` only found, `missed` only labelled."""

    hits: int = 0
    false: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        return self.hits / (self.hits + self.false) if self.hits + self.false else float(not self.missed)

    @property
    def recall(self) -> float:
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


class Accuracy(Struct):
    """Of one entity, or of several together. `leaked` labelled spans stay readable."""

    exact: Tally = msgspec.field(default_factory=Tally)
    overlap: Tally = msgspec.field(default_factory=Tally)
    leaked: int = 0

    @property
    def labelled(self) -> int:
        return self.overlap.hits + self.overlap.missed

    @property
    def leak(self) -> float:
        return self.leaked / self.labelled if self.labelled else 0.0


def read(path: Path) -> list[Record]:
    """The records of JSON lines, compressed or not."""
    data = path.read_bytes()
    return msgspec.json.Decoder(Record).decode_lines(gzip.decompress(data) if path.suffix == ".gz" else data)


def judge(records: Iterable[Record], found: Iterable[Sequence[Found]]) -> dict[str, Accuracy]:
    """The accuracy by entity; `found` belongs to the records one by one."""
    accuracy: dict[str, Accuracy] = defaultdict(Accuracy)
    for record, spans in zip(records, found, strict=True):
        _judge(record, spans, accuracy)
    return dict(accuracy)


def together(accuracy: Mapping[str, Accuracy], entities: Iterable[str]) -> Accuracy:
    """All spans of these entities counted alike (the micro average)."""
    total = Accuracy()
    for each in (accuracy[entity] for entity in entities if entity in accuracy):
        for sum_, part in ((total.exact, each.exact), (total.overlap, each.overlap)):
            sum_.hits += part.hits
            sum_.false += part.false
            sum_.missed += part.missed
        total.leaked += each.leaked
    return total


def _judge(record: Record, found: Sequence[Found], accuracy: dict[str, Accuracy]) -> None:
    judged = set(record.labels or [span.entity for span in record.spans])
    wanted = [span for span in record.spans if not span.optional and span.entity in judged]
    optional = [span for span in record.spans if span.optional]
    unique = {(span.start, span.end, span.entity): span for span in found if span.entity in judged}
    spans = list(unique.values())
    for measure, alike in _MEASURES:
        matched, hit = _pairs(wanted, spans, alike)
        for index, label in enumerate(wanted):
            tally = measure(accuracy[label.entity])
            if index in matched:
                tally.hits += 1
            else:
                tally.missed += 1
        for index, span in enumerate(spans):
            if index not in hit and not any(_touches(span, label) for label in optional):
                measure(accuracy[span.entity]).false += 1
    hidden = list(_merged(found))
    for label in wanted:
        covered = sum(max(0, min(end, label.end) - max(start, label.start)) for start, end in hidden)
        if covered < LEAST_HIDDEN * (label.end - label.start):
            accuracy[label.entity].leaked += 1


def _pairs(
    wanted: Sequence[Labelled], found: Sequence[Found], alike: Callable[[Labelled, Found], float]
) -> tuple[set[int], set[int]]:
    """The indices of what belongs together, each in one pair at most, the most alike first."""
    candidates = [
        (-share, i, j)
        for i, label in enumerate(wanted)
        for j, span in enumerate(found)
        if label.entity == span.entity and (share := alike(label, span)) >= LEAST_OVERLAP
    ]
    matched: set[int] = set()
    hit: set[int] = set()
    for _, i, j in sorted(candidates):
        if i not in matched and j not in hit:
            matched.add(i)
            hit.add(j)
    return matched, hit


def _is_same(label: Labelled, span: Found) -> float:
    return float((label.start, label.end) == (span.start, span.end))


def _share(label: Labelled, span: Found) -> float:
    """What both have in common, of the longer one."""
    common = min(label.end, span.end) - max(label.start, span.start)
    return max(0, common) / max(label.end - label.start, span.end - span.start)


_MEASURES: tuple[tuple[Callable[[Accuracy], Tally], Callable[[Labelled, Found], float]], ...] = (
    (lambda accuracy: accuracy.exact, _is_same),
    (lambda accuracy: accuracy.overlap, _share),
)


def _touches(span: Found, label: Labelled) -> bool:
    return label.entity == span.entity and label.start < span.end and span.start < label.end


def _merged(found: Iterable[Found]) -> Iterator[tuple[int, int]]:
    """What all findings of any entity cover, without overlaps."""
    start = end = 0
    for span in sorted(found, key=lambda span: (span.start, span.end)):
        if span.start > end:
            yield start, end
            start, end = span.start, span.end
        else:
            end = max(end, span.end)
    yield start, end
