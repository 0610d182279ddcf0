"""What the strings of Responses bodies are: requests, answers, stream events, errors.

An item is the same wherever it stands: in a request's `input`, in an answer's `output`, in an event's `item`
or alone, when a translation hands it on.

Source: openai-python types (`response_input_item_param.py`, `response_output_item.py`,
`response_create_params.py`, `response_stream_event.py`).
"""

from __future__ import annotations

import re

from gateway.chat import Nature, Path
from gateway.dialects import fields
from gateway.dialects.dialect import Classify

# Ids, names of tools and models, enums, seals and bytes of a part of an item's content.
_PART_KEEP = (
    "type",
    "detail",
    "file_id",
    "file_data",
    "input_audio.**",
    "prompt_cache_breakpoint.**",
    "logprobs.**",
    "annotations.*.type",
    "annotations.*.file_id",
    "annotations.*.container_id",
)
_PARTS = ("content.*", "output.*", "summary.*")
_ITEM_KEEP = (
    "id",
    "type",
    "role",
    "status",
    "phase",
    "call_id",
    "name",
    "namespace",
    "caller.**",
    "execution",
    "encrypted_content",
    "fingerprint",
    "approval_request_id",
    "server_label",
    "container_id",
    "created_by",
    "extra_content.**",
    # What pictures look like.
    "background",
    "output_format",
    "quality",
    "size",
    "model",
    # What server tools do.
    "action.type",
    "actions.*.type",
    "action.button",
    "operation.type",
    "environment.type",
    "environment.container_id",
    "environment.skills.*.type",
    "environment.skills.*.skill_id",
    "outputs.*.type",
    "results.*.file_id",
    "output.type",
    "output.file_id",
    "output.*.outcome.type",
    "pending_safety_checks.*.id",
    "acknowledged_safety_checks.*.id",
    "tools.*.type",
    "tools.*.name",
    "tools.*.tools.*.type",
    "tools.*.tools.*.name",
    *(f"{part}.{leaf}" for part in _PARTS for leaf in _PART_KEEP),
)
# What a request and a response object share.
_OBJECT_KEEP = (
    "id",
    "object",
    "model",
    "status",
    "created_at",
    "completed_at",
    "error.code",
    "error.type",
    "error.param",
    "incomplete_details.reason",
    "tools.*.type",
    "tools.*.name",
    "tools.*.format.type",
    "tools.*.format.syntax",
    "tools.*.server_label",
    "tools.*.connector_id",
    "tools.*.authorization",
    "tools.*.headers.**",
    "tools.*.vector_store_ids.**",
    "tools.*.container.**",
    "tools.*.container",
    "tools.*.search_context_size",
    "tools.*.user_location.type",
    "tools.*.require_approval",
    "tools.*.model",
    "tools.*.size",
    "tools.*.quality",
    "tools.*.background",
    "tools.*.output_format",
    "tools.*.moderation",
    "tools.*.environment",
    "tools.*.tools.*.type",
    "tools.*.tools.*.name",
    "tool_choice.**",
    "text.format.type",
    "text.format.name",
    "text.verbosity",
    "reasoning.**",
    "truncation",
    "service_tier",
    "prompt_cache_retention",
    "prompt_cache_options.**",
    "previous_response_id",
    "conversation",
    "conversation.id",
    "prompt.id",
    "prompt.version",
    "context_management.**",
    "billing.**",
    "usage.**",
    "tool_usage.**",
)
_REQUEST_KEEP = (
    "include.**",
    "stream_options.**",
    "max_output_tokens",
    "top_logprobs",
    "max_tool_calls",
    "moderation.model",
    "moderation.policy.**",
)
_FRAME_KEEP = (
    "type",
    "item_id",
    "obfuscation",
    "sequence_number",
    "name",
    "logprobs.**",
    "partial_image_b64",
    "output_format",
    "size",
    "quality",
    "background",
    "annotation.type",
    "annotation.file_id",
    "annotation.container_id",
    *(f"part.{leaf}" for leaf in _PART_KEEP),
)
_ITEMS = ("input.*.", "output.*.", "response.output.*.", "response.instructions.*.", "item.", "")
_OBJECTS = ("", "response.")

_KEEP = (
    *(f"{at}{leaf}" for at in _ITEMS for leaf in _ITEM_KEEP),
    *(f"{at}{leaf}" for at in _OBJECTS for leaf in _OBJECT_KEEP),
    *_REQUEST_KEEP,
    *_FRAME_KEEP,
)
_JSON = tuple(f"{at}arguments" for at in _ITEMS)
# In a conversation in JSON, messages may be JSON too: see openai_chat.
_SNIFF = ("input", *(f"{at}{leaf}" for at in _ITEMS for leaf in ("content", "content.*.text")))

FIELD_NAMES = fields.names(_KEEP) - {"*", "**", ""} | set(
    "input instructions content text image_url file_url filename refusal summary arguments output tools "
    "description parameters properties required additionalProperties strict stream temperature top_p store "
    "parallel_tool_calls metadata user safety_identifier prompt_cache_key background schema format "
    "annotations url title start_index end_index queries query code logs include_obfuscation".split()
)

# `result` is a picture's bytes in one item and a program's words in another; the path does not say which, how
# base64 of a picture begins does.
_PICTURE = re.compile(r"(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR|PHN2Zy|PD94bW)[A-Za-z0-9+/]*={0,2}")

_plain = fields.classifier(_KEEP, json=_JSON)
_in_json = fields.classifier(_KEEP, json=_JSON, sniff=_SNIFF)


def _pictures_aside(classify: Classify) -> Classify:
    def classify_result(path: Path, text: str = "") -> Nature:
        if path and path[-1] == "result" and _PICTURE.fullmatch(text):
            return "keep"
        return classify(path, text)

    return classify_result


_plain_or_picture, _in_json_or_picture = _pictures_aside(_plain), _pictures_aside(_in_json)


def classifier(json_output: bool) -> Classify:
    return _in_json_or_picture if json_output else _plain_or_picture
