from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.entities import ENTITIES
from gateway.privacy.entities.medical import MEDICAL, dea, npi
from gateway.privacy.scanner import compile_rules, find

RULES = compile_rules(MEDICAL)

FOUND = [
    ("US_NPI", "NPI: 9600133893. Provider: Dr. Kim", ["9600133893"]),
    ("US_NPI", "NPI 1234567893 and NPI 1245319599", ["1234567893", "1245319599"]),
    ("US_NPI", "The cardiologist's National Provider Identifier is 3953767241, which", ["3953767241"]),
    ("US_NPI", "NPI verification: prescriber 6270482816 is active", ["6270482816"]),
    ("US_NPI", '{"provider_npi": "1245319599"}', ["1245319599"]),
    ("US_NPI", "Ann Lee | Family Medicine     | 0877834719 | 972-974-6033", ["0877834719"]),
    ("US_NPI", "Ann Lee,Cardiology,6229511087,957-904-8890", ["6229511087"]),
    ("US_NPI", "1234-567-893, 1234 567 893", ["1234-567-893", "1234 567 893"]),
    ("MEDICAL_RECORD_NUMBER", "MRN: 65735\nDate: 08/19/2023", ["65735"]),
    ("MEDICAL_RECORD_NUMBER", "Medical Record # 2356778", ["2356778"]),
    ("MEDICAL_RECORD_NUMBER", "- **Medical Record Number:** MED17710998", ["MED17710998"]),
    ("MEDICAL_RECORD_NUMBER", "Med Rec No: 239791", ["239791"]),
    ("MEDICAL_RECORD_NUMBER", "Chart MRN 847-293-1056. Patient", ["847-293-1056"]),
    ("MEDICAL_RECORD_NUMBER", "Patient ID: L1622537, Date: 2004/06/17", ["L1622537"]),
    ("MEDICAL_RECORD_NUMBER", "Prescription for MRN-361028 and MED70873331", ["MRN-361028", "MED70873331"]),
    ("MEDICAL_RECORD_NUMBER", "patient records (R7180575) by staff", ["R7180575"]),
    ("MEDICAL_RECORD_NUMBER", "for medical record management (F5155541).", ["F5155541"]),
    ("MEDICAL_RECORD_NUMBER", "病历号：12345678", ["12345678"]),
    ("US_MBI", "Patient 1EG4-TE5-MK73 and 2AG9XC4NN22", ["1EG4-TE5-MK73", "2AG9XC4NN22"]),
    ("US_MBI", "mbi 1eg4te5mk73", ["1eg4te5mk73"]),
    ("MEDICAL_LICENSE", "DEA: HN7660144", ["HN7660144"]),
    ("MEDICAL_LICENSE", "my certificate number is: BB1388568", ["BB1388568"]),
    ("HEALTH_PLAN_ID", "Health Plan Beneficiary Number: AET-3456-7890-12", ["AET-3456-7890-12"]),
    ("HEALTH_PLAN_ID", "Member ID: W123456789", ["W123456789"]),
]

LEFT_ALONE = [
    ("US_NPI", "call 1234567893 today, at 1700000000"),
    ("US_NPI", "NPI pending. Phone: 5551234567"),
    ("US_NPI", "Cardiology 2024 | 123"),
    ("US_NPI", "1234-567-890"),
    ("MEDICAL_RECORD_NUMBER", "the medical record of 2019, the chart of 2023-01-15"),
    ("MEDICAL_RECORD_NUMBER", "patient records were moved, contact medical records at 555-123-4567"),
    ("MEDICAL_RECORD_NUMBER", "ID R7180575"),
    ("US_MBI", "1SG4-TE5-MK73 1EG4-TE5-OK73 1EG4TE5MK734"),
    ("MEDICAL_LICENSE", "order BB1388568, certificate BB1388569"),
    ("HEALTH_PLAN_ID", "policy number of the house"),
]


def spans(text: str, name: str) -> list[str]:
    return [text[span.start : span.end] for span in find(text, RULES) if span.entity.name == name]


@pytest.mark.parametrize(("name", "text", "expected"), FOUND)
def test_an_identifier_is_found(name: str, text: str, expected: list[str]) -> None:
    assert spans(text, name) == expected


@pytest.mark.parametrize(("name", "text"), LEFT_ALONE)
def test_what_only_looks_like_one_is_left_alone(name: str, text: str) -> None:
    assert spans(text, name) == []


def test_every_entity_has_a_case() -> None:
    assert {row.name for row in MEDICAL} == {name for name, _, _ in FOUND}


def test_a_record_number_is_not_taken_for_a_telephone() -> None:
    (span,) = find("MRN 847-293-1056", compile_rules(ENTITIES))
    assert span.entity.name == "MEDICAL_RECORD_NUMBER"


@given(st.from_regex(r"\A[12][0-9]{9}\Z"), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_seen(number: str, place: int, more: int) -> None:
    valid = next(n for end in range(10) if npi(n := number[:9] + str(end)))
    other = valid[:place] + str((int(valid[place]) + more) % 10) + valid[place + 1 :]
    assert not npi(other)
    grouped = f"{valid[:4]}-{valid[4:7]}-{valid[7:]}"
    assert spans(grouped, "US_NPI") == [grouped]


@given(st.from_regex(r"\A[0-9]{6}\Z"))
def test_one_digit_fits_a_dea_number(figures: str) -> None:
    assert sum(dea(f"AB{figures}{check}") for check in range(10)) == 1
