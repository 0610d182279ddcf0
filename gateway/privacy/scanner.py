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
from collections.abc import Sequence
from string import ascii_lowercase
from typing import NamedTuple

from gateway.privacy.entities import LEFT_CONTEXT
from gateway.privacy.flagging import Flagging
from gateway.privacy.plan import Action, CueWord, Plan, plan_for
from gateway.privacy.rule import BY_ORDER, STARTS, ByShape, Rule, Search
from gateway.privacy.rules import compile_rules, read_words, word_places
from gateway.privacy.scan import Blocked, Edit, Scan, apply, lead_of
from gateway.privacy.search import Span, find, find_in_steps
from gateway.privacy.vault import UNDECIDED

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

_FORGET_STRIDE = 256
# So far before a word the one begins that makes a pair with it.
_PAIR = 48


class _Cue(NamedTuple):
    """A cue word was read: its rules may match from `first` to `last`, offsets in the run."""

    first: int
    last: int
    gate: Search
    rules: ByShape
    letters: int


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
        "_due",
        "_fitting",
        "_flagging",
        "_from",
        "_inside",
        "_open",
        "_plan",
        "_pos",
        "_scan",
        "_text",
        "_token",
        "_word",
        "edits",
    )

    def __init__(self, scan: Scan, context: str = "", *, signed: bool = False) -> None:
        self._scan = scan
        self._plan = scan.plan.signed if signed else scan.plan
        self._text = context
        self._base = -len(context)  # the run's offset of `_text[0]`; the others count in `_text`
        self._pos = len(context)  # what is before it is decided
        self._word = ""  # the word that the text ends with, folded: it may go on
        plan, flagged = self._plan, self._plan.flagged
        self._flagging = None if flagged is None else Flagging(flagged, plan.flagged_reach, scan.flagged)
        self._due = 0  # once what is before it is decided, there is other work
        self._cues: list[_Cue] = []
        self._open: Sequence[Rule] | None = None  # rules near their words, if undecided at `_pos`
        self._always = False  # rules that need no word may match there too
        self._from = 0  # rules before that, in the table's order, do not
        self._fitting: Rule | None = None  # what stands before `_pos` allows a match of this one
        self._token = False  # a placeholder may be there too
        self._inside: Rule | None = None  # a secret's opening was redacted, its end not seen yet
        self.edits: list[Edit] = []
        if context and self._plan.waiting:
            self._read_words(context)

    def feed(self, piece: str) -> int:
        if self._scan.blocked is not None:
            return self._base + self._pos
        plan = self._plan
        text = self._text
        self._text = ""  # the only other reference: the text is not copied
        text += piece
        self._text = text
        pos = self._pos
        word = piece[1:]
        # Most pieces are a blank and a word, and by its first letters nothing begins there.
        plain = piece[:1] == " " and (word.islower() or word.istitle()) and word.isalpha() and word.isascii()
        if plain:
            if self._word in plan.cues:
                self._end_word(len(text) - len(piece))
            self._word = word.lower()
        elif plan.waiting and (self._word or not piece.isdigit() or not piece.isascii()):
            self._read_words(piece)
        if (
            self._open is None
            and self._inside is None
            and ((plain and word[:STARTS] not in plan.starts) or plan.gate(text, pos) is None)
            and not (self._cues and self._near_cues(text, pos, len(word) if plain else 0))
        ):
            pos = len(text)
        else:
            pos = self._advance(final=False)
        if pos > self._due:
            pos = self._keep_up(pos)
        self._pos = pos
        return self._base + pos

    def flush(self) -> int:
        if self._scan.blocked is None:
            self._pos = self._advance(final=True)
            self._flag_all(self._pos)
        return self._base + self._pos

    def _keep_up(self, pos: int) -> int:
        """What is done now and then: flagged rows look, and old text is forgotten; the position, then."""
        left = self._plan.left
        if self._flagging is not None:
            self._flagging.step(self._text, self._base, self._base + pos)
        if pos > left + _FORGET_STRIDE:  # a copy a token would cost more than the memory
            self._base += pos - left
            self._text = self._text[pos - left :]
            pos = left
        self._due = left + _FORGET_STRIDE
        if self._flagging is not None:
            self._due = min(self._due, self._flagging.due() - self._base)
        return pos

    def _flag_all(self, stop: int) -> None:
        if self._flagging is not None:
            self._flagging.finish(self._text, self._base, self._base + stop)

    # --- what acts ---

    def _advance(self, final: bool) -> int:
        """Decide as much as can be decided; the position in `_text` up to which that is."""
        pos, scan = self._pos, self._scan
        while True:
            if self._inside is not None:
                pos = self._swallow(self._inside, pos, final)
                if self._inside is not None:
                    return pos
            if self._open is None:
                pos = self._open_next(pos)
                if self._open is None:
                    return pos
            if self._token:
                assert scan.vault is not None
                found = scan.vault.find(self._text, pos, final)
                if found is UNDECIDED:
                    return pos
                if found is not None:
                    if (value := scan.reveal(found, self._text)) is not None:
                        self._edit(pos, found.end, value)
                    pos = found.end
                    self._open = None
                    continue
                self._token = False
            end = self._try_rules(pos, final)
            if end < 0 or scan.blocked is not None:
                return pos
            self._open = None
            pos = end

    def _near_cues(self, text: str, pos: int, letters: int) -> bool:
        """May something from a position on match, or still grow, that has its cue?

        `letters` counts those of the one word that stands there, behind a blank.
        """
        base = self._base
        passed = False
        for cue in self._cues:
            last = cue.last - base
            passed |= last < pos
            one_place = letters and cue.letters >= 0
            if one_place and letters > cue.letters:
                continue
            hit = cue.gate(text, max(pos, cue.first - base), last + 1)
            while hit is not None:
                at = hit.start()
                for rule in cue.rules.at(text, at):
                    # A word that the text ends with may nearly always go on.
                    grows = one_place or rule.extend(text, at, partial=True) or rule.match(text, at)
                    if grows and rule.led(text, at):
                        return True
                hit = None if one_place else cue.gate(text, at + 1, last + 1)
        if passed:
            self._cues = [cue for cue in self._cues if cue.last - base >= pos]
        return False

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
        self._always = at == always
        self._token = self._always and text[at] in plan.opens
        self._from, self._fitting = -sys.maxsize, None
        self._open = ()
        if self._cues:
            near = {
                rule
                for cue in self._cues
                if cue.first <= base + at <= cue.last
                for rule in cue.rules.at(text, at)
            }
            self._open = sorted(near, key=BY_ORDER)
        return at

    def _try_rules(self, at: int, final: bool) -> int:
        """Try the open rules at a position; where to go on, or -1 while that is undecided."""
        text, scan = self._text, self._scan
        rules: Sequence[Rule] = self._plan.by_shape.at(text, at) if self._always else ()
        if self._open:
            rules = sorted((*rules, *self._open), key=BY_ORDER)
        for rule in rules:
            if rule.order < self._from:
                continue
            if rule.until is None:
                if not final and rule.extend(text, at, partial=True) and self._fits(rule, at):
                    return -1
                end = rule.match_at(text, at)
            else:
                end = rule.match_at(text, at)
                if not end:
                    if not final and rule.extend(text, at, partial=True) and self._fits(rule, at):
                        return -1
                    continue
            if not end:
                continue
            start = at + rule.entity.keep
            if rule.entity.name in self._plan.blocked:
                self._flag_all(at)
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
            self._edit(start, end, scan.hide(rule.entity, text[start:end]))
            return end
        return at + 1

    def _fits(self, rule: Rule, at: int) -> bool:
        """Of a rule that more text could still make or extend a match of: is it to be asked again then?"""
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

    def _edit(self, start: int, stop: int, text: str) -> None:
        lead = lead_of(self._text, start)
        self.edits.append(Edit(self._base + start, self._base + stop, text, lead))
        if self._flagging is not None:
            self._flagging.take(self._base + start, self._base + stop)

    # --- what waits for cue words ---

    def _read_words(self, piece: str) -> None:
        """Note the cue words that have ended with a piece; the one at its end may go on."""
        cues = self._plan.cues
        if piece.isascii() and piece.lower() == piece.upper():  # no letters
            if not piece:
                return
            if self._word in cues:
                self._end_word(len(self._text) - len(piece))
            self._word = ""
            return
        folded, words = read_words(self._word + piece)
        start = self._base + len(self._text) - len(folded)
        self._word = ""
        if words:
            if not cues.keys().isdisjoint(words):
                for word in word_places(folded):
                    known = cues.get(word[0])
                    if known is not None and word.end() < len(folded):
                        first = start + word.start()
                        known = self._behind_another(known, first - self._base)
                        self._note(start + word.end(), first + known.reach, known)
            if folded[-1] in ascii_lowercase:
                self._word = words[-1][-LEFT_CONTEXT:]
        if not piece.isascii():
            for letters, waiting in self._plan.scripts:
                if places := [letter.start() for letter in letters(piece)]:
                    start = self._base + len(self._text) - len(piece)
                    self._note(start + places[0] + 1, start + places[-1] + LEFT_CONTEXT, waiting)

    def _end_word(self, end: int) -> None:
        """A cue word has ended."""
        known = self._behind_another(self._plan.cues[self._word], end - len(self._word))
        end += self._base
        self._note(end, end - len(self._word) + known.reach, known)

    def _behind_another(self, known: CueWord, at: int) -> CueWord:
        """What a cue word says that begins at `at`, behind the word that stands there."""
        if known.behind and (before := read_words(self._text[max(0, at - _PAIR) : at])[1]):
            return known.behind.get(before[-1], known)
        return known

    def _note(self, first: int, last: int, known: CueWord) -> None:
        """Rules that wait may match from `first` to `last`. Where they may already, it only lasts longer."""
        for index, cue in enumerate(self._cues):
            if cue.rules is known.rules and cue.last >= first:
                self._cues[index] = cue._replace(first=min(cue.first, first), last=max(cue.last, last))
                return
        self._cues.append(_Cue(first, last, known.gate, known.rules, known.letters))
