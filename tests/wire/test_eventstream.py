"""Laws of the event-stream splitter, with botocore's own buffer as the oracle, then recorded streams.

A law makes its check for one kind of splitter: for the real one, and for broken ones that it must catch.
"""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gateway.errors import ProviderGarbage, UpstreamTruncated
from gateway.wire import eventstream
from gateway.wire.eventstream import EventStreamSplitter, Message, encode
from tests.conftest import SHARED, needs_shared

botocore = pytest.importorskip("botocore.eventstream", reason="botocore, the oracle, is not installed")


class Splitter(Protocol):
    def feed(self, data: bytes) -> list[Message]: ...
    def flush(self) -> list[Message]: ...


MakeSplitter = Callable[[], Splitter]
Law = Callable[[MakeSplitter], Callable[[], None]]

NAMES = [":event-type", ":message-type", ":content-type", ":exception-type", ":error-code", "a", "é"]
VALUES = ["event", "exception", "error", "contentBlockDelta", "application/json", "", "€"]
headers = st.dictionaries(
    st.sampled_from(NAMES) | st.text(max_size=3), st.sampled_from(VALUES) | st.text(), max_size=4
)
payloads = st.sampled_from([b"", b"{}", b'{"delta":{"text":"a"}}']) | st.binary(max_size=40)
messages = st.builds(encode, headers, payloads)
streams = st.lists(messages, max_size=5).map(b"".join)
cuts = st.lists(st.integers(0, 400), max_size=12)


def reads(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    return [stream[start:end] for start, end in pairwise(places)]


def every_byte(stream: bytes) -> list[bytes]:
    return reads(stream, range(len(stream)))


def split(make: MakeSplitter, reads: Iterable[bytes]) -> list[Message]:
    splitter = make()
    return [message for data in reads for message in splitter.feed(data)] + splitter.flush()


def split_until_refused(splitter: Splitter, reads: Iterable[bytes]) -> tuple[list[Message], str | None]:
    """The messages, and what was wrong: the same at every call from then on."""
    found: list[Message] = []
    refused: str | None = None
    steps: list[Callable[[], list[Message]]] = [partial(splitter.feed, data) for data in reads]
    for step in [*steps, splitter.flush]:
        try:
            found += step()
            assert refused is None, "the refusal must last"
        except (ProviderGarbage, UpstreamTruncated) as error:
            if refused not in (None, error.message):
                raise AssertionError("the refusal must stay the same") from error
            refused = error.message
    return found, refused


def by_botocore(stream: bytes) -> list[tuple[dict[str, Any], bytes]]:
    buffer = botocore.EventStreamBuffer()
    buffer.add_data(stream)
    return [(message.headers, message.payload) for message in buffer]


def of(messages: Iterable[Message]) -> list[tuple[dict[str, Any], bytes | None]]:
    return [(dict(message.headers), message.data) for message in messages]


def cutting_never_matters(make: MakeSplitter) -> Callable[[], None]:
    @given(streams, cuts)
    def law(stream: bytes, cuts: list[int]) -> None:
        whole = split(make, [stream])
        assert split(make, reads(stream, cuts)) == whole
        assert split(make, every_byte(stream)) == whole

    return law


def no_byte_is_lost(make: MakeSplitter) -> Callable[[], None]:
    @given(streams, cuts)
    def law(stream: bytes, cuts: list[int]) -> None:
        assert b"".join(message.raw for message in split(make, reads(stream, cuts))) == stream

    return law


def botocore_agrees(make: MakeSplitter) -> Callable[[], None]:
    @given(streams)
    def law(stream: bytes) -> None:
        assert of(split(make, [stream])) == by_botocore(stream)

    return law


def encoding_a_message_again_gives_its_bytes(make: MakeSplitter) -> Callable[[], None]:
    @given(headers, payloads)
    def law(headers: dict[str, str], payload: bytes) -> None:
        raw = encode(headers, payload)
        (message,) = split(make, [raw])
        assert (message.headers, message.data, message.raw) == (headers, payload, raw)

    return law


def messages_arrive_with_their_last_byte(make: MakeSplitter) -> Callable[[], None]:
    @given(st.lists(messages, min_size=1, max_size=4))
    def law(raws: list[bytes]) -> None:
        splitter = make()
        for raw in raws:
            assert splitter.feed(raw[:-1]) == []
            assert [message.raw for message in splitter.feed(raw[-1:])] == [raw]
        assert splitter.flush() == []

    return law


def a_changed_byte_is_refused_at_any_cut(make: MakeSplitter) -> Callable[[], None]:
    """Messages before it arrive, at any cut the same; nothing of it or behind it does."""

    @given(st.lists(messages, min_size=1, max_size=4), st.data(), cuts)
    def law(raws: list[bytes], data: st.DataObject, cuts: list[int]) -> None:
        stream = bytearray(b"".join(raws))
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at] ^= data.draw(st.integers(1, 255))
        intact: list[bytes] = []
        while sum(map(len, intact)) + len(raws[len(intact)]) <= at:
            intact.append(raws[len(intact)])
        for pieces in [bytes(stream)], reads(bytes(stream), cuts), every_byte(bytes(stream)):
            found, refused = split_until_refused(make(), pieces)
            assert [message.raw for message in found] == intact
            assert refused is not None
            assert refused.startswith("the provider")

    return law


