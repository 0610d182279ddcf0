"""Events to the chunks of an OpenAI Chat stream.

Source: openai-python types (`chat_completion_chunk.py`), and how its SDK puts chunks together
(`lib/streaming/chat/_completions.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.chat import Event, Finish, Logprobs, Opening, Text, Usage
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat.deltas import Delta, Deltas, choice_of, logprobs_object
from gateway.dialects.openai_chat.usage import usage_object
from gateway.wire.jsontext import encode

DONE = b"data: [DONE]\n\n"
_AFTER_TEXT = b'},"logprobs":null,"finish_reason":null}]}\n\n'


class Encoder:
    """Events to the chunks of one answer; a chunk holds one event.

    Where the words stand that Chat does not have, see `deltas`; a met stop sequence goes into `stop_reason`
    (vLLM).
    """

    keepalive = b": keep-alive\n\n"

    def __init__(self, head: Head) -> None:
        self._ask_usage = head.usage
        self._usage: Usage | None = None
        self._begun: set[int] = set()
        self._deltas = Deltas()
        self._identify(head.id, head.model, head.created)
        self._default = head

    def _identify(self, id: str, model: str, created: int) -> None:
        head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._before = b"data: " + encode(head)[:-1] + b',"choices":['
        self._before_content = self._before + b'{"index":0,"delta":{"content":'

    def encode(self, event: Event) -> bytes:
        if isinstance(event, Text):
            lane = event.lane
            if lane.kind == "content" and lane.choice == 0 and 0 in self._begun:
                return self._before_content + encode(event.text) + _AFTER_TEXT
        match event:
            case Opening():
                default = self._default
                self._identify(
                    event.id or default.id, event.model or default.model, event.created or default.created
                )
                return b""
            case Logprobs():
                return self._chunk(event.lane.choice, {}, logprobs=logprobs_object(event))
            case Finish():
                unsaid = self._deltas.unsaid(event.choice)
                before = self._delta(event.choice, unsaid) if unsaid else self._role(event.choice)
                return before + self._chunk(event.choice, {}, event.reason, stop_reason=event.stop_sequence)
            case Usage():
                self._usage = event
                return b""
            case _:
                pass
        delta = self._deltas.of(event)
        return b"" if delta is None else self._delta(choice_of(event), delta)

    def end(self) -> bytes:
        """Usage stands in a chunk without choices, behind everything else."""
        usage = self._usage
        if usage is None or not self._ask_usage:
            return DONE
        tier = b',"service_tier":' + encode(usage.service_tier) if usage.service_tier else b""
        return self._before + b'],"usage":' + encode(usage_object(usage)) + tier + b"}\n\n" + DONE

    def verdict(self, told: Mapping[str, Any]) -> bytes:
        """A chunk without choices, as usage stands in, with a field of the gateway's own."""
        return self._before + b'],"sluice":' + encode(told) + b"}\n\n"

    def fail(self, facts: dict[str, Any]) -> bytes:
        return b"data: " + encode({"error": facts}) + b"\n\n" + DONE

    def _role(self, choice: int) -> bytes:
        """Each choice begins with a chunk that says the role."""
        if choice in self._begun:
            return b""
        self._begun.add(choice)
        return self._chunk(choice, {"role": "assistant", "content": ""})

    def _delta(self, choice: int, delta: Delta) -> bytes:
        return self._role(choice) + self._chunk(choice, delta)

    def _chunk(
        self,
        index: int,
        delta: Delta,
        reason: str | None = None,
        logprobs: dict[str, Any] | None = None,
        stop_reason: str = "",
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        if stop_reason:
            choice["stop_reason"] = stop_reason
        return self._before + encode(choice) + b"]}\n\n"
