"""The official SDK's own readers, fed with frames instead of a server."""

from __future__ import annotations

import json
from typing import Any

from anthropic.lib.streaming import _beta_messages, _messages

from gateway.wire.sse import SSESplitter


def events(frames: bytes) -> list[dict[str, Any]]:
    """The data of named events, as the SDK takes them: without pings and what has no name."""
    splitter = SSESplitter()
    return [
        json.loads(frame.data)
        for frame in [*splitter.feed(frames), *splitter.flush()]
        if frame.data is not None and frame.event not in (None, "ping", "error")
    ]


def message(frames: bytes) -> dict[str, Any]:
    """What `client.messages.stream` adds up to."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events(frames):
        given: Any = event
        snapshot = _messages.accumulate_event(event=given, current_snapshot=snapshot, json_bufs=buffers)
    return plain(snapshot)


def beta_message(frames: bytes) -> dict[str, Any]:
    """What `client.beta.messages.stream` adds up to."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events(frames):
        given: Any = event
        headers: Any = {}
        snapshot = _beta_messages.accumulate_event(
            event=given, current_snapshot=snapshot, json_bufs=buffers, request_headers=headers
        )
    return plain(snapshot)


def plain(snapshot: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(snapshot.to_json())
    return told
