"""Laws of the SSE splitter, then the WHATWG rules as a table, then recorded streams.

A law makes its check for one kind of splitter: for the real one, and for broken ones that it must catch.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gateway.errors import ProviderGarbage
from gateway.wire import sse
from gateway.wire.sse import BYTE_ORDER_MARK, Frame, SSESplitter
from tests.conftest import SHARED, needs_shared
from tests.wire.counted import CountedBytes, CountedPattern, Steps


class Splitter(Protocol):
    def feed(self, data: bytes) -> list[Frame]: ...
    def flush(self) -> list[Frame]: ...


MakeSplitter = Callable[[], Splitter]
Law = Callable[[MakeSplitter], Callable[[], None]]

PIECES = [
    *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"),
    *(b"data: {}\n\n", b"data: {}\r\n\r\n", b"data: {}\r\r", b"event: a\ndata: b\n\n", b": ping\n\n"),
    BYTE_ORDER_MARK + b"data: {}\n\n",
    *(
        b"data",
        b"data:",
        b"data: ",
        b"data:x",
        b"event: ",
        b"id: ",
        b"retry: 1",
        b": c",
        b"a: b",
        b" ",
        b"\0",
    ),
    *("é€😀".encode(), b"\xff", b"\xef", b"\xbb", b"\xbf", BYTE_ORDER_MARK),
]
streams = st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=12).map(b"".join)
cuts = st.lists(st.integers(0, 60), max_size=12)


def reads(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    return [stream[start:end] for start, end in pairwise(places)]


def split(make: MakeSplitter, reads: Iterable[bytes]) -> list[Frame]:
    splitter = make()
    frames = [frame for data in reads for frame in splitter.feed(data)]
    return frames + splitter.flush() + splitter.flush()  # the second has nothing left to give


def every_byte(stream: bytes) -> list[bytes]:
    return reads(stream, range(len(stream)))


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
        frames = split(make, reads(stream, cuts))
        assert b"".join(frame.raw for frame in frames) == stream
        assert all(frame.raw for frame in frames)

    return law


def only_garbage_is_raised(make: MakeSplitter) -> Callable[[], None]:
    @given(streams | st.binary(max_size=200), cuts)
    def law(stream: bytes, cuts: list[int]) -> None:
        try:
            split(make, reads(stream, cuts))
        except ProviderGarbage:
            return
        except Exception as error:
            raise AssertionError("an undocumented error") from error

    return law


LIMIT = 12


def a_long_frame_is_refused_at_any_cut(make: MakeSplitter) -> Callable[[], None]:
    """Frames before it arrive; then ProviderGarbage, at every call."""

    @given(streams, cuts)
    def law(stream: bytes, cuts: list[int]) -> None:
        expected = []
        for frame in split(SSESplitter, [stream]):
            if len(frame.raw) > LIMIT:
                break
            expected.append(frame)
        too_long = len(expected) < len(split(SSESplitter, [stream]))
        for data in reads(stream, cuts), every_byte(stream), [stream]:
            frames, refused = split_until_refused(make(), data)
            assert frames == expected
            assert refused == too_long

    return law


def split_until_refused(splitter: Splitter, reads: Iterable[bytes]) -> tuple[list[Frame], bool]:
    frames: list[Frame] = []
    refused = False
    steps: list[Callable[[], list[Frame]]] = [partial(splitter.feed, data) for data in reads]
    for step in [*steps, splitter.flush]:
        try:
            frames += step()
            assert not refused, "the refusal must last"
        except ProviderGarbage:
            refused = True
    return frames, refused


def events_arrive_with_their_last_byte(make: MakeSplitter) -> Callable[[], None]:
    """Nothing waits for the next event; a stream of CRs neither."""

    @given(
        st.sampled_from([b"\n", b"\r\n", b"\r"]),
        st.lists(st.sampled_from([b"data: x", b": c", b"id: 1"]), min_size=1),
    )
    def law(line_end: bytes, lines: list[bytes]) -> None:
        splitter = make()
        for line in lines:
            event = line + line_end + b"data: y" + line_end * 2
            assert splitter.feed(event[:-1]) == []
            assert [frame.raw for frame in splitter.feed(event[-1:])] == [event]
        assert splitter.flush() == []

    return law


def the_standard_agrees(make: MakeSplitter) -> Callable[[], None]:
    """The events of a stream are those that a parser written down from the standard dispatches."""

    @given(streams, cuts)
    def law(stream: bytes, cuts: list[int]) -> None:
        stream += b"\n\n"  # the standard drops a frame without its blank line, `flush` does not
        for data in reads(stream, cuts), every_byte(stream):
            assert meaning(split(make, data)) == standard(stream)

    return law


def meaning(frames: list[Frame]) -> tuple[list[tuple[str, str]], str]:
    events = [(f.event or "message", str(f.data, "utf-8", "replace")) for f in frames if f.data is not None]
    last_id = next((f.id for f in reversed(frames) if f.id is not None), "")
    return events, last_id


def standard(stream: bytes) -> tuple[list[tuple[str, str]], str]:
    """Dispatched events as (type, data), and the last event ID. Steps as in WHATWG HTML, 9.2.6."""
    text = stream.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace")
    events = []
    event_type = data = last_id = ""
    for line in re.split("\r\n|\n|\r", text):
        if line == "":
            if data:
                events.append((event_type or "message", data.removesuffix("\n")))
            event_type = data = ""
            continue
        field, _, value = line.partition(":")
        if value.startswith(" "):
            value = value[1:]
        match field:
            case "event":
                event_type = value
            case "data":
                data += value + "\n"
            case "id" if "\0" not in value:
                last_id = value
    return events, last_id


# ---- Work


SHAPES = {
    "a long frame": b"data: " + b"x" * 20_000 + b"\n\n",
    "a long frame of CRLFs": b"data: " + b"x" * 20_000 + b"\r\n\r\n",
    "a long frame of CRs": b"data: " + b"x" * 20_000 + b"\r\r",
    "many lines": b"data: x\n" * 2_000 + b"\n",
    "many frames": b"data: {}\n\n" * 2_000,
    "many frames of CRs": b"data: {}\r\r" * 2_000,
    "many frames of CRLFs": b"data: {}\r\n\r\n" * 2_000,
    "many named frames": b"event: a\ndata: {}\n\n" * 1_000,
    "LFs, then CRs": b"data: {}\n\n" * 1_000 + b"data: {}\r\r" * 1_000,
    "CRs, then LFs": b"data: {}\r\r" * 1_000 + b"data: {}\n\n" * 1_000,
    "never a blank line": b"data: x\r\n" * 2_000,
    "CR at every read's end": (b"x" * 99 + b"\r") * 200,
}


def work_is_linear(make: MakeSplitter) -> Callable[[], None]:
    def law() -> None:
        for stream in SHAPES.values():
            for read_size in (1, 100, 4_096, len(stream)):
                # A byte: is it a CR, a bare one, the end of its line, a blank line? A read: two bytes again.
                steps = Steps(4 * len(stream) + 4 * (len(stream) // read_size + 1))
                with pytest.MonkeyPatch.context() as patch:
                    for pattern in "_BLANK_LINE", "_ANY_BLANK_LINE", "_BARE_CR":
                        patch.setattr(sse, pattern, CountedPattern(getattr(sse, pattern), steps))
                    split(make, steps.reads(stream, read_size))

    return law


# ---- Each law over the splitter, and over one that breaks it


class Broken:
    """The real splitter, for a variant to break one thing in."""

    def __init__(self) -> None:
        self.inner = SSESplitter()

    def feed(self, data: bytes) -> list[Frame]:
        return self.inner.feed(data)

    def flush(self) -> list[Frame]:
        return self.inner.flush()


class TakesAReadForAStream(Broken):
    def feed(self, data: bytes) -> list[Frame]:
        return [*self.inner.feed(data), *self.inner.flush()]


class EndsALineAtTheCROfARead(Broken):
    """Splits a CRLF that two reads share into two line ends."""

    def feed(self, data: bytes) -> list[Frame]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sse, "_ANY_BLANK_LINE", re.compile(rb"\n\n|\n\r\n?|\r\r"))
            return super().feed(data)


class SearchesOnlyTheNewBytes(Broken):
    """Misses a blank line that two reads share."""

    def feed(self, data: bytes) -> list[Frame]:
        self.inner._searched = len(self.inner._held)
        return self.inner.feed(data)


class DropsComments(Broken):
    def feed(self, data: bytes) -> list[Frame]:
        return [frame for frame in super().feed(data) if frame.data is not None]


class DropsTheRest(Broken):
    def flush(self) -> list[Frame]:
        return []


class DropsTheMark(Broken):
    def feed(self, data: bytes) -> list[Frame]:
        return [Frame(f.raw.removeprefix(BYTE_ORDER_MARK), f.data) for f in super().feed(data)]


class DecodesStrictly(Broken):
    def feed(self, data: bytes) -> list[Frame]:
        data.decode()
        return super().feed(data)


class MeasuresOnlyWhatIsHeld(Broken):
    """Takes a long frame that comes in one read."""

    def feed(self, data: bytes) -> list[Frame]:
        frames = super().feed(data)
        if len(self.inner._held) > LIMIT:
            raise ProviderGarbage("too long")
        return frames


class ForgetsTheFramesBefore(Broken):
    def __init__(self) -> None:
        self.inner = SSESplitter(LIMIT)

    def feed(self, data: bytes) -> list[Frame]:
        frames = super().feed(data)
        self.inner._refuse_too_long()
        return frames


class WaitsForTheNextEvent(Broken):
    """Makes sure of every CR, as a splitter does that must know whether an LF follows."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = b""

    def feed(self, data: bytes) -> list[Frame]:
        data = self.kept + data
        self.kept = b"\r" if data.endswith(b"\r") else b""
        return super().feed(data.removesuffix(b"\r"))


