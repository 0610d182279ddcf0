"""What a policy does about threats and tools: its tables, and what they make of a verdict.

In: a detector's verdict with the source of its text, or the names of tools. Out: a `Decision` with what was
found. Knows no text and no request.

The detector finds; a policy's thresholds say from which score on that counts. A rule, or all that a glob
names, can be switched off or only watched, or refuse by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from gateway.chat import Path
from gateway.conversation import Source
from gateway.guard.texts import Passage
from gateway.guard.threats import THRESHOLDS, Finding, Thresholds, Verdict

Decision = Literal["allow", "flag", "block"]
RuleAction = Literal["off", "monitor", "flag", "block"]
Score = Annotated[float, Meta(ge=0, le=1)]
DECISIONS: tuple[Decision, ...] = ("allow", "flag", "block")

_MODEL = "model"  # The id of a finding that no rule names.
_SURE = 1.0


class SourceLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done about texts of one source; a threshold that is not said is the detector's own.

    From the score `flag` on a text is flagged. From the score `block` on a text is refused. `action` is the
    most that is done, whatever the score.
    """

    flag: Score | None = None
    block: Score | None = None
    action: Decision = "block"

    def thresholds(self, source: Source) -> Thresholds:
        own = THRESHOLDS[source]
        flag = own.flag if self.flag is None else self.flag
        block = max(own.block, flag) if self.block is None else self.block
        return Thresholds(min(flag, block), block)


