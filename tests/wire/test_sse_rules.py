"""The rules of the standard for event streams, and ours where it has none."""

from __future__ import annotations

import pytest

from gateway.errors import ProviderGarbage
from gateway.wire.sse import Frame, SSESplitter
from tests.wire.test_sse import every_byte, split

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
