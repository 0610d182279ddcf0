"""OpenAI Chat Completions, the dialect that most providers speak."""

from __future__ import annotations

from gateway.dialects.dialect import Dialect
from gateway.dialects.openai_chat import body, decode, encode, errors, fields, parts, request, usage
from gateway.dialects.openai_chat.read import read
from gateway.dialects.openai_chat.walk import NAME
from gateway.dialects.openai_chat.write import write
from gateway.wire.sse import SSESplitter

OPENAI_CHAT = Dialect(
    name=NAME,
    parse_request=request.parse_request,
    classifier=fields.classifier,
    field_names=fields.FIELD_NAMES,
    sources=parts.sources,
    tool_names=parts.tool_names,
    forward=request.forward,
    read=read,
    write=write,
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
