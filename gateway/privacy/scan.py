"""What the runs of one answer (or one request) have in common, and the edits that they make.

In: matches. Out: what takes their place, counted. How matches are found is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.privacy.entities import Entity
from gateway.privacy.exfiltration import exfiltrates
from gateway.privacy.plan import Plan
from gateway.privacy.vault import Placeholder, Vault


class Edit(NamedTuple):
    """Replace the characters `start` to `end`, counted from the start of the run.

    `lead` is the last visible character before it.
    """

    start: int
    end: int
    text: str
    lead: str = ""


class Blocked(NamedTuple):
    """The match that ended a scan; offsets count from the start of its run."""

    entity: Entity
    start: int
    end: int


Replace = Callable[[Entity, str], str]


class Scan:
    """What the runs of one answer (or one request) have in common.

    `replace` names what takes a match's place. With a vault, placeholders are restored; without one they
    are text like any other, and a secret without a near end is taken whole, so that it can be hidden.
    `flagged` counts by entity name what was seen and left alone, `hidden` what was replaced. Once `blocked`
    is set no run of this scan decides anything more, and what is undecided must not be shown. The counts are
    for metrics. `made` is what became of whole texts, by nature, left context and text, for those that an
    answer repeats.
    """

    __slots__ = (
        "blocked",
        "flagged",
        "hidden",
        "made",
        "plan",
        "redacted",
        "replace",
        "restored",
        "unresolved",
        "vault",
        "withheld",
    )

    def __init__(self, plan: Plan, replace: Replace, vault: Vault | None = None) -> None:
        self.plan = plan
        self.replace = replace
        self.vault = vault
        self.redacted = self.restored = self.unresolved = self.withheld = 0
        self.flagged: Counter[str] = Counter()
        self.hidden: Counter[str] = Counter()
        self.blocked: Blocked | None = None
        self.made: dict[tuple[str, str, str], str] = {}

    def hide(self, entity: Entity, value: str) -> str:
        """What takes the place of a match."""
        made = self.replace(entity, value)
        self.redacted += 1
        self.hidden[entity.name] += 1
        return made

    def reveal(self, found: Placeholder, text: str) -> str | None:
        """The value of a placeholder that was found in the text; None where it stays as it is."""
        assert self.vault is not None
        if found.value is None:
            self.unresolved += 1
        elif exfiltrates(text, found.start, self.vault.hosts):
            self.withheld += 1
            return None
        else:
            self.restored += 1
        return found.value


def lead_of(text: str, at: int) -> str:
    """The last visible character before a position."""
    return text[max(0, at - 8) : at].rstrip()[-1:]


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with its edits made."""
    pieces: list[str] = []
    at = 0
    for edit in edits:
        pieces += text[at : edit.start], edit.text
        at = edit.end
    pieces.append(text[at:])
    return "".join(pieces)
