from __future__ import annotations

import pytest

from gateway.privacy.entities.banking import BANKING
from gateway.privacy.scanner import compile_rules, find

RULES = compile_rules(BANKING)

FOUND = [
    ("SWIFT_CODE", "SWIFT: DEUTDEFF500, BIC code NEDSZAJJXXX", ["DEUTDEFF500", "NEDSZAJJXXX"]),
    ("ABA_ROUTING_NUMBER", "Routing #011960309", ["011960309"]),
    ("ABA_ROUTING_NUMBER", "ABA routing number is 0711-0130-7", ["0711-0130-7"]),
    ("ABA_ROUTING_NUMBER", '"routing_number": "121000358"', ["121000358"]),
    ("UK_SORT_CODE", "Sort code: 20-00-00", ["20-00-00"]),
    ("AU_BSB", "BSB 062-000", ["062-000"]),
    ("IN_IFSC", "IFSC: HDFC0001234", ["HDFC0001234"]),
    ("US_BANK_NUMBER", "my bank account number is 912803456", ["912803456"]),
    ("US_BANK_NUMBER", "**Account Number:** ACCT-1193892492", ["ACCT-1193892492"]),
    ("US_BANK_NUMBER", "checking account 000 123 456 789", ["000 123 456 789"]),
    ("US_BANK_NUMBER", "Kontonummer: 1234567890", ["1234567890"]),
    ("CREDIT_CARD_CVV", "exp 01/27, CVV: 123", ["123"]),
    ("CREDIT_CARD_CVV", '{"cvc": "0421"}', ["0421"]),
    ("CREDIT_CARD_EXPIRATION", "valid thru 09/27", ["09/27"]),
]

LEFT_ALONE = [
    ("SWIFT_CODE", "Swift language, SWIFT PAYMENTS, CMake_Swift_LANGUAGE"),
    ("ABA_ROUTING_NUMBER", "order 121000358, routing 12100035"),
    ("UK_SORT_CODE", "on 20-01-24"),
    ("US_BANK_NUMBER", "the account of 912803456, account 12345"),
    ("CREDIT_CARD_CVV", "CVV 12345 and 123"),
    ("CREDIT_CARD_EXPIRATION", "valid thru 13/27, from 09/27"),
]


def spans(text: str, name: str) -> list[str]:
    return [text[span.start : span.end] for span in find(text, RULES) if span.entity.name == name]


@pytest.mark.parametrize(("name", "text", "expected"), FOUND)
def test_what_money_moves_by_is_found(name: str, text: str, expected: list[str]) -> None:
    assert spans(text, name) == expected


@pytest.mark.parametrize(("name", "text"), LEFT_ALONE)
def test_what_only_looks_like_it_is_left_alone(name: str, text: str) -> None:
    assert spans(text, name) == []


def test_every_entity_has_a_case() -> None:
    assert {row.name for row in BANKING} == {name for name, _, _ in FOUND}
