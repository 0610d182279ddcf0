"""A frame read by its likeness to the one before says what it says when it is read in full (law 9).

A law makes its check for one kind of reader: for the real one, and for broken ones that it must catch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gateway.chat import Event, Text
from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.dialect import Dialect
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.dialects.openai_completions import OPENAI_COMPLETIONS
from gateway.stream import reader
from gateway.stream.reader import Reader
from gateway.wire.sse import Frame
from tests.conftest import needs_shared
from tests.dialects import recorded

MakeReader = Callable[[Dialect], Reader]
Law = Callable[[MakeReader], Callable[[], None]]
Read = list[tuple[Frame, list[Event]]]

# --- what providers send ------------------------------------------------------------------------------------

WORDS = [
    "Hi",
    " the",
    "id",
    "text",
    "c1",
    "0",
    '"',
    "\\",
    "é",
    "😀",
    "\n",
    "\x7f",
    "\u2028",
    "",
    "stop",
    "~template~",
]
said = st.sampled_from(WORDS) | st.text(max_size=4)


def frame(body: Any, event: str | None = None, ascii: bool = False, **layout: Any) -> bytes:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(body, ensure_ascii=ascii, **layout)}\n\n".encode(errors="replace")


def chunk(delta: dict[str, Any], index: int = 0, **more: Any) -> dict[str, Any]:
    choice = {
        "index": index,
        "delta": delta,
        "finish_reason": more.pop("finish", None),
        **more.pop("beside", {}),
    }
    return {"id": "c1", "model": "m", "choices": [choice], **more}


def spelled(text: str, id: str) -> bytes:
    """Written with escapes only, as any JSON may be."""
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in text if ord(letter) < 0x10000)
    return frame(chunk({"content": "~"}, id=id)).replace(b"~", escaped.encode())


@st.composite
def chat_frames(draw: st.DrawFn) -> bytes:
    text = draw(said)
    match draw(st.integers(0, 13)):
        case 0 | 1 | 2 | 3 | 4:
            return frame(chunk({"content": text}), ascii=draw(st.booleans()))
        case 5:
            return frame(chunk({"tool_calls": [{"index": 0, "function": {"arguments": text}}]}))
        case 6:
            return frame(chunk({"content": text}, index=1))
        case 7:
            return frame(chunk({"content": text, "reasoning": draw(said)}))
        case 8:
            return frame(chunk({"content": text}, finish="stop"))
        case 9:
            return frame(chunk({"content": text}, usage={"prompt_tokens": 1, "completion_tokens": 2}))
        case 10:
            return frame(chunk({"content": text}, beside={"logprobs": {"content": [{"token": text}]}}))
        case 11:
            return frame(chunk({"content": text, "unknown": draw(said)}))
        case 12:
            return b"event: x\n"
        case _:
            return draw(st.sampled_from([b": ping\n\n", b"data: [DONE]\n\n", b"\n", b"data: {}\r\n\r\n"]))


@st.composite
def messages_frames(draw: st.DrawFn) -> bytes:
    text, index = draw(said), draw(st.integers(0, 1))
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2 | 3 | 4:
            delta = {"type": "text_delta", "text": text}
        case 5:
            delta = {"type": "input_json_delta", "partial_json": text}
        case 6:
            delta = {"type": "thinking_delta", "thinking": text}
        case 7:
            kind = draw(st.sampled_from(["text", "tool_use", "thinking", "server_tool_use", "news"]))
            block = {"type": kind, "id": "t", "name": "n"}
            body = {"type": "content_block_start", "index": index, "content_block": block}
            return frame(body, "content_block_start")
        case 8:
            return frame({"type": "content_block_stop", "index": index}, "content_block_stop")
        case _:
            return frame({"type": "ping"}, draw(st.sampled_from([None, "ping"])))
    body = {"type": "content_block_delta", "index": index, "delta": delta}
    return frame(body, "content_block_delta", separators=(",", ":"))


completions_frames = st.builds(lambda text: frame({"id": "c", "choices": [{"index": 0, "text": text}]}), said)
DIALECTS = [
    (OPENAI_CHAT, chat_frames()),
    (ANTHROPIC, messages_frames()),
    (OPENAI_COMPLETIONS, completions_frames),
]


@st.composite
def reads(draw: st.DrawFn) -> tuple[Dialect, list[bytes]]:
    """A stream, mostly read frame by frame, and sometimes cut elsewhere."""
    dialect, kind = draw(st.sampled_from(DIALECTS))
    frames = draw(
        st.lists(st.sampled_from(draw(st.lists(kind, min_size=2, max_size=4))), min_size=4, max_size=12)
    )
    if draw(st.booleans()):
        return dialect, frames
    data = b"".join(frames)
    ends = [sum(map(len, frames[:at])) for at in range(len(frames) + 1)]
    cuts = draw(st.lists(st.sampled_from(ends) | st.integers(0, len(data)), max_size=8))
    return dialect, [data[a:b] for a, b in pairwise(sorted({0, len(data), *cuts}))]


# --- the laws -----------------------------------------------------------------------------------------------


def in_full(dialect: Dialect, data: Sequence[bytes]) -> Read:
    splitter, decoder = dialect.splitter(16 << 20), dialect.decoder()
    frames = [each for read in data for each in splitter.feed(read)]
    return [(each, [] if each.data is None else decoder.decode(each)) for each in frames]


def by_likeness(reader: Reader, data: Sequence[bytes]) -> Read:
    found: Read = []
    for read in data:
        at = 0
        if (template := reader.template_for(read)) is not None:
            while at < len(read) and (fit := template.text(read, at)) is not None:
                start, (text, at) = at, fit
                found.append((template.frame(read[start:at]), [template.said(text)]))
        if at < len(read):
            found += [
                (each, [] if each.data is None else reader.decode(each)) for each in reader.feed(read[at:])
            ]
    return found


def every_frame_says_what_it_says(make: MakeReader) -> Callable[[], None]:
    @given(reads())
    def law(given: tuple[Dialect, list[bytes]]) -> None:
        dialect, data = given
        assert by_likeness(make(dialect), data) == in_full(dialect, data)

    return law


def what_a_tool_of_the_provider_is_given_is_remembered(make: MakeReader) -> Callable[[], None]:
    """Its decoder puts the pieces together: none may pass it by."""

    @given(st.lists(st.sampled_from(["{", '"a"', ":", "1", "}"]), min_size=3, max_size=8))
    def law(pieces: list[str]) -> None:
        start = {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use"}}
        deltas = [
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": piece},
            }
            for piece in pieces
        ]
        data = [frame(each) for each in (start, *deltas, {"type": "content_block_stop", "index": 0})]
        assert by_likeness(make(ANTHROPIC), data) == in_full(ANTHROPIC, data)

    return law


def a_text_stands_where_the_dialect_reads_it(make: MakeReader) -> Callable[[], None]:
    """Other fields may hold the same string, and the text may be spelled otherwise."""

    @given(
        st.lists(st.builds(spelled, st.sampled_from(["c1", "id"]), st.sampled_from(["c1", "c2"])), max_size=8)
    )
    def law(data: list[bytes]) -> None:
        data = [frame(chunk({"content": "Hi"})), *data]
        assert by_likeness(make(OPENAI_CHAT), data) == in_full(OPENAI_CHAT, data)

    return law


def a_frame_may_have_begun_before(make: MakeReader) -> Callable[[], None]:
    @given(st.lists(st.sampled_from([b"", b"event: x\n", b": ping\n"]), min_size=3, max_size=8))
    def law(ahead: list[bytes]) -> None:
        hello = frame(chunk({"content": "Hi"}))
        data = [hello, *(hello + begun for begun in ahead), hello]
        assert by_likeness(make(OPENAI_CHAT), data) == in_full(OPENAI_CHAT, data)

    return law


def what_frames_mean_may_change(make: MakeReader) -> Callable[[], None]:
    """The same bytes are of another lane once another block has begun."""

    @given(st.lists(st.tuples(st.sampled_from(["text", "news"]), st.integers(1, 3)), min_size=2, max_size=4))
    def law(blocks: list[tuple[str, int]]) -> None:
        data = []
        for kind, count in blocks:
            data.append(frame({"type": "content_block_start", "index": 0, "content_block": {"type": kind}}))
            delta = {"type": "text_delta", "text": "Hi"}
            data += [frame({"type": "content_block_delta", "index": 0, "delta": delta})] * count
            data.append(frame({"type": "content_block_stop", "index": 0}))
        assert by_likeness(make(ANTHROPIC), data) == in_full(ANTHROPIC, data)

    return law


LAWS: list[Law] = [
    what_frames_mean_may_change,
    every_frame_says_what_it_says,
    what_a_tool_of_the_provider_is_given_is_remembered,
    a_text_stands_where_the_dialect_reads_it,
    a_frame_may_have_begun_before,
]


def real(dialect: Dialect) -> Reader:
    return Reader(dialect, 16 << 20)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law) -> None:
    law(real)()


class Forgetless(Reader):
    """Keeps its template when other frames come."""

    def decode(self, frame: Frame) -> list[Event]:
        events = self._decoder.decode(frame)
        if len(events) == 1 and type(events[0]) is Text:
            self._said = frame, events[0]
        return events

    def feed(self, data: bytes) -> Any:
        kept = self._template
        yield from super().feed(data)
        self._template = self._template or kept


class Heedless(Reader):
    """Takes what begins like a frame for one, also within another."""

    def _learn(self) -> None:
        held = self._splitter._held  # type: ignore[attr-defined]
        self._splitter._held = bytearray()  # type: ignore[attr-defined]
        super()._learn()
        self._splitter._held = held  # type: ignore[attr-defined]


def without_a_probe(frame: Frame, event: Text, text_in: Any) -> Any:
    return real_template_of(frame, event, lambda data: "~template~" if b"~template~" in data else event.text)


def of_every_lane(frame: Frame, event: Text, text_in: Any) -> Any:
    made = real_template_of(frame, Text(event.lane._replace(kind="content"), event.text, event.path), text_in)
    return made and type(made)(
        **{**{name: getattr(made, name) for name in made.__struct_fields__}, "lane": event.lane}
    )


real_template_of = reader.template_of


@pytest.mark.parametrize(
    ("broken", "template_of", "law"),
    [
        (Forgetless, real_template_of, what_frames_mean_may_change),
        (Heedless, real_template_of, a_frame_may_have_begun_before),
        (Reader, without_a_probe, a_text_stands_where_the_dialect_reads_it),
        (Reader, of_every_lane, what_a_tool_of_the_provider_is_given_is_remembered),
    ],
)
def test_a_broken_reader_is_caught(
    broken: type[Reader], template_of: Any, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "template_of", template_of)
    check = law(lambda dialect: broken(dialect, 16 << 20))
    with pytest.raises((AssertionError, ExceptionGroup)):
        settings(max_examples=1000, phases=[Phase.generate], database=None, deadline=None)(check)()


# --- examples -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dialect", "frames"), [(OPENAI_CHAT, 1), (OPENAI_CHAT, 3), (ANTHROPIC, 1)])
def test_most_frames_of_an_answer_are_not_decoded(dialect: Dialect, frames: int) -> None:
    texts = [f" word{at}" for at in range(30)]
    if dialect is ANTHROPIC:
        start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        deltas = [{"type": "text_delta", "text": text} for text in texts]
        data = [frame({"type": "content_block_delta", "index": 0, "delta": delta}) for delta in deltas]
        data.insert(0, frame(start))
    else:
        data = [frame(chunk({"content": text})) for text in texts]
    joined = [b"".join(data[at : at + frames]) for at in range(0, len(data), frames)]
    decoded = []

    class Counting(Reader):
        def decode(self, frame: Frame) -> list[Event]:
            decoded.append(frame)
            return super().decode(frame)

    found = by_likeness(Counting(dialect, 16 << 20), joined)
    assert [event.text for _, events in found for event in events if isinstance(event, Text)] == texts
    assert len(decoded) <= frames + 1


def test_numbered_frames_are_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counting(*given: Any) -> Any:
        made.append(given)
        return real_template_of(*given)

    monkeypatch.setattr(reader, "template_of", counting)
    data = [frame({**chunk({"content": f"word {at} "}), "created": at}) for at in range(50)]
    by_likeness(real(OPENAI_CHAT), data)
    assert len(made) <= reader._PATIENCE


@needs_shared
@pytest.mark.parametrize(
    ("folder", "dialect"),
    [
        *((folder, OPENAI_CHAT) for folder in recorded.streams("openai-chat")),
        *((folder, ANTHROPIC) for folder in recorded.streams("anthropic")),
    ],
    ids=lambda given: recorded.name(given) if isinstance(given, Path) else "",
)
def test_recorded_streams_say_the_same(folder: Path, dialect: Dialect) -> None:
    whole = (folder / "response.body").read_bytes()
    data = [each.raw for each in dialect.splitter(16 << 20).feed(whole)]
    assert by_likeness(real(dialect), data) == in_full(dialect, data)
    assert by_likeness(real(dialect), [whole]) == in_full(dialect, [whole])
