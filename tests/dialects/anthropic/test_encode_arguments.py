"""Where the JSON of a call's arguments ends, however it is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.anthropic.encode import _JsonEnd
from tests.dialects.anthropic.test_encode import json_object


@given(st.data(), json_object)
def test_the_end_of_json_is_found_wherever_it_is_cut(data: st.DataObject, said: str) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said) - 1), max_size=4)))
    end = _JsonEnd()
    for start, stop in zip([0, *cuts], [*cuts, len(said)], strict=True):
        assert not end.complete()
        end.feed(said[start:stop])
    assert end.complete()


def test_a_quote_that_is_escaped_ends_nothing_also_where_the_escape_is_cut() -> None:
    said = r'{"x":"\"}{\\","y":[{}]}'
    for cut in range(len(said)):
        end = _JsonEnd()
        end.feed(said[:cut])
        assert not end.complete()
        for piece in ("", said[cut:-1]):
            end.feed(piece)
            assert not end.complete()
        end.feed(said[-1])
        assert end.complete()
