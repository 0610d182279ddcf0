"""Provider bytes in, client buffers out: the only place where framing, meaning and privacy meet.

Where both sides speak one dialect frames *pass*: a frame waits while text in it, or before it in its lane,
is undecided, and leaves as its original bytes if nothing was found, rewritten if something was. Otherwise
events are *translated*: a text waits while it is undecided, and what comes out is written in the client's
words. In which order they leave is said in `outbox`.

Nothing here awaits, reads a clock or knows a socket: `feed` and `flush` return what to write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gateway.chat import (
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
    Opening,
    Sealed,
    Text,
    Usage,
)
from gateway.dialects.dialect import Classify, Dialect, Head
from gateway.errors import PolicyViolation, ProviderError, ProviderGarbage, SluiceError, UpstreamTruncated
from gateway.privacy.model import ActionOf, Finding
from gateway.privacy.redact import restore_body, violation
from gateway.privacy.scanner import Scan
from gateway.stream.asides import made_safe
from gateway.stream.hearing import Hearing
from gateway.stream.lanes import Lanes, LaneState, Waiting, is_told
from gateway.stream.outbox import Outbox
from gateway.stream.reader import Reader
from gateway.wire.sse import Frame

# What of an answer waits for a verdict on all of it.
Hold = Literal["nothing", "end", "answer"]
_NO_FRAME = Frame(b"")


class ResponseStream:
    """One streamed answer, from a provider of one dialect to a client of the same or another.

    `scan` restores and redacts. `json_output` says that content is JSON (a response format asked for it).
    Where `head.usage` is False only the gateway asked for the usage chunk: it is recorded and left out.
    `head.id` is the request's, and goes into error events. With `model` (what is done with its findings) a
    model reads each sentence before it goes out: `wanted` gives them out, `answered` takes what was found.
    Then nothing overtakes, and `ended` may come after `flush`, with the last answer. Where rules want the
    whole answer, `hold` says what waits for their verdict: its end (from the last finish on), all of it, or,
    to monitor, nothing. `texts` has then what was said, lane by lane, with placeholders; once `is_said` they
    can be judged, and `judged` goes on, or `fail` with what was violated. `outbox` tells what is held back.

    After each call, `opened` tells whether the provider has said anything real, `done` that its end mark has
    come, `ended` that nothing more will be returned. `error` is what went wrong. Met after the opening it has
    been written as the dialect's error event; before, nothing was, and it can still be a status. Whoever has
    committed the 200 for another reason sets `opened` first.
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
        hold: Hold | None = None,
        max_frame_bytes: int = 16 << 20,
    ) -> None:
        self.scan = scan
        self.usage: Usage | None = None
        self.opened = False
        self.done = False
        self.ended = False
        self.error: SluiceError | None = None
        self.frames = 0
        self.held_characters = 0
        self._provider = provider
        self._passing = provider.name == client.name and not head.array
        # A method of `self` kept in it would be a cycle, and the stream last until the collector comes by.
        self._take = type(self)._take_passing if self._passing else type(self)._take_translating
        self._head = head
        self._end_waits = False
        self._closed: bytes | None = None  # the provider has closed; what it left of a line
        self._classify: Classify = provider.classifier(json_output)
        self._reader = Reader(provider, max_frame_bytes)
        self._lanes = Lanes(scan, json_output, model)
        # With a model an answer's finish must not pass a sentence that is being read.
        self.outbox = Outbox(provider, client, head, may_overtake=model is None)
        self._hold = hold
        self._stops = self._unjudged = hold in ("end", "answer")
        self._hearing = None if hold is None else Hearing(must_be_judged=self._stops)
        if hold == "answer":
            self.outbox.keep()
        self._choices: set[int] = set()
        self._finished: set[int] | None = None

    @property
    def said(self) -> int:
        """Characters of text that the provider has said so far, each counted once."""
        return self._lanes.said

    @property
    def texts(self) -> Mapping[Lane, Sequence[str]]:
        return {} if self._hearing is None else self._hearing.texts

    @property
    def keepalive(self) -> bytes:
        return self.outbox.encoder.keepalive

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the provider; what can go to the client now."""
        if self.ended:
            return b""
        out: list[bytes] = []
        try:
            at = self._take_alike(data, out)
            if at < len(data):
                for frame in self._reader.feed(data[at:] if at else data):
                    self._take(self, frame, out)
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
            for frame in self._reader.flush():
                if not frame.data:
                    unfinished_line += frame.raw
                else:
                    self._take(self, frame, out)
        except ProviderGarbage:
            fault = UpstreamTruncated("the provider closed the stream within an event")
        except (ProviderError, PolicyViolation) as error:
            fault = error
        if fault is None and not self.done and not (self._finished and self._finished >= self._choices):
            fault = UpstreamTruncated("the provider closed the stream before the answer was finished")
        if fault is None:
            self._lanes.end_choice(None)
            fault = violation(self.scan)
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
        if self._closed is None or self._lanes.unread or self._unjudged:
            return
        self._release(out, everything=self.scan.blocked is None)
        self.outbox.clear()
        if self._passing:
            out.append(self._closed)
        elif not self.done:
            out.append(self.outbox.encoder.end())
        self.ended = True

    @property
    def is_said(self) -> bool:
        """Is the answer complete, and only its verdict missing?"""
        if not self.done and self._closed is None:
            return False
        return self._unjudged and not self._lanes.unread and not self.ended

    def judged(self, told: Mapping[str, Any] | None = None) -> bytes:
        """The answer may go, after an event for what is `told` about it; what can go to the client now."""
        if self.ended:
            return b""
        self._unjudged = False
        self.opened = True
        out: list[bytes] = []
        self.outbox.let_go(out, self.outbox.encoder.verdict(told) if told else b"")
        if self._end_waits:
            self._end(out)
        self._close(out)
        return b"".join(out)

    def wanted(self) -> list[tuple[int, str]]:
        """Sentences for the model, each with the ticket by which its answer is known."""
        return list(self._lanes.wanted())

    def answered(self, ticket: int, found: Sequence[Finding]) -> bytes:
        """What the model found in a sentence; what can go to the client now."""
        if self.ended:
            return b""
        out: list[bytes] = []
        try:
            self._lanes.answered(ticket, found)
            self._check()
            self._lanes.note_read()
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
        policy blocks nothing is decided, and what waits for it, for a model or for a verdict, is dropped. A
        provider that lingers or breaks off behind its end mark has answered.
        """
        if self.ended:
            return b""
        is_blocked = self._unjudged and isinstance(error, PolicyViolation)
        if not self.done or self._lanes.unread or is_blocked:
            return self._fail(error)
        self._closed = b""
        out: list[bytes] = []
        self._close(out)
        return b"".join(out)

    def _fail(self, error: SluiceError) -> bytes:
        self.ended = True
        self.error = error
        if not self.opened:
            return b""
        out: list[bytes] = []
        self._lanes.end_choice(None)
        self._release(out, everything=self.scan.blocked is None)
        self.outbox.clear()
        out.append(self.outbox.encoder.fail(error.facts(self._head.id)))
        return b"".join(out)

    def abandon(self, error: SluiceError) -> bytes:
        """As `fail`, but what is held is not decided any more: it is dropped."""
        has_gone = self.done and not self.outbox.waits and not self._end_waits
        self._lanes.clear()
        self.outbox.clear()
        if not has_gone:
            return self._fail(error)
        self.ended = True
        return b""

    # --- frames that pass -----------------------------------------------------------------------------

    def _take_passing(self, frame: Frame, out: list[bytes]) -> None:
        if not frame.data:  # no event, or one that keeps the connection open
            self._pass(Waiting(frame) if self.outbox.waits else None, frame, out)
            return
        if self.done and self._stops:  # what has not been judged must not follow
            return
        self.frames += 1
        waiting = None
        for event in self._reader.decode(frame):
            if type(event) is Text:
                if event.path:
                    waiting = self._text(event, frame, waiting)
            elif type(event) is Usage:
                self.usage = event
                if event.alone and not self._head.usage and waiting is None:
                    return
            else:
                self._note(event)
        if self._hold != "answer":
            self.opened = True
        self._pass(waiting, frame, out)

    def _take_alike(self, data: bytes, out: list[bytes]) -> int:
        """Frames like the one before but for their text, as most of an answer is: how far in `data` they go.

        They leave as they came, or their text is written in the client's words, without a frame or an event
        being made of them unless they must wait.
        """
        at, size, passing = 0, len(data), self._passing
        template = self._reader.template_for(data)
        if template is None or not (passing or is_told(template.lane)):
            return at
        state = self._lanes.open.get(template.lane) or self._begin(template.lane)
        while at < size and (found := template.text(data, at)) is not None:
            start, (text, at) = at, found
            self.frames += 1
            is_fine = self._run(state, text)
            if is_fine and not self.outbox.waits:
                out.append(data[start:at] if passing else self.outbox.encoder.encode(template.said(text)))
                continue
            event, frame = template.said(text), template.frame(data[start:at])
            waiting = Waiting(frame) if is_fine else self._wait(state, event, Waiting(frame))
            if passing:
                self._pass(waiting, frame, out)
            else:
                self._say(event, waiting, frame, out)
        return at

    def _pass(self, waiting: Waiting | None, frame: Frame, out: list[bytes]) -> None:
        """A frame goes, or joins the queue."""
        if self.outbox.waits or (waiting is not None and waiting.undecided):
            self.outbox.put(waiting or Waiting(frame), out)
        else:
            out.append(frame.raw if waiting is None else self.outbox.write(waiting))

    # --- events that are translated -------------------------------------------------------------------

    def _take_translating(self, frame: Frame, out: list[bytes]) -> None:
        has_data = frame.data or type(frame) is not Frame  # a message of Bedrock's need not have a payload
        if has_data and not self.done:  # behind the end mark nothing is the answer's
            self.frames += 1
            self._translate(self._reader.decode(frame), frame, out)

    def _translate(self, events: Sequence[Event], frame: Frame, out: list[bytes]) -> None:
        for event in events:
            if type(event) is Text:
                if is_told(event.lane):
                    self._say(event, self._text(event, frame, None), frame, out)
                continue
            if isinstance(event, Annotation | Logprobs | Extra | Finish) and not made_safe(
                event, self._lanes, self.scan, self._provider, self._classify
            ):
                continue
            if type(event) is Usage:
                self.usage = event
            self._note(event)
            self._say(event, None, frame, out)
            if type(event) is End:
                self._end(out)
        # An answer that has only said its name could still turn out to be an error.
        if self._hold != "answer":
            self.opened = self.opened or bool(out) or self.outbox.waits or self.done

    def _say(self, event: Event, waiting: Waiting | None, frame: Frame, out: list[bytes]) -> None:
        """An event is written, or joins the queue."""
        if self.outbox.waits or (waiting is not None and waiting.undecided):
            waiting = waiting or Waiting(frame)
            waiting.event = event
            self.outbox.put(waiting, out)
        elif waiting is None:
            out.append(self.outbox.encoder.encode(event))
        else:
            waiting.event = event
            out.append(self.outbox.write(waiting))

    # --- both -----------------------------------------------------------------------------------------

    def _note(self, event: Event) -> None:
        """What an event means for the state of the answer."""
        if type(event) is Finish:
            self._lanes.end_choice(event.choice)
            self._check()
            self._choices.add(event.choice)
            finished = self._finished = self._finished or set()
            finished.add(event.choice)
            if self._unjudged and finished >= self._choices:
                self.outbox.keep()
        elif type(event) is LaneEnd:
            if self._lanes.end(event.lane):
                self._check()
        elif type(event) is Sealed:
            # What signs a lane's text follows it, so it must not overtake it; the lane may go on.
            if state := self._lanes.open.get(event.lane):
                state.settle(state.run.flush())
                self._check()
        elif type(event) is End:
            self._lanes.end_choice(None)
            self._check()
            self.done = True
            if self._unjudged:
                self.outbox.keep()
                self.outbox.mark_end()
        elif type(event) is Opening:
            if self._passing:
                self.outbox.identify(event)
        elif type(event) is Failure:
            # It may quote the prompt.
            restore_body(event.raw, self._classify, self.scan)
            raise self._provider.provider_error(None, event.raw, None)

    def _text(self, event: Text, frame: Frame, waiting: Waiting | None) -> Waiting | None:
        """Run a text; what waits or is changed because of it, None if the text is fine as it is."""
        lane = event.lane
        if lane.choice == WHOLE.choice:
            state = self._lanes.whole(lane, event.text)
            self._check()
            is_fine = state.decided == state.fed and not state.run.edits
        else:
            state = self._lanes.open.get(lane) or self._begin(lane)
            is_fine = self._run(state, event.text)
        return waiting if is_fine else self._wait(state, event, waiting or Waiting(frame))

    def _run(self, state: LaneState, text: str) -> bool:
        """Run the next piece of a lane; whether it is fine as it is."""
        is_fine = state.feed(text)
        if state.heard is not None and self._hearing is not None:
            self._hearing.hear(state, text)
        if self.scan.blocked is not None:
            self._check()
        return is_fine

    def _wait(self, state: LaneState, event: Text, waiting: Waiting) -> Waiting:
        state.wait(waiting, event)
        if waiting.undecided:
            self.held_characters += len(event.text)
        return waiting

    def _begin(self, lane: Lane) -> LaneState:
        if lane.choice >= 0 and lane.choice not in self._choices:
            self._choices.add(lane.choice)
            if self._hold == "end" and not self.done:  # the finish of another choice was not the last one
                self.outbox.keep_no_more()
        state = self._lanes.begin(lane)
        if self._hearing is not None:
            self._hearing.begin(lane, state)
        return state

    def _check(self) -> None:
        if (found := violation(self.scan)) is not None:
            raise found

    def _end(self, out: list[bytes]) -> None:
        """The provider's end mark in the client's words, behind all that waits."""
        self._end_waits = bool(self._lanes.unread) or self._unjudged
        if not self._end_waits:
            self._release(out, everything=True)
            out.append(self.outbox.encoder.end())

    def _release(self, out: list[bytes], everything: bool = False) -> None:
        self.outbox.release(out, everything and not self._lanes.unread)
