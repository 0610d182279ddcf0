"""What an answer amounts to, in words that no dialect owns: read from a provider's events, or by an SDK."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.chat import End, Event, Failure, Finish, Text, ToolCall, Usage

TEXTS = ("content", "refusal", "transcript")
THOUGHTS = ("reasoning", "thinking")
# Arguments that are no JSON, because the model met its limit within them.
CUT = "cut"


@dataclass
class Choice:
    """`calls` are names with parsed arguments, a custom tool's text as a string."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    finish: str | None = None


@dataclass
class Heard:
    """`usage` is (input, output, cached, reasoning); `failed` says that an error ended the answer,
    `error` what it said; `raw` is the turn as the SDK would have it sent back."""

    choices: list[Choice] = field(default_factory=list)
    usage: tuple[int, int, int, int] | None = None
    failed: bool = False
    error: str = ""
    raw: Any = None

    def choice(self, index: int) -> Choice:
        while len(self.choices) <= index:
            self.choices.append(Choice())
        return self.choices[index]


def arguments(text: str) -> Any:
    """Parsed; no arguments are an empty object."""
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return CUT


def said(events: Iterable[Event]) -> Heard:
    """What the provider said, without anything that only its own dialect can say."""
    heard = Heard()
    calls: dict[tuple[int, int], tuple[ToolCall, list[str]]] = {}
    ended = False
    for event in events:
        if type(event) is Text:
            lane = event.lane
            if lane.choice < 0 or lane.position < 0:
                continue
            choice = heard.choice(lane.choice)
            if lane.kind in THOUGHTS:
                choice.reasoning += event.text
            elif lane.kind == "refusal":
                choice.refusal += event.text
            elif lane.kind in TEXTS:
                choice.text += event.text
            elif lane.kind in ("arguments", "input"):
                calls[lane.choice, lane.position][1].append(event.text)
        elif type(event) is ToolCall:
            calls[event.choice, event.index] = event, []
        elif type(event) is Finish:
            heard.choice(event.choice).finish = event.reason
        elif type(event) is Usage:
            heard.usage = event.input, event.output, event.cached, event.reasoning
        elif type(event) is Failure:
            heard.failed = True
        elif type(event) is End:
            ended = True
            break  # what some recordings have behind it is another answer
    for (index, _), (call, texts) in sorted(calls.items(), key=lambda item: item[0]):
        text = "".join(texts)
        heard.choice(index).calls.append((call.name, text if call.custom else arguments(text)))
    finished = bool(heard.choices) and all(choice.finish for choice in heard.choices)
    heard.failed = heard.failed or not (ended or finished)
    return heard
