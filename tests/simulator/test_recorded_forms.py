"""The recordings are the model of form: ours hold the keys that every recording holds, and none that none holds.

Only what both say is compared; the recordings say much that the simulator never does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.dialects import BY_NAME, Json, array, frames, sse

Keys = frozenset[str]
SCRIPTS = ("sim:say", "sim:parallel", "sim:thinking", "sim:zero", "sim:citations", "sim:length")


def anthropic(event: Json) -> Iterator[tuple[str, Keys]]:
    name = event["type"]
    inner = event.get("delta") or event.get("content_block") or {}
    kind = f"{name} {inner.get('type', '')}"
    yield kind, frozenset(event)
    yield f"{kind} inside", frozenset(inner)
    if name == "message_start":
        yield "message", frozenset(event["message"])
        yield "usage at the start", frozenset(event["message"]["usage"])
    if name == "message_delta":
        yield "usage at the end", frozenset(event["usage"])


def converse(event: Json) -> Iterator[tuple[str, Keys]]:
    ((name, body),) = event.items()
    delta = body.get("delta", {})
    kind = f"{name} {' '.join(delta)}"
    yield kind, frozenset(body)
    for value in delta.values():
        if isinstance(value, dict):
            yield f"{kind} {' '.join(value)}", frozenset(value)
    if name == "metadata":
        yield "usage", frozenset(body["usage"])


def gemini(event: Json) -> Iterator[tuple[str, Keys]]:
    yield "chunk", frozenset(event)
    yield "usage", frozenset(event.get("usageMetadata", {}))
    for candidate in event.get("candidates", []):
        yield "candidate", frozenset(candidate)
        for part in candidate.get("content", {}).get("parts", []):
            kind = next((it for it in ("text", "functionCall") if it in part), None)
            if kind and "partialArgs" not in str(part) and "willContinue" not in str(part):
                yield f"part {kind}", frozenset(part)


def chat(event: Json) -> Iterator[tuple[str, Keys]]:
    for choice in event["choices"]:
        yield "chunk", frozenset(event)
        yield "choice", frozenset(choice)
        for call in choice["delta"].get("tool_calls") or []:
            yield f"call {'first' if 'id' in call else 'later'}", frozenset(call)
    if not event["choices"] and event.get("usage"):
        yield "usage", frozenset(event["usage"])


def responses(event: Json) -> Iterator[tuple[str, Keys]]:
    item = event.get("item") or event.get("part") or {}
    kind = f"{event['type']} {item.get('type', '')}"
    yield kind, frozenset(event)
    yield f"{kind} inside", frozenset(item)
    if "response" in event:
        yield "response", frozenset(event["response"])
        yield "usage", frozenset(event["response"]["usage"] or {})


CASES: dict[str, tuple[str, str, Callable[[Json], Iterator[tuple[str, Keys]]]]] = {
    "messages": ("anthropic", "messages-stream", anthropic),
    "invoke": (
        "bedrock",
        "invoke-stream-invoke-model-with-response-stream-no-content-tool-call-anthropic",
        anthropic,
    ),
    "converse": ("bedrock", "converse-stream", converse),
    "gemini": ("gemini", "generate-stream", gemini),
    "chat": ("openai", "chat-stream", chat),
    "responses": ("openai", "responses-stream", responses),
}


def recorded(shared: Path, name: str) -> Iterator[bytes]:
    provider, start, _ = CASES[name]
    for case in sorted((shared / "recorded" / provider).iterdir()):
        if case.name.startswith(start):
            yield (case / "response.body").read_bytes()


def parsed(name: str, data: bytes) -> list[Json]:
    if name in ("converse", "invoke"):
        return frames(data)
    return array(data) if data.lstrip().startswith(b"[") else sse(data)


def shapes(name: str, events: list[Json]) -> dict[str, list[Keys]]:
    found: dict[str, list[Keys]] = {}
    for event in events:
        for kind, keys in CASES[name][2](event):
            found.setdefault(kind, []).append(keys)
    return found


def played(name: str) -> Iterator[Json]:
    dialect = BY_NAME[name]
    for script in SCRIPTS:
        model = f"{script}?seed=1&obfuscation=1"
        more: Any = {"stream_options": {"include_usage": True}} if name == "chat" else {}
        yield from dialect.streamed(model, dialect.ask(model, **dialect.tools(["mail", "note"]), **more))


@pytest.mark.parametrize("name", [it for it in CASES if it != "invoke"])  # the recorded one is an old model's
def test_our_events_have_the_keys_of_the_recorded_ones(shared: Path, name: str) -> None:
    theirs = shapes(name, [event for data in recorded(shared, name) for event in parsed(name, data)])
    ours = shapes(name, list(played(name)))
    common = theirs.keys() & ours.keys()
    assert len(common) > 2
    for kind in common:
        needed, known = frozenset.intersection(*theirs[kind]), frozenset.union(*theirs[kind])
        for keys in set(ours[kind]):
            assert needed <= keys, (kind, "missing", needed - keys)
            assert keys <= known, (kind, "unknown", keys - known)


ORDER = {
    "messages": r"message_start (content_block_start (ping )?(content_block_delta )*content_block_stop )+message_delta message_stop ",
    "invoke": r"message_start (content_block_start (content_block_delta )*content_block_stop )+message_delta message_stop ",
    "converse": r"messageStart ((contentBlockStart )?(contentBlockDelta )*contentBlockStop )+messageStop metadata ",
}


@pytest.mark.parametrize("name", ORDER)
def test_our_events_come_in_the_recorded_order(shared: Path, name: str) -> None:
    def order(events: list[Json]) -> str:
        return "".join(f"{it.get('type') or next(iter(it))} " for it in events)

    theirs = [order(parsed(name, data)) for data in recorded(shared, name)]
    assert sum(bool(re.fullmatch(ORDER[name], it)) for it in theirs) > len(theirs) * 0.7
    dialect = BY_NAME[name]
    for script in SCRIPTS:
        request = dialect.ask(script, **dialect.tools(["mail", "note"]))
        assert re.fullmatch(ORDER[name], order(dialect.streamed(script, request)))


def lines(data: bytes) -> set[bytes]:
    """How lines begin and end, without what they say."""
    found = set()
    for line in data.splitlines(keepends=True):
        head = re.match(rb"(event: )|(data: )(?:[{]|\[DONE\])|(?:\r?\n)", line)
        found.add((head[0] if head else line[:8]) + line[len(line.rstrip(b"\r\n")) :])
    return found


@pytest.mark.parametrize("name", ["messages", "gemini", "chat", "responses"])
def test_our_lines_are_framed_as_the_recorded_ones(shared: Path, name: str) -> None:
    dialect = BY_NAME[name]
    ours = lines(b"".join(dialect.respond("sim:say").writes))
    assert ours in [lines(data) for data in recorded(shared, name)]
