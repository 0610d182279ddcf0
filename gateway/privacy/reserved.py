"""Values that stand in for real ones, from ranges that nobody will ever be given.

In: an entity's row, the value, and a running number. Out: a value of the same kind in the value's own shape,
None where the range is used up or there is none. Pure: what is free is the business of `synthetic`.

Which digits and letters stood in the value never shows; its grouping, length, country and issuer do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from string import ascii_lowercase, ascii_uppercase

import phonenumbers
import regex
from stdnum import iban as stdnum_iban
from stdnum import luhn

from gateway.privacy.entities import Entity
from gateway.privacy.entities.groups import compact

# Longer ones a model no longer repeats character by character.
LONGEST_STAND_IN = 64

_BIRDS = (
    "avocet bittern curlew dunlin egret fulmar godwit harrier ibis jacana kestrel lapwing siskin nightjar "
    "osprey petrel quail redstart sandpiper turnstone veery whimbrel yellowhammer plover shrike wigeon "
    "gannet dotterel"
).split()


def _in_shape(value: str, made: str) -> str | None:
    """The value with its letters and digits replaced one by one; None if it has another number of them."""
    if sum(map(str.isalnum, value)) != len(made):
        return None
    following = iter(made)
    return "".join(next(following) if c.isalnum() else c for c in value)


def email(value: str, number: int) -> str | None:
    """RFC 2606: example.com, example.org and example.net belong to nobody."""
    top = value.rpartition(".")[2].lower()
    turn, bird = divmod(number, len(_BIRDS))
    return f"{_BIRDS[bird]}{turn + 1:02}@example.{top if top in ('org', 'net') else 'com'}"


def url(value: str, number: int) -> str | None:
    scheme, found, _ = value.partition("://")
    return f"{scheme if found else 'https'}://www.example.com/page{number + 1:03}"


# Numbers for drama, by calling code: what a national number begins with, the reserved beginning, and how many
# digits are free. +1: 555-0100 to 555-0199 (ATIS-0300115). +44: Ofcom. +49: Bundesnetzagentur. +33: Arcep.
# +61: ACMA. +353: ComReg. +46: PTS.
_AREA_CODES = ("212", "310", "312", "404", "415", "503", "617", "702", "713", "808")
_DRAMA: dict[int, tuple[tuple[str, str, int], ...]] = {
    44: (("7", "7700900", 3), ("", "2079460", 3)),
    49: (("", "3023125", 3),),
    33: (("6", "63998", 4), ("7", "63998", 4), ("", "19900", 4)),
    61: (("", "25550", 4),),
    353: (("", "2091", 5),),
    46: (("", "8465004", 2),),
}


def phone(value: str, number: int) -> str | None:
    """A number kept for film and television in the value's country, or none."""
    digits = compact(value)
    code = 1
    national = digits
    if value.lstrip(" (")[:1] == "+":
        try:
            parsed = phonenumbers.parse(value, None)
        except phonenumbers.NumberParseException:
            return None
        code, national = parsed.country_code or 0, phonenumbers.national_significant_number(parsed)
    elif not digits.isdigit() or len(digits) not in (7, 10, 11) or (len(digits) == 11 and digits[0] != "1"):
        return None
    if code == 1:
        turn, line = divmod(number, 100)
        if turn >= len(_AREA_CODES):
            return None
        local = f"55501{line:02}"
        made = {7: local, 11: f"1{_AREA_CODES[turn]}{local}"}.get(len(digits), _AREA_CODES[turn] + local)
        return _in_shape(value, made) or f"+1 {_AREA_CODES[turn]} 555 01{line:02}"
    for begins, reserved, free in _DRAMA.get(code, ()):
        if national.startswith(begins):
            if number >= 10**free:
                return None
            made = f"{code}{reserved}{number:0{free}}"
            return _in_shape(value, made) or f"+{code} {reserved}{number:0{free}}"
    return None


