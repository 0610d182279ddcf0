"""OpenAI Chat answers in one piece.

Source: openai-python types (`chat_completion.py`, `chat_completion_message.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from gateway.chat import End, Event, Finish, Lane, Logprobs, Opening, Text, Usage
from gateway.dialects.dialect import Head
from gateway.dialects.openai_chat.decode import Decoder, scrub_choice
from gateway.dialects.openai_chat.deltas import Deltas, choice_of, logprobs_object
from gateway.dialects.openai_chat.usage import usage_object
from gateway.errors import ProviderGarbage

# Strings of a delta that say what it is, and do not go on in the next.
_NAMES = ("type", "format", "id", "name", "role")


def scrub(body: dict[str, Any]) -> None:
    """Drop what spells out, or counts into, texts that were changed."""
    for choice in body.get("choices") or ():
        if isinstance(choice, dict):
            scrub_choice(choice)


def events_of(body: dict[str, Any]) -> list[Event]:
    """A whole answer as the chunk that says all of it at once. Raises ProviderGarbage.

    A choice without a finish reason (Snowflake's) has ended all the same: the answer is whole.
    """
    choices = []
    for choice in _list(body.get("choices")):
        if not isinstance(choice, dict):
            raise ProviderGarbage("the provider sent a choice that is not a JSON object")
        message = choice.get("message")  # Azure sends none where its filter took the answer
        message = message if isinstance(message, dict) else {}
        calls = [
            {**call, "index": i} if isinstance(call, dict) else call
            for i, call in enumerate(_list(message.get("tool_calls")))
        ]
        delta = {**message, "tool_calls": calls} if calls else message
        reason = choice.get("finish_reason") or ("tool_calls" if calls else "stop")
        rest = {name: value for name, value in choice.items() if name != "message"}
        choices.append({**rest, "delta": delta, "finish_reason": reason})
    return [*Decoder().decode_tree({**body, "choices": choices}), End()]


def body_of(events: Sequence[Event], head: Head) -> dict[str, Any]:
    """The answer that the chunks of these events add up to."""
    deltas = Deltas()
    choices: dict[int, dict[str, Any]] = {}
    opening, usage = Opening(), None
    for event in _joined(events):
        match event:
            case Opening():
                opening = event
            case Usage():
                usage = event
            case Finish():
                choice = _choice(choices, event.choice)
                _add(choice["message"], deltas.unsaid(event.choice) or {})
                choice["finish_reason"] = event.reason
                if event.stop_sequence:
                    choice["stop_reason"] = event.stop_sequence
            case Logprobs():
                choice = _choice(choices, event.lane.choice)
                _add_logprobs(choice, logprobs_object(event))
            case _ if (delta := deltas.of(event)) is not None:
                _add(_choice(choices, choice_of(event))["message"], delta)
            case _:
                pass  # ends of lanes, and the end
    for choice in choices.values():
        for name in ("tool_calls", "annotations", "provider_items"):
            for entry in choice["message"].get(name, ()):
                entry.pop("index", None)
    body: dict[str, Any] = {
        "id": opening.id or head.id,
        "object": "chat.completion",
        "created": opening.created or head.created,
        "model": opening.model or head.model,
        "choices": [choices[index] for index in sorted(choices)],
    }
    if usage is not None:
        body["usage"] = usage_object(usage)
        if usage.service_tier:
            body["service_tier"] = usage.service_tier
    return body


def _choice(choices: dict[int, dict[str, Any]], index: int) -> dict[str, Any]:
    if index not in choices:
        message = {"role": "assistant", "content": None, "refusal": None}
        choices[index] = {"index": index, "message": message, "logprobs": None, "finish_reason": None}
    return choices[index]


def _joined(events: Sequence[Event]) -> Iterable[Event]:
    """The events with each lane's texts as one, where the lane begins."""
    texts: dict[Lane, list[str]] = {}
    for event in events:
        if isinstance(event, Text):
            texts.setdefault(event.lane, []).append(event.text)
    for event in events:
        if not isinstance(event, Text):
            yield event
        elif event.lane in texts:
            yield replace(event, text="".join(texts.pop(event.lane)))


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    """What OpenAI's SDK does with a delta: strings go on, entries of lists go where their index says."""
    for name, value in delta.items():
        known = message.get(name)
        if isinstance(value, dict):
            _add(message.setdefault(name, {}), value)
        elif isinstance(value, list) and known is not None:
            for entry in value:
                index = entry.get("index") if isinstance(entry, dict) else None
                if isinstance(index, int) and index < len(known):
                    _add(known[index], entry)
                else:
                    known.append(entry)
        elif isinstance(value, str) and isinstance(known, str) and name not in _NAMES:
            message[name] = known + value
        else:
            message[name] = value


def _add_logprobs(choice: dict[str, Any], said: dict[str, Any]) -> None:
    known = choice["logprobs"]
    if known is None:
        choice["logprobs"] = said
        return
    for name, tokens in said.items():
        if tokens:
            known[name] = [*(known[name] or ()), *tokens]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