def only_garbage_is_raised(make: MakeSplitter) -> Callable[[], None]:
    """Whatever the bytes are, and whatever stands behind CRCs that fit them. Who accepts agrees with botocore."""

    @given(st.binary(max_size=60), st.binary(max_size=30), payloads, cuts)
    def law(bytes_before: bytes, block: bytes, payload: bytes, cuts: list[int]) -> None:
        try:
            split(make, reads(bytes_before, cuts))
        except (ProviderGarbage, UpstreamTruncated):
            pass
        except Exception as error:
            raise AssertionError("an undocumented error") from error
        stream = packed(block, payload)
        try:
            found = split(make, reads(stream, cuts))
        except ProviderGarbage:
            return
        except Exception as error:
            raise AssertionError("an undocumented error") from error
        assert of(found) == by_botocore(stream)

    return law


def packed(block: bytes, payload: bytes, *, total: int | None = None, headers: int | None = None) -> bytes:
    """A message with any block of headers and any lengths, and CRCs that fit."""
    size = 16 + len(block) + len(payload)
    lengths = struct.pack(">II", size if total is None else total, len(block) if headers is None else headers)
    message = lengths + struct.pack(">I", crc32(lengths)) + block + payload
    return message + struct.pack(">I", crc32(message))


class Work:
    """Counts the bytes that go into CRCs."""

    def __init__(self) -> None:
        self.done = 0

    def crc32(self, data: bytes, start: int = 0) -> int:
        self.done += len(data)
        return zlib.crc32(data, start)


SHAPES = {
    "a long message": encode({":event-type": "a"}, b"x" * 20_000),
    "many messages": encode({":event-type": "a"}, b"{}") * 500,
    "empty messages": encode({}, b"") * 1_000,
    "long headers": encode({f"name{n}": "x" * 100 for n in range(100)}, b"") * 2,
}


def work_is_linear(make: MakeSplitter) -> Callable[[], None]:
    def law() -> None:
        for stream in SHAPES.values():
            for read_size in (1, 100, 4_096, len(stream)):
                work = Work()
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(eventstream, "crc32", work.crc32)
                    pieces = [stream[at : at + read_size] for at in range(0, len(stream), read_size)]
                    split(make, pieces)
                # Each byte once; a message's lengths again when it is complete.
                assert work.done <= 2 * len(stream)

    return law


# ---- Each law over the splitter, and over one that breaks it


class Broken:
    """The real splitter, for a variant to break one thing in."""

    def __init__(self) -> None:
        self.inner = EventStreamSplitter()

    def feed(self, data: bytes) -> list[Message]:
        return self.inner.feed(data)

    def flush(self) -> list[Message]:
        return self.inner.flush()


class EachReadAlone(Broken):
    def feed(self, data: bytes) -> list[Message]:
        self.inner = EventStreamSplitter()
        return self.inner.feed(data)