class StripsEverySpace(Broken):
    def feed(self, data: bytes) -> list[Frame]:
        return [Frame(f.raw, f.data and f.data.strip(), f.event, f.id) for f in super().feed(data)]


class TakesAMarkAnywhere(Broken):
    def feed(self, data: bytes) -> list[Frame]:
        self.inner._at_start = True
        return super().feed(data)


class SearchesAllThatIsHeld(Broken):
    def feed(self, data: bytes) -> list[Frame]:
        self.inner._searched = 0
        return super().feed(data)


class JoinsAndBeginsAgain:
    """The buffer that most people write."""

    def __init__(self) -> None:
        self.buffer = b""

    def feed(self, data: bytes) -> list[Frame]:
        self.buffer += data
        if isinstance(data, CountedBytes):
            data.steps.take(len(self.buffer))
        *frames, rest = re.split(rb"(?<=\n\n)|(?<=\r\r)|(?<=\r\n\r\n)", self.buffer)
        self.buffer = rest
        return [Frame(frame) for frame in frames]

    def flush(self) -> list[Frame]:
        return []


def with_limit() -> SSESplitter:
    return SSESplitter(LIMIT)


LAWS: list[tuple[Law, MakeSplitter]] = [
    (cutting_never_matters, SSESplitter),
    (no_byte_is_lost, SSESplitter),
    (only_garbage_is_raised, SSESplitter),
    (only_garbage_is_raised, with_limit),
    (a_long_frame_is_refused_at_any_cut, with_limit),
    (events_arrive_with_their_last_byte, SSESplitter),
    (the_standard_agrees, SSESplitter),
    (work_is_linear, SSESplitter),
]
BREACHES: list[tuple[Law, MakeSplitter]] = [
    (cutting_never_matters, TakesAReadForAStream),
    (cutting_never_matters, EndsALineAtTheCROfARead),
    (cutting_never_matters, SearchesOnlyTheNewBytes),
    (no_byte_is_lost, DropsComments),
    (no_byte_is_lost, DropsTheRest),
    (no_byte_is_lost, DropsTheMark),
    (only_garbage_is_raised, DecodesStrictly),
    (a_long_frame_is_refused_at_any_cut, MeasuresOnlyWhatIsHeld),
    (a_long_frame_is_refused_at_any_cut, ForgetsTheFramesBefore),
    (events_arrive_with_their_last_byte, WaitsForTheNextEvent),
    (the_standard_agrees, StripsEverySpace),
    (the_standard_agrees, TakesAMarkAnywhere),
    (work_is_linear, SearchesAllThatIsHeld),
    (work_is_linear, JoinsAndBeginsAgain),
]


