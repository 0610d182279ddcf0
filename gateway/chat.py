"""The shared vocabulary: what a request asks and what a frame of an answer means.

Every dialect decodes its frames into these events and encodes them again, so n dialects need n decoders
and n encoders instead of n² translators. The module knows no wire format and does no I/O.

A *lane* is one independent run of text in an answer. Text is never joined across lanes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct


class Lane(NamedTuple):
    """Where a run of text stands: choice × kind × position.

    `kind` is `content`, `reasoning`, `refusal`, `transcript` (of audio), `arguments` (a tool call's JSON),
    `input` (a custom tool's free text), or the field's own name where a provider adds one. `position` tells
    the tool calls of a choice apart and is 0 elsewhere.
    """

    choice: int
    kind: str
    position: int = 0


class Text(Struct, gc=False):
    """A piece of one lane. `path` is where it stands in its frame's JSON; other dialects ignore it."""

    lane: Lane
    text: str
    path: tuple[str | int, ...] = ()


class Opening(Struct, gc=False):
    """The answer's identity, once, before anything else of a choice."""

    choice: int
    id: str
    model: str
    created: int


class ToolCall(Struct, gc=False):
    """A tool call begins. `custom` tools take free text, others JSON."""

    choice: int
    index: int
    id: str
    name: str
    custom: bool = False


class Finish(Struct, gc=False):
    """A choice has ended; `reason` in OpenAI's words (`stop`, `length`, `tool_calls`, `content_filter`)."""

    choice: int
    reason: str


class Usage(Struct, gc=False):
    """Tokens. `input` includes cached ones, `output` includes reasoning.

    `raw` is the provider's object; `alone` says that nothing else came in its frame.
    """

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0
    raw: dict[str, Any] | None = None
    alone: bool = False


class Failure(Struct, gc=False):
    """The provider reports an error instead of going on. `raw` is its error object."""

    raw: dict[str, Any]


class End(Struct, gc=False):
    """The provider's end mark."""


Event = Text | Opening | ToolCall | Finish | Usage | Failure | End


class ChatRequest(Struct):
    """One request as its dialect read it.

    `body` is the whole JSON object: what goes to a provider is encoded from it after redaction, so fields
    that no dialect of ours knows survive. The other fields are the facts that the gateway acts on.
    """

    body: dict[str, Any]
    model: str
    stream: bool
    wants_usage: bool
    json_output: bool