def ip_address(value: str, number: int) -> str | None:
    """TEST-NET-3, -2 and -1 (RFC 5737), 2001:db8::/32 (RFC 3849)."""
    if ":" in value:
        return f"2001:db8::{0x1000 + number:x}" if number < 0xEFFF else None
    net, host = divmod(number, 254)
    return f"{('203.0.113', '198.51.100', '192.0.2')[net]}.{host + 1}" if net < 3 else None


def mac_address(value: str, number: int) -> str | None:
    """RFC 7042 section 2.1.2: 00-00-5E-00-53-00 to -FF are for documentation."""
    made = f"00005e0053{number:02x}"
    return _in_shape(value, made.upper() if value.upper() == value else made) if number < 0x100 else None


def card(value: str, number: int) -> str | None:
    """The issuers' own test ranges, as payment processors publish them; Luhn is valid."""
    length = len(compact(value))
    first = value[0]
    if first == "3":
        issuer = {14: "305693", 15: "378282"}.get(length, "356600")
    else:
        issuer = {"4": "424242", "6": "601111"}.get(first, "555555")
    free = length - len(issuer) - 1
    if free < 1 or number >= 10**free:
        return None
    body = f"{issuer}{number:0{free}}"
    return _in_shape(value, body + luhn.calc_check_digit(body))


def iban(value: str, number: int) -> str | None:
    """The country's own form with bank TEST or 0…0; mod 97 and the country's own check are valid."""
    whole = compact(value)
    letters = iter("TEST" * 8)
    body = [next(letters) if c.isalpha() else "0" for c in whole[4:]]
    places = [at for at, c in enumerate(body) if c == "0"][-6:]
    for attempt in range(100):
        for place, digit in zip(reversed(places), reversed(f"{number * 100 + attempt:06}"), strict=False):
            body[place] = digit
        account = "".join(body)
        made = whole[:2] + stdnum_iban.calc_check_digits(f"{whole[:2]}00{account}") + account
        if number < 9_999 and stdnum_iban.is_valid(made):
            return _in_shape(value, made)
    return None


def us_ssn(value: str, number: int) -> str | None:
    """987-65-4320 to -4329, which the Social Security Administration keeps for advertising.

    A validator calls them invalid, because no area number above 899 is ever assigned.
    """
    return _in_shape(value, f"98765{4320 + number}") if number < 10 else None


_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" if len(name) > 3 else name for name in _MONTHS)
_DATES = tuple(
    regex.compile(pattern, regex.IGNORECASE)
    for pattern in (
        r"(?P<y>[0-9]{4})[-/.](?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})(?![0-9])",
        r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4})(?![0-9])",
        r"(?P<m>[0-9]{1,2})[-/](?P<d>[0-9]{1,2})[-/](?P<y>[0-9]{4})(?![0-9])",
        r"(?P<d>[0-9]{1,2})[-/](?P<m>[0-9]{1,2})[-/](?P<y>[0-9]{4})(?![0-9])",
        rf"(?P<name>{_MONTH})\.? (?P<d>[0-9]{{1,2}})(?P<o>st|nd|rd|th)?,? (?P<y>[0-9]{{4}})(?![0-9])",
        rf"(?P<d>[0-9]{{1,2}})(?P<o>st|nd|rd|th)? (?P<name>{_MONTH})\.?,? (?P<y>[0-9]{{4}})(?![0-9])",
    )
)


