"""Dates and times as people, forms and logs write them: the date with its time of day as one span.

A date alone says little of anyone; a date of birth, which a cue tells, is personal.
"""

from __future__ import annotations

import re
from functools import partial

from gateway.privacy.entities.entity import Entity, Kind, whole
from gateway.privacy.entities.groups import led_by

_CLOCK = r"(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]{1,9})?)?"
_HALF = r"(?: ?[AaPp](?:[Mm]|\.[Mm]\.))?"
_ZONE = (
    r"(?: ?(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])|"
    r" (?:\([A-Z]{2,5}\)|UTC|GMT|[ECMPB]S?[ST]T|CES?T|EES?T|WES?T|IST|JST|AES?T))?"
)
_TIME = _CLOCK + _HALF + _ZONE
_BLANK = r",? {1,2}(?:at |@ ?|- )?"
_JOIN = rf"(?:T|t|_|{_BLANK})"

_MONTH = (
    r"(?i:jan(?:uary|uar|vier|eiro)?|feb(?:ruary|ruar|braio|rero)?|fev(?:rier|ereiro)?|février|mar(?:ch|s|zo|ço)?|märz|"
    r"apr(?:il|ile)?|avr(?:il)?|abr(?:il)?|may|mai|mayo|maio|maggio|jun(?:e|i|io|ho)?|juin|giugno|"
    r"jul(?:y|i|io|ho)?|juil(?:let)?|luglio|aug(?:ust)?|ago(?:sto)?|août|sep(?:t(?:ember|embre|iembre)?)?|set(?:embro|tembre)|"
    r"oct(?:ober|obre|ubre)?|okt(?:ober)?|ott(?:obre)?|outubro|nov(?:ember|embre|iembre|embro)?|"
    r"dec(?:ember|embre)?|dez(?:ember|embro)?|décembre|dic(?:embre|iembre)?)\.?"
)
_MONTH_WORDS = frozenset(
    "jan january januar janvier janeiro feb february februar febbraio febrero vrier fev "
    "fevrier fevereiro mar march mars marzo rz apr april aprile avr avril abr abril may mai "
    "mayo maio maggio jun june juni junio junho juin giugno jul july juli julio julho juil "
    "juillet luglio aug august ago agosto ao sep sept september septembre septiembre setembro "
    "settembre oct october octobre octubre okt oktober ott ottobre outubro nov november "
    "novembre noviembre novembro dec december dez dezember dezembro cembre decembre dic "
    "dicembre diciembre".split()
)
_WEEKDAY = r"(?i:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?i:day)?\.?"
_WEEKDAY_WORDS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs "
    "fri sat sun".split()
)
_DAY = r"(?:0?[1-9]|[12][0-9]|3[01])(?:st|nd|rd|th|\.|er|º)?"
_YEAR = r"(?:19|20)[0-9]{2}"

_NUMERIC = (
    # 2024-03-15T14:30:00.123Z, 2024/3/15 14:30
    r"[12][0-9]{3}(?:-[01]?[0-9]-[0-3]?[0-9]|/[01]?[0-9]/[0-3]?[0-9]|\.[01]?[0-9]\.[0-3]?[0-9])"
    rf"(?:{_JOIN}{_TIME})?"
    # 5/20/2021, 21.5.21, 17/06/09 20:10:40
    r"|[0-3]?[0-9](?:/[0-3]?[0-9]/|-[0-3]?[0-9]-|\.[0-3]?[0-9]\.)(?:[12][0-9]{3}|[0-9]{2})"
    rf"(?:{_JOIN}{_TIME})?"
    # 03-17 16:13:38.811 as Android logs it
    rf"|[01][0-9][-/][0-3][0-9] {_CLOCK}"
    # 20240315T143000Z, and 081109 203615 as HDFS logs it
    r"|20[0-9]{6}T[0-9]{6}(?:[.,][0-9]{1,9})?Z?|[0-9]{6} [0-2][0-9][0-5][0-9][0-5][0-9]"
    # 14:30, 2:30:15, 2:30 pm; a single digit and nothing more is a ratio
    rf"|(?:[01][0-9]|2[0-4]):[0-5][0-9]{_HALF}{_ZONE}|[0-9]{{1,2}}:[0-5][0-9]:[0-6][0-9](?:[.,][0-9]{{1,9}})?{_HALF}{_ZONE}"
)
_NAMED = (
    rf"(?:{_WEEKDAY},? )?(?:"
    # 1 May 1977, 21-May, 10/Oct/2000:13:55:36 -0700, 12. März 2020, 1 de mayo de 2020
    rf"(?:{_DAY}(?:[ /-]| (?:of|de) )|[0-3]?[0-9]){_MONTH}(?:(?:,? |[/-]|,? de )(?:{_YEAR}|[0-9]{{2}}))?"
    rf"(?:(?::|{_BLANK}){_TIME})?"
    # May 1st, 1977; Jun 14 15:16:01; Dec 04 04:47:44 2005
    rf"|{_MONTH}[ -]{{1,2}}{_DAY}(?:,? (?:at )?{_TIME})?(?:(?:,? ?|-){_YEAR}(?:{_BLANK}{_TIME})?)?"
    rf"|{_MONTH},? (?:de )?{_YEAR})"
)
_SLASHED = re.compile(r"([0-9]{1,4})([-/.])([0-9]{1,2})\2([0-9]{1,4})")


