"""Ways to reach a person."""

from __future__ import annotations

import phonenumbers

from gateway.privacy.entities.entity import WORD, Entity
from gateway.privacy.entities.groups import compact, prefixes

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def international_phone(candidate: str) -> int:
    """E.164 with its plus sign, in libphonenumber's numbering plans."""
    for length, digits in prefixes(candidate):
        if not 7 <= len(digits) <= 15:
            continue
        try:
            number = phonenumbers.parse("+" + digits, None)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return length
    return 0


def north_american_phone(candidate: str) -> int:
    """NANP: area code and exchange begin with 2 to 9 (ATIS-0300051)."""
    digits = compact(candidate)[-10:]
    return len(candidate) if digits[0] in "23456789" and digits[3] in "23456789" else 0


CONTACT: tuple[Entity, ...] = (
    Entity(
        name="EMAIL_ADDRESS",
        label="EMAIL",
        kind="personal",
        core=rf"[A-Za-z0-9][A-Za-z0-9._%+'-]{{0,63}}@(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}",
        longest=320,
        openings=WORD,
        sign="@",
        aliases=("EMAIL",),
    ),
    Entity(
        name="PHONE_NUMBER",
        label="PHONE",
        kind="personal",
        core=r"\+[1-9](?:[ ().-]{0,2}[0-9]){6,14}",
        longest=45,
        openings=((r"\+", r"[1-9]"),),
        before="",
        validate=international_phone,
        sign=r"\+",
        aliases=("PHONE",),
    ),
    Entity(
        name="PHONE_NUMBER",
        label="PHONE",
        kind="personal",
        # The look-ahead says nothing new, but lets the search skip to these characters: 42 to 4 µs in 480.
        core=r"(?=[(0-9])(?:1[ .-])?(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}",
        longest=17,
        openings=((r"\(", r"[0-9]"), (r"[0-9]",)),
        validate=north_american_phone,
        sign="[0-9]",
        aliases=("PHONE",),
    ),
)
