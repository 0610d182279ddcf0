"""What a request asks for, whatever dialect it came in, and how a request is refused.

The readers of requests write it, the scripts and the writers of answers read it. No dialect is known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from gateway.simulator.options import Options

Json = dict[str, Any]
Host = Literal["openai", "azure", "anthropic", "google", "vertex", "bedrock"]


class Refused(Exception):
    """A request that a provider turns away; the dialect decides what its body looks like."""

    def __init__(
        self, message: str, status: int = 400, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.param, self.code = message, status, param, code


class Incoming(Struct, frozen=True):
    """A request, and what its path said. `model` and `action` are empty where the path names none."""

    host: Host
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    created: int  # seconds since 1970
    path: str = ""
    model: str = ""
    action: str = ""


class Tool(Struct):
    name: str
    schema: Json = {}


class Media(Struct):
    kind: str  # a media type, or `reference` to something elsewhere
    size_bytes: int = 0


class Asked(Struct, kw_only=True):
    host: Host
    model: str
    script: str
    options: Options
    created: int
    body: Json
    stream: bool = False
    texts: list[str]  # of every message, in order
    user: str = ""  # the last user message
    fresh: bool = True  # the user has just spoken, not a tool
    tools: list[Tool] = []
    may_call: bool = True
    schema: Json = {}
    stop: list[str] = []
    limit: int | None = None  # tokens
    media: list[Media] = []
    n: int = 1
    logprobs: bool = False
    usage: bool = True  # in the stream
    array: bool = False  # a stream as one JSON array


def decoded(body: bytes) -> Json:
    """The body, which must be a JSON object. Raises ValueError."""
    return msgspec.json.decode(body, type=Json)


def objects(value: object, where: str) -> list[Json]:
    """A list of objects; nothing is an empty one."""
    found = [] if value is None else value
    if not isinstance(found, list) or not all(isinstance(it, dict) for it in found):
        raise Refused(f"Invalid type for '{where}': expected a list of objects.", param=where)
    return found


def child(value: object, *names: str) -> Json:
    """An object within objects; empty if anything on the way is not one."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def string(value: object) -> str:
    return value if isinstance(value, str) else ""


def text_in(content: object) -> str:
    """The text of what may be said in a string or in a list of parts."""
    if isinstance(content, list):
        return "".join(string(child(part).get("text")) for part in content)
    return string(content)


def base64_media(kind: object, data: object) -> Media:
    """How much is sent as base64: three bytes in four characters, less the padding."""
    text = string(data).rstrip("=\n")
    return Media(string(kind) or "unknown", len(text) * 3 // 4)


def url_media(url: object) -> Media:
    """An image by URL: its data if it holds them, else a reference."""
    head, comma, data = string(url).partition(",")
    if head.startswith("data:") and comma:
        return base64_media(head.removeprefix("data:").partition(";")[0], data)
    return Media("reference")


def walk(value: object, where: str) -> Iterator[tuple[str, Json]]:
    """Every object within a value, with its place."""
    if isinstance(value, dict):
        yield where, value
        for name, it in value.items():
            yield from walk(it, f"{where}.{name}")
    elif isinstance(value, list):
        for at, it in enumerate(value):
            yield from walk(it, f"{where}[{at}]")
