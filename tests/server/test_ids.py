"""Request ids are ULIDs."""

from __future__ import annotations

import re
import time

import pytest

from gateway.server import ids
from gateway.server.ids import new_id


def read(text: str) -> int:
    """Crockford's base 32, as the specification has it."""
    number = 0
    for character in text:
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
    return number


def test_they_are_a_time_and_80_random_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "time_ns", lambda: 1_469_918_176_385_999_999)
    monkeypatch.setattr(ids, "urandom", lambda count: bytes(range(256 - count, 256)))
    made = new_id()
    assert made.startswith("01ARYZ6S41")  # the example of the specification
    assert read(made[10:]) == int.from_bytes(range(246, 256), "big")


def test_they_are_of_now_each_another_and_in_order() -> None:
    before_ms = time.time_ns() // 1_000_000
    made = [new_id() for _ in range(1000)]
    after_ms = time.time_ns() // 1_000_000
    assert len(set(made)) == 1000
    assert all(re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", each) for each in made)
    assert all(before_ms <= read(each[:10]) <= after_ms for each in made)
    assert [each[:10] for each in made] == sorted(each[:10] for each in made)
