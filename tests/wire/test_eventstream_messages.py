"""What a message of an event stream is: its type, its headers, its lengths."""

from __future__ import annotations

import struct

import pytest

from gateway.errors import ProviderGarbage, UpstreamTruncated
from gateway.wire.eventstream import EventStreamSplitter, Message, encode
from tests.wire.test_eventstream import by_botocore, of, packed


def one(headers: dict[str, str], payload: bytes = b"{}") -> Message:
    (message,) = EventStreamSplitter().feed(encode(headers, payload))
    return message


def test_an_event_has_its_type() -> None:
    message = one({":event-type": "messageStart", ":message-type": "event"}, b'{"role":"assistant"}')
    assert (message.event, message.data, message.failed) == ("messageStart", b'{"role":"assistant"}', False)


def test_an_exception_has_its_type_and_is_marked() -> None:
    message = one(
        {":exception-type": "throttlingException", ":message-type": "exception"}, b'{"message":"slow"}'
    )
    assert (message.event, message.data, message.failed) == (
        "throttlingException",
        b'{"message":"slow"}',
        True,
    )


def test_an_error_has_its_code_and_is_marked_although_it_has_no_payload() -> None:
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "it broke"}
    message = one(headers, b"")
    assert (message.event, message.data, message.failed) == ("InternalError", b"", True)
    assert message.headers[":error-message"] == "it broke"


def test_a_message_without_a_type_is_an_event_without_a_name() -> None:
    assert (one({}).event, one({}).failed) == (None, False)
    number = EventStreamSplitter().feed(packed(header(":event-type", 4, b"\0\0\0\1"), b""))[0]
    assert (number.event, number.headers) == (None, {":event-type": 1})


def header(name: str, kind: int, value: bytes) -> bytes:
    return bytes([len(name)]) + name.encode() + bytes([kind]) + value


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (0, b"", True),
        (1, b"", False),
        (2, b"\xff", -1),
        (3, b"\x80\0", -(1 << 15)),
        (4, b"\0\0\0\x07", 7),
        (5, b"\0" * 7 + b"\x07", 7),
        (6, b"\0\x03\0\xff\0", b"\0\xff\0"),
        (7, b"\0\x02\xc3\xa9", "é"),
        (8, struct.pack(">q", 1_700_000_000_000), 1_700_000_000_000),
        (9, bytes(range(16)), bytes(range(16))),
    ],
)
def test_a_header_of_each_type(kind: int, written: bytes, value: object) -> None:
    stream = packed(header("x", kind, written) + header("y", 0, b""), b"")
    (message,) = EventStreamSplitter().feed(stream)
    assert of([message]) == by_botocore(stream) == [({"x": value, "y": True}, b"")]
    if written:
        with pytest.raises(ProviderGarbage, match="reaches beyond the headers"):
            EventStreamSplitter().feed(packed(header("x", kind, written[:-1]), b""))


@pytest.mark.parametrize(
    ("block", "what"),
    [
        (header("x", 10, b""), "a header has the unknown type 10"),
        (header("x", 0, b"") * 2, "a header stands twice in one message"),
        (header("x", 7, b"\0\x01\xff"), "a header is not UTF-8 text"),
        (b"\x01\xff\0", "a header is not UTF-8 text"),
        (b"\x05abc", "a header reaches beyond the headers"),
        (b"\x01a", "a header reaches beyond the headers"),
    ],
)
def test_headers_that_are_none(block: bytes, what: str) -> None:
    with pytest.raises(ProviderGarbage) as caught:
        EventStreamSplitter().feed(packed(block, b"secret"))
    assert str(caught.value) == f"the provider's event stream is broken: {what}"


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        (packed(b"", b"", total=15), "a message is shorter than its headers"),
        (packed(b"", b"", total=0), "a message is shorter than its headers"),
        (packed(b"", b"", headers=1), "a message is shorter than its headers"),
        (
            packed(b"", b"", total=1 << 20, headers=(128 << 10) + 1),
            "a message has more than 131072 bytes of headers",
        ),
        (packed(b"", b"", total=(24 << 20) + 17), "a message has a payload of more than 25165824 bytes"),
        (b"HTTP/1.1 502", "the CRC of a message's lengths does not fit them"),
    ],
)
def test_lengths_are_refused_as_soon_as_they_are_there(stream: bytes, what: str) -> None:
    splitter = EventStreamSplitter(1 << 30)
    assert splitter.feed(stream[:11]) == []
    with pytest.raises(ProviderGarbage) as caught:
        splitter.feed(stream[11:12])
    assert str(caught.value) == f"the provider's event stream is broken: {what}"


def test_the_limit_is_the_longest_message() -> None:
    raw = encode({":event-type": "a"}, b"x")
    assert [message.raw for message in EventStreamSplitter(len(raw)).feed(raw * 2)] == [raw] * 2
    with pytest.raises(ProviderGarbage, match=f"more than {len(raw) - 1} bytes"):
        EventStreamSplitter(len(raw) - 1).feed(raw)


def test_a_stream_cut_within_a_message_is_truncated() -> None:
    raw = encode({":event-type": "a"}, b"x")
    for kept in (1, 11, 12, len(raw) - 1):
        splitter = EventStreamSplitter()
        assert splitter.feed(raw[:kept]) == []
        with pytest.raises(UpstreamTruncated):
            splitter.flush()


def test_a_message_that_is_the_read_is_not_copied() -> None:
    read = encode({":event-type": "a"}, b"{}")
    assert EventStreamSplitter().feed(read)[0].raw is read


def test_ever_new_headers_are_not_remembered() -> None:
    splitter = EventStreamSplitter()
    for number in range(1_000):
        splitter.feed(encode({"n": str(number)}, b""))
    assert len(splitter._blocks) < 100


@pytest.mark.parametrize("headers", [{"x" * 256: ""}, {"x": "y" * 65_536}])
def test_a_header_that_is_too_long_cannot_be_encoded(headers: dict[str, str]) -> None:
    with pytest.raises(OverflowError):
        encode(headers, b"")
