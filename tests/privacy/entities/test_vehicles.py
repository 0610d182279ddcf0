from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.entities.vehicles import VEHICLES, vin
from gateway.privacy.scanner import compile_rules, find

RULES = compile_rules(VEHICLES)

FOUND = [
    ("UK_VEHICLE_REGISTRATION", "My car reg is AB51 ABC", ["AB51 ABC"]),
    ("UK_VEHICLE_REGISTRATION", "Vehicles AB51 ABC and BD62XYZ were seen", ["AB51 ABC", "BD62XYZ"]),
    ("IN_VEHICLE_REGISTRATION", "OD02BA2341, KA 01 AB 1234", ["OD02BA2341", "KA 01 AB 1234"]),
    ("NG_VEHICLE_REGISTRATION", "Plates: APP-456CV and KJA-999PZ", ["APP-456CV", "KJA-999PZ"]),
    ("TR_LICENSE_PLATE", "Araç plakası 34 ABC 1234 olarak", ["34 ABC 1234"]),
    ("LICENSE_PLATE", "License plate: 7ABC123", ["7ABC123"]),
    ("LICENSE_PLATE", "Kennzeichen B-AB 1234", ["B-AB 1234"]),
    ("VIN", "1M8GDM9AXKP042788 and VIN WVWZZZ1JZXW000001", ["1M8GDM9AXKP042788", "WVWZZZ1JZXW000001"]),
]

LEFT_ALONE = [
    ("UK_VEHICLE_REGISTRATION", "AB35 ABC AQ51 ABC AB51 AIB AB51ABC"),
    ("IN_VEHICLE_REGISTRATION", "XX02BA2341 MCX1243"),
    ("NG_VEHICLE_REGISTRATION", "APP-456CV"),
    ("TR_LICENSE_PLATE", "12 MAY 2023, plaka 82 ABC 123"),
    ("LICENSE_PLATE", "license plate of the CAR"),
    ("VIN", "1M8GDM9A1KP042788"),
]


def spans(text: str, name: str) -> list[str]:
    return [text[span.start : span.end] for span in find(text, RULES) if span.entity.name == name]


@pytest.mark.parametrize(("name", "text", "expected"), FOUND)
def test_a_registration_is_found(name: str, text: str, expected: list[str]) -> None:
    assert spans(text, name) == expected


@pytest.mark.parametrize(("name", "text"), LEFT_ALONE)
def test_what_only_looks_like_one_is_left_alone(name: str, text: str) -> None:
    assert spans(text, name) == []


def test_every_entity_has_a_case() -> None:
    assert {row.name for row in VEHICLES} == {name for name, _, _ in FOUND}


@given(st.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=13, max_size=13), st.from_regex(r"\A[0-9]{4}\Z"))
def test_one_check_digit_fits_a_frame_number(head: str, serial: str) -> None:
    assert sum(vin(head[:8] + check + head[9:] + serial) for check in "0123456789X") == 1
