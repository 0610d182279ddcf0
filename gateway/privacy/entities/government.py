"""Identifiers that the United States give out."""

from __future__ import annotations

import re

from gateway.privacy.entities.entity import Entity
from gateway.privacy.entities.groups import led_by, prefixes

_NOT_DIGITS = re.compile(r"[^0-9]")


def us_ssn(candidate: str) -> int:
    """The ranges that the Social Security Administration never assigns (since 2011) are no match."""
    digits = _NOT_DIGITS.sub("", candidate)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    never = area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000"
    return 0 if never or len(set(digits)) == 1 else len(candidate)


def us_itin(candidate: str) -> int:
    """IRS Publication 1915: 9xx with the group 50 to 65, 70 to 88, 90 to 92 or 94 to 99."""
    group = int(_NOT_DIGITS.sub("", candidate)[3:5])
    return len(candidate) if 50 <= group <= 99 and group not in (66, 67, 68, 69, 89, 93) else 0


# The campuses that an Employer Identification Number begins with (IRS, "How EINs are assigned").
_NO_EIN_PREFIX = frozenset("00 07 08 09 17 18 19 28 29 49 69 70 78 79 89 96 97".split())


def us_ein(candidate: str) -> int:
    """Two digits of a campus and seven more."""
    return 0 if candidate[:2] in _NO_EIN_PREFIX else len(candidate)


def us_driver_license(candidate: str) -> int:
    """Every state's form is some letters and 5 to 14 digits (AAMVA); the cue says that it is one."""
    for length, plain in prefixes(candidate):
        digits = sum(c.isdigit() for c in plain)
        last = candidate[:length].rpartition(" ")[2]
        if 4 <= digits <= 16 and 6 <= len(plain) <= 17 and len(plain) - digits <= 6 and len(last) > 2:
            return length
    return 0


# Behind these words a cue lets anything follow but digits, so "number", "no." and "is" need no mention.
_SSN = "ssn ssns ss ssno ssnum ssnumber myssn soc socsec social socialsecurity socialsecuritynumber seguro"
_ITIN = "itin itins myitin tin tins mytin tax taxid taxpayer taxpayerid individual"
_PASSPORT = "passport passports passportno passportnum passportnumber passportid"
_LICENSE = (
    "dl cdl dlno dlnum dlnumber driverlicense driverslicense driverlicence driverslicence drivinglicence "
    "drivinglicense driverlicensenumber driverslicensenumber"
)
_EIN = "ein eins fein feins employer"


def _any(words: str) -> str:
    return "|".join(words.split())


_LICENSE_OPENINGS = (
    ("[0-9]",),
    *(("[A-Za-z]",) * letters + (after, "[0-9]") for letters in (1, 2, 3) for after in ("-", " ")),
    *(("[A-Za-z]",) * letters + ("[0-9]",) for letters in (1, 2, 3)),
)

GOVERNMENT: tuple[Entity, ...] = (
    Entity(
        name="US_ITIN",
        label="ITIN",
        kind="government",
        core=r"9[0-9]{2}(?:-[5-9][0-9]-?|[5-9][0-9]-|\ [5-9][0-9]\ )[0-9]{4}",
        longest=11,
        openings=(("9", "[0-9]", "[0-9]"),),
        before=r"[A-Za-z0-9.+_]",
        after=r"[A-Za-z0-9_]",
        veto=r"[0-9A-Za-z_]-",
        validate=us_itin,
        sign=r"9[0-9]{2}[ -]?[5-9][0-9]",
        aliases=("ITIN",),
    ),
    Entity(
        name="US_ITIN",
        rule="NAMED_ITIN",
        label="ITIN",
        kind="government",
        core=r"9[0-9]{2}[ .-]?[5-9][0-9][ .-]?[0-9]{4}",
        longest=11,
        openings=(("9", "[0-9]", "[0-9]"),),
        validate=us_itin,
        cue=led_by(_any(_ITIN)),
        words=frozenset(_ITIN.split()),
        sign="9[0-9]{2}",
        aliases=("ITIN",),
    ),
    Entity(
        name="US_SSN",
        label="SSN",
        kind="government",
        core=r"[0-8][0-9]{2}(?:-[0-9]{2}-|\ [0-9]{2}\ |\.[0-9]{2}\.|"
        r"[\u2011\u2013][0-9]{2}[\u2011\u2013])[0-9]{4}",
        longest=11,
        openings=((r"[0-8]", "[0-9]", "[0-9]"),),
        before=r"[A-Za-z0-9.+_]",
        after=r"[A-Za-z0-9_]",
        # One of a row of numbers is none, unless the one before is one too.
        veto=r"[0-9A-Za-z_]-|(?<![0-9]{2}[ .-][0-9]{3})[0-9] {1,3}|(?i:suite|apt|unit|box|room|flat)\.? ",
        validate=us_ssn,
        sign=r"[0-9][ .\u2011\u2013-][0-9]{2}[ .\u2011\u2013-][0-9]{4}",
        aliases=("SSN",),
    ),
    Entity(
        name="US_SSN",
        rule="NAMED_SSN",
        label="SSN",
        kind="government",
        # Any way of setting nine digits apart: "5 5 5 - 1 2 - 3 4 5 6".
        core=r"[0-8](?:[ .\u2010-\u2013-]{0,3}[0-9]){8}",
        longest=33,
        openings=((r"[0-8]",),),
        validate=us_ssn,
        cue=led_by(_any(_SSN)),
        veto=r"(?i:insurance)[^0-9\n]{0,24}",  # Canada's
        words=frozenset(_SSN.split()),
        sign="[0-9]",
        aliases=("SSN",),
    ),
    Entity(
        name="US_EIN",
        label="EIN",
        kind="government",
        core=r"[0-9]{2}-?[0-9]{7}",
        longest=10,
        openings=((r"[0-9]", "[0-9]"),),
        validate=us_ein,
        cue=led_by(
            _any(_EIN) + r"|(?:(?:federal|business|company) )?tax[ _-](?:id|identification)|federal id"
        ),
        words=frozenset((*_EIN.split(), "federal", "business", "company", "tax")),
        sign="[0-9]{7}",
        aliases=("EIN",),
    ),
    Entity(
        name="US_PASSPORT",
        label="PASSPORT",
        kind="government",
        core=r"(?:[A-Za-z][0-9]{8}|[0-9]{9})",
        longest=9,
        openings=(("[A-Za-z]", "[0-9]", "[0-9]"), ("[0-9]", "[0-9]", "[0-9]")),
        cue=led_by(_any(_PASSPORT) + "|travel documents?", 28),
        words=frozenset((*_PASSPORT.split(), "travel")),
        sign="[0-9]{8}",
        aliases=("PASSPORT",),
    ),
    Entity(
        name="US_DRIVER_LICENSE",
        label="DRIVER_LICENSE",
        kind="government",
        core=r"(?:[A-Za-z]{1,3}-?|[A-Z]{1,2} )?[0-9](?:[ -]?[0-9]|[A-Za-z]){3,16}",
        longest=40,
        openings=_LICENSE_OPENINGS,
        validate=us_driver_license,
        cue=led_by(
            r"driv(?:ers?|ing|er['’]s|ers['’])[ _-](?:licen[sc]es?|permit|lic)|"
            r"licen[sc]e[ _](?:number|no|num)|" + _any(_LICENSE)
        ),
        words=frozenset((*_LICENSE.split(), "driver", "drivers", "driving", "license", "licence")),
        sign="[0-9]",
        aliases=("DRIVER_LICENSE",),
    ),
)
