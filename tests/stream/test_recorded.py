"""Law 2 of a streamed answer: clean recorded traffic is untouched, and placeholders planted in it come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.stream.outbox import OVERTAKE_AFTER
from tests.chat_stream import (
    ADA,
    DONE,
    STOP,
    chunk,
    cut_bytes,
    lanes,
    new_stream,
    run,
    text_of,
)
from tests.conftest import needs_shared
from tests.dialects import recorded


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_a_clean_recorded_stream_is_byte_equal_at_any_cut(folder: Path) -> None:
    data = (folder / "response.body").read_bytes()
    for pieces in (
        [data],
        [data[i : i + 1] for i in range(len(data))],
        *(cut_bytes(data, seed, 40) for seed in range(5)),
    ):
        stream = new_stream()
        out = run(pieces, stream)
        assert stream.error is None
        if out != data:  # another lane's held tail was overtaken: each lane is still in order
            assert sorted(out.split(b"\n\n")) == sorted(data.split(b"\n\n"))
            assert lanes(out) == lanes(data)
            assert len(lanes(data)) > 1
            assert stream.outbox.held > OVERTAKE_AFTER


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("completions"), ids=recorded.name)
def test_a_clean_recorded_legacy_completion_is_byte_equal(folder: Path) -> None:
    data = (folder / "response.body").read_bytes()
    assert run(cut_bytes(data, 7, 60)) == data


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_placeholders_planted_in_a_recorded_stream_come_back_however_it_is_cut(folder: Path) -> None:
    """The recording's own text, with a placeholder after every 40 characters, in its own deltas' places."""
    data = (folder / "response.body").read_bytes()
    planted = data.replace(b'"content":" the"', b'"content":" [PERSON_1]"').replace(
        b'"content":" a"', b'"content":" [EMAIL_1]"'
    )
    whole = run([planted])
    assert b"PERSON_1" not in whole
    assert b"EMAIL_1" not in whole
    for seed in range(3):
        assert run(cut_bytes(planted, seed, 50)) == whole


@needs_shared
@pytest.mark.parametrize("folder", recorded.streams("openai-chat"), ids=recorded.name)
def test_a_recorded_text_is_restored_at_every_cut_into_deltas(folder: Path) -> None:
    """The recording's words with placeholders among them, in two deltas cut anywhere, and character by character."""
    said = text_of((folder / "response.body").read_bytes()) or "no text in this one"
    text = f"[PERSON_1] {said[:150]} [EMAIL_1]{said[150:200]}"
    whole = run([chunk({"content": text}), STOP, DONE])
    assert ADA in text_of(whole)
    for place in range(len(text)):
        frames = [chunk({"content": part}) for part in (text[:place], text[place:])]
        assert text_of(run([*frames, STOP, DONE])) == text_of(whole)
    assert text_of(run([*(chunk({"content": c}) for c in text), STOP, DONE])) == text_of(whole)


def test_only_the_usage_that_the_gateway_asked_for_is_left_out() -> None:
    usage = chunk(usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})
    frames = [chunk({"content": "Hi"}, usage=None), STOP, usage, DONE]
    kept, dropped = new_stream(), new_stream(keep_usage=False)
    assert run(frames, kept) == b"".join(frames)
    assert run(frames, dropped) == b"".join([frames[0], STOP, DONE])
    assert kept.usage is not None
    assert dropped.usage is not None
    assert dropped.usage.output == 2


def test_comments_and_unknown_fields_pass() -> None:
    data = (
        b": PROCESSING\n\n"
        + chunk({"content": "Hi", "x_new": {"deep": [1, "two"]}}, x_more="kept")
        + STOP
        + DONE
    )
    assert run([data]) == data
