"""Candidates in, accepted length out.

A pattern finds what looks like an identifier; a validator says how much of it is one. Each takes the
candidate text and returns the length of its longest valid prefix that ends where a group of characters
ends, 0 for none: "4111 1111 1111 1111 12" holds a card although the whole does not pass Luhn.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator

import phonenumbers
from stdnum import iban as stdnum_iban
from stdnum import luhn

_NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]")
_GROUP_END = re.compile(r"(?<=[0-9A-Za-z])(?=[^0-9A-Za-z]|\Z)")


def _prefixes(candidate: str) -> Iterator[tuple[int, str]]:
    """(length, characters without separators) of every prefix of whole groups, longest first."""
    for end in reversed([m.start() for m in _GROUP_END.finditer(candidate)]):
        yield end, _NOT_ALPHANUMERIC.sub("", candidate[:end])


def payment_card(candidate: str) -> int:
    """Luhn (ISO/IEC 7812-1), 13 to 19 digits, an issuer range in use (2 to 6), not one digit repeated."""
    for length, digits in _prefixes(candidate):
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
    for length, compact in _prefixes(candidate):
        if 15 <= len(compact) <= 34 and stdnum_iban.is_valid(compact):
            return length
    return 0


def us_ssn(candidate: str) -> int:
    """The ranges that the Social Security Administration never assigns (since 2011) are no match."""
    area, group, serial = candidate[:3], candidate[4:6], candidate[7:]
    never = area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000"
    return 0 if never else len(candidate)


def international_phone(candidate: str) -> int:
    """E.164 with its plus sign, in libphonenumber's numbering plans."""
    for length, digits in _prefixes(candidate):
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
    digits = _NOT_ALPHANUMERIC.sub("", candidate)[-10:]
    return len(candidate) if digits[0] in "23456789" and digits[3] in "23456789" else 0


def ipv4(candidate: str) -> int:
    """Four octets of at most 255; no leading zeros (RFC 6943 section 3.1.1)."""
    octets = candidate.split(".")
    fine = all(len(octet) == 1 or octet[0] != "0" for octet in octets) and all(int(o) < 256 for o in octets)
    return len(candidate) if fine else 0


def ipv6(candidate: str) -> int:
    """RFC 4291 text forms with at least three colons or groups, so that `a::b` in code is none."""
    groups = [group for group in candidate.split(":") if group]
    if len(groups) < 3 or not any(c.isdigit() for c in candidate):
        return 0
    try:
        ipaddress.IPv6Address(candidate)
    except ValueError:
        return 0
    return len(candidate)


# Capitalised words that follow a name cue without being a name ("about New York").
_NOT_A_NAME = frozenset(
    "The A An This That These Those Your Our My New North South East West San Los Las Great United Saint "
    "Microsoft Google Amazon Apple Python Java January February March April May June July August September "
    "October November December Monday Tuesday Wednesday Thursday Friday Saturday Sunday Machine Deep Open "
    "Data World White Black Big Star Human Artificial Quantum Climate Social Real".split()
)


def url_credentials(candidate: str) -> int:
    """RFC 3986 section 3.2.1: userinfo ends before the at sign."""
    return len(candidate) - 1


def person(candidate: str) -> int:
    """Two or three capitalised words, the first of which does not usually begin something else."""
    return 0 if candidate.split(None, 1)[0] in _NOT_A_NAME else len(candidate)


def whole(candidate: str) -> int:
    """The pattern alone decides."""
    return len(candidate)


Validator = Callable[[str], int]
