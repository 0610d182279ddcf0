"""Text in, piece by piece; out comes how far it is decided and what to change in it.

`TextRun` gives the same result however the text is cut: text before the decided point can be sent on,
whatever comes next. At each position, left to right: a placeholder first, then the rules in the table's
order; the first that matches takes its span, and the search goes on behind it.

A position is undecided while a longer text could still make, extend or void a match there. `regex` answers
that exactly with `fullmatch(…, partial=True)` on the pattern's core, from that position to the end of what
is known: patterns are regular, look one character past their end at most, and see only left context.
(`match(…, partial=True)` does not: it calls `123-45-6789` complete although a digit may follow.)

What is done with a match is its row's action. Rows that act (redact, block) and placeholders take their
spans first, as if the others did not exist. Flagged rows hold nothing: they compete, in the table's order
among themselves, for what text is left; a match that would overlap a span taken is none. A match that is
blocked ends everything: no run of its scan decides anything from there on.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from string import ascii_lowercase
from typing import Any, NamedTuple

import regex

from gateway.privacy.entities import LEFT_CONTEXT, Entity
from gateway.privacy.plan import FLAG_STRIDE, URL_REACH, Action, CueWord, Plan, plan_for
from gateway.privacy.rule import ByShape, Rule, Search
from gateway.privacy.rules import compile_rules, read_words, word_places
from gateway.privacy.search import Span, find, find_between, find_in_steps
from gateway.privacy.vault import Vault

__all__ = [
    "Action",
    "Blocked",
    "Edit",
    "Plan",
    "Scan",
    "Span",
    "TextRun",
    "apply",
    "compile_rules",
    "find",
    "find_in_steps",
    "plan_for",
]

# A URL whose query or path may carry a restored value away, and where it must not (see `exfiltrates`).
_URL_BEFORE = regex.compile(r"(!\[[^\]\n]*\]\([^\s)]*|https?://([^\s/?#:@\"'<>()]*)[^\s\"'<>()]*)\Z")
_FORGET_STRIDE = 256


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
        self.flagged: dict[str, int] = {}
        self.hidden: Counter[str] = Counter()
        self.blocked: Blocked | None = None
        self.made: dict[tuple[str, str, str], str] = {}


class _Cue(NamedTuple):
    """A cue word was read: its rules may match from `first` to `last`, offsets in the run."""

    first: int
    last: int
    gate: Search
    rules: ByShape


class TextRun:
    """One run of text, in pieces.

    `feed` takes the next piece and returns how many characters of the run are decided; `flush` decides the
    rest. `edits` collects what to change, in order; whoever applies an edit removes it. `context` stands
    before the run, is seen by look-behind, and is never changed. In a `signed` run placeholders stay: what
    the provider signed must come back as it was.
    """

    __slots__ = (
        "_always",
        "_base",
        "_cues",
        "_fitting",
        "_flagged",
        "_from",
        "_inside",
        "_open",
        "_plan",
        "_pos",
        "_read",
        "_scan",
        "_taken",
        "_text",
        "_token",
        "edits",
    )

    def __init__(self, scan: Scan, context: str = "", *, signed: bool = False) -> None:
        self._scan = scan
        self._plan = scan.plan.signed if signed else scan.plan
        self._text = context
        self._base = -len(context)  # the run's offset of `_text[0]`; the others count in `_text`
        self._pos = len(context)  # what is before it is decided
        self._read = 0  # cue words before it have been noted
        self._flagged = len(context)  # flagged rows have seen where matches begin before it
        self._cues: list[_Cue] = []
        self._open: Sequence[Rule] | None = (
            None  # rules near their words that may match at `_pos`, if undecided
        )
        self._always = False  # rules that need no word may match there too
        self._from = 0  # rules before that, in the table's order, do not
        self._fitting: Rule | None = None  # what stands before `_pos` allows a match of this one
        self._token = False  # a placeholder may be there too
        self._inside: Rule | None = None  # a secret's opening was redacted, its end not seen yet
        self._taken: list[tuple[int, int]] = []  # spans that acted and that flagged rows have still to see
        self.edits: list[Edit] = []

    def feed(self, piece: str) -> int:
        scan = self._scan
        if scan.blocked is not None:
            return self._base + self._pos
        text = self._text = self._text + piece
        plan = self._plan
        if plan.cues or plan.scripts:
            self._read_words(text)
        busy = self._cues or self._open is not None or self._inside is not None
        pos = self._advance(final=False) if busy or plan.gate(text, self._pos) else len(text)
        if plan.flagged is not None and pos - self._flagged > plan.flagged_reach + FLAG_STRIDE:
            self._flag(pos, pos - plan.flagged_reach)
        if pos > plan.left + _FORGET_STRIDE:  # a copy a token would cost more than the memory
            self._forget(pos - plan.left)
            pos = plan.left
        self._pos = pos
        return self._base + pos

    def flush(self) -> int:
        if self._scan.blocked is None:
            self._pos = self._advance(final=True)
            self._flag(self._pos, self._pos)
        return self._base + self._pos

    def _forget(self, length: int) -> None:
        self._base += length
        self._read -= length
        self._flagged -= length
        self._text = self._text[length:]

    # --- what acts ---

    def _advance(self, final: bool) -> int:
        """Decide as much as can be decided; the position in `_text` up to which that is."""
        pos, plan, scan = self._pos, self._plan, self._scan
        while True:
            if self._inside is not None:
                pos = self._swallow(self._inside, pos, final)
                if self._inside is not None:
                    return pos
            if self._open is None:
                pos = self._open_next(pos)
                if self._open is None:
                    return pos
            if self._token and plan.placeholder is not None and plan.maybe_placeholder is not None:
                # One that ends with its last character is complete; one that is a whole word may go on.
                if not final and plan.whole_words and plan.maybe_placeholder(self._text, pos, partial=True):
                    return pos
                if found := plan.placeholder(self._text, pos):
                    self._restore(found, pos)
                    pos = found.end()
                    self._open = None
                    continue
                if not final and plan.maybe_placeholder(self._text, pos, partial=True):
                    return pos
                self._token = False
            end = self._try_rules(pos, final)
            if end < 0 or scan.blocked is not None:
                return pos
            self._open = None
            pos = end

    def _open_next(self, pos: int) -> int:
        """The next position where something may begin, and `_open` the rules that may; else the end."""
        text, base, plan = self._text, self._base, self._plan
        hit = plan.gate(text, pos)
        always = at = len(text) if hit is None else hit.start()
        if self._cues:
            cues = self._cues = [cue for cue in self._cues if cue.last >= base + pos]
            for cue in cues:
                hit = cue.gate(text, max(pos, cue.first - base), at)
                if hit is not None and hit.start() <= cue.last - base:
                    at = hit.start()
        if at == len(text):
            return at
        self._token = self._always = at == always
        self._from, self._fitting = -sys.maxsize, None
        self._open = ()
        if self._cues:
            near = {
                rule
                for cue in self._cues
                if cue.first <= base + at <= cue.last
                for rule in cue.rules.at(text, at)
            }
            self._open = sorted(near, key=_order)
        return at

    def _try_rules(self, at: int, final: bool) -> int:
        """Try the open rules at a position; where to go on, or -1 while that is undecided."""
        text, scan = self._text, self._scan
        rules: Sequence[Rule] = self._plan.by_shape.at(text, at) if self._always else ()
        if self._open:
            rules = sorted((*rules, *self._open), key=_order)
        for rule in rules:
            if rule.order < self._from:
                continue
            if rule.until is None:
                if not final and self._may_go_on(rule, at):
                    return -1
                end = rule.match_at(text, at)
            else:
                end = rule.match_at(text, at)
                if not end:
                    if not final and self._may_go_on(rule, at):
                        return -1
                    continue
            if not end:
                continue
            start = at + rule.entity.keep
            if rule.entity.name in self._plan.blocked:
                self._flag(at, at)
                scan.blocked = Blocked(rule.entity, self._base + start, self._base + end)
                return at
            if rule.until is not None:
                if final or rule.until.search(text, end):
                    end = rule.end_of_secret(text, end)
                elif scan.vault is None:
                    self._from = rule.order
                    return -1
                else:
                    self._inside = rule
            self._edit(start, end, scan.replace(rule.entity, text[start:end]))
            scan.redacted += 1
            scan.hidden[rule.entity.name] += 1
            return end
        return at + 1

    def _may_go_on(self, rule: Rule, at: int) -> bool:
        """Could more text still make or extend a match of the rule? It is asked again when there is more."""
        if not rule.extend(self._text, at, partial=True):
            return False
        if rule is not self._fitting and not rule.fits(self._text, at):
            return False
        self._from, self._fitting = rule.order, rule
        return True

    def _swallow(self, rule: Rule, pos: int, final: bool) -> int:
        """Drop text up to the end mark of the secret that we are inside of."""
        text = self._text
        assert rule.until is not None
        if found := rule.until.search(text, pos):
            self._inside = None
            stop = found.end()
        elif final:
            self._inside = None
            stop = len(text)
        else:
            # The end mark may have begun; it is no longer than `longest`, so this much stays in sight.
            stop = max(pos, len(text) - rule.longest)
        if stop > pos:
            self._edit(pos, stop, "")
        return int(stop)

    def _restore(self, found: Any, at: int) -> None:
        scan = self._scan
        assert scan.vault is not None
        value = scan.vault.reveal(found)
        if value is None:
            scan.unresolved += 1
        elif exfiltrates(self._text, at, scan.vault.hosts):
            scan.withheld += 1
        else:
            self._edit(at, found.end(), value)
            scan.restored += 1

    def _edit(self, start: int, stop: int, text: str) -> None:
        lead = self._text[max(0, start - 8) : start].rstrip()[-1:]
        self.edits.append(Edit(self._base + start, self._base + stop, text, lead))
        if self._plan.flagged is not None:
            self._taken.append((self._base + start, self._base + stop))

    # --- what waits for cue words ---

    def _read_words(self, text: str) -> None:
        """Note the cue words that have ended. One at the end of the text may not have: it is read again."""
        cues = self._plan.cues
        folded, words = read_words(text[self._read :])
        tail = 0
        if words:
            if not cues.keys().isdisjoint(words):
                start = self._base + self._read
                for word in word_places(folded):
                    known = cues.get(word[0])
                    if known is not None and word.end() < len(folded):
                        self._note(start + word.end(), start + word.start() + known.reach, known)
            if folded[-1] in ascii_lowercase:
                tail = min(len(words[-1]), LEFT_CONTEXT)
        if not folded.isascii():
            for letters, waiting in self._plan.scripts:
                if places := [letter.start() for letter in letters(text[self._read :])]:
                    start = self._base + self._read
                    self._note(start + places[0] + 1, start + places[-1] + LEFT_CONTEXT, waiting)
        self._read = len(text) - tail

    def _note(self, first: int, last: int, known: CueWord) -> None:
        """Rules that wait may match from `first` to `last`. Where they may already, it only lasts longer."""
        for index, cue in enumerate(self._cues):
            if cue.rules is known.rules and cue.last >= first:
                self._cues[index] = cue._replace(first=min(cue.first, first), last=max(cue.last, last))
                return
        self._cues.append(_Cue(first, last, known.gate, known.rules))

    # --- what is only flagged ---

    def _flag(self, known: int, stop: int) -> None:
        """Count the flagged matches that begin before `stop`; they end by `known`, what acts before it is."""
        plan, base = self._plan, self._base
        if plan.flagged is None:
            return
        spans: list[Span] = []
        at = self._flagged
        for start, end in self._taken:
            if at < stop and at < start - base:
                at = find_between(self._text, plan.flagged, at, min(stop, start - base), spans, start - base)
            if at < stop:
                at = max(at, end - base)
        if at < stop:
            at = find_between(self._text, plan.flagged, at, stop, spans, known)
        self._flagged = at
        self._taken = [(start, end) for start, end in self._taken if end - base > at]
        counts = self._scan.flagged
        for span in spans:
            counts[span.entity.name] = counts.get(span.entity.name, 0) + 1


def _order(rule: Rule) -> int:
    return rule.order


def exfiltrates(text: str, at: int, hosts: AbstractSet[str]) -> bool:
    """Does the position stand in an image link, or in a URL of a host the request never mentioned?

    A page that shows the answer would fetch it and so carry the value away (hard case 76).
    """
    start = max(0, at - URL_REACH)
    if text.find("](", start, at) < 0 and text.find("://", start, at) < 0:
        return False
    found = _URL_BEFORE.search(text, start, at)
    if found is None:
        return False
    return found[2] is None or found[2].lower() not in hosts


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with its edits made."""
    pieces: list[str] = []
    at = 0
    for edit in edits:
        pieces += text[at : edit.start], edit.text
        at = edit.end
    pieces.append(text[at:])
    return "".join(pieces)