class Threats(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done about threats in requests, by whose words they are.

    `rules` gives an action to rules by id, or by a glob over ids: `off`, `monitor` (only logged), `flag`
    (never more than that), `block` (refuses whatever is flagged by it). `on_error` says what happens where
    the detector fails.
    """

    enforcement: Literal["enforce", "monitor"] = "enforce"
    on_error: Literal["block", "allow"] = "block"
    system: SourceLimits = SourceLimits()
    user: SourceLimits = SourceLimits()
    tool: SourceLimits = SourceLimits()
    document: SourceLimits = SourceLimits()
    rules: dict[str, RuleAction] = {}

    def of(self, source: Source) -> SourceLimits:
        limits: SourceLimits = getattr(self, source)
        return limits


class ToolLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Which tools a request may offer, by globs over their names, and how many. `denied` goes first."""

    allowed: list[str] = field(default_factory=lambda: ["*"])
    denied: list[str] = []
    most: Annotated[int, Meta(ge=0)] | None = None


class Found(Struct, frozen=True):
    """A finding and where it is: `path` in the request's body, `start` and `end` in the string there.

    In a text that was made of several strings the offsets are 0. `watched` says that it was only logged.
    """

    rule: str
    threat_type: str
    confidence: float
    path: Path
    source: Source
    action: Decision
    start: int = 0
    end: int = 0
    watched: bool = False


class Limits:
    """A policy's tables made ready: `floor` is the lowest score of each source that says anything."""

    def __init__(self, threats: Threats, tools: ToolLimits, monitor: bool = False) -> None:
        self._monitor = monitor or threats.enforcement == "monitor"
        self.fails_open = threats.on_error == "allow" or self._monitor
        self._rules = sorted(threats.rules.items(), key=_exactness)
        self._known: dict[str, RuleAction | None] = {}
        is_off = threats.rules.get("*") == "off" and set(threats.rules.values()) == {"off"}
        self._most: dict[Source, Decision] = {
            source: "allow" if is_off else threats.of(source).action for source in THRESHOLDS
        }
        self.thresholds = {source: threats.of(source).thresholds(source) for source in THRESHOLDS}
        self._tools = tools

    def heeds(self, source: Source) -> bool:
        """Is anything ever done, or told, about what is found in texts of that source?"""
        return self._most[source] != "allow"

    def rule(self, id: str) -> RuleAction | None:
        """What the policy says of a rule; None if nothing."""
        if id not in self._known:
            action = next((action for glob, action in self._rules if fnmatchcase(id, glob)), None)
            self._known[id] = action  # As many as there are rules and readings.
        return self._known[id]

    def judged(self, verdict: Verdict, passage: Passage) -> Iterator[Found]:
        """What a verdict on a passage amounts to."""
        if verdict.score < self.thresholds[passage.source].flag and not verdict.findings:
            return
        for same in _by_piece(verdict).values():
            for each in [each for each in same if not _is_model(each)] or same:
                action = self._decision(each, verdict, passage)
                if self.rule(each.rule) != "off" and action != "allow":
                    yield self._found(each, action, passage)

    def _decision(self, finding: Finding, verdict: Verdict, passage: Passage) -> Decision:
        limits, said = self.thresholds[passage.source], self.rule(finding.rule)
        is_worst = finding.confidence == round(verdict.score, 4)  # Findings are rounded.
        level = _level(verdict.score if is_worst else finding.confidence, limits)
        if finding.threat_type == "hidden_text":
            level = "flag"  # It has no score of its own: what it hides was read, too.
        if said == "block" and level == "flag":
            level = "block"
        elif said == "flag":
            level = _least(level, "flag")
        if passage.mild:
            level = "flag" if level == "block" else "allow"
        return _least(level, self._most[passage.source])

    def _found(self, finding: Finding, action: Decision, passage: Passage) -> Found:
        watched = self._monitor or self.rule(finding.rule) == "monitor"
        start, end = (finding.start, finding.end) if passage.exact else (0, 0)
        return Found(
            finding.rule,
            finding.threat_type,
            finding.confidence,
            passage.path,
            passage.source,
            action,
            start,
            end,
            watched,
        )

    def offered(self, tools: Iterable[tuple[Path, str]]) -> Iterator[Found]:
        """What the policy has against the tools of a request."""
        limits = self._tools
        number = 0
        for path, name in tools:
            number += 1
            if any(fnmatchcase(name, glob) for glob in limits.denied):
                yield from self._tool("tools.denied", path)
            elif not any(fnmatchcase(name, glob) for glob in limits.allowed):
                yield from self._tool("tools.not-allowed", path)
        if limits.most is not None and number > limits.most:
            yield from self._tool("tools.too-many", ("tools",))

    def _tool(self, rule: str, path: Path) -> Iterator[Found]:
        said = self.rule(rule)
        if said != "off":
            action: Decision = "flag" if said == "flag" else "block"
            watched = self._monitor or said == "monitor"
            yield Found(rule, "tool_limit", _SURE, path, "document", action, watched=watched)


def worst(found: Sequence[Found]) -> Found | None:
    """The finding that decides: of those that act the strictest, then the surest, then the first."""
    acting = [each for each in found if not each.watched and each.action != "allow"]
    return max(acting, key=lambda each: (DECISIONS.index(each.action), each.confidence), default=None)


def floors(limits: Iterable[Limits]) -> dict[Source, Thresholds]:
    """Thresholds at which a detector tells all that any of these policies may want to know."""
    given: list[Mapping[Source, Thresholds]] = [THRESHOLDS, *(each.thresholds for each in limits)]
    return {
        source: Thresholds(min(each[source].flag for each in given), THRESHOLDS[source].block)
        for source in THRESHOLDS
    }


def _by_piece(verdict: Verdict) -> dict[float, list[Finding]]:
    """A piece's findings share its score. What was only hidden has none of its own."""
    pieces: dict[float, list[Finding]] = {}
    for each in verdict.findings:
        pieces.setdefault(-1.0 if each.threat_type == "hidden_text" else each.confidence, []).append(each)
    if (score := round(verdict.score, 4)) not in pieces:  # A score that no place could be found for counts.
        kind = verdict.threat_type if verdict.threat_type != "hidden_text" else None
        pieces[score] = [Finding(_MODEL, 0, 0, score, kind or "prompt_injection")]
    return pieces


def _is_model(finding: Finding) -> bool:
    return finding.rule.partition(".")[0] == _MODEL


def _level(score: float, limits: Thresholds) -> Decision:
    return "block" if score >= limits.block else "flag" if score >= limits.flag else "allow"


def _least(one: Decision, other: Decision) -> Decision:
    return min(one, other, key=DECISIONS.index)


def _exactness(row: tuple[str, RuleAction]) -> tuple[bool, int]:
    """A name before a glob, a longer glob before a shorter one."""
    return "*" in row[0] or "?" in row[0] or "[" in row[0], -len(row[0])
