"""How to find out what a chunk says: the text of its delta, and that no other string wants scanning.

A dict must be searched for strings that nobody knows; a struct that forbids unknown fields proves there are
none. `Raw` keeps a known field unread.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Raw, Struct

from benchmarks.decisions import ANSWER, show
from gateway.dialects.openai_chat.decode import Decoder
from gateway.wire.sse import Frame

DATA = [frame[6:-2] for frame in ANSWER[1:-2]]


class _Delta(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _Delta
    index: int = 0
    finish_reason: str | None = None


class _Lenient(Struct):
    choices: list[_Choice]


class _StrictChoice(Struct, forbid_unknown_fields=True):
    delta: _Delta
    index: int = 0
    finish_reason: str | None = None
    logprobs: Raw = Raw()


class _StrictRaw(Struct, forbid_unknown_fields=True):
    choices: list[_StrictChoice]
    id: Raw = Raw()
    object: Raw = Raw()
    created: Raw = Raw()
    model: Raw = Raw()
    service_tier: Raw = Raw()
    system_fingerprint: Raw = Raw()


class _StrictRead(Struct, forbid_unknown_fields=True):
    choices: list[_StrictChoice]
    id: str = ""
    object: str = ""
    created: int = 0
    model: str = ""
    service_tier: str | None = None
    system_fingerprint: str | None = None


def _strings(node: Any) -> int:
    if isinstance(node, dict):
        return sum(map(_strings, node.values()))
    if isinstance(node, list):
        return sum(map(_strings, node))
    return isinstance(node, str)


def _all(decode: Any, then: Any = None) -> Any:
    def run() -> None:
        for data in DATA:
            tree = decode(data)
            if then is not None:
                then(tree)

    return run


def _events() -> None:
    decoder = Decoder()
    for data in DATA:
        decoder.decode(Frame(b"", data))


def main() -> None:
    variants = {
        "json.loads": _all(json.loads),
        "msgspec, dict": _all(msgspec.json.Decoder().decode),
        "msgspec, dict, all strings visited": _all(msgspec.json.Decoder().decode, _strings),
        "msgspec, strict struct, fields read": _all(msgspec.json.Decoder(_StrictRead).decode),
        "msgspec, strict struct, fields Raw": _all(msgspec.json.Decoder(_StrictRaw).decode),
        "msgspec, only what is needed (not strict)": _all(msgspec.json.Decoder(_Lenient).decode),
        "openai_chat.Decoder, events made (chosen)": _events,
    }
    show("What a chunk says", variants, len(DATA))


if __name__ == "__main__":
    main()
