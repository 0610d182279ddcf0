"""The lanes of an answer: which frames or events wait for which text, and what is changed in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from gateway.chat import SERVER_KINDS, Event, Lane, Nature, Path, Text
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.model import ActionOf, Finding
from gateway.privacy.model_run import ModelRun, Question
from gateway.privacy.scanner import Scan, TextRun
from gateway.wire.sse import Frame

Run = TextRun | JsonRun | SniffRun | ModelRun


class Waiting(Struct, gc=False):
    """A frame, or one event of it, that cannot go yet.

    How many of its texts are undecided, and what has changed in them by path.
    """

    frame: Frame
    event: Event | None = None
    undecided: int = 0
    changes: dict[Path, str] | None = None


class LaneState:
    """A lane's run, and the pieces of it that stand in waiting frames.

    Of the characters `fed` so far those before `decided` are.
    """

    __slots__ = ("changed", "decided", "fed", "heard", "pieces", "run")

    def __init__(self, run: Run) -> None:
        self.run = run
        self.fed = 0
        self.decided = 0
        self.changed = False
        self.heard: list[str] | None = None  # what is said, where somebody wants to know it
        # The piece and its offset in the run. Not a deque: there are few, and an empty one is 760 bytes.
        self.pieces: list[tuple[Waiting, Text, int]] = []

    def feed(self, text: str) -> bool:
        """Run the next piece. Is it decided, like all before it, and stays as it is?"""
        self.decided = self.run.feed(text)
        self.fed += len(text)
        return self.decided == self.fed and not self.run.edits and not self.pieces

    def wait(self, waiting: Waiting, piece: Text) -> None:
        """The piece that was run last stands in a frame that may have to wait for it, or is changed."""
        waiting.undecided += 1
        self.pieces.append((waiting, piece, self.fed - len(piece.text)))
        self.settle(self.decided)

    @property
    def is_unread(self) -> bool:
        """Does a model have sentences of it still to read?"""
        return isinstance(self.run, ModelRun) and not self.run.complete

    def settle(self, decided: int) -> None:
        """Make the edits in every piece that is decided now.

        What an edit puts in goes where it begins; the rest of the pieces it covers loses its text.
        """
        edits, settled = self.run.edits, 0
        for waiting, piece, start in self.pieces:
            end = start + len(piece.text)
            if end > decided:
                break
            settled += 1
            waiting.undecided -= 1
            if not edits or edits[0].start >= end:
                continue
            kept: list[str] = []
            at = start
            while edits and edits[0].start < end:
                edit = edits[0]
                if edit.start >= start:
                    kept += piece.text[at - start : edit.start - start], edit.text
                at = min(edit.end, end)
                if edit.end > end:
                    break
                edits.pop(0)
            kept.append(piece.text[at - start :])
            self.changed = True
            if waiting.changes is None:
                waiting.changes = {}
            waiting.changes[piece.path] = "".join(kept)
        del self.pieces[:settled]


class Lanes:
    """The lanes of an answer. `open` are those that text may still come in.

    `unread` have ended, with sentences that the model has not read yet. `wanted` gives these out, each with
    the ticket by which its answer is known.
    """

    __slots__ = ("_asked", "_json_output", "_model", "_said", "_scan", "_tickets", "open", "unread")

    def __init__(self, scan: Scan, json_output: bool, model: ActionOf | None) -> None:
        self.open: dict[Lane, LaneState] = {}
        self.unread: list[LaneState] = []
        self._scan = scan
        self._json_output = json_output
        self._model = model
        self._tickets: dict[int, tuple[LaneState, Question]] = {}
        self._asked = 0
        self._said = 0  # in lanes that have ended

    @property
    def said(self) -> int:
        """Characters of text so far, what is said twice counted once."""
        return self._said + sum(_said_in(lane, state) for lane, state in self.open.items())

    def begin(self, lane: Lane) -> LaneState:
        state = self.open[lane] = LaneState(self._run_for(lane))
        return state

    def whole(self, lane: Lane, text: str) -> LaneState:
        """A text that is all of its lane, run."""
        state = LaneState(self._run_for(lane))
        state.feed(text)
        state.decided = state.run.flush()
        if state.is_unread:
            self.unread.append(state)
        return state

    def end(self, lane: Lane) -> bool:
        """Nothing more comes in a lane. Was it open?"""
        state = self.open.pop(lane, None)
        if state is None:
            return False
        self._said += _said_in(lane, state)
        state.settle(state.run.flush())
        if state.is_unread:
            self.unread.append(state)
        return True

    def end_choice(self, choice: int | None) -> None:
        """Nothing more comes in the lanes of a choice, or in any."""
        for lane in [each for each in self.open if choice is None or each.choice in (choice, -2 - choice)]:
            self.end(lane)

    def wanted(self) -> Iterator[tuple[int, str]]:
        for state in (*self.open.values(), *self.unread):
            assert isinstance(state.run, ModelRun)
            for question in state.run.wanted():
                self._asked += 1
                self._tickets[self._asked] = state, question
                yield self._asked, question.text

    def answered(self, ticket: int, found: Sequence[Finding]) -> None:
        state, question = self._tickets.pop(ticket)
        assert isinstance(state.run, ModelRun)
        state.settle(state.run.answer(question, found))

    def note_read(self) -> None:
        """Forget those of which everything has been read."""
        self.unread = [each for each in self.unread if each.is_unread]

    def clear(self) -> None:
        self._said = self.said
        self.open.clear()
        self.unread.clear()

    def _run_for(self, lane: Lane) -> Run:
        nature: Nature = "text"
        run: TextRun | JsonRun | SniffRun
        if lane.kind in ("arguments", "server_arguments"):
            nature, run = "json", JsonRun(self._scan)
        elif lane.kind == "content" and self._json_output:
            nature, run = "sniff", SniffRun(self._scan)
        else:
            run = TextRun(self._scan, signed=lane.kind == "thinking")
        return run if self._model is None else ModelRun(run, nature, self._scan, self._model)


def is_told(lane: Lane) -> bool:
    """Does a translation say this lane? If not, it says the same elsewhere."""
    return lane.choice >= 0 and lane.position >= 0 and lane.kind not in SERVER_KINDS


def _said_in(lane: Lane, state: LaneState) -> int:
    """None if the lane says again what another says."""
    return state.fed if lane.choice >= 0 and lane.position >= 0 else 0
