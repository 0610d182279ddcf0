"""A streamed answer of OpenAI's for tests: its chunks, a stream that takes them, and what a client reads."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from gateway.chat import Lane
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from tests.privacy import texts

ADA = 'Ada "A"\nByron'


def vault() -> Vault:
    made = Vault()
    made.hide(texts.entity("PERSON"), ADA)
    made.hide(texts.entity("EMAIL"), "x@y.io")
    return made


def chat_stream(made: Vault, *, keep_usage: bool = True, **options: Any) -> ResponseStream:
    head = Head("01TEST", "m", 1, usage=keep_usage)
    return ResponseStream(answer_scan(made), OPENAI_CHAT, OPENAI_CHAT, head, **options)


def new_stream(**options: Any) -> ResponseStream:
    return chat_stream(vault(), **options)


def chunk(*deltas: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """A frame with one choice a delta; a delta's `index` says which."""
    choices = []
    for delta in deltas:
        fields = dict(delta)
        choices.append(
            {"index": fields.pop("index", 0), "delta": fields, "logprobs": None, "finish_reason": finish}
        )
    body = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
        **more,
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STOP = chunk({}, finish="stop")


def run(pieces: Sequence[bytes], stream: ResponseStream | None = None) -> bytes:
    stream = stream or new_stream()
    return b"".join([*map(stream.feed, pieces), stream.flush()])


def payloads(out: bytes) -> list[Any]:
    return [
        json.loads(line[6:])
        for line in out.split(b"\n")
        if line.startswith(b"data: ") and line != b"data: [DONE]"
    ]


def lanes(out: bytes) -> dict[Lane, str]:
    """What a client accumulates, lane by lane."""
    said: dict[Lane, str] = defaultdict(str)
    for body in payloads(out):
        for choice in body.get("choices", ()):
            index, delta = choice["index"], choice["delta"]
            for field in ("content", "reasoning", "reasoning_content", "refusal"):
                if isinstance(delta.get(field), str):
                    said[Lane(index, field)] += delta[field]
            for call in delta.get("tool_calls") or ():
                said[Lane(index, "arguments", call.get("index", 0))] += (
                    call["function"].get("arguments") or ""
                )
    return {lane: text for lane, text in said.items() if text}


def text_of(out: bytes) -> str:
    return lanes(out).get(Lane(0, "content"), "")


def cut_bytes(data: bytes, seed: int, count: int) -> list[bytes]:
    places = sorted(random.Random(seed).sample(range(len(data) + 1), min(count, len(data))))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def error_in(out: bytes) -> dict[str, Any]:
    assert out.endswith(DONE)
    return dict(payloads(out)[-1]["error"])
