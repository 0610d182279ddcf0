"""Provider bytes in, client buffers out: the only place where framing, meaning and privacy meet.

A frame waits while text in it, or before it in its lane, is undecided. It leaves as its original bytes if
nothing was found, rewritten if something was. Frames leave in the order they came, so a clean stream is
byte for byte the provider's; only when one lane's tail has kept `OVERTAKE_AFTER` frames of other lanes
waiting do these go ahead of it (each lane stays in order) until it is decided, so that a number at the end
of the reasoning does not hold up the whole answer.

Nothing here awaits, reads a clock or knows a socket: `feed` and `flush` return what to write.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from gateway.chat import End, Failure, Finish, Lane, Text, Usage
from gateway.dialects import openai_chat as dialect
from gateway.dialects.openai_body import Path, classify, provider_error
from gateway.errors import ProviderError, ProviderGarbage, SluiceError, UpstreamTruncated
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.redact import restore_body
from gateway.privacy.scanner import Scan, TextRun
from gateway.wire.sse import Frame, SSESplitter

OVERTAKE_AFTER = 16


class _Waiting(Struct, gc=False):
    """A frame that cannot go yet: how many of its texts are undecided, and what has changed in it."""

    frame: Frame
    undecided: int = 0
    changes: dict[Path, str] | None = None

    def bytes_out(self) -> bytes:
        if not self.changes or self.frame.data is None:
            return self.frame.raw
        return dialect.rewrite(self.frame.data, self.changes) or b""


class _LaneState:
    """A lane's run, and the pieces of it that stand in waiting frames."""

    __slots__ = ("fed", "pieces", "run")

    def __init__(self, run: TextRun | JsonRun | SniffRun) -> None:
        self.run = run
        self.fed = 0
        self.pieces: deque[tuple[_Waiting, Text, int]] = deque()  # the piece and its offset in the run

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
            if waiting.changes is None:
                waiting.changes = {}
            waiting.changes[piece.path] = "".join(kept)


