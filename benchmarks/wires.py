"""The dialogue on the wire: requests and answers in a dialect, and whether an answer came back right.

Independent of the gateway's own dialects: what is measured must not judge itself.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from benchmarks.dialogue import SYSTEM, Asked, find, holds_placeholder, question, tokens

Name = Literal["openai", "anthropic"]

_CHUNK: dict[str, Any] = {
    "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    "object": "chat.completion.chunk",
    "created": 1741570283,
    "model": "gpt-4o-mini-2024-07-18",
    "service_tier": "default",
    "system_fingerprint": "fp_06737a9306",
}
_MESSAGE: dict[str, Any] = {
    "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
    "type": "message",
    "role": "assistant",
    "content": [],
    "model": "claude-sonnet-4-5",
    "stop_reason": None,
    "stop_sequence": None,
}
DONE = b"data: [DONE]\n\n"


class Wire(NamedTuple):
    """How a dialect is asked, how it streams, and what it says whole.

    `frames` takes the tokens of an answer; `around` is how many frames stand beside those.
    """

    path: str
    around: int
    frames: Callable[[list[str]], list[bytes]]
    whole: Callable[[str], bytes]


# --- OpenAI -----------------------------------------------------------------------------------------------


@lru_cache(1024)
def chunk(content: str) -> bytes:
    return _chunk({"content": content})


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return b"data: " + msgspec.json.encode({**_CHUNK, "choices": [choice]}) + b"\n\n"


OPENING = _chunk({"role": "assistant", "content": "", "refusal": None})
FINISH = _chunk({}, "stop")


def _openai_frames(said: list[str]) -> list[bytes]:
    return [OPENING, *map(chunk, said), FINISH, DONE]


def _openai_whole(text: str) -> bytes:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 90, "completion_tokens": 98, "total_tokens": 188}
    return msgspec.json.encode({**_CHUNK, "object": "chat.completion", "choices": [choice], "usage": usage})


# --- Anthropic --------------------------------------------------------------------------------------------


def _event(kind: str, **said: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind, **said}))


@lru_cache(1024)
def _delta(text: str) -> bytes:
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def _anthropic_frames(said: list[str]) -> list[bytes]:
    usage = {"input_tokens": 90, "output_tokens": 1}
    return [
        _event("message_start", message={**_MESSAGE, "usage": usage}),
        _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *map(_delta, said),
        _event("content_block_stop", index=0),
        _event(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": len(said)},
        ),
        _event("message_stop"),
    ]


def _anthropic_whole(text: str) -> bytes:
    usage = {"input_tokens": 90, "output_tokens": 98}
    content = [{"type": "text", "text": text}]
    return msgspec.json.encode({**_MESSAGE, "content": content, "stop_reason": "end_turn", "usage": usage})


WIRES: dict[Name, Wire] = {
    "openai": Wire("/v1/chat/completions", 3, _openai_frames, _openai_whole),
    "anthropic": Wire("/v1/messages", 5, _anthropic_frames, _anthropic_whole),
}
FEWEST_EVENTS = max(wire.around for wire in WIRES.values()) + 1


def encode_request(asked: Asked, turn: int, *, stream: bool = True, model: str = "gpt-4o-mini") -> bytes:
    """What a client sends: always OpenAI's dialect."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(asked, turn)}]
    body: dict[str, Any] = {"model": model, "messages": messages, "temperature": 0.2}
    return msgspec.json.encode({**body, "stream": True} if stream else body)


def read_request(body: bytes) -> Asked | None:
    """The question in a request of either dialect, wherever its text stands; None for another."""
    # The names and addresses asked with hold nothing that JSON escapes.
    return find(body.decode("utf-8", "replace"))


def streams(body: bytes) -> bool:
    return re.search(rb'"stream": *true', body) is not None


def frames(wire: Name, asked: Asked, events: int) -> list[bytes]:
    """The streamed answer as the provider writes it, in that many events."""
    spoken = WIRES[wire]
    return spoken.frames(tokens(asked, events - spoken.around))


