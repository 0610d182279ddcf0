"""A run of an answer that a model reads too, sentence by sentence, before it is decided.

The interface is `TextRun`'s with one thing more: `wanted` gives the sentences that are to be read, `answer`
takes what was found in one. Until then its text is not decided, `flush` or not. What the run inside changes
(placeholders restored, rules' findings redacted) stays as it is; the model's findings are dealt with beside
it, by their entity's action.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gateway.chat import Nature
from gateway.privacy.json_run import JsonRun, SniffRun, decoded
from gateway.privacy.model import ActionOf, Finding, beside, masked, spans_of
from gateway.privacy.scanner import Blocked, Edit, Scan, TextRun
from gateway.privacy.search import Span
from gateway.privacy.sentences import Piece, pieces_for, sentence

_FORGET_STRIDE = 1024


class Question(Struct):
    """One sentence for the model. `text` is what it reads, with what the rules redact made unreadable."""

    piece: Piece
    text: str = ""
    answer: Sequence[Finding] | None = None


class ModelRun:
    """See the module. `inner` is the run that rules and placeholders have."""

    __slots__ = (
        "_action",
        "_asked",
        "_base",
        "_due",
        "_inner",
        "_known",
        "_nature",
        "_pieces",
        "_questions",
        "_scan",
        "_taken",
        "_text",
        "decided",
        "edits",
    )

    def __init__(
        self, inner: TextRun | JsonRun | SniffRun, nature: Nature, scan: Scan, action: ActionOf
    ) -> None:
        self._inner = inner
        self._nature = nature
        self._scan = scan
        self._action = action
        self._pieces = pieces_for(nature, sentence)
        self._questions: deque[Question] = deque()
        self._asked = 0  # of these so many have been asked
        self._text = ""
        self._base = 0  # the run's offset of `_text[0]`
        self._known = 0  # the run inside has decided so much
        self._taken: list[Edit] = []  # what it changes, as far as sentences have still to see it
        self._due: list[Edit] = []  # what is to be changed where nothing is decided yet
        self.decided = 0
        self.edits: list[Edit] = []

    def feed(self, piece: str) -> int:
        self._text += piece
        self._questions += map(_question, self._pieces.feed(piece))
        self._known = self._inner.feed(piece)
        return self._advance()

    def flush(self) -> int:
        self._questions += map(_question, self._pieces.flush())
        self._known = self._inner.flush()
        return self._advance()

    @property
    def complete(self) -> bool:
        """Is nothing waiting for the model?"""
        return not self._questions

    def wanted(self) -> Iterator[Question]:
        """The sentences that have not been given out yet and whose text the rules have decided."""
        while self._asked < len(self._questions) and self._scan.blocked is None:
            question = self._questions[self._asked]
            if question.piece.end > self._known:
                return
            self._asked += 1
            if question.answer is None:
                question.text = self._masked(question.piece)
                yield question

    def answer(self, question: Question, found: Sequence[Finding]) -> int:
        """What the model found in a sentence; how much of the run is decided now."""
        question.answer = found
        return self._advance()

    def _masked(self, piece: Piece) -> str:
        """What is read: what the rules redact is gone from it; placeholders are not."""
        return masked(piece, [(edit.start, edit.end) for edit in self._taken if not self._restores(edit)])

    def _restores(self, edit: Edit) -> bool:
        return self._scan.vault is not None and self._text[edit.start - self._base] == "["

    def _advance(self) -> int:
        self._taken += self._inner.edits
        self._due += self._inner.edits
        self._inner.edits.clear()
        questions = self._questions
        while questions and self._scan.blocked is None:
            first = questions[0]
            if first.answer is None or first.piece.end > self._known:
                break
            self._due += self._acted_on(first.piece, first.answer)
            questions.popleft()
            self._asked = max(0, self._asked - 1)
        waits_from = questions[0].piece.start if questions else self._pieces.since
        if self._scan.blocked is None:
            self.decided = max(self.decided, min(self._known, waits_from))
        if self._due:
            self._due.sort()
            self.edits += (edit for edit in self._due if edit.start < self.decided)
            self._due = [edit for edit in self._due if edit.start >= self.decided]
            # A later sentence may begin within what is changed here.
            self._taken = [edit for edit in self._taken if edit.end > self.decided]
        if waits_from - self._base > _FORGET_STRIDE:
            self._text = self._text[waits_from - self._base :]
            self._base = waits_from
        return self.decided

    def _acted_on(self, piece: Piece, found: Sequence[Finding]) -> list[Edit]:
        """What the findings in a sentence change beside what is changed already."""
        if not found:
            return []
        base, text, scan = self._base, self._text, self._scan
        here = Piece(piece.text, [place - base for place in piece.places])
        taken = [(edit.start - base, edit.end - base) for edit in self._taken]
        acting: list[Span] = []
        for span in spans_of(here, found, text, self._nature):
            action = self._action(span.entity)
            if action == "flag":
                scan.flagged[span.entity.name] += 1
            elif action != "allow":
                acting.append(span)
        edits = []
        for start, end, entity in beside(acting, taken, text):
            if self._action(entity) == "block":
                scan.blocked = Blocked(entity, base + start, base + end)
                break
            value = text[start:end] if self._nature == "text" else decoded(text[start:end])
            edits.append(Edit(base + start, base + end, scan.hide(entity, value)))
        return edits


def _question(piece: Piece) -> Question:
    return Question(piece, answer=None if piece.says_something else ())
