"""Bedrock Converse: a provider's dialect only, in binary frames."""

from __future__ import annotations

from typing import Any, NoReturn

from gateway.dialects.bedrock import body, decode, errors, fields
from gateway.dialects.bedrock.write import write
from gateway.dialects.dialect import Dialect
from gateway.wire.eventstream import EventStreamSplitter


def _no_client(*_: Any) -> NoReturn:
    raise AssertionError("no client speaks Bedrock Converse")


BEDROCK = Dialect(
    name="bedrock",
    parse_request=_no_client,
    classifier=fields.classifier,
    field_names=frozenset(),
    sources=_no_client,
    tool_names=_no_client,
    forward=_no_client,
    read=_no_client,
    write=write,
    events_of=body.events_of,
    body_of=_no_client,
    usage_of=body.usage_of,
    scrub=_no_client,
    splitter=EventStreamSplitter,
    decoder=decode.Decoder,
    rewrite=_no_client,
    encoder=_no_client,
    provider_error=errors.provider_error,
    encode_error=_no_client,
    stream_type="application/vnd.amazon.eventstream",
)
