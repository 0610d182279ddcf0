"""A chain of records: any change of any line is seen, and where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import chain
from gateway.access.chain import START, BrokenChain, Head

KEYS = st.sampled_from([None, b"a key"])
RECORDS = st.lists(
    st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers(), min_size=1, max_size=3),
    min_size=1,
    max_size=6,
)


def chained(records: list[dict[str, Any]], key: bytes | None) -> list[bytes]:
    lines, previous = [], START
    for record in records:
        written, previous = chain.line(json.dumps(record).encode(), previous, key)
        lines.append(written + b"\n")
    return lines


@given(RECORDS, KEYS)
def test_a_chain_verifies_and_says_its_head(records: list[dict[str, Any]], key: bytes | None) -> None:
    lines = chained(records, key)
    last = json.loads(lines[-1])["hash"]
    assert chain.verify(lines, key, START) == Head(len(records), last)
    assert chain.hash_of(lines[-1]) == last
    for record, line in zip(records, lines, strict=True):
        assert {**record, "previous": "", "hash": ""} == {**json.loads(line), "previous": "", "hash": ""}


@given(RECORDS, KEYS, st.data())
def test_a_changed_byte_breaks_its_line_or_the_next(
    records: list[dict[str, Any]], key: bytes | None, data: st.DataObject
) -> None:
    lines = chained(records, key)
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 2))
    changed = bytearray(lines[number])
    changed[at] ^= data.draw(st.integers(1, 255))
    if changed[at] == ord("\n"):
        return  # two lines then
    with pytest.raises(BrokenChain) as broken:
        chain.verify([*lines[:number], bytes(changed), *lines[number + 1 :]], key, START)
    assert broken.value.number == number + 1


@given(RECORDS.filter(lambda it: len(it) > 2), KEYS, st.data())
def test_lines_taken_out_or_swapped_are_seen(
    records: list[dict[str, Any]], key: bytes | None, data: st.DataObject
) -> None:
    lines = chained(records, key)
    at = data.draw(st.integers(0, len(lines) - 2))
    with pytest.raises(BrokenChain):
        chain.verify([*lines[:at], *lines[at + 1 :]], key, START)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    with pytest.raises(BrokenChain):
        chain.verify(lines, key, START)


def test_without_the_key_nobody_makes_the_chain_anew() -> None:
    forged = chained([{"decision": "allow"}], b"another key")
    for key in (b"a key", None):
        with pytest.raises(BrokenChain, match="line 1: it was changed, or is keyed"):
            chain.verify(forged, key, START)


def test_a_file_may_continue_the_one_before_it() -> None:
    lines = chained([{"a": 1}, {"a": 2}, {"a": 3}], None)
    head = chain.verify(lines[:1], None, START)
    assert chain.verify(lines[1:], None, head.hash).lines == 2
    assert chain.verify(lines[1:], None).lines == 2
    with pytest.raises(BrokenChain, match="line 1: it does not follow"):
        chain.verify(lines[1:], None, START)


def test_nothing_is_a_chain() -> None:
    assert chain.verify([], None, START) == Head(0, START)


@pytest.mark.parametrize("line", [b"", b"{}", b'{"a":1}', b'{"a":1,"hash":"' + b"g" * 64 + b'"}'])
def test_what_is_no_line_of_a_chain_is_said_to_be_none(line: bytes) -> None:
    assert chain.hash_of(line) is None
    with pytest.raises(BrokenChain, match="not a line"):
        chain.verify([line], None)
