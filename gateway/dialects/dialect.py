"""What a dialect is: one record of functions, the same for all.

A client's dialect reads requests and writes answers; a provider's writes requests and reads answers; most
are both. Whoever holds two of these records can put any client before any provider. Where both sides speak
the same dialect nothing is translated: frames pass with their bytes, and only texts in them are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from gateway.chat import Event, Nature, Path, Usage
from gateway.conversation import ChatRequest, Conversation, Sourced
from gateway.errors import ProviderError
from gateway.wire.sse import Frame

Classify = Callable[[Path, str], Nature]
TextIn = Callable[[bytes], str | None]


class Splitter(Protocol):
    """Bytes of a stream to frames. Raises ProviderGarbage."""

    def feed(self, data: bytes) -> Iterator[Frame] | Sequence[Frame]: ...
    def flush(self) -> Iterator[Frame] | Sequence[Frame]: ...


class Decoder(Protocol):
    """The frames of one answer to events; only frames with data are given. Raises ProviderGarbage.

    Every string of a frame that is not an id, an enum or the like is the text of some event: in a lane, or
    whole in itself. Then a frame can pass, with its texts replaced, and nothing in it went unseen.
    """

    def decode(self, frame: Frame) -> list[Event]: ...


class Encoder(Protocol):
    """Events to the bytes of one answer, whole frames at a time.

    Events of a choice come as a provider would send them: its tool call before the call's arguments, its
    finish after all its texts. Usage may come before or after the finish. `end` is called once, after the
    last event of an answer that was finished; `fail` instead of it, with the facts of `SluiceError.facts`,
    at any point: an error is never followed by a finish that nobody sent. `verdict` is an event of the
    gateway's own that no client stumbles over: what `checks.told` says of the whole answer, before its end.
    """

    keepalive: bytes

    def encode(self, event: Event) -> bytes: ...
    def verdict(self, told: Mapping[str, Any]) -> bytes: ...
    def end(self) -> bytes: ...
    def fail(self, facts: dict[str, Any]) -> bytes: ...


class Head(Struct, frozen=True):
    """What an encoder knows before the provider has said anything.

    `id`, `model` and `created` (seconds since 1970) stand in where the provider does not say its own.
    `usage` says that the client asked for usage in the stream, where a dialect makes that a question.
    `array` asks for a JSON array instead of server-sent events (Gemini without `alt=sse`).
    """

    id: str
    model: str
    created: int
    usage: bool = True
    array: bool = False


class Target(Struct, frozen=True):
    """To whom a request is written.

    `model` is its name there. `ask_usage`: the provider knows how to be asked for usage in a stream.
    `provider` is the catalog row's name, for the few fields that one provider takes and another refuses.
    """

    model: str
    stream: bool
    ask_usage: bool = True
    provider: str = ""


class Dialect(Struct, frozen=True):
    """The functions of a dialect.

    - `parse_request(raw, model, stream)`: a client's body; `model` and `stream` are what the path says,
      where the path says it. Raises InvalidRequest.
    - `classifier(json_output)`: what the strings of requests, answers, frames and error bodies are.
      `field_names` are keys that need no look, because the dialect gave them.
    - `sources(body)`: every part of a request's body, with whose words it holds; in document order as far as
      one source's texts could be read as one. `tool_names(body)`: the tools that it offers, and where.
    - `forward(request, target)`: the body for a provider of the same dialect.
    - `read(request)`: the request in neutral words; `write(conversation, target)`: the body for a provider.
      Both raise InvalidRequest, with the field in `param`, for what cannot be said.
    - `events_of(body)`: a whole answer as events; `body_of(events, head)`: the other way.
    - `usage_of(body)`: what a whole answer says it cost, if it does.
    - `scrub(body)`: drops from a whole answer what would still spell out texts that were changed.
    - `text_in(data)`: the text of a frame's data, where it says one text and nothing else; None for every
      other frame. It remembers nothing. None where frames never differ in their text alone.
    - `rewrite(frame, changes)`: a frame with other texts, b"" if nothing is left that a client would miss.
    - `provider_error(status, raw, retry_after_s)`: an error body, or an error in a stream (status None).
    - `arrays`: a stream is a JSON array unless the query says `alt=sse`.
    - `headers` go with every request (a version that the dialect demands).
    - `encode_error(facts)`: an error answer's body.
    """

    name: str
    parse_request: Callable[[bytes, str | None, bool | None], ChatRequest]
    classifier: Callable[[bool], Classify]
    field_names: frozenset[str]
    sources: Callable[[dict[str, Any]], Iterator[Sourced]]
    tool_names: Callable[[dict[str, Any]], Iterator[tuple[Path, str]]]
    forward: Callable[[ChatRequest, Target], bytes]
    read: Callable[[ChatRequest], Conversation]
    write: Callable[[Conversation, Target], bytes]
    events_of: Callable[[dict[str, Any]], list[Event]]
    body_of: Callable[[Sequence[Event], Head], dict[str, Any]]
    usage_of: Callable[[dict[str, Any]], Usage | None]
    scrub: Callable[[dict[str, Any]], None]
    splitter: Callable[[int], Splitter]
    decoder: Callable[[], Decoder]
    rewrite: Callable[[Frame, dict[Path, str]], bytes]
    encoder: Callable[[Head], Encoder]
    provider_error: Callable[[int | None, Any, float | None], ProviderError]
    encode_error: Callable[[dict[str, Any]], bytes]
    text_in: TextIn | None = None
    stream_type: str = "text/event-stream"
    headers: tuple[tuple[str, str], ...] = ()
    arrays: bool = False