def numeric_date(candidate: str) -> int:
    """A day and a month that exist, in any order; two digits of a year only where it is no version."""
    found = _SLASHED.match(candidate)
    if found is None:
        return _compact_date(candidate)
    first, separator, second, third = int(found[1]), found[2], int(found[3]), int(found[4])
    if len(found[1]) == 4:
        return len(candidate) if 1 <= second <= 12 and 1 <= third <= 31 and first <= 2199 else 0
    if not (1 <= first <= 31 and 1 <= second <= 31 and min(first, second) <= 12):
        return 0
    if len(found[4]) == 4:
        return len(candidate) if 1800 <= third <= 2199 else 0
    timed = len(candidate) > found.end()
    if separator == "." and not timed and first <= 12 and not (len(found[1]) == len(found[3]) == 2):
        return 0
    return len(candidate)


def _compact_date(candidate: str) -> int:
    if len(candidate) == 13 and candidate[6] == " ":  # yymmdd hhmmss
        month, day, hour = int(candidate[2:4]), int(candidate[4:6]), int(candidate[7:9])
        return len(candidate) if 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 else 0
    return len(candidate)


_BIRTH = (
    r"dob|birth|birthdate|birthday|born|geboren|geburtsdatum|geburtstag|naissance|nacimiento|nacid[oa]|nascita|"
    r"nat[oa] il|nascimento|geboortedatum|f[oö]delsedatum|syntym[aä]aika|urodzenia"
)
_BIRTH_WORDS = frozenset(
    "dob birth birthdate birthday born geboren geburtsdatum geburtstag naissance nacimiento "
    "nacido nacida nascita nato nata nascimento geboortedatum fodelsedatum delsedatum "
    "syntymaaika syntym urodzenia".split()
)
_DIGIT_OPENING = (("[0-9]",),)
_NAME_OPENING = (("[0-9A-Za-zſ]",),)


def _date(
    rule: str, core: str, openings: tuple[tuple[str, ...], ...], sign: str, words: frozenset[str]
) -> tuple[Entity, Entity]:
    """The row for dates of birth and, behind it, the one for all dates."""
    row = partial(
        Entity,
        name="DATE_TIME",
        core=core,
        longest=90,
        openings=openings,
        validate=numeric_date if rule == "NUMERIC" else whole,
        before=r"[A-Za-z0-9.:/_-]" if rule == "NUMERIC" else r"[A-Za-z0-9_./]",
        after=r"[A-Za-z0-9_]" if rule != "NUMERIC" else r"[A-Za-z0-9_:/-]",
        sign=sign,
        veto=r"[A-Za-z0-9_]\[",  # a slice: rows[10:12]
    )
    personal: Kind = "personal"
    return (
        row(
            rule=f"{rule}_DATE_OF_BIRTH",
            label="DATE_OF_BIRTH",
            kind=personal,
            cue=led_by(_BIRTH),
            words=_BIRTH_WORDS,
            aliases=("DATE_OF_BIRTH",),
        ),
        row(rule=f"{rule}_DATE", label="DATE", kind="ordinary", words=words, aliases=("DATE", "TIME")),
    )


DATES: tuple[Entity, ...] = (
    *_date(
        "NUMERIC", _NUMERIC, _DIGIT_OPENING, "[0-9][-/.:][0-9]|[0-9]{6} [0-9]{6}|[0-9]{8}T[0-9]", frozenset()
    ),
    *_date("NAMED", _NAMED, _NAME_OPENING, "[0-9]", _MONTH_WORDS),
    Entity(
        name="DATE_TIME",
        rule="WEEKDAY",
        label="DATE",
        kind="ordinary",
        core=r"(?:[Mm]on|[Tt]ues|[Ww]ednes|[Tt]hurs|[Ff]ri|[Ss]atur|[Ss]un)day",
        longest=9,
        openings=tuple((f"[{c}{c.lower()}]", n) for c, n in ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")),
        words=_WEEKDAY_WORDS,
        sign="day",
        aliases=("DATE",),
    ),
    Entity(
        name="DATE_TIME",
        rule="HOUR",
        label="DATE",
        kind="ordinary",
        core=r"(?:1[0-2]|0?[1-9])(?::[0-5][0-9])? ?[AaPp](?:[Mm]|\.[Mm]\.)",
        longest=10,
        openings=_DIGIT_OPENING,
        before=r"[A-Za-z0-9.:/_-]",
        sign=r"[0-9] ?[AaPp]\.?[Mm]",
        aliases=("TIME",),
    ),
    Entity(
        name="DATE_TIME",
        rule="YEAR",
        label="DATE",
        kind="ordinary",
        core=r"(?:19[0-9]{2}|20[0-3][0-9])",
        longest=4,
        openings=(("1", "9"), ("2", "0", "[0-3]")),
        after=r"[A-Za-z0-9_%:/-]",
        cue=r"(?<![A-Za-z])(?i:in|since|until|till|from|before|after|during|by|circa|founded|established|est\.?|year|"
        r"is an?|was an?|early|late|mid|summer|winter|spring|fall|autumn)[ -](?:the )?(?:year )?",
        sign="19[0-9]{2}|20[0-3][0-9]",
        aliases=("DATE",),
    ),
)
