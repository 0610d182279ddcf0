from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.entities import ENTITIES, Entity, Kind, UnknownEntity, resolve
from gateway.privacy.entities.aliases import ALIASES, look_up, meanings

ROWS = st.sampled_from(ENTITIES)


@given(ROWS, st.booleans(), st.sampled_from(["_", "-", " ", ""]))
def test_a_name_stands_for_its_row_however_it_is_written(row: Entity, lower: bool, separator: str) -> None:
    for word in (row.name, row.label, row.kind, *row.aliases):
        written = word.replace("_", separator)
        assert row.name in resolve(written.lower() if lower else written)


def test_a_name_that_is_no_label_stands_for_itself_alone() -> None:
    words = {word for row in ENTITIES for word in (row.label, row.kind, *row.aliases, *ALIASES)}
    for row in ENTITIES:
        if row.name not in words:
            assert resolve(row.name) == {row.name}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_kind_stands_for_its_rows(kind: Kind) -> None:
    rows = {row.name for row in ENTITIES if row.kind == kind}
    if rows:
        assert resolve(kind) >= rows


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("SSN", "US_SSN"),
        ("US_SOCIAL_SECURITY_NUMBER", "US_SSN"),
        ("USSocialSecurityNumber", "US_SSN"),
        ("CREDIT_DEBIT_NUMBER", "CREDIT_CARD"),
        ("CreditCardNumber", "CREDIT_CARD"),
        ("Email", "EMAIL_ADDRESS"),
        ("phone", "PHONE_NUMBER"),
        ("PhoneNumber", "PHONE_NUMBER"),
        ("ip", "IP_ADDRESS"),
        ("AWS_SECRET_KEY", "API_KEY"),
        ("NHS_NUMBER", "UK_NHS"),
        ("UK_NATIONAL_HEALTH_SERVICE_NUMBER", "UK_NHS"),
        ("MEDICAL_RECORD", "MEDICAL_RECORD_NUMBER"),
        ("BANK_ACCOUNT", "US_BANK_NUMBER"),
        ("BANK_ACCOUNT", "IBAN_CODE"),
        ("PASSPORT", "UK_PASSPORT"),
        ("TAX_ID", "DE_TAX_ID"),
        ("TIN", "PH_TIN"),
        ("DRIVERS_LICENSE", "UK_DRIVING_LICENCE"),
        ("SWIFTCode", "SWIFT_CODE"),
        ("VEHICLE_IDENTIFICATION_NUMBER", "VIN"),
    ],
)
def test_what_other_products_call_it(alias: str, name: str) -> None:
    assert name in resolve(alias)


@pytest.mark.parametrize(
    ("wrong", "right"), [("EMAIL_ADRESS", "EMAIL_ADDRESS"), ("us_npl", "US_NPI"), ("governmnt", "government")]
)
def test_an_unknown_name_is_refused_with_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(UnknownEntity, match=rf"{wrong}.*did you mean {right}\?"):
        resolve(wrong)


@given(st.text(max_size=200))
def test_any_text_is_a_name_or_refused(name: str) -> None:
    try:
        found = resolve(name)
    except UnknownEntity:
        return
    assert found


def test_an_alias_without_rows_is_unknown() -> None:
    with pytest.raises(UnknownEntity):
        look_up("SSN", meanings(()))
