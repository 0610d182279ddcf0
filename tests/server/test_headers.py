"""What is read of a provider's headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.server.headers import retry_after_s


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "3", "retry-after-ms": "2500"}, 2.5),
        ({"retry-after": "3", "retry-after-ms": "x"}, 3.0),
    ],
)
def test_retry_after_is_in_seconds(said: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(said.items()) == expected


@given(st.text(max_size=30))
def test_any_retry_after_can_be_read(value: str) -> None:
    seconds = retry_after_s([("retry-after", value)])
    assert seconds is None or 0 <= seconds < float("inf")