class ResponseStream:
    """One streamed answer.

    `scan` restores and redacts. `json_output` says that content is JSON (a response format asked for it).
    `keep_usage` is False when only the gateway asked for the usage chunk: it is recorded and left out.
    `request_id` goes into error events.

    After each call, `opened` tells whether the provider has said anything real, `done` that its end mark
    has come, `ended` that nothing more will be returned. `error` is what went wrong. Met after the opening
    it has been written as the dialect's error event; before, nothing was, and it can still be a status.
    Whoever has committed the 200 for another reason sets `opened` first.
    """

    def __init__(
        self,
        scan: Scan,
        request_id: str,
        *,
        json_output: bool = False,
        keep_usage: bool = True,
        max_frame_bytes: int = 16 << 20,
    ) -> None:
        self.scan = scan
        self.usage: Usage | None = None
        self.opened = False
        self.done = False
        self.ended = False
        self.error: SluiceError | None = None
        self.frames = 0
        self.held = 0
        self._request_id = request_id
        self._json_output = json_output
        self._keep_usage = keep_usage
        self._splitter = SSESplitter(max_frame_bytes)
        self._decoder = dialect.Decoder()
        self._lanes: dict[Lane, _LaneState] = {}
        self._queue: deque[_Waiting] = deque()
        self._overtaking = False
        self._choices: set[int] = set()
        self._finished: set[int] = set()

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the provider; what can go to the client now."""
        if self.ended:
            return b""
        out: list[bytes] = []
        try:
            for frame in self._splitter.feed(data):
                self._take(frame, out)
        except ProviderError as error:
            out.append(self.fail(error))
        return out[0] if len(out) == 1 else b"".join(out)

    def flush(self) -> bytes:
        """The provider closed its stream: the rest, and an error if the answer was not finished."""
        if self.ended:
            return b""
        out: list[bytes] = []
        fault: ProviderError | None = None
        unfinished_line = b""
        try:
            for frame in self._splitter.flush():
                if frame.data is None:
                    unfinished_line += frame.raw
                else:
                    self._take(frame, out)
        except ProviderGarbage:
            fault = UpstreamTruncated("the provider closed the stream within an event")
        except ProviderError as error:
            fault = error
        if fault is None and not self.done and not (self._finished and self._finished >= self._choices):
            fault = UpstreamTruncated("the provider closed the stream before the answer was finished")
        if fault is None:
            self._decide_lanes(None)
            self._release(out, everything=True)
            out.append(unfinished_line)
            self.ended = True
        else:
            if out and not out[-1].endswith(b"\n"):
                out.append(b"\n\n")
            out.append(self.fail(fault))
        return b"".join(out)

    def fail(self, error: SluiceError) -> bytes:
        """End the answer with an error: held text first, then the dialect's error event and end mark.

        Before the opening nothing is returned: the error can still be a status.
        """
        if self.ended:
            return b""
        self.ended = True
        if not self.opened:
            self.error = error
            return b""
        out: list[bytes] = []
        self._decide_lanes(None)
        self._release(out, everything=True)
        if not self.done:  # a provider that lingers or breaks off behind its end mark has answered
            self.error = error
            out.append(dialect.encode_stream_error(error.facts(self._request_id)))
        return b"".join(out)

    def abandon(self, error: SluiceError) -> bytes:
        """As `fail`, but what is held is not decided any more: it is dropped."""
        self._lanes.clear()
        self._queue.clear()
        self.ended = False
        return self.fail(error)

    def _take(self, frame: Frame, out: list[bytes]) -> None:
        if frame.data is None:
            self._pass(frame, None, out)
            return
        self.frames += 1
        waiting = None
        only_usage = False
        for event in self._decoder.decode(frame.data):
            if type(event) is Text:
                waiting = self._text(event, frame, waiting)
            elif type(event) is Finish:
                self._finish(event.choice)
            elif type(event) is Usage:
                self.usage = event
                only_usage = event.alone
            elif type(event) is End:
                self._decide_lanes(None)
                self.done = True
            elif type(event) is Failure:
                # It may quote the prompt.
                restore_body(event.raw, classify, self.scan)
                raise provider_error(None, event.raw)
        self.opened = True
        if only_usage and not self._keep_usage and waiting is None:
            return
        self._pass(frame, waiting, out)

    def _text(self, event: Text, frame: Frame, waiting: _Waiting | None) -> _Waiting | None:
        lane = event.lane
        if lane is dialect.WHOLE:
            state = _LaneState(TextRun(self.scan))
            state.run.feed(event.text)
            decided = state.run.flush()
        else:
            known = self._lanes.get(lane)
            if known is None:
                known = self._lanes[lane] = _LaneState(self._run_for(lane))
                self._choices.add(lane.choice)
            state = known
            decided = state.run.feed(event.text)
        start = state.fed
        state.fed = start + len(event.text)
        if decided == state.fed and not state.run.edits and not state.pieces:
            return waiting
        if waiting is None:
            waiting = _Waiting(frame)
        waiting.undecided += 1
        state.pieces.append((waiting, event, start))
        state.settle(decided)
        return waiting

    def _run_for(self, lane: Lane) -> TextRun | JsonRun | SniffRun:
        if lane.kind == "arguments":
            return JsonRun(self.scan)
        if lane.kind == "content" and self._json_output:
            return SniffRun(self.scan)
        return TextRun(self.scan)

    def _finish(self, choice: int) -> None:
        self._decide_lanes(choice)
        self._choices.add(choice)
        self._finished.add(choice)

    def _decide_lanes(self, choice: int | None) -> None:
        """Nothing more comes in the lanes of a choice (or in any)."""
        for lane in [lane for lane in self._lanes if choice is None or lane.choice == choice]:
            state = self._lanes.pop(lane)
            state.settle(state.run.flush())

    def _pass(self, frame: Frame, waiting: _Waiting | None, out: list[bytes]) -> None:
        """A frame goes, or joins the queue."""
        if self._queue:
            self._queue.append(waiting or _Waiting(frame))
            self._release(out)
        elif waiting is None:
            out.append(frame.raw)
        elif waiting.undecided:
            self.held += 1
            self._queue.append(waiting)
        else:
            out.append(waiting.bytes_out())

    def _release(self, out: list[bytes], everything: bool = False) -> None:
        queue = self._queue
        while queue and (everything or not queue[0].undecided):
            out.append(queue.popleft().bytes_out())
        self._overtaking = bool(queue) and (self._overtaking or len(queue) > OVERTAKE_AFTER)
        if self._overtaking:
            out += [waiting.bytes_out() for waiting in queue if not waiting.undecided]
            self._queue = deque(waiting for waiting in queue if waiting.undecided)
