"""How many frames of an answer have to wait, and how long: exactly, without a clock.

In: the answers of the loads, frame by frame. Out: for each shape the share of frames that left with a later
event than their own. Time is counted in events, as only the next ones decide what waits (law 4).
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import dialogue, micro, wires
from benchmarks.dialogue import SHAPES
from benchmarks.results import Held
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.privacy.redact import answer_scan
from gateway.stream import ResponseStream


def measure() -> Iterator[Held]:
    """Each shape of answer, scanned and restored by the defaults."""
    for shape in SHAPES:
        request = wires.encode_request(dialogue.Asked(dialogue.values(0), shape), 1)
        vault, hidden = micro.guarded(request)
        stream = ResponseStream(answer_scan(vault), OPENAI_CHAT, OPENAI_CHAT, Head("", "m", 0))
        frames = wires.frames("openai", hidden, micro.EVENTS)
        found = Held(shape, len(frames), 0, 0, 0)
        came: list[int] = []  # when each of those came that wait
        for now, frame in enumerate(frames):
            stream.feed(frame)
            came.append(now)
            while len(came) > stream.outbox.waiting:
                waited = now - came.pop(0)
                found.held += waited > 0
                found.events += waited
                found.longest = max(found.longest, waited)
        yield found
