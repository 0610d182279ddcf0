"""Provider bytes in, client buffers out: the only place where framing, meaning and privacy meet.

Where both sides speak one dialect frames *pass*: a frame waits while text in it, or before it in its lane,
is undecided, and leaves as its original bytes if nothing was found, rewritten if something was. Otherwise
events are *translated*: a text waits while it is undecided, and what comes out is written in the client's
words. Frames and events leave in the order they came, so a clean stream that passes is byte for byte the
provider's; only when one lane's tail has kept `OVERTAKE_AFTER` of them waiting do other lanes' go ahead of
it (each lane stays in order) until it is decided, so that a number at the end of the reasoning does not
hold up the whole answer.

Nothing here awaits, reads a clock or knows a socket: `feed` and `flush` return what to write.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from gateway.chat import (
    SERVER_KINDS,
    WHOLE,
    Annotation,
    End,
    Event,
    Extra,
    Failure,
    Finish,
    Lane,
    LaneEnd,
    Logprobs,
    Nature,
    Sealed,
    Text,
    Usage,
)
from gateway.dialects.dialect import Classify, Dialect, Head
from gateway.errors import PolicyViolation, ProviderError, ProviderGarbage, SluiceError, UpstreamTruncated
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.model import ActionOf, Finding
from gateway.privacy.model_run import ModelRun, Question
from gateway.privacy.redact import restore_body
from gateway.privacy.scanner import Scan, TextRun
from gateway.stream.lanes import LaneState, Run, Waiting
from gateway.wire.sse import Frame

OVERTAKE_AFTER = 16
_NO_FRAME = Frame(b"")


class ResponseStream:
    """One streamed answer, from a provider of one dialect to a client of the same or another.

    `scan` restores and redacts. `json_output` says that content is JSON (a response format asked for it).
    Where `head.usage` is False only the gateway asked for the usage chunk: it is recorded and left out.
    `head.id` is the request's, and goes into error events. With `model` (what is done with its findings) a
    model reads each sentence before it goes out: `wanted` gives them out, `answered` takes what was found.
    Then nothing overtakes, and `ended` may come after `flush`, with the last answer.

    After each call, `opened` tells whether the provider has said anything real, `done` that its end mark
    has come, `ended` that nothing more will be returned. `error` is what went wrong. Met after the opening
    it has been written as the dialect's error event; before, nothing was, and it can still be a status.
    Whoever has committed the 200 for another reason sets `opened` first. `queue` is what is held back.
    """

    def __init__(
        self,
        scan: Scan,
        provider: Dialect,
        client: Dialect,
        head: Head,
        *,
        json_output: bool = False,
        model: ActionOf | None = None,
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
        self.held_characters = 0
        self._provider = provider
        self._passing = provider.name == client.name and not head.array
        self._take = self._take_passing if self._passing else self._take_translating
        self._head = head
        self._json_output = json_output
        self._model = model
        self._unread: list[LaneState] = []  # lanes that have ended, with sentences the model has not read
        self._tickets: dict[int, tuple[LaneState, Question]] = {}
        self._asked = 0
        self._end_waits = False
        self._closed: bytes | None = None  # the provider has closed; what it left of a line
        self._classify: Classify = provider.classifier(json_output)
        self._splitter = provider.splitter(max_frame_bytes)
        self._decoder = provider.decoder()
        self._encoder = client.encoder(head)
        self._lanes: dict[Lane, LaneState] = {}
        self.queue: deque[Waiting] = deque()
        self._overtaking = False
        self._choices: set[int] = set()
        self._finished: set[int] = set()

    @property
    def keepalive(self) -> bytes:
        return self._encoder.keepalive

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the provider; what can go to the client now."""
        if self.ended:
            return b""
        out: list[bytes] = []
        try:
            for frame in self._splitter.feed(data):
                self._take(frame, out)
        except (ProviderError, PolicyViolation) as error:
            out.append(self.fail(error))
        return out[0] if len(out) == 1 else b"".join(out)

    def feed_whole(self, events: Sequence[Event]) -> bytes:
        """A whole answer from a provider that ignored `stream: true`: the stream that it should have been."""
        out: list[bytes] = []
        self._passing = False
        try:
            self._translate(events, _NO_FRAME, out)
        except (ProviderError, PolicyViolation) as error:
            out.append(self.fail(error))
        return b"".join(out) + self.flush()

    def flush(self) -> bytes:
        """The provider closed its stream: the rest, and an error if the answer was not finished."""
        if self.ended:
            return b""
        out: list[bytes] = []
        fault: SluiceError | None = None
        unfinished_line = b""
        try:
            for frame in self._splitter.flush():
                if frame.data is None:
                    unfinished_line += frame.raw
                else:
                    self._take(frame, out)
        except ProviderGarbage:
            fault = UpstreamTruncated("the provider closed the stream within an event")
        except (ProviderError, PolicyViolation) as error:
            fault = error
        if fault is None and not self.done and not (self._finished and self._finished >= self._choices):
            fault = UpstreamTruncated("the provider closed the stream before the answer was finished")
        if fault is None:
            self._decide_lanes(None)
            fault = self._violation()
        if fault is None:
            self._closed = unfinished_line
            self._close(out)
        else:
            if out and not out[-1].endswith(b"\n"):
                out.append(b"\n\n")
            out.append(self.fail(fault))
        return b"".join(out)

    def _close(self, out: list[bytes]) -> None:
        """The end, once the provider has closed and the model has read everything."""
        if self._closed is None or self._unread:
            return
        self._release(out, everything=True)
        if self._passing:
            out.append(self._closed)
        elif not self.done:
            out.append(self._encoder.end())
        self.ended = True

    def wanted(self) -> list[tuple[int, str]]:
        """Sentences for the model, each with the ticket by which its answer is known."""
        given = []
        for state in (*self._lanes.values(), *self._unread):
            assert isinstance(state.run, ModelRun)
            for question in state.run.wanted():
                self._asked += 1
                self._tickets[self._asked] = state, question
                given.append((self._asked, question.text))
        return given

    def answered(self, ticket: int, found: Sequence[Finding]) -> bytes:
        """What the model found in a sentence; what can go to the client now."""
        state, question = self._tickets.pop(ticket)
        if self.ended:
            return b""
        assert isinstance(state.run, ModelRun)
        out: list[bytes] = []
        try:
            state.settle(state.run.answer(question, found))
            self._check()
            self._unread = [each for each in self._unread if each.is_unread]
            self._release(out)
            if self._end_waits:
                self._end(out)
            self._close(out)
        except PolicyViolation as error:
            out.append(self.fail(error))
        return b"".join(out)

    def fail(self, error: SluiceError) -> bytes:
        """End the answer with an error: held text first, then the dialect's error event and end mark.

        Before the opening nothing is returned: the error can still be a status. Behind a match that the
        policy blocks nothing is decided, and what waits for it, or for a model, is dropped.
        """
        if self.ended:
            return b""
        self.ended = True
        if not self.opened:
            self.error = error
            return b""
        out: list[bytes] = []
        self._decide_lanes(None)
        self._release(out, everything=self.scan.blocked is None)
        self.queue.clear()
        if (
            self._unread or not self.done
        ):  # a provider that lingers or breaks off behind its end mark has answered
            self.error = error
            out.append(self._encoder.fail(error.facts(self._head.id)))
        return b"".join(out)

    def abandon(self, error: SluiceError) -> bytes:
        """As `fail`, but what is held is not decided any more: it is dropped."""
        self._lanes.clear()
        self._unread.clear()
        self.queue.clear()
        self.ended = False
        return self.fail(error)

    # --- frames that pass -----------------------------------------------------------------------------

    def _take_passing(self, frame: Frame, out: list[bytes]) -> None:
        if frame.data is None:
            self._pass(Waiting(frame) if self.queue else None, frame, out)
            return
        self.frames += 1
        waiting = None
        for event in self._decoder.decode(frame):
            if type(event) is Text:
                if event.path:
                    waiting = self._text(event, frame, waiting)
            elif type(event) is Usage:
                self.usage = event
                if event.alone and not self._head.usage and waiting is None:
                    return
            else:
                self._note(event)
        self.opened = True
        self._pass(waiting, frame, out)

    def _pass(self, waiting: Waiting | None, frame: Frame, out: list[bytes]) -> None:
        """A frame goes, or joins the queue."""
        if self.queue or (waiting is not None and waiting.undecided):
            self._enqueue(waiting or Waiting(frame), out)
        else:
            out.append(frame.raw if waiting is None else self._bytes_out(waiting))

    # --- events that are translated -------------------------------------------------------------------

    def _take_translating(self, frame: Frame, out: list[bytes]) -> None:
        if frame.data is not None and not self.done:  # behind the end mark nothing is the answer's
            self.frames += 1
            self._translate(self._decoder.decode(frame), frame, out)

    def _translate(self, events: Sequence[Event], frame: Frame, out: list[bytes]) -> None:
        for event in events:
            if type(event) is Text:
                lane = event.lane
                if lane.choice >= 0 and lane.position >= 0 and lane.kind not in SERVER_KINDS:
                    self._say(event, self._text(event, frame, None), frame, out)
                continue
            if type(event) is Usage:
                self.usage = event
            elif isinstance(event, Annotation | Logprobs | Extra):
                if not self._made_safe(event):
                    continue
            else:
                self._note(event)
            self._say(event, None, frame, out)
            if type(event) is End:
                self._end(out)
        # An answer that has only said its name could still turn out to be an error.
        self.opened = self.opened or bool(out) or bool(self.queue) or self.done

    def _say(self, event: Event, waiting: Waiting | None, frame: Frame, out: list[bytes]) -> None:
        """An event is written, or joins the queue."""
        if self.queue or (waiting is not None and waiting.undecided):
            waiting = waiting or Waiting(frame)
            waiting.event = event
            self._enqueue(waiting, out)
        elif waiting is None:
            out.append(self._encoder.encode(event))
        else:
            waiting.event = event
            out.append(self._bytes_out(waiting))

    def _made_safe(self, event: Annotation | Logprobs | Extra) -> bool:
        """Redact and restore what an event says beside the lanes; whether it can still be said."""
        if isinstance(event, Extra):
            restore_body(event.data, self._classify, self.scan)
            return True
        state = self._lanes.get(event.lane)
        changed = state is not None and (state.changed or bool(state.pieces))
        if isinstance(event, Logprobs):
            return not changed  # they spell out the text as the provider wrote it
        said = {"url": event.url, "title": event.title, "quote": event.quote}
        restore_body(said, self._classify, self.scan)
        event.url, event.title, event.quote = said["url"], said["title"], said["quote"]
        if changed:
            event.start = event.end = -1
        return True

    # --- both -----------------------------------------------------------------------------------------

    def _note(self, event: Event) -> None:
        """What an event means for the state of the answer."""
        if type(event) is Finish:
            self._decide_lanes(event.choice)
            self._check()
            self._choices.add(event.choice)
            self._finished.add(event.choice)
        elif type(event) is LaneEnd:
            if state := self._lanes.pop(event.lane, None):
                self._end_lane(state)
                self._check()
        elif type(event) is Sealed:
            # What signs a lane's text follows it, so it must not overtake it; the lane may go on.
            if state := self._lanes.get(event.lane):
                state.settle(state.run.flush())
                self._check()
        elif type(event) is End:
            self._decide_lanes(None)
            self._check()
            self.done = True
        elif type(event) is Failure:
            # It may quote the prompt.
            restore_body(event.raw, self._classify, self.scan)
            raise self._provider.provider_error(None, event.raw, None)

    def _text(self, event: Text, frame: Frame, waiting: Waiting | None) -> Waiting | None:
        """Run a text; what waits or is changed because of it, None if the text is fine as it is."""
        lane = event.lane
        if lane.choice == WHOLE.choice:
            state = LaneState(self._run_for(lane))
            state.run.feed(event.text)
            decided = state.run.flush()
            if state.is_unread:
                self._unread.append(state)
        else:
            known = self._lanes.get(lane)
            if known is None:
                known = self._lanes[lane] = LaneState(self._run_for(lane))
                if lane.choice >= 0:
                    self._choices.add(lane.choice)
            state = known
            decided = state.run.feed(event.text)
        self._check()
        start = state.fed
        state.fed = start + len(event.text)
        if decided == state.fed and not state.run.edits and not state.pieces:
            return waiting
        if waiting is None:
            waiting = Waiting(frame)
        waiting.undecided += 1
        state.pieces.append((waiting, event, start))
        state.settle(decided)
        if waiting.undecided:
            self.held_characters += len(event.text)
        return waiting

    def _check(self) -> None:
        if (violation := self._violation()) is not None:
            raise violation

    def _violation(self) -> PolicyViolation | None:
        """What to say once a text holds what the policy blocks."""
        found = self.scan.blocked
        return found and PolicyViolation(f"the answer holds {found.entity.name}, which the policy blocks")

    def _run_for(self, lane: Lane) -> Run:
        nature: Nature = "text"
        run: TextRun | JsonRun | SniffRun
        if lane.kind in ("arguments", "server_arguments"):
            nature, run = "json", JsonRun(self.scan)
        elif lane.kind == "content" and self._json_output:
            nature, run = "sniff", SniffRun(self.scan)
        else:
            run = TextRun(self.scan, signed=lane.kind == "thinking")
        return run if self._model is None else ModelRun(run, nature, self.scan, self._model)

    def _decide_lanes(self, choice: int | None) -> None:
        """Nothing more comes in the lanes of a choice (or in any)."""
        for lane in [each for each in self._lanes if choice is None or each.choice in (choice, -2 - choice)]:
            self._end_lane(self._lanes.pop(lane))

    def _end_lane(self, state: LaneState) -> None:
        state.settle(state.run.flush())
        if state.is_unread:
            self._unread.append(state)

    def _end(self, out: list[bytes]) -> None:
        """The provider's end mark in the client's words, behind all that waits."""
        self._end_waits = bool(self._unread)
        if not self._end_waits:
            self._release(out, everything=True)
            out.append(self._encoder.end())

    def _enqueue(self, waiting: Waiting, out: list[bytes]) -> None:
        if waiting.undecided:
            self.held += 1
        self.queue.append(waiting)
        self._release(out)

    def _release(self, out: list[bytes], everything: bool = False) -> None:
        queue = self.queue
        everything = everything and not self._unread
        while queue and (everything or not queue[0].undecided):
            out.append(self._bytes_out(queue.popleft()))
        if self._model is not None:  # an answer's finish must not pass a sentence that is being read
            return
        self._overtaking = bool(queue) and (self._overtaking or len(queue) > OVERTAKE_AFTER)
        if self._overtaking:
            out += [self._bytes_out(waiting) for waiting in queue if not waiting.undecided]
            self.queue = deque(waiting for waiting in queue if waiting.undecided)

    def _bytes_out(self, waiting: Waiting) -> bytes:
        changes, event = waiting.changes, waiting.event
        if event is None:
            return self._provider.rewrite(waiting.frame, changes) if changes else waiting.frame.raw
        if changes and isinstance(event, Text):
            event.text = changes[event.path]
            if not event.text:
                return b""
        return self._encoder.encode(event)
