"""Legacy Completions answers in one piece.

Source: openai-python types (`completion.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.chat import End, Event
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat.body import scrub
from gateway.dialects.openai_completions.decode import Decoder
from gateway.dialects.openai_completions.encode import Encoder
from gateway.wire.jsontext import load
from gateway.wire.sse import SSESplitter

__all__ = ["body_of", "events_of", "scrub"]


def events_of(body: dict[str, Any]) -> list[Event]:
    """A whole answer as the chunk that says all of it at once. Raises ProviderGarbage."""
    choices = [
        {**choice, "finish_reason": choice.get("finish_reason") or "stop"}
        if isinstance(choice, dict)
        else choice
        for choice in body.get("choices") or ()
    ]
    return [*Decoder().decode_tree({**body, "choices": choices}), End()]


def body_of(events: Sequence[Event], head: Head) -> dict[str, Any]:
    """The answer that the chunks of these events add up to."""
    encoder = Encoder(head)
    frames = b"".join([*map(encoder.encode, events), encoder.end()])
    body: dict[str, Any] = {"id": head.id, "object": "text_completion", "created": head.created}
    body["model"] = head.model
    choices: dict[int, dict[str, Any]] = {}
    texts: dict[int, list[str]] = {}
    for frame in SSESplitter(len(frames) + 1).feed(frames):
        if frame.data is None or frame.data.startswith(b"[DONE]"):
            continue
        chunk = load(frame.data)
        body |= {name: value for name, value in chunk.items() if name != "choices"}
        for choice in chunk["choices"]:
            index = choice["index"]
            texts.setdefault(index, []).append(choice["text"])
            known = choices.setdefault(index, choice)
            if known is not choice:
                _add(known, choice)
    for index, choice in choices.items():
        choice["text"] = "".join(texts[index])
    usage = body.pop("usage", None)
    body["choices"] = [choices[index] for index in sorted(choices)]
    return body if usage is None else {**body, "usage": usage}


def _add(known: dict[str, Any], choice: dict[str, Any]) -> None:
    if (said := choice["logprobs"]) is not None:
        before = known["logprobs"] or {}
        known["logprobs"] = {name: [*before.get(name, ()), *values] for name, values in said.items()}
    known["finish_reason"] = choice["finish_reason"] or known["finish_reason"]
    if "stop_reason" in choice:
        known["stop_reason"] = choice["stop_reason"]
