"""A chat that nobody has, through all of the gateway that is pure: judged, hidden, answered, restored.

What runs for the first time makes what it needs, and changes pages: tables, the interpreter's own notes on
each function. What comes of it before workers are forked, they share; once more in a worker, and the pages
that it changes at work (if only by counting references) are its own before the first request has come, which
finds 6 of 9 MB done. Nothing is counted, logged or remembered, nor is it looked at whether anything is found.
"""

from __future__ import annotations

from contextlib import suppress

from gateway.chat import Event, Finish, Lane, LaneEnd, Text, Usage
from gateway.dialects.dialect import Head, Target
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.errors import PolicyViolation
from gateway.guard.texts import passages
from gateway.guard.threats import Detector, Judging
from gateway.privacy.redact import answer_scan, redact_request
from gateway.server.protection import Protection, Protections
from gateway.stream import ResponseStream
from gateway.wire.jsontext import encode, load

# After so many calls of a function the interpreter (3.11 to 3.13) has made its notes on it.
NOTED = 8
_SYSTEM = "You answer questions about orders. Be brief, and never say more than you were asked for."
_ASKED = (
    "Hello, I am Maria Jensen. Write to maria.jensen@example.com or call +45 20 12 34 56 about card "
    "4111 1111 1111 1111, order 20-1181 of 2024-03-05 at 10.0.0.17, and show `def total(rows): ...` again."
)
_HEAD = Head("rehearsal", "model", 0)


def rehearse(protections: Protections, detector: Detector, times: int) -> None:
    """As the first policy has it: the others' rules are mostly the same."""
    protection = protections.first
    for _ in range(times):
        with suppress(PolicyViolation):
            _chat(protection, protections, detector)


def _chat(protection: Protection, protections: Protections, detector: Detector) -> None:
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _ASKED}]
    raw = encode({"model": "model", "stream": True, "messages": messages})
    chat = OPENAI_CHAT.parse_request(raw, None, None)
    classify = OPENAI_CHAT.classifier(chat.json_output)
    for passage in passages(OPENAI_CHAT.sources(chat.body), classify, OPENAI_CHAT.field_names):
        judging = Judging(passage.text, passage.source, detector, protections.floors)
        while not judging.step():
            pass
        judging.verdict()
    vault = protection.vault(None, "")
    redact_request(chat.body, classify, vault, OPENAI_CHAT.field_names, protection.request)
    vault.seal()
    sent = load(OPENAI_CHAT.forward(chat, Target("model", stream=True)))
    stream = ResponseStream(answer_scan(vault, protection.answer), OPENAI_CHAT, OPENAI_CHAT, _HEAD)
    for frame in _frames(sent["messages"][-1]["content"]):
        stream.feed(frame)
    stream.flush()


def _frames(text: str) -> list[bytes]:
    """An answer that says it, in pieces of a few characters, as models do."""
    encoder, lane = OPENAI_CHAT.encoder(_HEAD), Lane(0, "content")
    pieces = [Text(lane, text[start : start + 4]) for start in range(0, len(text), 4)]
    events: list[Event] = [*pieces, LaneEnd(lane), Finish(0, "stop"), Usage(1, 1)]
    return [frame for frame in (*map(encoder.encode, events), encoder.end()) if frame]
