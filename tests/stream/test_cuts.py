"""Law 1 of a streamed answer: however it is cut, it reads as the whole does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import Lane
from gateway.stream import lanes as stream_lanes
from tests.chat_stream import (
    ADA,
    DONE,
    STOP,
    chunk,
    cut_bytes,
    lanes,
    run,
    text_of,
)
from tests.privacy import texts


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[dict[Lane, str], bytes]:
    """Some lanes with text, cut into deltas and mixed, as frames."""
    kinds = [
        Lane(0, "content"),
        Lane(0, "reasoning_content"),
        Lane(1, "content"),
        Lane(0, "arguments", 0),
        Lane(0, "arguments", 1),
    ]
    said: dict[Lane, str] = {}
    queues: list[tuple[Lane, list[str]]] = []
    for lane in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4, unique=True)):
        text = draw(texts.texts)
        if lane.kind == "arguments":
            text = json.dumps({"to": text, "n": [1, 2]}, ensure_ascii=draw(st.booleans()))
        said[lane] = text
        queues.append((lane, [piece for piece in draw(texts.cut(text)) if piece]))
    frames = []
    while queues := [(lane, pieces) for lane, pieces in queues if pieces]:
        lane, pieces = draw(st.sampled_from(queues))
        piece = pieces.pop(0)
        if lane.kind == "arguments":
            delta: dict[str, Any] = {
                "tool_calls": [{"index": lane.position, "function": {"arguments": piece}}]
            }
        else:
            delta = {lane.kind: piece}
        frames.append(chunk({"index": lane.choice, **delta}))
    finish = [chunk({"index": choice}, finish="stop") for choice in {lane.choice for lane in said}]
    return said, b"".join([*frames, *finish, DONE])


@given(case=interleaved(), seed=st.integers(0, 1000))
def test_lanes_mixed_and_cut_anywhere_read_as_each_lane_whole(
    case: tuple[dict[Lane, str], bytes], seed: int
) -> None:
    said, data = case
    out = run(cut_bytes(data, seed, 20))
    for lane, text in said.items():
        if lane.kind == "arguments":
            delta: dict[str, Any] = {
                "tool_calls": [{"index": lane.position, "function": {"arguments": text}}]
            }
        else:
            delta = {lane.kind: text}
        whole = run(
            [chunk({"index": lane.choice, **delta}), chunk({"index": lane.choice}, finish="stop"), DONE]
        )
        assert lanes(out).get(lane) == lanes(whole).get(lane)


SENTENCE = "Dear [PERSON_1], mail [EMAIL_1] — [PERSON_1]'s card 4111 1111 1111 1111 é😀."
RESTORED = f"Dear {ADA}, mail x@y.io — {ADA}'s card [CREDIT_CARD] é😀."


def test_every_cut_of_the_bytes() -> None:
    data = chunk({"content": SENTENCE[:20]}) + chunk({"content": SENTENCE[20:]}) + STOP + DONE
    assert text_of(run([data])) == RESTORED
    assert run([data[i : i + 1] for i in range(len(data))]) == run([data])
    for place in range(len(data)):
        assert run([data[:place], data[place:]]) == run([data])


def test_every_cut_of_the_text_in_two_and_into_characters() -> None:
    for place in range(len(SENTENCE)):
        frames = [chunk({"content": part}) for part in (SENTENCE[:place], SENTENCE[place:])]
        assert text_of(run([*frames, STOP, DONE])) == RESTORED
    assert text_of(run([*(chunk({"content": c}) for c in SENTENCE), STOP, DONE])) == RESTORED


def test_every_cut_of_tool_arguments() -> None:
    arguments = '{"to":"[EMAIL_1]","who":"\\u005bPERSON_1\\u005d","n":"{\\"q\\":\\"[PERSON_1]\\"}"}'
    expected = {"to": "x@y.io", "who": ADA, "n": json.dumps({"q": ADA}, separators=(",", ":"))}
    for place in range(len(arguments)):
        parts = (arguments[:place], arguments[place:])
        frames = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}) for part in parts]
        out = run([*frames, chunk({}, finish="tool_calls"), DONE])
        assert json.loads(lanes(out)[Lane(0, "arguments", 0)]) == expected


def test_the_law_catches_a_stream_that_restores_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hasty(stream_lanes.LaneState):
        def settle(self, decided: int) -> None:
            super().settle(self.run.flush())

    monkeypatch.setattr(stream_lanes, "LaneState", Hasty)
    assert text_of(run([chunk({"content": "[PERS"}), chunk({"content": "ON_1]"}), STOP, DONE])) != ADA
