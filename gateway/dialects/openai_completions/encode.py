"""Events to the chunks of a legacy Completions stream.

Source: openai-python types (`completion.py`, `logprobs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.chat import Event, Finish, Logprobs, Opening, Text, Usage
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat.encode import DONE
from gateway.dialects.openai_chat.usage import usage_object
from gateway.wire.jsontext import encode

_SAID = ("content", "refusal")
_AFTER_TEXT = b',"index":0,"logprobs":null,"finish_reason":null}]}\n\n'


class Encoder:
    """Events to the chunks of one answer. A completion is text: what else there is, reasoning, citations and
    items of a provider, is left out, since it says nothing of the text's words.
    """

    keepalive = b": keep-alive\n\n"

    def __init__(self, head: Head) -> None:
        self._default = head
        self._usage: Usage | None = None
        self._offsets: dict[int, int] = {}
        self._identify(head.id, head.model, head.created)

    def _identify(self, id: str, model: str, created: int) -> None:
        head = {"id": id, "object": "text_completion", "created": created, "model": model}
        self._before = b"data: " + encode(head)[:-1] + b',"choices":['
        self._before_text = self._before + b'{"text":'

    def encode(self, event: Event) -> bytes:
        match event:
            case Text(lane=lane) if lane.kind in _SAID:
                if lane.choice == 0:
                    return self._before_text + encode(event.text) + _AFTER_TEXT
                return self._chunk(lane.choice, event.text)
            case Opening():
                default = self._default
                self._identify(
                    event.id or default.id, event.model or default.model, event.created or default.created
                )
            case Logprobs():
                offset = self._offsets.get(event.lane.choice, 0)
                logprobs = logprobs_object(event, offset)
                self._offsets[event.lane.choice] = offset + _length(event)
                return self._chunk(event.lane.choice, "", logprobs=logprobs)
            case Finish():
                return self._chunk(event.choice, "", event.reason, stop_reason=event.stop_sequence)
            case Usage():
                self._usage = event
            case _:
                pass
        return b""

    def end(self) -> bytes:
        if self._usage is None or not self._default.usage:
            return DONE
        return self._before + b'],"usage":' + encode(usage_object(self._usage)) + b"}\n\n" + DONE

    def verdict(self, told: Mapping[str, Any]) -> bytes:
        """A chunk without choices, as usage stands in, with a field of the gateway's own."""
        return self._before + b'],"sluice":' + encode(told) + b"}\n\n"

    def fail(self, facts: dict[str, Any]) -> bytes:
        return b"data: " + encode({"error": facts}) + b"\n\n" + DONE

    def _chunk(
        self,
        index: int,
        text: str,
        reason: str | None = None,
        logprobs: dict[str, Any] | None = None,
        stop_reason: str = "",
    ) -> bytes:
        choice = {"text": text, "index": index, "logprobs": logprobs, "finish_reason": reason}
        if stop_reason:
            choice["stop_reason"] = stop_reason
        return self._before + encode(choice) + b"]}\n\n"


def logprobs_object(event: Logprobs, offset: int) -> dict[str, Any]:
    """A list of objects as the legacy object of lists. `offset` is where the tokens begin in the text."""
    offsets = []
    for token in event.content:
        offsets.append(offset)
        offset += len(str(token.get("token", "")))
    return {
        "tokens": [token.get("token", "") for token in event.content],
        "token_logprobs": [token.get("logprob") for token in event.content],
        "top_logprobs": [
            {top["token"]: top.get("logprob") for top in token.get("top_logprobs") or () if "token" in top}
            for token in event.content
        ],
        "text_offset": offsets,
    }


def _length(event: Logprobs) -> int:
    return sum(len(str(token.get("token", ""))) for token in event.content)
