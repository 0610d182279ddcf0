"""Compressed bodies: whole ones are read, and nothing unpacks to more than it may."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BodyTooLarge, InvalidRequest
from gateway.wire.coding import decompressed


def raw_deflate(data: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(data) + machine.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    " GZIP ": gzip.compress,
}


@given(st.binary(max_size=2000), st.sampled_from([*CODINGS]))
def test_what_was_compressed_comes_back(data: bytes, coding: str) -> None:
    assert decompressed(CODINGS[coding](data), coding, len(data)) == data


@given(st.binary(max_size=99))
def test_without_a_coding_nothing_is_done(data: bytes) -> None:
    assert decompressed(data, "", 0) == decompressed(data, "identity", 0) == data


def test_deflate_without_zlibs_header_is_taken_too() -> None:
    assert decompressed(raw_deflate(b"hello"), "deflate", 99) == b"hello"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_is_too_large_and_not_unpacked(coding: str) -> None:
    bomb = CODINGS[coding](b"a" * (32 << 20))
    with pytest.raises(BodyTooLarge):
        decompressed(bomb, coding, 1000)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]), st.data())
def test_what_is_cut_short_is_refused(data: bytes, coding: str, drawn: st.DataObject) -> None:
    packed = CODINGS[coding](data)
    cut = packed[: drawn.draw(st.integers(0, len(packed) - 1))]
    with pytest.raises(InvalidRequest):
        decompressed(cut, coding, 1 << 20)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_garbage_raises_only_documented_errors(data: bytes, coding: str) -> None:
    with contextlib.suppress(InvalidRequest, BodyTooLarge):
        decompressed(data, coding, 100)


def test_what_follows_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not encoded as it says"):
        decompressed(gzip.compress(b"{}") + b"{}", "gzip", 99)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip;q=1", "é"])
def test_another_coding_is_refused(coding: str) -> None:
    with pytest.raises(InvalidRequest, match="gzip and deflate are"):
        decompressed(b"{}", coding, 99)
