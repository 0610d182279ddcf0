"""What the strings of OpenAI Chat bodies are: requests, answers, chunks, errors.

Source: openai-python types (`completion_create_params.py`, `chat_completion_chunk.py`).
"""

from __future__ import annotations

from gateway.dialects import fields
from gateway.dialects.dialect import Classify

# Ids, names of tools and models, enums, signatures and bytes. Of a message, whether it stands in a request,
# an answer or a chunk:
_MESSAGE_KEEP = (
    "role",
    "tool_call_id",
    "tool_calls.*.id",
    "tool_calls.*.type",
    "tool_calls.*.function.name",
    "tool_calls.*.custom.name",
    "function_call.name",
    "tool_calls.*.extra_content.google.thought_signature",
    "audio.id",
    "audio.data",
    "audio.expires_at",
    "content.*.type",
    "content.*.cache_control.**",
    "content.*.image_url.detail",
    "content.*.input_audio.data",
    "content.*.input_audio.format",
    "content.*.file.file_data",
    "content.*.file.file_id",
    "content.*.signature",
    # What is signed, or only its maker can read. A `text` here passes unrestored, both ways.
    "reasoning_details.*.type",
    "reasoning_details.*.format",
    "reasoning_details.*.id",
    "reasoning_details.*.index",
    "reasoning_details.*.text",
    "reasoning_details.*.signature",
    "reasoning_details.*.data",
    "extra_content.google.thought_signature",
    "thought_signature",
    "annotations.*.type",
    "provider_items.*.dialect",
    "provider_items.*.item.type",
    "provider_items.*.item.id",
    "provider_items.*.item.name",
    "provider_items.*.item.tool_use_id",
    "provider_items.*.item.encrypted_content",
    "provider_items.*.item.content.*.type",
    "provider_items.*.item.content.*.encrypted_content",
    "tool_calls.*.index",
    "channel",
)
_KEEP = (
    "model",
    "tools.*.type",
    "tools.*.function.name",
    "tools.*.custom.name",
    "tools.*.custom.format.type",
    "tools.*.custom.format.grammar.syntax",
    "tools.*.cache_control.**",
    "tool_choice.**",
    "functions.*.name",
    "function_call.name",
    "response_format.type",
    "prediction.type",
    "response_format.json_schema.name",
    "stream_options.**",
    "logit_bias.**",
    "modalities.**",
    "audio.**",
    "reasoning_effort",
    "service_tier",
    "verbosity",
    "prompt_cache_retention",
    "id",
    "object",
    "created",
    "system_fingerprint",
    "obfuscation",
    "p",
    "usage.**",
    "choices.*.index",
    "choices.*.finish_reason",
    "choices.*.native_finish_reason",
    "provider",
    "choices.*.logprobs.**",
    "choices.*.content_filter_results.**",
    "prompt_filter_results.**",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "top_logprobs",
    *(f"messages.*.{path}" for path in _MESSAGE_KEEP),
    *(f"choices.*.message.{path}" for path in _MESSAGE_KEEP),
    *(f"choices.*.delta.{path}" for path in _MESSAGE_KEEP),
)
_MESSAGES = ("messages.*", "choices.*.message", "choices.*.delta")
_JSON = tuple(
    f"{message}.{path}"
    for message in _MESSAGES
    for path in ("tool_calls.*.function.arguments", "function_call.arguments")
)
# In a conversation in JSON, messages may be JSON too: a value read there as it is meant goes back into the
# answer escaped once, not twice, and is the same value when the answer comes back as history.
_SNIFF = tuple(f"{message}.{path}" for message in _MESSAGES for path in ("content", "content.*.text"))

FIELD_NAMES = fields.names(_KEEP) | set(
    "messages content text image_url url tools tool_calls function description parameters properties "
    "required additionalProperties stream temperature top_p max_tokens max_completion_tokens n stop seed "
    "tool_choice user metadata response_format json_schema schema strict presence_penalty frequency_penalty "
    "include_usage arguments refusal annotations logprobs prompt_tokens completion_tokens total_tokens "
    "prompt_tokens_details completion_tokens_details cached_tokens audio_tokens reasoning_tokens "
    "accepted_prediction_tokens rejected_prediction_tokens".split()
)

_plain = fields.classifier(_KEEP, json=_JSON)
_in_json = fields.classifier(_KEEP, json=_JSON, sniff=_SNIFF)


def classifier(json_output: bool) -> Classify:
    return _in_json if json_output else _plain