def shifted_date(value: str, attempt: int) -> str | None:
    """The day six weeks earlier: weekdays, distances and the time stay. Each attempt goes further back."""
    for pattern in _DATES:
        if (found := pattern.search(value)) is None:
            continue
        groups = found.groupdict()
        name = groups.get("name")
        month = next(i for i, m in enumerate(_MONTHS, 1) if m[:3] == name[:3].lower()) if name else 0
        try:
            day = date(int(found["y"]), month or int(found["m"]), int(found["d"]))
            day -= timedelta(weeks=6 + 52 * attempt)
        except (ValueError, OverflowError):
            continue
        padded = found["d"][0] == "0" or (not name and len(found["d"]) == len(found["m"]) == 2)
        new = {"y": f"{day.year:04}", "d": f"{day.day:02}" if padded else str(day.day)}
        if name:
            full = _MONTHS[day.month - 1]
            said = full if len(name) > 3 else full[:3]
            new["name"] = said.upper() if name.isupper() else said.title() if name[0].isupper() else said
            if groups["o"]:
                teen = day.day // 10 == 1
                new["o"] = {1: "st", 2: "nd", 3: "rd"}.get(0 if teen else day.day % 10, "th")
        else:
            new["m"] = f"{day.month:02}" if padded else str(day.month)
        text = value
        for group in sorted(new, key=found.start, reverse=True):
            text = text[: found.start(group)] + new[group] + text[found.end(group) :]
        return text
    return None


def fake_secret(entity: Entity, value: str, number: int) -> str | None:
    """The vendor's prefix and FAKE up to the same length: it opens nothing, and nobody takes it for real."""
    prefix = max((_spelt(opening, value) for opening in entity.openings), key=len, default="")
    free = len(value) - len(prefix)
    serial = f"FAKE{number + 1:04}"
    return prefix + serial + "X" * (free - len(serial)) if free >= len(serial) else None


def _spelt(opening: tuple[str, ...], value: str) -> str:
    """The beginning of the value that the opening spells out; a class of characters gives nothing away."""
    said = "".join(
        atom[-1] for atom in opening if len(atom) == 1 or (len(atom) == 2 and not atom[1].isalnum())
    )
    return said if len(said) == len(opening) and value.startswith(said) else ""


def in_same_form(entity: Entity, value: str, number: int) -> str | None:
    """Another value that the row's own check accepts, for numbers without a reserved range.

    It may be somebody's. Letters and digits are drawn from the entity's name and the running number.
    """
    digits = [at for at, c in enumerate(value) if c in "0123456789"]
    if len(digits) < 5 or 2 * len(digits) < len(compact(value)):
        return None
    for body in range(4):
        draw = random.Random(f"{entity.name} {number} {body}")
        text = ""
        for character in value:
            text = next(
                (
                    t
                    for c in _drawn(character, draw)
                    if regex.fullmatch(entity.core, t := text + c, partial=True)
                ),
                "",
            )
            if not text:
                return None
        head, tail = text[: digits[-1]], text[digits[-1] + 1 :]
        for check in "0123456789":
            made = head + check + tail
            if regex.fullmatch(entity.core, made) and entity.validate(made) == len(made):
                return made
    return None


def _drawn(character: str, draw: random.Random) -> Iterable[str]:
    """Characters of the same kind in some order."""
    for alphabet in ("0123456789", ascii_uppercase, ascii_lowercase):
        if character in alphabet:
            return draw.sample(alphabet, len(alphabet))
    return character


_BY_NAME: dict[str, Callable[[str, int], str | None]] = {
    "EMAIL_ADDRESS": email,
    "URL": url,
    "PHONE_NUMBER": phone,
    "IP_ADDRESS": ip_address,
    "MAC_ADDRESS": mac_address,
    "CREDIT_CARD": card,
    "IBAN_CODE": iban,
    "US_SSN": us_ssn,
    "DATE_TIME": shifted_date,
    "DATE_OF_BIRTH": shifted_date,
}
# Their number counts attempts at one value, not values: one shift for all keeps the distance between dates.
PER_VALUE = frozenset({"DATE_TIME", "DATE_OF_BIRTH"})


def stand_in(entity: Entity, value: str, number: int) -> str | None:
    """The `number`th stand-in for a value of this kind, None if there is none."""
    made: str | None = None
    if entity.until:
        return None
    if by_name := _BY_NAME.get(entity.name):
        made = by_name(value, number)
    elif entity.kind == "secret":
        made = fake_secret(entity, value, number)
    elif entity.kind in ("government", "medical", "payment"):
        made = in_same_form(entity, value, number)
    return made if made is not None and len(made) <= LONGEST_STAND_IN else None
