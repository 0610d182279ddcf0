"""OpenAI's legacy Completions: a prompt, and the text that follows it."""

from __future__ import annotations

from gateway.dialects.dialect import Dialect
from gateway.dialects.openai_chat import errors, usage
from gateway.dialects.openai_completions import body, decode, encode, fields, parts, request
from gateway.wire.sse import SSESplitter

OPENAI_COMPLETIONS = Dialect(
    name=fields.NAME,
    parse_request=request.parse_request,
    classifier=fields.classifier,
    field_names=fields.FIELD_NAMES,
    sources=parts.sources,
    tool_names=parts.tool_names,
    forward=request.forward,
    read=request.read,
    write=request.write,
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
)
