from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.privacy.entities.found import found, values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SSN 123456789", [("US_SSN", "123456789")]),
        ("Social Security #: 123 45 6789", [("US_SSN", "123 45 6789")]),
        ("SSN: 5 5 5 - 1 2 - 3 4 5 6 (spaced)", [("US_SSN", "5 5 5 - 1 2 - 3 4 5 6")]),
        ('{"ssn":"123456789"}', [("US_SSN", "123456789")]),
        ("abc 078 05 1123 abc", [("US_SSN", "078 05 1123")]),
        ("Tax ID 912-70-1234; EIN: 12-3456789", [("US_ITIN", "912-70-1234"), ("US_EIN", "12-3456789")]),
        ("my taxpayer id is 911-701234 91170-1234", [("US_ITIN", "911-701234"), ("US_ITIN", "91170-1234")]),
        ("itin 912701234", [("US_ITIN", "912701234")]),
        ("Passport No. C01234567", [("US_PASSPORT", "C01234567")]),
        ("my travel document is 137946427.", [("US_PASSPORT", "137946427")]),
        ("driver's license D123-4567-8901", [("US_DRIVER_LICENSE", "D123-4567-8901")]),
        ("DL# D1234567 expires", [("US_DRIVER_LICENSE", "D1234567")]),
        ("My driver's license number is 6940579", [("US_DRIVER_LICENSE", "6940579")]),
    ],
)
def test_an_identifier_is_found_by_its_form_or_its_cue(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "123456789", "666-12-3456", "000-12-3456", "123-00-4567", "123-45-0000", "Suite 680 36 4022", "3 078 05 1123", "SSN (last four) 6789",
        "912-67-1234", "id 912701234", "C01234567", "EIN: 00-3456789", "driver version 12", "license MIT 2020",
    ],
)  # fmt: skip
def test_without_a_cue_or_in_a_range_never_given_out_it_is_none(text: str) -> None:
    names = ("US_SSN", "US_ITIN", "US_PASSPORT", "US_DRIVER_LICENSE", "US_EIN")
    assert found(text, *names) == []


@given(
    st.integers(1, 899).filter(lambda area: area != 666),
    st.integers(1, 99),
    st.integers(1, 9999),
    st.sampled_from("- ."),
)
def test_any_number_that_may_be_assigned_is_found(area: int, group: int, serial: int, separator: str) -> None:
    ssn = f"{area:03}{separator}{group:02}{separator}{serial:04}"
    if len(set(ssn)) > 2:
        assert values(f"SSN: {ssn}, ok", "US_SSN") == [ssn]