def name(value: Any) -> str:
    return str(value.__name__)


@pytest.mark.parametrize(("law", "make"), LAWS, ids=name)
def test_the_law_holds(law: Law, make: MakeSplitter) -> None:
    law(make)()


# Always the same examples, enough of them, and none written down for later runs.
catching = settings(
    max_examples=2_000,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)


@pytest.mark.parametrize(("law", "broken"), BREACHES, ids=name)
def test_the_law_catches(law: Law, broken: MakeSplitter) -> None:
    check = catching(law(broken))
    with pytest.raises(AssertionError):
        check()


# ---- Recorded streams


# Without the folder one test stays, to be skipped for that reason.
BODIES = sorted(SHARED.glob("recorded/*/*/response.body")) or [SHARED / "recorded"]


@needs_shared
@pytest.mark.parametrize("body", BODIES, ids=lambda body: "/".join(body.parts[-3:-1]))
def test_a_recorded_body_at_random_cuts(body: Path) -> None:
    stream = body.read_bytes()
    whole = split(SSESplitter, [stream])
    assert b"".join(frame.raw for frame in whole) == stream
    place = random.Random(body.parent.name)
    for mean_size in (10, 300, 3_000):
        cuts = [place.randrange(len(stream) + 1) for _ in range(len(stream) // mean_size + 1)]
        assert split(SSESplitter, reads(stream, cuts)) == whole
