"""What of an answer waits to go out, and the order in which it goes.

Frames and events leave in the order they came. Only when one lane's tail has kept `OVERTAKE_AFTER` of them
waiting do other lanes' go ahead of it (each lane stays in order) until it is decided, so that a number at the
end of the reasoning does not hold up the whole answer. What is put in behind a call of `keep` stays until
`let_go`, decided or not.
"""

from __future__ import annotations

from collections import deque

from gateway.chat import Opening, Text
from gateway.dialects.dialect import Dialect, Encoder, Head
from gateway.errors import PolicyViolation
from gateway.stream.lanes import Waiting
from gateway.wire.sse import Frame

OVERTAKE_AFTER = 16
# As much of an answer in one piece is taken from a provider.
MOST_KEPT_BYTES = 64 << 20


class Outbox:
    """Frames leave as the `provider` wrote them, less what was changed; events in the encoder's words.

    Frames that pass need no encoder, until the gateway has something of its own to say: as whom, `identify`
    tells. `waits`: whatever comes next must be put in here, too. `held` counts what had to wait because
    text in it was undecided.
    """

    __slots__ = (
        "_client",
        "_encoder",
        "_end_at",
        "_head",
        "_identity",
        "_kept",
        "_kept_bytes",
        "_overtaking",
        "_provider",
        "_queue",
        "held",
        "may_overtake",
        "waits",
    )

    def __init__(self, provider: Dialect, client: Dialect, head: Head, may_overtake: bool) -> None:
        self.waits = False
        self.held = 0
        self.may_overtake = may_overtake
        self._provider = provider
        self._client = client
        self._head = head
        self._encoder: Encoder | None = None
        self._identity: Opening | None = None
        # An empty deque is 760 bytes, and in most streams nothing waits at most times.
        self._queue: deque[Waiting] | None = None
        self._overtaking = False
        self._kept: deque[Waiting] | None = None
        self._kept_bytes = 0
        self._end_at: int | None = None  # where among what is kept the end mark stands

    @property
    def encoder(self) -> Encoder:
        if self._encoder is None:
            self._encoder = self._client.encoder(self._head)
            if self._identity is not None:
                self._encoder.encode(self._identity)
        return self._encoder

    def identify(self, opening: Opening) -> None:
        """Whose answer it is, where its frames pass."""
        if self._encoder is None:
            self._identity = opening
        else:
            self._encoder.encode(opening)

    @property
    def waiting(self) -> int:
        """How many are in it."""
        return len(self._queue or ()) + len(self._kept or ())

    def put(self, waiting: Waiting, out: list[bytes]) -> None:
        """Raises PolicyViolation where more would have to be kept than can be."""
        if waiting.undecided:
            self.held += 1
        if self._kept is None:
            if self._queue is None:
                self._queue = deque()
            self._queue.append(waiting)
        else:
            self._kept.append(waiting)
            self._kept_bytes += len(waiting.frame.raw)
            if self._kept_bytes > MOST_KEPT_BYTES:
                raise PolicyViolation("policy_violation: the answer is too long to wait for a verdict")
        self.release(out)

    def release(self, out: list[bytes], everything: bool = False) -> None:
        """Add to `out` what can go, or `everything` that is not kept."""
        queue, write = self._queue or deque(), self.write
        while queue and (everything or not queue[0].undecided):
            out.append(write(queue.popleft()))
        if self.may_overtake:
            self._overtaking = bool(queue) and (self._overtaking or len(queue) > OVERTAKE_AFTER)
            if self._overtaking:
                out += [write(waiting) for waiting in queue if not waiting.undecided]
                queue = self._queue = deque(waiting for waiting in queue if waiting.undecided)
        if not queue:
            self._queue = None
        self.waits = self._queue is not None or self._kept is not None

    def keep(self) -> None:
        """From here on nothing goes."""
        if self._kept is None:
            self._kept = deque()
            self.waits = True

    def keep_no_more(self) -> None:
        """What was kept only waits for its turn."""
        if self._kept is not None:
            self._queue = (self._queue or deque()) + self._kept
            self._kept = None

    def mark_end(self) -> None:
        """The end mark comes next."""
        if self._kept is not None and self._end_at is None:
            self._end_at = len(self._kept)

    def let_go(self, out: list[bytes], before_end: bytes = b"") -> None:
        """Nothing is kept any more; `before_end` goes out before the end mark, or behind all else."""
        kept, self._kept = self._kept or deque(), None
        if before_end:
            at = len(kept) if self._end_at is None else self._end_at
            kept.insert(at, Waiting(Frame(before_end)))
        self._queue = (self._queue or deque()) + kept
        self.release(out)

    def write(self, waiting: Waiting) -> bytes:
        changes, event = waiting.changes, waiting.event
        if event is None:
            return self._provider.rewrite(waiting.frame, changes) if changes else waiting.frame.raw
        if changes and isinstance(event, Text):
            event.text = changes[event.path]
            if not event.text:
                return b""
        return self.encoder.encode(event)

    def clear(self) -> None:
        self._queue = self._kept = None
        self.waits = False
