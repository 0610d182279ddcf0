"""A request that was read in, a reply out: every write and how it ends. What the dialects have in common."""

from __future__ import annotations

from random import Random
from typing import Protocol

from msgspec import Struct

from gateway.simulator.asked import Asked, Incoming, Json, Refused
from gateway.simulator.framing import Event, spoil
from gateway.simulator.options import BREAKS
from gateway.simulator.script import Said, Usage, cut, encode, perform, usage

PAGE = b"<!doctype html><title>Hello</title>"


class Reply(Struct):
    writes: list[bytes]
    content_type: str = "application/json"
    status: int = 200
    length_bytes: int | None = None  # what the head announces; without it the body is chunked
    pace_ms: float | None = None
    fail: str = ""
    headers: dict[str, str] = {}


class Read(Protocol):
    def __call__(self, incoming: Incoming) -> Asked: ...


class Writer(Protocol):
    """A module that writes one dialect. It draws its ids for `whole`, from which `events` takes them."""

    def error(self, incoming: Incoming, refused: Refused) -> Json: ...

    def headers(self, incoming: Incoming, refused: Refused | None, chance: Random) -> dict[str, str]: ...

    def whole(self, asked: Asked, saids: list[Said], used: Usage, chance: Random) -> Json: ...

    def events(
        self, asked: Asked, saids: list[Said], used: Usage, whole: Json, chance: Random
    ) -> tuple[list[Event], int]:
        """The stream, and at which event it is about half said."""
        ...

    def failed(self, asked: Asked, refused: Refused, whole: Json, at: int) -> Event:
        """What ends a stream at this place."""
        ...

    def framed(self, asked: Asked, event: Event) -> bytes: ...

    def content_type(self, asked: Asked) -> str: ...


def refuse(writer: Writer, incoming: Incoming, refused: Refused) -> Reply:
    body = encode(writer.error(incoming, refused))
    headers = writer.headers(incoming, refused, Random())
    return Reply([body], status=refused.status, length_bytes=len(body), headers=headers)


def answer(writer: Writer, incoming: Incoming, asked: Asked) -> Reply:
    options, chance = asked.options, Random(asked.options.seed)
    fail = options.fail
    prompt = "\n".join(asked.texts)
    refused = Refused(f"The request failed: {prompt}", int(fail[7:]) if fail.startswith("status") else 500)
    if fail.startswith("status"):
        raise refused
    saids = [perform(asked) for _ in range(asked.n)]
    used = usage(asked, saids)
    whole = writer.whole(asked, saids, used, chance)
    if not asked.stream or fail in ("json", "html"):
        text = PAGE if fail == "html" else encode(whole, options.escape > 0)
        # A body is two events, each a half. As its length is known, it ends early only with its connection.
        fail = "error_first" if fail.startswith("error") else fail.replace("truncate", "drop")
        halves = [Event(text[: len(text) // 2]), Event(text[len(text) // 2 :])]
        error = Event(encode(writer.error(incoming, refused)))
        events = [it.data for it in spoil(halves, fail, 1, lambda _: error)]
        length = len(text) if fail.startswith(BREAKS) else len(b"".join(events))
        kind = "text/html" if fail == "html" else "application/json"
        kind += "; charset=utf-8"
    else:
        found, half = writer.events(asked, saids, used, whole, chance)
        found = spoil(found, fail, half, lambda at: writer.failed(asked, refused, whole, at))
        events = [writer.framed(asked, it) for it in found]
        kind, length = writer.content_type(asked), None
    writes = cut(b"".join(events), options.write, chance) if options.write else events
    headers = writer.headers(incoming, None, chance)
    return Reply(writes, kind, 200, length, options.pace_ms, fail, headers)
