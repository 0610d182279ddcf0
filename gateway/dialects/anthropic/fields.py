"""What the strings of Anthropic Messages bodies are: requests, answers, events, errors.

Source: anthropic-sdk-python types (`message_create_params.py`, `content_block.py`, and the beta ones).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.chat import Nature, Path
from gateway.dialects import fields
from gateway.dialects.dialect import Classify

# Of a content block at the top of a message. `input` is an object, and all in it is text.
_BLOCK_KEEP = ("id", "name", "server_name", "data", "signature", "from.model", "to.model", "stop_reason")
# Of a block wherever it stands: results hold blocks in `content`, and these hold documents.
_ANY_BLOCK_KEEP = (
    "type",
    "tool_use_id",
    "tool_name",
    "toolset_name",
    "file_id",
    "error_code",
    "is_error",
    "caller.**",
    "cache_control.**",
    "encrypted_content",
    "encrypted_stdout",
    "encrypted_index",
    "tool_references.*.type",
    "tool_references.*.tool_name",
    "source.type",
    "source.media_type",
    "source.file_id",
    "citations.*.type",
    "citations.*.encrypted_index",
    "citations.*.file_id",
)
_NESTED = ("content", "content.*", "content.content", "content.content.*", "content.*.content.*")
_SOURCES = ("source.content.*.type", "source.content.*.source.type", "source.content.*.source.media_type")
# A message in a request, an answer, the one that opens a stream, and a block that opens in it.
_BLOCKS = ("messages.*.content.*", "content.*", "message.content.*", "content_block", "system.*")
_MESSAGE_KEEP = (
    "id",
    "type",
    "role",
    "model",
    "stop_reason",
    "stop_details.type",
    "stop_details.category",
    "stop_details.recommended_model",
    "usage.**",
    "container",
    "container.id",
    "container.expires_at",
    "container.skills.**",
    "context_management.applied_edits.*.type",
)
_REQUEST_KEEP = (
    "messages.*.role",
    # Signed: whoever changes it makes it worthless. What is not signed, `request` has put elsewhere.
    "messages.*.content.*.thinking",
    "max_tokens",
    "top_k",
    "thinking.**",
    "tool_choice.**",
    "service_tier",
    "inference_geo",
    "speed",
    "anthropic_version",
    "anthropic_beta.**",
    "cache_control.**",
    "output_config.effort",
    "output_config.format.type",
    "output_config.task_budget.**",
    "output_format.type",
    "context_management.edits.*.type",
    "tools.*.type",
    "tools.*.name",
    "tools.*.model",
    "tools.*.cache_control.**",
    "tools.*.allowed_callers.**",
    "tools.*.mcp_server_name",
    "mcp_servers.*.type",
    "mcp_servers.*.name",
    # The caller's own key to a server that the provider calls for it: without it that call fails.
    "mcp_servers.*.authorization_token",
)
_FRAME_KEEP = (
    "index",
    "request_id",
    "error.type",
    "delta.type",
    "delta.signature",
    "delta.encrypted_content",
    "delta.stop_reason",
    "delta.stop_details.type",
    "delta.stop_details.category",
    "delta.stop_details.recommended_model",
    "delta.container.id",
    "delta.container.expires_at",
    "delta.container.skills.**",
    "delta.citation.type",
    "delta.citation.encrypted_index",
    "delta.citation.file_id",
    "amazon-bedrock-invocationMetrics.**",
    # Of a block that is handed on alone.
    "tool_use_id",
    "encrypted_content",
)


def _block_paths() -> Iterator[str]:
    for block in _BLOCKS:
        yield from (f"{block}.{leaf}" for leaf in _BLOCK_KEEP)
        for place in (block, *(f"{block}.{nested}" for nested in _NESTED)):
            yield from (f"{place}.{leaf}" for leaf in (*_ANY_BLOCK_KEEP, *_SOURCES))


_KEEP = (
    *_MESSAGE_KEEP,
    *(f"message.{path}" for path in _MESSAGE_KEEP),
    *_REQUEST_KEEP,
    *_FRAME_KEEP,
    *_block_paths(),
)
# In a conversation in JSON, messages may be JSON too: see openai_chat.
_SNIFF = ("messages.*.content", "messages.*.content.*.text", "content.*.text", "content_block.text")

FIELD_NAMES = fields.names(_KEEP) - {"*", "**"} | set(
    "messages system text source url data title context citations enabled cited_text thinking signature "
    "tools description input_schema properties required additionalProperties strict input_examples "
    "stream temperature top_p stop_sequences metadata user_id output_config format schema "
    "partial_json citation explanation stop_sequence delta content_block message error "
    "input_tokens output_tokens cache_creation_input_tokens cache_read_input_tokens cache_creation "
    "ephemeral_5m_input_tokens ephemeral_1h_input_tokens".split()
)

# `source.data` is text in a document of plain text, else base64 of one of the five formats that the API
# takes. The path does not say which; how these begin, and that nothing but base64 follows, does.
_BINARY = re.compile(r"(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR|JVBERi)[A-Za-z0-9+/]*={0,2}")

# Of a whole answer; in a request it is what the provider wants back as it was.
_SIGNED = ("content.*.thinking",)
_plain = fields.classifier(_KEEP, signed=_SIGNED)
_in_json = fields.classifier(_KEEP, sniff=_SNIFF, signed=_SIGNED)


def _binary_aside(classify: Classify) -> Classify:
    def classify_data(path: Path, text: str = "") -> Nature:
        if path[-2:] == ("source", "data") and _BINARY.fullmatch(text):
            return "keep"
        return classify(path, text)

    return classify_data


_plain_or_binary, _in_json_or_binary = _binary_aside(_plain), _binary_aside(_in_json)


def classifier(json_output: bool) -> Classify:
    return _in_json_or_binary if json_output else _plain_or_binary
