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


class Steps:
    """Counts the bytes that are looked at, up to what is allowed."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed

    def take(self, count: int) -> None:
        self.allowed -= count
        assert self.allowed >= 0, "more work than is linear"

    def reads(self, stream: bytes, size: int) -> list[bytes]:
        return [CountedBytes.of(stream[i : i + size], self) for i in range(0, len(stream), size)]


class CountedBytes(bytes):
    steps: Steps

    @classmethod
    def of(cls, data: bytes, steps: Steps) -> CountedBytes:
        counted = cls(data)
        counted.steps = steps
        return counted

    def __contains__(self, key: Any) -> bool:
        self.steps.take(len(self))
        return super().__contains__(key)

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        found = super().find(sub, start, end)
        self.steps.take((len(self) if found < 0 else found) - start)
        return found


class CountedPattern:
    def __init__(self, pattern: re.Pattern[bytes], steps: Steps) -> None:
        self.pattern = pattern
        self.steps = steps

    def search(self, buffer: bytes | bytearray, start: int = 0) -> re.Match[bytes] | None:
        found = self.pattern.search(buffer, start)
        self.steps.take((found.end() if found else len(buffer)) - start)
        return found


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


# ---- The rules of the standard, and ours where it has none

E = Frame  # One row: what arrives, and its frames as Frame(raw, data, event, id).

RULES: dict[str, tuple[bytes, list[Frame]]] = {
    "one event": (b"data: a\n\n", [E(b"data: a\n\n", b"a")]),
    "two events": (b"data: a\n\ndata: b\n\n", [E(b"data: a\n\n", b"a"), E(b"data: b\n\n", b"b")]),
    "no space": (b"data:a\n\n", [E(b"data:a\n\n", b"a")]),
    "only the first space goes": (b"data:  a \n\n", [E(b"data:  a \n\n", b" a ")]),
    "a tab stays": (b"data:\ta\n\n", [E(b"data:\ta\n\n", b"\ta")]),
    "several lines": (b"data: a\ndata\ndata:b\n\n", [E(b"data: a\ndata\ndata:b\n\n", b"a\n\nb")]),
    "lines of two colons": (b"data: a:b: c\n\n", [E(b"data: a:b: c\n\n", b"a:b: c")]),
    "data without a colon": (b"data\n\n", [E(b"data\n\n", b"")]),
    "data without a value": (b"data:\n\n", [E(b"data:\n\n", b"")]),
    "two empty lines of data": (b"data\ndata\n\n", [E(b"data\ndata\n\n", b"\n")]),
    "CRLF": (b"data: a\r\n\r\n", [E(b"data: a\r\n\r\n", b"a")]),
    "CR": (b"data: a\r\r", [E(b"data: a\r\r", b"a")]),
    "mixed line ends": (
        b"data: a\rdata: b\r\ndata: c\n\r\n",
        [E(b"data: a\rdata: b\r\ndata: c\n\r\n", b"a\nb\nc")],
    ),
    "LF, then CR": (b"data: a\n\rdata: b\n\r", [E(b"data: a\n\r", b"a"), E(b"data: b\n\r", b"b")]),
    "CRLF, then CR": (b"data: a\r\n\rdata: b\n\n", [E(b"data: a\r\n\r", b"a"), E(b"data: b\n\n", b"b")]),
    "CR, then CRLF": (
        b"data: a\r\r\ndata: b\r\r",
        [E(b"data: a\r\r", b"a"), E(b"\n"), E(b"data: b\r\r", b"b")],
    ),
    "CRs, then LFs": (b"data: a\r\rdata: b\n\n", [E(b"data: a\r\r", b"a"), E(b"data: b\n\n", b"b")]),
    "CR CR before LF LF": (b"data: a\r\r\n\n", [E(b"data: a\r\r", b"a"), E(b"\n"), E(b"\n")]),
    "blank lines at the start": (b"\n\ndata: a\n\n", [E(b"\n"), E(b"\n"), E(b"data: a\n\n", b"a")]),
    "three blank lines": (b"data: a\n\n\n", [E(b"data: a\n\n", b"a"), E(b"\n")]),
    "other line ends are none": (
        "data: a\x0bb\x0cc\x85d\u2028e\n\n".encode(),
        [E("data: a\x0bb\x0cc\x85d\u2028e\n\n".encode(), "a\x0bb\x0cc\x85d\u2028e".encode())],
    ),
    "a comment": (b": ping\n\n", [E(b": ping\n\n")]),
    "an empty comment": (b":\n\n", [E(b":\n\n")]),
    "a comment in an event": (b": c\ndata: a\n:\n\n", [E(b": c\ndata: a\n:\n\n", b"a")]),
    "a comment of data": (b":data: a\n\n", [E(b":data: a\n\n")]),
    "event": (b"event: e\ndata: a\n\n", [E(b"event: e\ndata: a\n\n", b"a", "e")]),
    "event after data": (b"data: a\nevent:e\n\n", [E(b"data: a\nevent:e\n\n", b"a", "e")]),
    "the last event counts": (b"event: e\nevent: f\n\n", [E(b"event: e\nevent: f\n\n", None, "f")]),
    "an empty event is none": (b"event: e\nevent\ndata: a\n\n", [E(b"event: e\nevent\ndata: a\n\n", b"a")]),
    "an event ends with its frame": (
        b"event: e\n\ndata: a\n\n",
        [E(b"event: e\n\n", None, "e"), E(b"data: a\n\n", b"a")],
    ),
    "id": (b"id: 1\ndata: a\n\n", [E(b"id: 1\ndata: a\n\n", b"a", None, "1")]),
    "an empty id is one": (b"id\ndata: a\n\n", [E(b"id\ndata: a\n\n", b"a", None, "")]),
    "an id with NUL is none": (b"id: 1\nid: 2\0\n\n", [E(b"id: 1\nid: 2\0\n\n", None, None, "1")]),
    "retry is kept, not read": (b"retry: 10\n\n", [E(b"retry: 10\n\n")]),
    "an unknown field": (b"foo: 1\ndata: a\n\n", [E(b"foo: 1\ndata: a\n\n", b"a")]),
    "names are of one case": (b"Data: a\n\n", [E(b"Data: a\n\n")]),
    "a space before the colon": (b"data : a\n\n", [E(b"data : a\n\n")]),
    "a space before the name": (b" data: a\n\n", [E(b" data: a\n\n")]),
    "a mark": (b"\xef\xbb\xbfdata: a\n\n", [E(b"\xef\xbb\xbfdata: a\n\n", b"a")]),
    "a mark before a blank line": (b"\xef\xbb\xbf\n", [E(b"\xef\xbb\xbf\n")]),
    "a mark alone": (b"\xef\xbb\xbf", [E(b"\xef\xbb\xbf")]),
    "two marks": (
        b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n",
        [E(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n")],
    ),
    "a mark later on": (
        b"data: a\n\n\xef\xbb\xbfdata: b\n\n",
        [E(b"data: a\n\n", b"a"), E(b"\xef\xbb\xbfdata: b\n\n")],
    ),
    "bytes that are not UTF-8": (
        b"event: \xff\nid: \xfe\ndata: \xfd\n\n",
        [E(b"event: \xff\nid: \xfe\ndata: \xfd\n\n", b"\xfd", "\ufffd", "\ufffd")],
    ),
    "nothing": (b"", []),
    "no blank line at the end": (b"data: a\n", [E(b"data: a\n", b"a")]),
    "no line end at the end": (
        b"data: a\n\ndata: [DONE]",
        [E(b"data: a\n\n", b"a"), E(b"data: [DONE]", b"[DONE]")],
    ),
    "a cut name at the end": (b"data: a\ndat", [E(b"data: a\ndat", b"a")]),
    "a cut value at the end": (b'data: {"a', [E(b'data: {"a', b'{"a')]),
}


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    stream, frames = RULES[rule]
    assert split(SSESplitter, [stream]) == frames
    assert split(SSESplitter, every_byte(stream)) == frames


def test_a_frame_that_is_the_read_is_not_copied() -> None:
    read = b'data: {"a": 1}\n\n'
    assert SSESplitter().feed(read)[0].raw is read


def test_a_frame_of_several_megabytes() -> None:
    frame = b"data: " + b"x" * (5 << 20) + b"\n\n"
    read_size = 1 << 10
    reads = [frame[start : start + read_size] for start in range(0, len(frame), read_size)]
    assert split(SSESplitter, reads) == [Frame(frame, frame[6:-2])]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_the_limit_is_the_longest_frame(line_end: bytes) -> None:
    frame = b"data: x" + line_end * 2
    assert SSESplitter(len(frame)).feed(frame * 2) == [Frame(frame, b"x")] * 2
    with pytest.raises(ProviderGarbage):
        SSESplitter(len(frame) - 1).feed(frame)


def test_the_limit_needs_no_end_and_names_no_content() -> None:
    splitter = SSESplitter(1_000)
    assert splitter.feed(b"secret" * 150) == []
    with pytest.raises(ProviderGarbage) as caught:
        splitter.feed(b"secret" * 150)
    assert str(caught.value) == "the provider sent a frame of more than 1000 bytes"


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