def whole(wire: Name, asked: Asked, events: int) -> bytes:
    """The answer in one piece: the text of the streamed one."""
    spoken = WIRES[wire]
    return spoken.whole("".join(tokens(asked, events - spoken.around)))


# --- as the client got it -----------------------------------------------------------------------------------


def fault(
    body: bytes, wire: Name, asked: Asked, events: int, *, exact: bool, masked: bool = False
) -> str | None:
    """What is wrong with a streamed answer.

    `exact`: frames must be the provider's bytes, but a proxy that restores may write those of a mention anew
    and leave out the ones that lost their text. Otherwise they must be chunks that finish once and end. The
    text must be right to the character, unless what it repeats was masked for good.
    """
    said = tokens(asked, events - WIRES[wire].around)
    if exact and body == b"".join(_openai_frames(said)):
        return None
    got = [part + b"\n\n" for part in body.split(b"\n\n")]
    if got.pop() != b"\n\n" or got[-1:] != [DONE]:
        return "there is no end mark at the end"
    if exact and (got[:1] != [OPENING] or got[-2:-1] != [FINISH]):
        return "the opening or the finish is not as the provider wrote it"
    text, finishes = "", []
    for each in got[1:-2] if exact else got[:-1]:
        content, finish = _read(each)
        if exact and (content is None or _chunk({"content": content}) != each):
            return "a frame holds other bytes than the provider wrote"
        text += content or ""
        finishes += [finish] if finish else []
    if not exact and finishes != ["stop"]:
        return "the answer does not finish once"
    return None if masked else _of_text(text, said)


def fault_of_whole(body: bytes, wire: Name, asked: Asked, events: int, *, masked: bool = False) -> str | None:
    """What is wrong with an answer in one piece, in OpenAI's dialect."""
    try:
        text = msgspec.json.decode(body)["choices"][0]["message"]["content"]
    except (msgspec.MsgspecError, LookupError, TypeError):
        return "the answer is not a completion"
    return None if masked else _of_text(text, tokens(asked, events - WIRES[wire].around))


def _of_text(text: str, said: list[str]) -> str | None:
    if text == "".join(said):
        return None
    return "a placeholder was left in the text" if holds_placeholder(text) else "the text is not right"


def _read(raw: bytes) -> tuple[str | None, str | None]:
    """The text of a chunk and its finish reason."""
    try:
        (choice,) = msgspec.json.decode(raw.removeprefix(b"data: "))["choices"] or [{}]
        content, finish = choice.get("delta", {}).get("content"), choice.get("finish_reason")
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, AttributeError):
        return None, None
    return (content if isinstance(content, str) else None), finish


_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


def content_length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def split_responses(received: bytes) -> tuple[list[bytes], str | None]:
    """The bodies of the HTTP responses in a connection's bytes, and what is wrong with the last."""
    bodies: list[bytes] = []
    at = 0
    while at < len(received):
        head_ends = received.find(b"\r\n\r\n", at)
        head = received[at : max(at, head_ends)].lower()
        if not head.startswith(b"http/1.1 200"):
            return bodies, f"the answer is not a 200 but {received[at : at + 12]!r}"
        at = head_ends + 4
        if b"transfer-encoding: chunked" in head:
            body, at = _unchunked(received, at)
        else:
            end = at + content_length(head)
            body, at = (received[at:end], end) if end <= len(received) else (None, at)
        if body is None:
            return bodies, "the answer was cut"
        if b"\r\ncontent-encoding: gzip" in head:
            body = gzip.decompress(body)
        bodies.append(body)
    return bodies, None


def _unchunked(received: bytes, at: int) -> tuple[bytes | None, int]:
    """A chunked body (RFC 9112 section 7.1) and where it ends; None if it is not all there."""
    pieces: list[bytes] = []
    while (line_ends := received.find(b"\r\n", at)) >= 0:
        size = int(received[at:line_ends], 16)
        at = line_ends + 2 + size + 2
        if at > len(received):
            break
        if size == 0:
            return b"".join(pieces), at
        pieces.append(received[line_ends + 2 : at - 2])
    return None, at
