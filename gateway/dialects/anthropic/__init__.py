"""Anthropic Messages, of Anthropic itself and of those who serve it too.

`cloud` has what differs where Bedrock and Vertex AI carry it.
"""

from __future__ import annotations

from gateway.dialects.anthropic import (
    body,
    decode,
    encode,
    errors,
    fields,
    parts,
    read,
    request,
    usage,
    write,
)
from gateway.dialects.dialect import Dialect
from gateway.wire.sse import SSESplitter

ANTHROPIC = Dialect(
    name=decode.NAME,
    parse_request=request.parse_request,
    classifier=fields.classifier,
    field_names=fields.FIELD_NAMES,
    sources=parts.sources,
    tool_names=parts.tool_names,
    forward=request.forward,
    read=read.read,
    write=write.write,
    events_of=body.events_of,
    body_of=body.body_of,
    usage_of=lambda answer: usage.usage_of(answer.get("usage")),
    scrub=body.scrub,
    splitter=SSESplitter,
    decoder=decode.Decoder,
    rewrite=decode.rewrite,
    encoder=encode.Encoder,
    provider_error=errors.provider_error,
    encode_error=errors.encode_error,
    text_in=decode.text_in,
    headers=(("anthropic-version", "2023-06-01"),),
)
