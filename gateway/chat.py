"""The shared vocabulary of answers: what a frame means.

Every dialect decodes its frames into these events and encodes them again, so n dialects need n decoders
and n encoders instead of n² translators. Requests have theirs next door, in `conversation`. The module
knows no wire format and does no I/O.

A *lane* is one independent run of text in an answer. Text is never joined across lanes.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, Literal, NamedTuple

from msgspec import Struct

# Where a string stands in a JSON tree, and what it is there: text, JSON written in a string, text that may
# be JSON (`sniff`), text that its provider signed (redacted if it must be, never restored), or something
# never touched (an id, an enum, a signature, bytes).
Path = tuple[str | int, ...]
Nature = Literal["text", "json", "sniff", "signed", "keep"]


def written(path: Path, names: AbstractSet[str]) -> str:
    """The path as a client writes it. A key that is not one of `names` may be content: it is a star."""
    place = ""
    for step in path:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            place += f".{step if step in names else '*'}"
    return place.lstrip(".") or "the body"


class Lane(NamedTuple):
    """Where a run of text stands: choice × kind × position.

    `kind` is `content`, `reasoning` (restored for display), `thinking` (reasoning that the provider signs:
    it passes unrestored), `refusal`, `transcript` (of audio), `arguments` (a tool call's JSON), `input` (a
    custom tool's free text), one of `SERVER_KINDS`, or the field's own name where a provider adds one.
    `position` tells the tool calls of a choice apart (0, 1, … in the order they began), and the blocks of
    one kind. Below 0 the lane says a second time what its frames say in another one: frames that pass show
    both, a translation one.

    Choice -1 says that each text is whole in itself: no run crosses from one to the next. A choice below it
    is -2 less the choice: a run that only frames have, because a translation says the same in another lane.
    """

    choice: int
    kind: str
    position: int = 0


# What a provider's own tool is given, as JSON and as free text. Frames that pass need these lanes; where
# events are translated, the `Extra` that the tool's item becomes has it all.
SERVER_KINDS = ("server_arguments", "server_input")

WHOLE = Lane(-1, "whole")
WHOLE_JSON = Lane(-1, "arguments")


class Text(Struct, gc=False):
    """A piece of one lane. `path` is where it stands in its frame's JSON; a translation ignores it."""

    lane: Lane
    text: str
    path: Path = ()


class LaneEnd(Struct, gc=False):
    """Nothing more comes in a lane, because its block has ended."""

    lane: Lane


class Opening(Struct, gc=False):
    """The answer's identity, once, before anything else. `created` is in seconds since 1970, 0 if unsaid."""

    id: str = ""
    model: str = ""
    created: int = 0


class ToolCall(Struct, gc=False):
    """A tool call begins. `custom` tools take free text, others JSON.

    `signature` is opaque and belongs to the call (Gemini's thought signature): it comes back with it.
    """

    choice: int
    index: int
    id: str
    name: str
    custom: bool = False
    signature: str = ""


class Sealed(Struct, gc=False):
    """Opaque reasoning data that a client returns as it is in the next turn.

    `signature` signs the text of its lane; `redacted` and `encrypted` are reasoning that only the provider
    can read. `id` is the provider's id of the reasoning item, if it has one.
    """

    lane: Lane
    kind: Literal["signature", "redacted", "encrypted"]
    data: str
    id: str = ""


class Annotation(Struct, gc=False):
    """What a piece of text rests on. `start` and `end` count code points of the lane's text, -1 if unsaid.

    `quote` is the source's own wording. `raw` is the provider's object.
    """

    lane: Lane
    url: str = ""
    title: str = ""
    quote: str = ""
    start: int = -1
    end: int = -1
    raw: dict[str, Any] | None = None


class Logprobs(Struct, gc=False):
    """Token probabilities of a lane's text, in OpenAI Chat's words: a list of {token, logprob, bytes, …}."""

    lane: Lane
    content: list[dict[str, Any]]


class Extra(Struct, gc=False):
    """A whole item of the provider's that the vocabulary has no word for: server tools, generated images.

    `dialect` says whose words `data` is in. A dialect that cannot say it keeps it in a field of its own.
    """

    choice: int
    dialect: str
    data: dict[str, Any]


class Finish(Struct, gc=False):
    """A choice has ended.

    `reason` in OpenAI's words: `stop`, `length`, `tool_calls`, `content_filter`. `native` is the provider's
    own word, `stop_sequence` the one that was met, if the provider tells.
    """

    choice: int
    reason: str
    native: str = ""
    stop_sequence: str = ""


class Usage(Struct, gc=False):
    """Tokens. `input` includes cached and cache-written ones, `output` includes reasoning.

    `raw` is the provider's object; `alone` says that nothing else came in its frame.
    """

    input: int
    output: int
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0
    raw: dict[str, Any] | None = None
    alone: bool = False
    service_tier: str = ""


class Failure(Struct, gc=False):
    """The provider reports an error instead of going on. `raw` is its error object."""

    raw: dict[str, Any]


class End(Struct, gc=False):
    """The provider's end mark."""


Event = (
    Text
    | LaneEnd
    | Opening
    | ToolCall
    | Sealed
    | Annotation
    | Logprobs
    | Extra
    | Finish
    | Usage
    | Failure
    | End
)
