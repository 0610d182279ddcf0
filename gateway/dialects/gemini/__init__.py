"""Gemini's generateContent and streamGenerateContent, of the Gemini API and of Vertex AI."""

from __future__ import annotations

from gateway.dialects.dialect import Dialect
from gateway.dialects.gemini import body, decode, encode, errors, fields, parts, read, request, write
from gateway.dialects.gemini.words import NAME
from gateway.wire.sse import SSESplitter

GEMINI = Dialect(
    name=NAME,
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
    usage_of=body.usage_of,
    scrub=body.scrub,
    splitter=SSESplitter,
    decoder=decode.Decoder,
    rewrite=decode.rewrite,
    encoder=encode.Encoder,
    provider_error=errors.provider_error,
    encode_error=errors.encode_error,
    arrays=True,
)
