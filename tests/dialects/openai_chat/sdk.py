"""OpenAI's own SDK as the strictest reader of a stream."""

from __future__ import annotations

import json
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from gateway.wire.sse import SSESplitter


def accumulated(frames: bytes) -> dict[str, Any]:
    """The completion that the SDK makes of the stream, as JSON."""
    state = ChatCompletionStreamState()
    splitter = SSESplitter()
    for frame in [*splitter.feed(frames), *splitter.flush()]:
        if frame.data is not None and not frame.data.startswith(b"[DONE]"):
            state.handle_chunk(ChatCompletionChunk.construct(**json.loads(frame.data)))
    return state.current_completion_snapshot.to_dict(warnings=False)


def plain(value: Any) -> Any:
    """Without indexes of lists, which only a stream has, and without what the SDK adds."""
    if isinstance(value, dict):
        left_out = ("index", "parsed_arguments", "parsed")
        return {
            name: plain(each) for name, each in value.items() if name not in left_out and each is not None
        }
    return [plain(each) for each in value] if isinstance(value, list) else value
