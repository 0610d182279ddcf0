"""Messages as Bedrock and Vertex AI carry them: bodies without the model, and Bedrock's stream of chunks.

Who is called and how that is signed is not known here.
Source: anthropic-sdk-python (`lib/bedrock`, `lib/vertex`), recorded Bedrock streams.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gateway.dialects.anthropic.decode import sse
from gateway.errors import ProviderGarbage
from gateway.wire.eventstream import EventStreamSplitter, Message
from gateway.wire.jsontext import encode, load
from gateway.wire.sse import Frame

BEDROCK_VERSION = "bedrock-2023-05-31"
VERTEX_VERSION = "vertex-2023-10-16"

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_ERROR_OF = {
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
    "serviceUnavailableException": "overloaded_error",
    "modelTimeoutException": "timeout_error",
}


def bedrock_body(body: bytes, betas: Sequence[str] = ()) -> bytes:
    """A Messages body for InvokeModel: the path says the model and whether to stream.

    `betas` are the values of `anthropic-beta` that Bedrock knows: it refuses any other.
    """
    fields: dict[str, Any] = _fields(body)
    fields.pop("model", None)
    fields.pop("stream", None)
    fields.setdefault("anthropic_version", BEDROCK_VERSION)
    if betas:
        fields.setdefault("anthropic_beta", list(betas))
    return msgspec.json.encode(fields)


def vertex_body(body: bytes) -> bytes:
    """A Messages body for rawPredict and streamRawPredict: the path says the model."""
    fields: dict[str, Any] = _fields(body)
    fields.pop("model", None)
    fields.setdefault("anthropic_version", VERTEX_VERSION)
    return msgspec.json.encode(fields)


class InvokeSplitter:
    """The bytes of InvokeModelWithResponseStream to Messages frames, for this dialect's decoder.

    A frame's `raw` is the server-sent event that Anthropic would have sent, so that it can pass. Raises
    ProviderGarbage and, where the stream ends within a message, UpstreamTruncated.
    """

    def __init__(self, max_frame_bytes: int = 16 << 20) -> None:
        self._splitter = EventStreamSplitter(max_frame_bytes)

    def feed(self, data: bytes) -> Iterator[Frame]:
        return map(frame_of, self._splitter.feed(data))

    def flush(self) -> Iterator[Frame]:
        return map(frame_of, self._splitter.flush())


def frame_of(message: Message) -> Frame:
    """A chunk as the frame that it carries, an exception as the `error` event."""
    payload = message.data or b""
    if message.failed:
        said = load(payload) if payload else {}
        text = said.get("message") if isinstance(said, dict) else None
        text = text or message.headers.get(":error-message") or "the provider's stream broke off"
        error = {"type": _ERROR_OF.get(message.event or "", "api_error"), "message": str(text)}
        data, event = encode({"type": "error", "error": error}), "error"
    else:
        chunk = load(payload)
        try:
            data = b64decode(chunk["bytes"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise ProviderGarbage("the provider sent a chunk without bytes") from None
        event = _event_of(data)
        if b"\n" in data or b"\r" in data:  # it must stand on one line
            data = encode(load(data))
    return Frame(sse(event, data), data, event)


def _event_of(data: bytes) -> str:
    """The name of an event, which stands first in its JSON as Bedrock sends it."""
    if data.startswith(_DELTA):
        return "content_block_delta"
    tree = load(data)
    event = tree.get("type") if isinstance(tree, dict) else None
    if not isinstance(event, str) or not event.isidentifier():
        raise ProviderGarbage("the provider sent a chunk that is no event")
    return event


_DELTA = b'{"type":"content_block_delta",'
