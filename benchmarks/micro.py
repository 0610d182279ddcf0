"""The pure parts of the gateway, one at a time: microseconds of each per event, token or request.

Ordinary Python calls without sockets, so they tell where the time of a whole run goes, not how much it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from benchmarks import dialogue, wires
from benchmarks.clock import per_call_us
from gateway.chat import Event, Finish, Lane, LaneEnd, Text, Usage
from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.dialect import Dialect, Head, Target
from gateway.dialects.gemini import GEMINI
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.dialects.openai_chat.decode import Decoder
from gateway.dialects.openai_chat.request import forward, parse_request
from gateway.dialects.openai_responses import OPENAI_RESPONSES
from gateway.privacy.actions import every_rule
from gateway.privacy.redact import answer_scan, redact_request, restore_body
from gateway.privacy.scanner import Scan, TextRun, find
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from gateway.wire.http1 import ResponseParser, encode_request
from gateway.wire.jsontext import encode, load
from gateway.wire.sse import Frame, SSESplitter

EVENTS = 101
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Part(NamedTuple):
    """`call` does a part of the work for `calls` of a unit."""

    name: str
    unit: str
    call: Callable[[], object]
    calls: int = 1


def measure() -> Iterator[tuple[Part, float]]:
    """Microseconds of each part, as it is done."""
    for part in parts():
        yield part, per_call_us(part.call, part.calls)


def parts() -> Iterator[Part]:
    request = wires.encode_request(dialogue.Asked(dialogue.values(0), "prose"), 1)
    vault, hidden = guarded(request)
    mentions = wires.frames("openai", hidden, EVENTS)
    clean = [frame for frame in mentions if frame == mentions[1] or b'"content":" ' in frame][:50]
    tokens = dialogue.tokens(hidden, EVENTS)
    prose = [token for token in tokens if not set("[]_0123456789") & set(token)]
    chunks = [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in clean]
    data = [Frame(frame, frame[6:-2]) for frame in clean]

    yield Part("http1: parse a chunk", "event", partial(_parse, chunks), len(chunks))
    yield Part("sse: split", "event", partial(_split, clean), len(clean))
    yield Part("openai_chat: decode", "event", partial(_decode, data), len(data))
    scan = answer_scan(vault)
    yield Part("scanner: plain prose", "token", partial(_scan, scan, prose), len(prose))
    yield Part("scanner: with placeholders", "token", partial(_scan, scan, tokens), len(tokens))
    yield Part("stream: plain prose", "event", partial(_stream, scan, clean), len(clean))
    yield Part("stream: with placeholders", "event", partial(_stream, scan, mentions), EVENTS)
    for shape in ("code", "numbers"):
        said = dialogue.tokens(dialogue.Asked(hidden.values, shape), EVENTS)
        frames = wires.WIRES["openai"].frames(said)
        yield Part(f"stream: {shape}", "event", partial(_stream, scan, frames), len(frames))
    for provider in (OPENAI_CHAT, ANTHROPIC, GEMINI):
        spoken = _in_words_of(provider, (prose * 2)[:EVENTS])
        for client in (OPENAI_CHAT, ANTHROPIC, OPENAI_RESPONSES, GEMINI):
            run = partial(_stream, scan, spoken, provider, client)
            yield Part(f"stream: {provider.name} to {client.name}", "event", run, len(spoken))
    for size in (200, 2000):
        text = _prose(size)
        yield Part(f"redact: find in {size} characters", "text", partial(find, text, every_rule()))
    yield Part("request: parse", "request", lambda: parse_request(request))
    yield Part("request: parse and redact", "request", lambda: guarded(request))
    yield Part("request: make the answer's scan", "request", lambda: answer_scan(vault))
    chat = parse_request(request)
    forwarded = partial(forward, chat, Target("gpt-4o-mini", stream=True, ask_usage=False))
    yield Part("request: encode the body", "request", forwarded)
    whole = wires.whole("openai", hidden, EVENTS)
    yield Part("answer: restore a whole one", "answer", partial(_restore, vault, whole))
    headers = [("host", "api.example.com"), ("authorization", "Bearer sk-x"), ("accept", "text/event-stream")]
    send = partial(encode_request, "POST", "/v1/chat/completions", headers, request)
    yield Part("http1: encode a request", "request", send)


def _restore(vault: Vault, whole: bytes) -> bytes:
    body, scan = load(whole), answer_scan(vault)  # another scan, since one remembers what it has scanned
    restore_body(body, OPENAI_CHAT.classifier(False), scan, OPENAI_CHAT.field_names)
    return encode(body)


def guarded(request: bytes) -> tuple[Vault, dialogue.Asked]:
    vault = Vault()
    chat = parse_request(request)
    redact_request(chat.body, OPENAI_CHAT.classifier(False), vault, OPENAI_CHAT.field_names)
    hidden = wires.read_request(encode(chat.body))
    assert hidden is not None
    return vault, hidden


def _prose(size: int) -> str:
    text = "".join(dialogue.tokens(dialogue.Asked(dialogue.values(0), "prose"), EVENTS))
    return (text * (size // len(text) + 1))[:size]


def _parse(chunks: list[bytes]) -> None:
    parser = ResponseParser()
    parser.feed(_HEAD)
    for chunk in chunks:
        parser.feed(chunk)


def _split(frames: list[bytes]) -> None:
    splitter = SSESplitter()
    for frame in frames:
        splitter.feed(frame)


def _decode(data: list[Frame]) -> None:
    decoder = Decoder()
    for each in data:
        *_, event = decoder.decode(each)
        assert type(event) is Text


def _scan(scan: Scan, tokens: list[str]) -> None:
    run = TextRun(scan)
    for token in tokens:
        run.feed(token)
        run.edits.clear()


def _stream(
    scan: Scan, frames: list[bytes], provider: Dialect = OPENAI_CHAT, client: Dialect = OPENAI_CHAT
) -> None:
    stream = ResponseStream(scan, provider, client, Head("", "m", 0))
    for frame in frames:
        stream.feed(frame)


def _in_words_of(dialect: Dialect, tokens: list[str]) -> list[bytes]:
    """A stream of that dialect in as many frames as there are tokens, and those that stand around them."""
    encoder = dialect.encoder(Head("id", "a-model-with-a-name", 1741570283))
    content = Lane(0, "content")
    usage = Usage(20, len(tokens))
    texts = [Text(content, token) for token in tokens]
    events: list[Event] = [usage, *texts, LaneEnd(content), Finish(0, "stop"), usage]
    return [frame for frame in (*map(encoder.encode, events), encoder.end()) if frame]
