"""Every dialect by its name, as configuration and catalog say it.

Claude on other clouds speaks Anthropic's dialect in their envelopes: it passes to and from an Anthropic
client as it is, so these carry the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from gateway.conversation import ChatRequest, Conversation
from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.anthropic.cloud import InvokeSplitter, bedrock_body, vertex_body
from gateway.dialects.bedrock import BEDROCK
from gateway.dialects.dialect import Dialect, Target
from gateway.dialects.gemini import GEMINI
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.dialects.openai_completions import OPENAI_COMPLETIONS
from gateway.dialects.openai_responses import OPENAI_RESPONSES
from gateway.errors import ProviderError


def _in_envelope(envelope: Callable[[bytes], bytes]) -> Dialect:
    def forward(request: ChatRequest, target: Target) -> bytes:
        return envelope(ANTHROPIC.forward(request, target))

    def write(conversation: Conversation, target: Target) -> bytes:
        return envelope(ANTHROPIC.write(conversation, target))

    return replace(ANTHROPIC, forward=forward, write=write, headers=())


def _bedrock_error(status: int | None, raw: Any, retry_after_s: float | None) -> ProviderError:
    """An answer's error is Bedrock's own; in the stream it has been put into Anthropic's words."""
    said = ANTHROPIC if status is None else BEDROCK
    return said.provider_error(status, raw, retry_after_s)


_OWN = (OPENAI_CHAT, OPENAI_COMPLETIONS, OPENAI_RESPONSES, ANTHROPIC, GEMINI, BEDROCK)
DIALECTS: dict[str, Dialect] = {
    **{each.name: each for each in _OWN},
    "anthropic_on_vertex": _in_envelope(vertex_body),
    "anthropic_on_bedrock": replace(
        _in_envelope(bedrock_body),
        splitter=InvokeSplitter,
        stream_type=BEDROCK.stream_type,
        provider_error=_bedrock_error,
    ),
}
