"""What hides its characters is found, and cut out as it stood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy import normalise as normalising
from gateway.privacy.actions import every_rule
from gateway.privacy.normalise import normalise
from gateway.privacy.scanner import find
from tests.privacy import texts

DISGUISED = {
    "john&#64;x.io": "john@x.io", "john&#x40;x&period;io": "john@x.io", "john&commat;x.io": "john@x.io", "john (at) x (dot) io": "john@x.io",
    "john[at]x.io": "john@x.io", "john at example dot com": "john@example.com", "x\\u0040y.io": "x@y.io", "x\\x40y.io": "x@y.io", "john%40x.io": "john@x.io",
    "j\\_doe@x.io": "j_doe@x.io", "john@**x**.io": "john@x.io", "john@x\u200b.io": "john@x.io", "jоhn@example.com": "john@example.com",
    "john＠example．com": "john@example.com", "４１１１ １１１１ １１１１ １１１１": "4111 1111 1111 1111", "4111\u00a01111\u00a01111\u00a01111": "4111 1111 1111 1111",
    "4111\u200b1111\u200b1111\u200b1111": "4111111111111111", "123\u201145\u20116789": "123-45-6789", "123‐45‐6789": "123-45-6789",
    "٤١١١١١١١١١١١١١١١": "4111111111111111", "𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏": "4111111111111111", "+1\u2009415\u2009555\u20092671": "+1 415 555 2671",
}  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), DISGUISED.items())
@pytest.mark.parametrize("around", ["{}", "mail: {}, ok", "😀 ({})", "é {}\nü"])
def test_a_value_in_disguise_is_found_where_it_stood(written: str, meant: str, around: str) -> None:
    text = around.format(written)
    normal = normalise(text)
    assert normal is not None
    spans = find(normal.text, every_rule())
    assert [normal.text[s.start : s.end] for s in spans] == [meant]
    assert [text[slice(*normal.original(s.start, s.end))] for s in spans] == [written]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain text. (yes) [no] {x} 5% & 2*3 C:\\dir",
        "Это обычный русский текст – да.",
        "这是普通的，中文。",
        "naïve café — “quoted”",
        "a - b – c",
        "[1] (2) *b*",
    ],
)
def test_clean_text_is_not_looked_at_twice(text: str) -> None:
    assert normalise(text) is None


@given(
    st.lists(
        st.sampled_from([*DISGUISED, *texts.NEAR, " ", "а", "ｘ"]) | st.text(max_size=3), max_size=8
    ).map("".join)
)
def test_every_span_maps_to_text_that_reads_like_it(text: str) -> None:
    normal = normalise(text)
    if normal is None:
        return
    assert normal.here == sorted(normal.here)
    assert normal.there == sorted(normal.there)
    end_before = 0
    for at in range(len(normal.text)):
        start, end = normal.original(at, at + 1)
        assert end_before <= start < end <= len(text)
        end_before = end
        again = normalise(text[start:end])
        if end - start == 1 and again is None:
            assert text[start:end] == normal.text[at] or normal.text[at].isascii()


@given(
    st.lists(
        st.sampled_from([*DISGUISED, *texts.NEAR, " ", "а", "ｘ", "\u200b" * 9, "&#64;"])
        | st.text(max_size=3),
        max_size=12,
    ).map("".join),
    st.integers(1, 40),
)
def test_stretches_never_matter(text: str, stretch: int) -> None:
    whole = normalise(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalising, "STRETCH", stretch)
        pieces = normalise(text)
    assert (pieces is None) == (whole is None)
    if whole is not None and pieces is not None:
        assert pieces.text == whole.text
        for at in range(len(whole.text)):
            assert pieces.original(at, at + 1) == whole.original(at, at + 1)
