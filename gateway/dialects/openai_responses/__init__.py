"""OpenAI Responses: an answer is a list of items, and its stream says everything twice."""

from __future__ import annotations

from gateway.dialects.dialect import Dialect
from gateway.dialects.openai_responses import (
    body,
    decode,
    encode,
    errors,
    fields,
    parts,
    read,
    request,
    rewrite,
    usage,
    write,
)
from gateway.wire.sse import SSESplitter

OPENAI_RESPONSES = Dialect(
    name="openai_responses",
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
    usage_of=usage.usage_of,
    scrub=rewrite.scrub,
    splitter=SSESplitter,
    decoder=decode.Decoder,
    rewrite=rewrite.rewrite,
    encoder=encode.Encoder,
    provider_error=errors.provider_error,
    encode_error=errors.encode_error,
)
