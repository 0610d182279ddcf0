"""The lanes of an answer: which frames or events wait for which text, and what is changed in them."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from gateway.chat import Event, Lane, Path, Text
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.model_run import ModelRun
from gateway.privacy.scanner import TextRun
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
    """A lane's run, and the pieces of it that stand in waiting frames."""

    __slots__ = ("changed", "fed", "pieces", "run")

    def __init__(self, run: Run) -> None:
        self.run = run
        self.fed = 0
        self.changed = False
        self.pieces: deque[tuple[Waiting, Text, int]] = deque()  # the piece and its offset in the run

    @property
    def is_unread(self) -> bool:
        """Does a model have sentences of it still to read?"""
        return isinstance(self.run, ModelRun) and not self.run.complete

    def settle(self, decided: int) -> None:
        """Make the edits in every piece that is decided now.

        What an edit puts in goes where it begins; the rest of the pieces it covers loses its text.
        """
        edits = self.run.edits
        while self.pieces:
            waiting, piece, start = self.pieces[0]
            end = start + len(piece.text)
            if end > decided:
                return
            self.pieces.popleft()
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


def said_in(lane: Lane, state: LaneState) -> int:
    """Characters of a lane, none if it says again what another says."""
    return state.fed if lane.choice >= 0 and lane.position >= 0 else 0
