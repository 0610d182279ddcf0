"""What the strings of legacy Completions bodies are: requests, answers, chunks, errors.

Source: openai-python types (`completion_create_params.py`, `completion.py`).
"""

from __future__ import annotations

from gateway.dialects import fields
from gateway.dialects.dialect import Classify

NAME = "openai_completions"
_KEEP = (
    "model",
    "stream_options.**",
    "logit_bias.**",
    "service_tier",
    "id",
    "object",
    "created",
    "system_fingerprint",
    "obfuscation",
    "p",
    "usage.**",
    "choices.*.index",
    "choices.*.finish_reason",
    "choices.*.logprobs.**",
    "choices.*.content_filter_results.**",
    "prompt_filter_results.**",
    "seed",
    "max_tokens",
    "n",
    "best_of",
    "logprobs",
)
FIELD_NAMES = fields.names(_KEEP) | set(
    "prompt suffix echo stream temperature top_p stop user presence_penalty frequency_penalty "
    "include_usage".split()
)
_classify = fields.classifier(_KEEP)


def classifier(json_output: bool) -> Classify:
    """A completion is never asked to be JSON."""
    return _classify
