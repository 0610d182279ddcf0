"""The official SDK's own reader, fed with frames instead of a server."""

from __future__ import annotations

import json
from typing import Any

from openai import omit
from openai._models import construct_type_unchecked
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent

from gateway.wire.sse import Frame, SSESplitter


def frames(raw: bytes) -> list[Frame]:
    splitter = SSESplitter()
    return [frame for frame in [*splitter.feed(raw), *splitter.flush()] if frame.data is not None]


def trees(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(frame.data) for frame in frames(raw) if frame.data and frame.data[:6] != b"[DONE]"]


def response(raw: bytes) -> Any:
    """What `client.responses.stream` ends with: a `Response`, whose items are of thirty types."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    ended: Any = None
    any_event: Any = ResponseStreamEvent
    for tree in trees(raw):
        event: Any = construct_type_unchecked(type_=any_event, value=tree)
        for told in state.handle_event(event):
            if told.type in ("response.completed", "response.incomplete"):
                ended = told.response
    assert ended is not None
    return ended


def snapshot(raw: bytes) -> dict[int, str]:
    """The texts that deltas alone add up to, by the item that they are of."""
    said: dict[int, str] = {}
    for tree in trees(raw):
        if str(tree["type"]).endswith(".delta") and isinstance(delta := tree["delta"], str):
            said[tree["output_index"]] = said.get(tree["output_index"], "") + delta
    return said
