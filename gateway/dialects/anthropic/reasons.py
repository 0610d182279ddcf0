"""Why an answer stopped: Anthropic's words and OpenAI's, which are the gateway's.

Source: anthropic-sdk-python types (`stop_reason.py`), and the table that translating clients agree on.
"""

from __future__ import annotations

from gateway.chat import Finish

_REASON_OF = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_NATIVE_OF = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def finish(native: str, stop_sequence: str) -> Finish:
    """A word that is not known is told as `stop`: the answer did end."""
    return Finish(0, _REASON_OF.get(native, "stop"), native, stop_sequence)


def stop_reason(finish: Finish, called: bool, refused: bool) -> str:
    """Anthropic's word. Its own passes, of which Bedrock speaks the same.

    Some who speak OpenAI Chat end an answer that calls tools with `stop`: `called` says that it did call
    one, `refused` that its text is a refusal. A reason without a counterpart stays as it is.
    """
    if _REASON_OF.get(finish.native) == finish.reason:
        return finish.native
    if finish.reason == "stop":
        if finish.stop_sequence:
            return "stop_sequence"
        if called:
            return "tool_use"
        if refused:
            return "refusal"
    return _NATIVE_OF.get(finish.reason, finish.reason)