class OneMessageLate(Broken):
    def __init__(self) -> None:
        super().__init__()
        self.late: list[Message] = []

    def feed(self, data: bytes) -> list[Message]:
        found = self.late + super().feed(data)
        self.late = found[-1:]
        return found[:-1]

    def flush(self) -> list[Message]:
        return self.late + super().flush()


class WithoutRaw(Broken):
    def feed(self, data: bytes) -> list[Message]:
        return [Message(b"", m.data, m.event, None, m.headers, m.failed) for m in super().feed(data)]


class ForgetsHeaders(Broken):
    def feed(self, data: bytes) -> list[Message]:
        return [Message(m.raw, m.data, m.event) for m in super().feed(data)]


class ChecksNothing(Broken):
    """Takes every message as it comes, whatever its CRCs."""

    def feed(self, data: bytes) -> list[Message]:
        mended = b""
        while len(data) >= 16:
            total, headers, _ = struct.unpack_from(">III", data)
            body = data[12 : max(total, 16) - 4]
            mended += packed(body[:headers], body[headers:])
            data = data[max(total, 16) :]
        return super().feed(mended + data)


class StartsOver(Broken):
    """Reads all that has come at each read."""

    def __init__(self) -> None:
        self.seen = b""
        self.given = 0

    def feed(self, data: bytes) -> list[Message]:
        self.seen += data
        found = EventStreamSplitter().feed(self.seen)[self.given :]
        self.given += len(found)
        return found

    def flush(self) -> list[Message]:
        return []


class LetsErrorsThrough(Broken):
    def feed(self, data: bytes) -> list[Message]:
        return [Message(bytes(m.raw), m.payload, headers=m.headers) for m in self.read(data)]

    def read(self, data: bytes) -> list[Any]:
        buffer = botocore.EventStreamBuffer()
        buffer.add_data(data)
        return list(buffer)


LAWS: list[tuple[Law, type[Broken]]] = [
    (cutting_never_matters, EachReadAlone),
    (no_byte_is_lost, WithoutRaw),
    (botocore_agrees, ForgetsHeaders),
    (encoding_a_message_again_gives_its_bytes, WithoutRaw),
    (messages_arrive_with_their_last_byte, OneMessageLate),
    (a_changed_byte_is_refused_at_any_cut, ChecksNothing),
    (only_garbage_is_raised, LetsErrorsThrough),
    (work_is_linear, StartsOver),
]


@pytest.mark.parametrize(("law", "_broken"), LAWS, ids=lambda value: value.__name__)
def test_law(law: Law, _broken: type[Broken]) -> None:
    law(EventStreamSplitter)()


@pytest.mark.parametrize(("law", "broken"), LAWS, ids=lambda value: value.__name__)
def test_the_law_catches(law: Law, broken: type[Broken]) -> None:
    check = law(broken)
    if law is not work_is_linear:
        check = settings(phases=[Phase.generate], database=None, derandomize=True)(check)
    with pytest.raises((AssertionError, UpstreamTruncated, ProviderGarbage)):
        check()


# ---- Recorded streams


CASES = [path.parent for path in SHARED.glob("recorded/bedrock/*stream*/response.body")]
# Without the folder one test stays, to be skipped for that reason.
STREAMS = sorted(
    case for case in CASES if b"vnd.amazon.eventstream" in (case / "meta.json").read_bytes()
) or [SHARED / "recorded"]


@needs_shared
@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.name)
def test_a_recorded_stream_at_random_cuts(case: Path) -> None:
    stream = (case / "response.body").read_bytes()
    whole = split(EventStreamSplitter, [stream])
    assert whole
    assert of(whole) == by_botocore(stream)
    for message in whole:
        assert encode(message.headers, message.data or b"") == message.raw  # type: ignore[arg-type]  # all are strings
        assert isinstance(json.loads(message.data or b""), dict)
        assert message.event
        assert not message.failed
    place = random.Random(case.name)
    for mean_size in (1, 10, 300, 3_000):
        cuts = [place.randrange(len(stream) + 1) for _ in range(len(stream) // mean_size + 1)]
        assert split(EventStreamSplitter, reads(stream, cuts)) == whole
