"""What a text wants of a model: its verdict, in steps short enough for an event loop.

In: a text, where it came from (`Source`), and a `Detector`, which is the shipped weights. Out: a `Verdict`,
which names rules and places, never content. Refuses to know who asked, what a policy does about it, or any
clock.

A long text is read in overlapping pieces of at most `PIECE` characters, and so is every other reading of a
piece (base64, letters spelled out, …). `Judging.step` does a part of one piece; `judge` takes every step. The
verdict is that of the worst piece, so it does not depend on who stepped when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

from gateway.guard import model, weights
from gateway.guard.rules import LITERAL, RULES, TALK, ThreatType
from gateway.guard.views import views

Source = Literal["system", "user", "tool", "document"]
Decision = Literal["allow", "flag", "block"]

PIECE = 3000
OVERLAP = 200  # Characters: more than a sentence, so that an order stands whole in one piece or the next.
DEPTH = 3  # Base64 in base64 in base64 is looked into, no further.
NEVER = 2.0  # No score reaches it.
_MOST_FINDINGS = 16


class Thresholds(Struct, frozen=True):
    """From which score on a text is flagged, and blocked."""

    flag: float
    block: float


# Fixed on development data (docs/threats.md says how); a policy may hand in others.
THRESHOLDS: Mapping[Source, Thresholds] = {
    "system": Thresholds(flag=0.985, block=NEVER),
    "user": Thresholds(flag=0.85, block=0.98),
    "tool": Thresholds(flag=0.8, block=0.95),
    "document": Thresholds(flag=0.8, block=0.95),
}


class Finding(Struct, frozen=True):
    """`rule` is an id; `start` and `end` are characters of the text that was judged."""

    rule: str
    start: int
    end: int
    confidence: float
    threat_type: ThreatType


class Verdict(Struct, frozen=True, gc=False):
    """`score` is 0 to 1, that of the worst piece; `threat_type` is empty where nothing was found."""

    decision: Decision
    score: float
    threat_type: ThreatType | None
    findings: tuple[Finding, ...]


class Detector:
    """The loaded weights, as benchmarks/threats/train.py writes them; else raises ConfigError."""

    def __init__(self, data: bytes) -> None:
        user, document = weights.decode(data)
        self._channels: dict[Source, model.Channel] = {
            "system": user,
            "user": user,
            "tool": document,
            "document": document,
        }

    def channel(self, source: Source) -> model.Channel:
        return self._channels[source]


class Piece(NamedTuple):
    """A text to read, of the characters `start` to `end`; `exact` if its places are theirs."""

    text: str
    start: int
    end: int
    exact: bool
    kind: str
    depth: int


# What is drawn nowhere and yet reaches the model. Flags and emoji sequences use a few of these.
_HIDDEN = (
    (
        "hidden.tags",
        re.compile(
            "(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007e]{4,}|[\U000e0020-\U000e007e]{8,}"
        ),
    ),
    ("hidden.selectors", re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")),
    ("hidden.zero-width", re.compile(r"[A-Za-z][\u00ad\u200b-\u200d\u2060-\u2064\ufeff]+(?=[A-Za-z])")),
    ("hidden.bidi", re.compile("[\u202d\u202e]|[A-Za-z][\u2066-\u2068]")),
)
_UNDRAWN = re.compile(
    "[\u00ad\u200b-\u200d\u202d\u202e\u2060-\u2064\u2066-\u2068\ufe00-\ufe0f\ufeff\U000e0020-\U000e01ef]"
)
_FEW = 3  # Zero-width characters between letters that a web page leaves behind by accident.


class Judging:
    """The judging of one text. Step until `step` says that it is over, then read `verdict`."""

    def __init__(
        self,
        text: str,
        source: Source,
        detector: Detector,
        thresholds: Mapping[Source, Thresholds] = THRESHOLDS,
    ) -> None:
        self._channel = detector.channel(source)
        self._limits = thresholds[source]
        self._budget = 2 * len(text) + PIECE  # Other readings of a text may not be a bomb.
        self._score = 0.0
        self._found: list[Finding] = []
        self._hidden: dict[str, list[Finding]] = {}
        self._work = self._read_all(text)

    def step(self) -> bool:
        """Do the next part of the work, well under a millisecond of it. True when all is done."""
        return next(self._work, True)

    def _read_all(self, text: str) -> Iterator[Literal[False]]:
        """Yields where the caller may pause."""
        waiting = [pieces(Piece(text, 0, len(text), True, "", 0))]
        while waiting:
            piece = next(waiting[-1], None)
            if piece is None:
                waiting.pop()
                continue
            if not piece.kind:
                self._look_for_hidden(piece)
            reading = model.read(piece.text)
            yield False
            judged = model.judge(reading, self._channel)
            self._score = max(self._score, judged.score)
            yield False
            if judged.score >= self._limits.flag:
                self._found += _findings(piece, reading, judged)
                yield False
            if piece.depth < DEPTH:
                for other in self._readings(piece, reading):
                    waiting.append(pieces(other))
                    yield False

    def _readings(self, piece: Piece, reading: model.Reading) -> Iterator[Piece]:
        for view in views(piece.text, reading.folded, reading.known):
            if len(view.text) > self._budget or (view.kind == piece.kind and view.kind in _ONCE):
                continue
            self._budget -= len(view.text)
            start, end = (
                (piece.start + view.start, piece.start + view.end)
                if piece.exact
                else (piece.start, piece.end)
            )
            yield Piece(view.text, start, end, False, view.kind, piece.depth + 1)

    def _look_for_hidden(self, piece: Piece) -> None:
        if piece.text.isascii() or not _UNDRAWN.search(piece.text):
            return
        for rule, pattern in _HIDDEN:
            for match in pattern.finditer(piece.text):
                start, end = piece.start + match.start(), piece.start + match.end()
                same = self._hidden.setdefault(rule, [])
                if len(same) < _MOST_FINDINGS and not (same and same[-1].end >= end):
                    same.append(Finding(rule, start, end, 0.5, "hidden_text"))

    def verdict(self) -> Verdict:
        """What was found in what was read so far."""
        hidden = [
            finding
            for rule, same in self._hidden.items()
            if rule != "hidden.zero-width" or len(same) >= _FEW
            for finding in same
        ]
        strongest = sorted(self._found, key=lambda finding: -finding.confidence)[:_MOST_FINDINGS]
        found = sorted({*strongest, *hidden}, key=lambda finding: (finding.start, finding.end, finding.rule))
        decision: Decision = "allow"
        if self._score >= self._limits.block:
            decision = "block"
        elif self._score >= self._limits.flag or hidden:
            decision = "flag"
        types = [finding.threat_type for finding in strongest] or [finding.threat_type for finding in hidden]
        kind = max(sorted(set(types)), key=types.count, default=None)
        return Verdict(decision, round(self._score, 6), kind, tuple(found))


_ONCE = frozenset({"leet", "rot13", "reversed", "atbash", "spelled", "joined"})


def judge(
    text: str, source: Source, detector: Detector, thresholds: Mapping[Source, Thresholds] = THRESHOLDS
) -> Verdict:
    """The verdict on a whole text."""
    judging = Judging(text, source, detector, thresholds)
    while not judging.step():
        pass
    return judging.verdict()


def pieces(whole: Piece) -> Iterator[Piece]:
    """`whole` cut at spaces into pieces that overlap."""
    text = whole.text
    if len(text) <= PIECE:
        yield whole
        return
    start = 0
    while True:
        end = start + PIECE
        if end < len(text):
            space = max(text.rfind(" ", end - OVERLAP // 2, end), text.rfind("\n", end - OVERLAP // 2, end))
            end = space if space > 0 else end
        end = min(end, len(text))
        place = (whole.start + start, whole.start + end) if whole.exact else (whole.start, whole.end)
        yield whole._replace(text=text[start:end], start=place[0], end=place[1])
        if end == len(text):
            return
        after = end - OVERLAP
        space = text.find(" ", after, after + OVERLAP // 2)
        start = after if space < 0 else space


def _findings(piece: Piece, reading: model.Reading, judged: model.Judged) -> list[Finding]:
    """The rules met in a piece that scored, and the strongest stretch; in another reading, its whole run."""
    confidence = round(judged.score, 4)
    rules = [RULES[number] for number in judged.seen.met if RULES[number].id not in TALK]
    counts = [rule.threat_type for rule in rules]
    kind: ThreatType = max(sorted(set(counts)), key=counts.count, default="prompt_injection")
    suffix = f".{piece.kind}" if piece.kind else ""
    if not piece.exact:
        return [
            Finding(f"{rule.id}{suffix}", piece.start, piece.end, confidence, rule.threat_type)
            for rule in rules[:3]
        ] or [Finding(f"model{suffix}", piece.start, piece.end, confidence, kind)]
    spans = model.word_spans(reading)
    whole = (0, len(reading.folded.text))

    def of_words(start: int, end: int) -> tuple[int, int]:
        return (spans[start][0], spans[end - 1][1]) if spans and end > start else whole

    stretch = of_words(*judged.seen.strongest)
    named: list[tuple[str, ThreatType]] = [("model", kind), *((rule.id, rule.threat_type) for rule in rules)]
    ranges = [stretch]
    for rule in rules:
        if rule in LITERAL:
            match = rule.pattern.search(reading.folded.text)
            ranges.append(match.span() if match else stretch)
        else:
            match = rule.pattern.search(reading.meanings, *judged.seen.around)
            ranges.append(of_words(*match.span()) if match else stretch)
    return [
        Finding(name, piece.start + start, piece.start + end, confidence, threat_type)
        for (name, threat_type), (start, end) in zip(named, reading.folded.spans(ranges), strict=True)
        if end > start
    ]
