"""Which patterns need a digit: never one that matches without."""

from __future__ import annotations

import pytest

from gateway.privacy.digits import has_digit


@pytest.mark.parametrize(
    "pattern", ["[0-9]{3}", "[A-Z]?[0-9]", "(?:a1|[0-5])", "(?:x|[0-9]){0,2}7", "[a-z]+4", "(?i:a[0-9])"]
)
def test_a_pattern_that_needs_a_digit(pattern: str) -> None:
    assert has_digit(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["[0-9]{0,3}", "[A-Z0-9]", "(?:a1|b)", "[^0-9]", r"\d", "(?<=[0-9])a", "", "(?:[0-9]a)?", "(?|1)"],
)
def test_a_pattern_that_may_need_none(pattern: str) -> None:
    assert not has_digit(pattern)
