"""The messages of a ConverseStream to events.

Text and reasoning blocks have no start of their own; the metadata, with the usage, comes behind the stop and
is the last message. Nobody but a provider speaks this dialect, so its frames never pass: what its events do
not say is not seen by anyone.

Source: botocore's service model of `bedrock-runtime` (ConverseStreamOutput), and recorded streams.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from gateway.chat import (
    Annotation,
    End,
    Event,
    Extra,
    Failure,
    Finish,
    Lane,
    LaneEnd,
    Opening,
    Sealed,
    Text,
    ToolCall,
    Usage,
)
from gateway.errors import ProviderGarbage
from gateway.wire.eventstream import Message
from gateway.wire.frame import Frame
from gateway.wire.jsontext import load

# wire names of what stops an answer -> OpenAI's words.
REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
DIALECT = "bedrock"


class _ToolInput(Struct):
    input: str = ""


class _Delta(Struct):
    text: str | None = None
    toolUse: _ToolInput | None = None


class _BlockDelta(Struct):
    delta: _Delta
    contentBlockIndex: int = 0


_token = msgspec.json.Decoder(_BlockDelta)


class Decoder:
    """The frames of one answer. Blocks are counted by kind, as lanes count them."""

    def __init__(self) -> None:
        self._lanes: dict[int, Lane] = {}
        self._counts: dict[str, int] = {}
        self._server_blocks: dict[int, dict[str, Any]] = {}
        self._awaited = ""

    def decode(self, frame: Frame) -> list[Event]:
        """Raises ProviderGarbage when the payload is not what its event type says."""
        data = frame.data or b"{}"
        if frame.event == "contentBlockDelta" and not self._server_blocks:
            try:
                block = _token.decode(data)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return self._delta(_object(data))
            if block.delta.text is not None:
                lane = self._lane(block.contentBlockIndex, "content")
                return [Text(lane, block.delta.text)] if block.delta.text else []
            if block.delta.toolUse is not None:
                text = block.delta.toolUse.input
                return [Text(self._lane(block.contentBlockIndex, "arguments"), text)] if text else []
            return self._delta(_object(data))
        if isinstance(frame, Message) and frame.failed:
            said = _object(data) if data.startswith(b"{") else {}
            message = said.get("message") or frame.headers.get(":error-message") or ""
            return [Failure({"message": message, "type": frame.event or ""})]
        return self._decode_other(frame.event, _object(data))

    def _decode_other(self, event: str | None, body: dict[str, Any]) -> list[Event]:
        match event:
            case "messageStart":
                return [Opening()]
            case "contentBlockStart":
                return self._start(_index(body), _dict(body, "start"))
            case "contentBlockDelta":
                return self._delta(body)
            case "contentBlockStop":
                return self._stop(_index(body))
            case "messageStop":
                return [finish(body), *self._last("metadata")]
            case "metadata":
                return [*usage(body), *self._last("messageStop")]
            case _:
                return []  # nothing of it can be said in another dialect, and no text is known to be there

    def _last(self, other: str) -> list[Event]:
        """The end comes with the second of the two; nearly always that is the metadata."""
        if self._awaited and self._awaited != other:
            return [End()]
        self._awaited = other
        return []

    def _start(self, index: int, start: dict[str, Any]) -> list[Event]:
        call = start.get("toolUse")
        if isinstance(call, dict) and call.get("type") in (None, "tool_use"):
            lane = self._lane(index, "arguments")
            return [ToolCall(0, lane.position, str(call.get("toolUseId", "")), str(call.get("name", "")))]
        if start:
            self._server_blocks[index] = start
        return []

    def _delta(self, body: dict[str, Any]) -> list[Event]:
        index, delta = _index(body), _dict(body, "delta")
        if index in self._server_blocks:
            _grow(self._server_blocks[index], delta)
            return []
        events: list[Event] = []
        if isinstance(text := delta.get("text"), str) and text:
            events.append(Text(self._lane(index, "content"), text))
        if isinstance(call := delta.get("toolUse"), dict) and call.get("input"):
            events.append(Text(self._lane(index, "arguments"), str(call["input"])))
        if isinstance(reasoning := delta.get("reasoningContent"), dict):
            lane = self._lane(index, "thinking")
            if text := reasoning.get("text"):
                events.append(Text(lane, str(text)))
            if signature := reasoning.get("signature"):
                events.append(Sealed(lane, "signature", str(signature)))
            if sealed := reasoning.get("redactedContent"):
                events.append(Sealed(lane, "redacted", str(sealed)))
        if isinstance(citation := delta.get("citation"), dict):
            events.append(annotation(self._lane(index, "content"), citation))
        return events

    def _stop(self, index: int) -> list[Event]:
        if (block := self._server_blocks.pop(index, None)) is not None:
            return [Extra(0, DIALECT, block)]
        lane = self._lanes.get(index)
        return [LaneEnd(lane)] if lane is not None else []

    def _lane(self, index: int, kind: str) -> Lane:
        lane = self._lanes.get(index)
        if lane is None or lane.kind != kind:
            position = self._counts.get(kind, 0)
            self._counts[kind] = position + 1
            lane = self._lanes[index] = Lane(0, kind, position)
        return lane


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add a delta to the block of a tool that ran at the provider."""
    if isinstance(call := delta.get("toolUse"), dict):
        tool = block.setdefault("toolUse", {})
        tool["input"] = str(tool.get("input", "")) + str(call.get("input", ""))
    if isinstance(results := delta.get("toolResult"), list):
        block.setdefault("toolResult", {}).setdefault("content", []).extend(results)


def finish(body: dict[str, Any]) -> Finish:
    native = str(body.get("stopReason") or "")
    more = body.get("additionalModelResponseFields")
    met = more.get("stop_sequence") if isinstance(more, dict) else None
    return Finish(0, REASONS.get(native, "stop"), native, met if isinstance(met, str) else "")


def usage(body: dict[str, Any]) -> list[Event]:
    """`inputTokens` leaves out what came from the cache or went there."""
    raw = body.get("usage")
    if not isinstance(raw, dict):
        return []

    def count(*names: str) -> int:
        return next((value for name in names if isinstance(value := raw.get(name), int)), 0)

    read = count("cacheReadInputTokens", "cacheReadInputTokenCount")
    written = count("cacheWriteInputTokens", "cacheWriteInputTokenCount")
    tier = body.get("serviceTier")
    return [
        Usage(
            input=count("inputTokens") + read + written,
            output=count("outputTokens"),
            cached=read,
            cache_written=written,
            raw=raw,
            service_tier=str(tier.get("type", "")) if isinstance(tier, dict) else "",
        )
    ]


def annotation(lane: Lane, citation: dict[str, Any]) -> Annotation:
    """A citation. Its offsets count in the source, not in the answer, so they are left out."""
    sources = citation.get("sourceContent")
    quotes = [str(each.get("text", "")) for each in sources or () if isinstance(each, dict)]
    location = citation.get("location")
    web = location.get("web") if isinstance(location, dict) else None
    return Annotation(
        lane,
        url=str(web.get("url", "")) if isinstance(web, dict) else "",
        title=str(citation.get("title") or ""),
        quote="".join(quotes),
        raw=citation,
    )


def _object(data: bytes) -> dict[str, Any]:
    tree = load(data)
    if not isinstance(tree, dict):
        raise ProviderGarbage("the provider sent a message that is not a JSON object")
    return tree


def _index(body: dict[str, Any]) -> int:
    index = body.get("contentBlockIndex")
    return index if isinstance(index, int) else 0


def _dict(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}
