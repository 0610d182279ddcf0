"""What money moves by: cards, accounts."""

from __future__ import annotations

from stdnum import iban as stdnum_iban
from stdnum import luhn

from gateway.privacy.entities.entity import Entity
from gateway.privacy.entities.groups import prefixes


def payment_card(candidate: str) -> int:
    """Luhn (ISO/IEC 7812-1), 13 to 19 digits, an issuer range in use (2 to 6), not one digit repeated."""
    for length, digits in prefixes(candidate):
        if (
            13 <= len(digits) <= 19
            and digits[0] in "23456"
            and len(set(digits)) > 1
            and luhn.is_valid(digits)
        ):
            return length
    return 0


def iban(candidate: str) -> int:
    """ISO 13616: the country's length and structure, mod 97."""
    for length, compact in prefixes(candidate):
        if 15 <= len(compact) <= 34 and stdnum_iban.is_valid(compact):
            return length
    return 0


PAYMENT: tuple[Entity, ...] = (
    Entity(
        name="IBAN_CODE",
        label="IBAN",
        kind="payment",
        core=r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?",
        longest=42,
        openings=((r"[A-Z]", r"[A-Z]", r"[0-9]", r"[0-9]"),),
        validate=iban,
        sign="[0-9]",
        aliases=("IBAN",),
    ),
    Entity(
        name="CREDIT_CARD",
        label="CREDIT_CARD",
        kind="payment",
        core=r"[2-6](?:[ -]?[0-9]){12,18}",
        longest=37,
        openings=((r"[2-6]",),),
        validate=payment_card,
        sign="[0-9]",
        aliases=("PAYMENT_CARD",),
    ),
)
