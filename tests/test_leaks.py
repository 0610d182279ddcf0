"""Nothing leaks: planted values × every cut × every lane × every pair of dialects; the count must be 0.

The provider's answer repeats placeholders and says values of its own: a key, a card, an identifier. However
it is cut, and whatever the client speaks, no piece of such a value may be in any prefix of what goes out,
and no placeholder that the vault knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from gateway.chat import Event, Finish, Lane, LaneEnd, Opening, Text, ToolCall, Usage
from gateway.dialects.dialect import Dialect, Head
from gateway.dialects.registry import DIALECTS
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from gateway.wire import eventstream
from tests.privacy import texts

HEAD = Head("req_1", "m", 1)
KEY = "sk-Zq7Xw2Vb9Nc4Mk8Lp3Jh6G"
CARD = "4485 2753 8391 6040"
SSN = "536-22-8716"
VALUES = (KEY, CARD, SSN)
# What a piece of a value looks like: any five characters of it that say something.
PIECES = {
    value[at : at + 5]
    for value in VALUES
    for at in range(3 if value is KEY else 0, len(value) - 4)
    if value[at : at + 5].replace(" ", "").replace("-", "").isalnum()
}
PROSE = f"[PERSON_1] has {KEY} and {CARD}, ssn {SSN}; mail [EMAIL_1]"
LANES = [
    Lane(0, "content"),
    Lane(0, "reasoning"),
    Lane(0, "thinking"),
    Lane(0, "refusal"),
    Lane(0, "arguments"),
]
CLIENTS = ("openai_chat", "openai_responses", "anthropic", "gemini")
PROVIDERS = (*CLIENTS, "openai_completions", "bedrock")
# What a provider's dialect has no lane for is said in its content, which is another case.
LACKING = {
    "openai_completions": {"reasoning", "thinking", "refusal", "arguments"},
    "openai_responses": {"thinking"},
    "anthropic": {"reasoning", "refusal"},
    "gemini": {"thinking", "refusal"},
    "bedrock": {"reasoning", "refusal"},
    "openai_chat": {"thinking"},
}


def vault() -> Vault:
    made = Vault()
    made.hide(texts.entity("PERSON"), "Ada Byron")
    made.hide(texts.entity("EMAIL"), "ada@example.com")
    return made


def cuts(text: str) -> Iterator[list[str]]:
    """Whole, in two at every place, and character by character."""
    yield [text]
    for at in range(1, len(text)):
        yield [text[:at], text[at:]]
    yield list(text)


def events(lane: Lane, pieces: Sequence[str]) -> list[Event]:
    begin: list[Event] = [Opening("a", "m", 1)]
    if lane.kind == "arguments":
        begin.append(ToolCall(0, 0, "call_1", "send"))
    reason = "tool_calls" if lane.kind == "arguments" else "stop"
    return [*begin, *(Text(lane, piece) for piece in pieces), LaneEnd(lane), Finish(0, reason), Usage(1, 2)]


def provider_bytes(name: str, said: list[Event]) -> list[bytes]:
    """The writes of a provider of that dialect."""
    if name == "bedrock":
        return list(map(_bedrock, _converse(said)))
    encoder = DIALECTS[name].encoder(HEAD)
    return [*map(encoder.encode, said), encoder.end()]


def _bedrock(message: tuple[str, dict[str, object]]) -> bytes:
    event, body = message
    headers = {":event-type": event, ":content-type": "application/json", ":message-type": "event"}
    return eventstream.encode(headers, json.dumps(body).encode())


def _converse(said: list[Event]) -> Iterator[tuple[str, dict[str, object]]]:
    yield "messageStart", {"role": "assistant"}
    for event in said:
        if isinstance(event, ToolCall):
            start = {"toolUse": {"toolUseId": event.id, "name": event.name}}
            yield "contentBlockStart", {"contentBlockIndex": 0, "start": start}
        elif isinstance(event, Text):
            delta: dict[str, object] = {"text": event.text}
            if event.lane.kind == "thinking":
                delta = {"reasoningContent": {"text": event.text}}
            elif event.lane.kind == "arguments":
                delta = {"toolUse": {"input": event.text}}
            yield "contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}
    yield "contentBlockStop", {"contentBlockIndex": 0}
    yield "messageStop", {"stopReason": "end_turn"}
    yield "metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}}


def answered(provider: str, client: str, writes: list[bytes]) -> str:
    stream = ResponseStream(answer_scan(vault()), DIALECTS[provider], DIALECTS[client], HEAD)
    out = b"".join([*map(stream.feed, writes), stream.flush()])
    assert stream.error is None, stream.error
    return out.decode()


def text_of(client: Dialect, out: str) -> str:
    """What a client of the dialect reads, all lanes joined."""
    splitter, decoder = client.splitter(1 << 20), client.decoder()
    frames = [*splitter.feed(out.encode()), *splitter.flush()]
    decoded = [event for frame in frames if frame.data is not None for event in decoder.decode(frame)]
    read = [event for event in decoded if isinstance(event, Text) and event.lane.choice >= 0]
    return "".join(event.text for event in read if event.lane.position >= 0)


def leaks(out: str, read: str, signed: bool) -> list[str]:
    """What of the planted values, and of known placeholders, has gone out."""
    found = [piece for piece in PIECES if piece in out or piece in read]
    if not signed:  # what the provider signed passes with its placeholders
        found += [placeholder for placeholder in ("[PERSON_1]", "[EMAIL_1]") if placeholder in read]
    return found


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.kind)
def test_law_3_nothing_planted_leaks(provider: str, client: str, lane: Lane) -> None:
    if lane.kind in LACKING[provider]:
        return
    text = json.dumps({"to": PROSE}) if lane.kind == "arguments" else PROSE
    for pieces in cuts(text):
        out = answered(provider, client, provider_bytes(provider, events(lane, pieces)))
        read = text_of(DIALECTS[client], out)
        assert leaks(out, read, lane.kind == "thinking") == [], pieces
        if lane.kind != "thinking":
            assert "Ada Byron has [API_KEY] and [CREDIT_CARD], ssn [SSN]; mail ada@example.com" in read


def test_the_count_sees_a_leak() -> None:
    out = f'data: {{"x": "{CARD}"}}'
    assert leaks(out, "", signed=False)
    assert leaks("", "by [PERSON_1]", signed=False)
    assert not leaks("", "by [PERSON_1]", signed=True)
