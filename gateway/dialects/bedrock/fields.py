"""What the strings of Converse bodies are: parts of answers that other dialects carry whole, and errors."""

from __future__ import annotations

from gateway.dialects import fields
from gateway.dialects.dialect import Classify

_KEEP = (
    "toolUse.toolUseId",
    "toolUse.name",
    "toolUse.type",
    "toolResult.toolUseId",
    "toolResult.status",
    "toolResult.type",
    "image.format",
    "image.source.bytes",
    "__type",
    "type",
)
_classify = fields.classifier(_KEEP, json=("toolUse.input",))


def classifier(json_output: bool) -> Classify:
    return _classify
