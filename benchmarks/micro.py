"""The pure parts of the gateway, one at a time: microseconds of each per event, token or request.

Ordinary Python calls without sockets, so they tell where the time of a whole run goes, not how much it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks import dialogue
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
from gateway.privacy.redact import answer_scan, redact_request
from gateway.privacy.scanner import Scan, TextRun, find
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from gateway.wire.http1 import ResponseParser, encode_request
from gateway.wire.jsontext import encode
from gateway.wire.sse import Frame, SSESplitter

EVENTS = 101
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
Row = tuple[str, str, float]


def measure() -> Iterator[Row]:
    """(part, of what, µs), as each is done."""
    request = dialogue.encode_request(dialogue.values(0))
    vault, hidden = _guarded(request)
    mentions = dialogue.frames(hidden, EVENTS)
    clean = [frame for frame in mentions if frame == mentions[1] or b'"content":" ' in frame][:50]
    tokens = dialogue.tokens(hidden, EVENTS)
    prose = [token for token in tokens if not set("[]_0123456789") & set(token)]
    chunks = [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in clean]
    data = [Frame(frame, frame[6:-2]) for frame in clean]

    yield "http1: parse a chunk", "event", per_call_us(partial(_parse, chunks), len(chunks))
    yield "sse: split", "event", per_call_us(partial(_split, clean), len(clean))
    yield "openai_chat: decode", "event", per_call_us(partial(_decode, data), len(data))
    scan = answer_scan(vault)
    yield "scanner: plain prose", "token", per_call_us(partial(_scan, scan, prose), len(prose))
    yield "scanner: with placeholders", "token", per_call_us(partial(_scan, scan, tokens), len(tokens))
    yield "stream: plain prose", "event", per_call_us(partial(_stream, scan, clean), len(clean))
    yield "stream: with placeholders", "event", per_call_us(partial(_stream, scan, mentions), EVENTS)
    for provider in (OPENAI_CHAT, ANTHROPIC, GEMINI):
        said = _in_words_of(provider, (prose * 2)[:EVENTS])
        for client in (OPENAI_CHAT, ANTHROPIC, OPENAI_RESPONSES, GEMINI):
            run = partial(_stream, scan, said, provider, client)
            yield f"stream: {provider.name} to {client.name}", "event", per_call_us(run, len(said))
    for size in (200, 2000):
        text = _prose(size)
        yield f"redact: find in {size} characters", "text", per_call_us(partial(find, text, every_rule()))
    yield "request: parse", "request", per_call_us(lambda: parse_request(request))
    yield "request: parse and redact", "request", per_call_us(lambda: _guarded(request))
    yield "request: make the answer's scan", "request", per_call_us(lambda: answer_scan(vault))
    chat = parse_request(request)
    forwarded = partial(forward, chat, Target("gpt-4o-mini", stream=True, ask_usage=False))
    yield "request: encode the body", "request", per_call_us(forwarded)
    headers = [("host", "api.example.com"), ("authorization", "Bearer sk-x"), ("accept", "text/event-stream")]
    send = partial(encode_request, "POST", "/v1/chat/completions", headers, request)
    yield "http1: encode a request", "request", per_call_us(send)


def _guarded(request: bytes) -> tuple[Vault, dialogue.Values]:
    vault = Vault()
    chat = parse_request(request)
    redact_request(chat.body, OPENAI_CHAT.classifier(False), vault)
    hidden = dialogue.find_values(encode(chat.body))
    assert hidden is not None
    return vault, hidden


def _prose(size: int) -> str:
    text = "".join(dialogue.tokens(dialogue.values(0), EVENTS))
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
