"""Addresses are one span from the number or the street to the code, in the shapes of several countries."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy.entities.address import ADDRESS, british_postcode
from gateway.privacy.scanner import compile_rules, find

TABLE = compile_rules(ADDRESS)

WHOLE = [
    "123 Main Street, Apt 4B, Springfield, IL 62704",
    "1600 Pennsylvania Avenue NW, Washington, DC 20500-0003",
    "350 Fifth Avenue, 34th floor, New York, NY 10118",
    "45 W 53rd St",
    "123 main st",
    "12 Elm Rd.\nSuite 300\nDenver, CO 80201",
    "10 Downing Street, London SW1A 2AA",
    "221B Baker Street, London NW1 6XE, UK",
    "100 King Street West, Toronto, ON M5X 1A9",
    "Hauptstraße 12, 10115 Berlin",
    "Kölner Str. 5a\n50667 Köln",
    "Keizersgracht 123, 1015 CJ Amsterdam",
    "Storgatan 7, 111 51 Stockholm",
    "12 rue de la Paix, 75002 Paris",
    "Calle de Alcalá 45, 28014 Madrid",
    "Via Roma 10, 00184 Roma",
    "Rua Augusta 1500",
    "ul. Marszałkowska 10/12, 00-001 Warszawa",
    "P.O. Box 1234, Portland, OR 97201",
    "Postfach 12 34 56",
    "Unit 8505 Box 386\nDPO AA 57553",
    "USNS Lundberg\nFPO AA 54216",
    "Houston, TX 77001",
]

OTHERS = {
    "zip code: 90210 and ZIP 10001-1234": [("ZIP_CODE", "90210"), ("ZIP_CODE", "10001-1234")],
    "my postal code is K1A 0B1": [("ZIP_CODE", "K1A 0B1")],
    "PLZ: 10115": [("ZIP_CODE", "10115")],
    '"zip": "2371"': [("ZIP_CODE", "2371")],
    "send it to EC2A 1NT please": [("UK_POSTCODE", "EC2A 1NT")],
    "he is 45 years old": [("AGE", "45")],
    "a 35-year-old man": [("AGE", "35")],
    "aged 72, retired at the age of 65": [("AGE", "72"), ("AGE", "65")],
    '"age": 33': [("AGE", "33")],
}

LEFT_ALONE = [
    "500 internal server road map",
    "he walked 5 miles down the road",
    "3 First Place trophies, 1 Big Square",
    "port 8080 on Main Street",
    "error code 90210, code 12345",
    "Houston, ZZ 77001",
    "A1 1AA, Q1 1AA, EC2A 1NO",
    "in 2019 rue",
    "version 12 and 3 drives",
    "ages 150, page: 33, 45 years ago, old 45",
    "the via Lactea and the avenue of stars",
    "box of 12, USS Enterprise",
    "",
]


def found(text: str) -> list[tuple[str, str]]:
    return [(span.entity.name, text[span.start : span.end]) for span in find(text, TABLE)]


@pytest.mark.parametrize("address", WHOLE)
def test_an_address_is_one_span(address: str) -> None:
    assert found(f"She lives at: {address}; since May.") == [("LOCATION", address)]


@pytest.mark.parametrize(("text", "expected"), OTHERS.items(), ids=list(OTHERS))
def test_codes_and_ages_are_found_in_their_context(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_no_address_is_left_alone(text: str) -> None:
    assert found(text) == []


@settings(max_examples=60)
@given(
    number=st.integers(10, 9999),
    street=st.sampled_from(["Oak", "Martin Luther King", "5th", "N Cedar"]),
    kind=st.sampled_from(["Street", "Ave", "Road", "Blvd", "Lane", "Dr"]),
    town=st.sampled_from(["Austin", "San Diego", "St. Paul"]),
    state=st.sampled_from(["TX", "CA", "MN"]),
    code=st.integers(501, 99950),
    line=st.sampled_from([", ", "\n", ",\n"]),
)
def test_an_american_address_is_found_as_people_write_it(
    number: int, street: str, kind: str, town: str, state: str, code: int, line: str
) -> None:
    address = f"{number} {street} {kind}{line}{town}, {state} {code:05}"
    assert found(address) == [("LOCATION", address)]


@given(st.sampled_from("CIKMOV"), st.sampled_from(["SW1A 2", "M1 1", "EC2A 1"]))
def test_a_postcode_with_a_letter_that_is_never_used_is_none(letter: str, outward: str) -> None:
    assert british_postcode(f"{outward}A{letter}") == 0
    assert british_postcode(f"{outward}AA") == len(outward) + 2
