"""What an answer says, lane by lane, for rules that want it whole."""

from __future__ import annotations

from gateway.chat import Lane
from gateway.errors import PolicyViolation
from gateway.stream.lanes import LaneState

# Characters. A longer answer cannot be judged; no model says as much today.
LONGEST_JUDGED = 1 << 20


class Hearing:
    """`texts` has the pieces of each lane. More than can be judged is a violation where it must be judged."""

    __slots__ = ("_must_be_judged", "_said", "texts")

    def __init__(self, must_be_judged: bool) -> None:
        self.texts: dict[Lane, list[str]] = {}
        self._must_be_judged = must_be_judged
        self._said = 0

    def begin(self, lane: Lane, state: LaneState) -> None:
        """A lane begins, or goes on after its end. One that only says again what another says is left out."""
        if lane.choice >= 0 and lane.position >= 0:
            state.heard = self.texts.setdefault(lane, [])

    def hear(self, state: LaneState, text: str) -> None:
        """Raises PolicyViolation."""
        assert state.heard is not None
        state.heard.append(text)
        self._said += len(text)
        if self._said > LONGEST_JUDGED:
            state.heard = None  # to monitor, its beginning is judged
            if self._must_be_judged:
                message = "policy_violation: the answer is too long for rules that want it whole"
                raise PolicyViolation(message)
