"""Phone numbers: of every region, with a plus sign, grouped as only phones are, or named as one in the text.

Long numbers in logs and code (epochs, identifiers, build numbers) look like phone numbers, so digits alone
are never enough: a plus sign and a numbering plan, or an unmistakable grouping, or a cue.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

from gateway.privacy.entities.entity import Entity
from gateway.privacy.entities.groups import LETTER, prefixes

_GAP = r"(?:[ \u00a0./\u2010-\u2013-]|[ -]?\(|\)[ -]?| - )?"
_EXTENSION = r"(?:,? ?(?i:x|ext\.?:?|extension|durchwahl|poste|anexo|ramal) ?[0-9]{1,6}|(?: #|#)[0-9]{1,5})?"
_ANY = rf"[(+]{{0,2}}[0-9](?:{_GAP}[0-9]){{5,14}}{_EXTENSION}"
# A number that a label follows: "079 4650 2145-Office", "223-087-9502 fax", "(0431) 35 06 90 (home)".
_KIND = r"(?i:office|fax|mobile|cell|home|work|landline|direct|main)"
_LABELLED = rf"[ -]{{1,3}}\(?{_KIND}"

_SIGN = re.compile("[A-Za-z#]")
_EXTENSION_MARK = re.compile(r",? ?(?:[xX#]|(?:ext|dur|pos|ane|ram))", re.IGNORECASE)
_LABEL_MARK = re.compile(_LABELLED)
_DATE = re.compile(
    r"\(?(?:(?:19|20)[0-9]{2}([-/.])[01]?[0-9]\1[0-3]?[0-9]|[0-3]?[0-9]([-/.])[0-3]?[0-9]\2(?:19|20)[0-9]{2}|"
    r"[0-3]?[0-9]([/.])[0-3]?[0-9]\3[0-9]{2})(?![0-9])"
)
_ADDRESS = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])")
_YEARS = re.compile(r"(?:19|20)[0-9]{2} ?[-–/] ?(?:19|20)[0-9]{2}\Z")
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+\Z")
_DIGITS = frozenset("0123456789")
_GROUPS = re.compile(r"[0-9]+")
# Bare digits: the NANP (epochs begin with 1), mobiles of China and India with or without the country's code.
_PLANNED = re.compile(r"1?[2-9][0-9]{9}|1234567890|(?:86)?1[3-9][0-9]{9}|91[6-9][0-9]{9}")
_NANP = re.compile(r"(?:\+?1[ .-]?|001[ .-]?)?(?:\([0-9]{3}\)[ -]?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}")


def _split(candidate: str) -> tuple[str, bool]:
    """The number without its extension, and whether it had one."""
    mark = _EXTENSION_MARK.search(candidate) if _SIGN.search(candidate) else None
    return (candidate[: mark.start()], True) if mark else (candidate, False)


def _not_a_phone(number: str) -> bool:
    """Dates, addresses of machines, ranges of years, decimals, one digit repeated."""
    if len(set(number) & _DIGITS) < 2:
        return True
    return any(shape.match(number) for shape in (_DATE, _ADDRESS, _YEARS, _DECIMAL))


@lru_cache(maxsize=1)
def _trunk_plans() -> re.Pattern[str]:
    """National numbers of the regions that write a 0 before them within the country."""
    regions = (
        "AE AL AM AR AT AU BD BE BG BR CH CN DE DZ EC EG FI FR GB GE HR ID IE IL IN IR JP KE "
        "KR LB LK MA MM MY NG NL NP NZ PE PH PK RO RS SE SI SK TH TR TW TZ UA UG VE VN ZA ZW".split()
    )
    patterns = []
    for region in regions:
        metadata = PhoneMetadata.metadata_for_region(region, None)
        if metadata is not None and metadata.general_desc is not None:
            patterns.append(metadata.general_desc.national_number_pattern)
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.VERBOSE)


class _Plan(NamedTuple):
    """Of a country's code: the national numbers in use, their lengths, and what is dialled before them."""

    assigned: re.Pattern[str]
    lengths: frozenset[int]
    prefix: re.Pattern[str] | None


_KINDS = (
    "fixed_line mobile premium_rate toll_free shared_cost voip personal_number pager uan voicemail".split()
)


@lru_cache(maxsize=256)
def _plan_of(code: int) -> _Plan | None:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code)
    if regions is None:
        return None
    known = [
        each
        for region in regions
        if (each := PhoneMetadata.metadata_for_region_or_calling_code(code, region)) is not None
    ]
    patterns = dict.fromkeys(
        kind.national_number_pattern
        for each in known
        for name in _KINDS
        if (kind := getattr(each, name)) is not None and kind.national_number_pattern
    )
    general, prefix = known[0].general_desc, known[0].national_prefix_for_parsing
    assert general is not None
    return _Plan(
        re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or "(?!)", re.VERBOSE),
        frozenset((*general.possible_length, *general.possible_length_local_only)),
        re.compile(prefix, re.VERBOSE) if prefix else None,
    )


def _load_plans() -> None:
    """The plans of the countries that are written about most. A plan takes milliseconds, that of +1 fifty."""
    _trunk_plans()
    for code in (1, 7, 33, 34, 39, 44, 49, 52, 55, 61, 81, 86, 91):
        _plan_of(code)


def _in_a_plan(digits: str, possible: bool) -> bool:
    """Is a number with its country's code assigned, or, if that will do, at least of a possible length?

    The library's own check compiles its patterns anew whenever texts name many countries, a millisecond each.
    """
    for length in (1, 2, 3):
        if (plan := _plan_of(int(digits[:length]))) is not None:
            break
    else:
        return False
    national = digits[length:]
    if plan.assigned.fullmatch(national):
        return True
    if plan.prefix is not None and (dialled := plan.prefix.match(national)) and dialled.end():
        national = national[dialled.end() :]
        if plan.assigned.fullmatch(national):
            return True
    return possible and len(national) in plan.lengths


def _in_a_trunk_plan(digits: str) -> bool:
    return _trunk_plans().fullmatch(digits[1:]) is not None


def international_phone(candidate: str) -> int:
    """E.164 after a plus sign or 00: valid in a numbering plan, or grouped and of a length that is possible.

    Unseparated digits after 00 are no match: identifiers are padded with zeros.
    """
    number, extended = _split(candidate)
    plus = number[0] == "+" or number[:2] == "(+"
    if not plus and (
        number.isdigit() or any(len(group) == 4 and group[0] == "0" for group in _GROUPS.findall(number)[1:])
    ):
        return 0
    for length, digits in prefixes(number):
        digits = digits if plus else digits[2:]
        if not 7 <= len(digits) <= 15:
            continue
        # A trunk zero in brackets is for callers from within the country: +44 (0)20 7946 0958.
        if "(0" in number[:8]:
            digits = re.sub(r"[^0-9]", "", re.sub(r"\(0\)?", "", number[:length], count=1))
        grouped = len(_GROUPS.findall(number[:length])) > 2
        if _in_a_plan(digits, grouped):
            return len(candidate) if extended and length == len(number) else length
    return 0


def north_american_phone(candidate: str) -> int:
    """Three, three and four digits, as nothing else is grouped; with dots only if the NANP can assign them.

    NANP: area code and exchange begin with 2 to 9 (ATIS-0300051).
    """
    number, extended = _split(candidate)
    digits = re.sub(r"[^0-9]", "", number)[-10:]
    if len(set(digits)) < 2:
        return 0
    sure = extended or "(" in number or "-" in number
    return len(candidate) if sure or (digits[0] in "23456789" and digits[3] in "23456789") else 0


def national_phone(candidate: str) -> int:
    """A number with its trunk 0, in groups, valid where a 0 is written; eleven bare digits for a mobile."""
    number, extended = _split(candidate)
    for length, digits in prefixes(number):
        if (
            not 9 <= len(digits) <= 12
            or _DATE.match(number)
            or number[length : length + 1] in ("-", ".", "/")
        ):
            continue
        part = number[:length]
        groups = _GROUPS.findall(part)
        if len(groups) == 1 and not (len(digits) == 11 and digits[1] in "579"):
            continue
        lengths = [len(group) for group in groups]
        # A check digit, a ZIP+4 code, the date that HDFS begins a line with (081109 203615).
        if len(groups) > 1 and (lengths[-1] < 2 or lengths == [5, 4] or lengths[0] > 5):
            continue
        # What stands between the groups behind the area code is the same everywhere.
        gaps = re.findall(r"[0-9]([^0-9]+)(?=[0-9])", part)
        if len(set(gaps[1:])) > 1 or ("." in gaps and (len(gaps) == 1 or set(lengths) == {4})):
            continue
        if _in_a_trunk_plan(digits):
            return len(candidate) if extended and length == len(number) else length
    return 0


def named_phone(candidate: str) -> int:
    """Where the text says that it is a phone number: 6 to 15 digits that are nothing else."""
    number, extended = _split(candidate)
    if _not_a_phone(number):
        return 0
    if found := _NANP.match(number):
        if found.end() == len(number):
            return len(candidate)
        if not number[found.end()].isdigit():
            return found.end()
    for length, digits in prefixes(number):
        if 6 <= len(digits) <= 15:
            return len(candidate) if extended and length == len(number) else length
    return 0


def likely_phone(candidate: str) -> int:
    """Behind a word that counts other things too (`number`, `cell`, `call`): groups, or a numbering plan."""
    length = named_phone(candidate)
    if not length:
        return 0
    groups = _GROUPS.findall(_split(candidate[:length])[0])
    digits = "".join(groups)
    if len(groups) > 1 and len(digits) > 6:
        return length
    return length if _PLANNED.fullmatch(digits) or (digits[0] == "0" and _in_a_trunk_plan(digits)) else 0


def labelled_phone(candidate: str) -> int:
    """The label is taken to know the number, and stays."""
    mark = _LABEL_MARK.search(candidate)
    assert mark is not None
    number = candidate[: mark.start()]
    return mark.start() if named_phone(number) == len(number) else 0


_NOUNS = (
    "phones? telephones? cellphones? smartphone mobilephone homephone workphone phonenumber iphone tel "
    "telf tfno tlf mobile cellular fax faxnumber whatsapp viber landline hotline helpline pager voicemail "
    "sms callback callerid msisdn switchboard reception telefon telefonnummer telefonnr telefones? "
    "telefonos? tel[eé]fonos? téléphone telepono telefoon telefoonnummer "
    "celular m[oó]vil mobil mobiltelefon mobilnummer mobilephone "
    "portable handy handynummer handynr rufnummer festnetz fixe fijo cellulare telem[oó]vel puhelin "
    "puhelinnumero matkapuhelin gsm cep kom[oó]rka"
)
_PHRASES = "caller[ _]id|toll[ -]free|(?:main|direct|office) line|front desk|numer telefonu"
_NOUN_WORDS = frozenset(
    "phone phones telephone telephones cellphone cellphones smartphone mobilephone homephone "
    "workphone phonenumber iphone tel telf tfno tlf mobile cellular fax faxnumber whatsapp "
    "viber landline hotline helpline pager voicemail sms callback callerid msisdn switchboard "
    "reception telefon telefonnummer telefonnr telefone telefones telefono telefonos fono "
    "fonos telepono telefoon telefoonnummer celular movil vil mobil mobiltelefon mobilnummer "
    "portable handy handynummer handynr rufnummer festnetz fixe fijo cellulare telemovel "
    "telem puhelin puhelinnumero matkapuhelin gsm cep komorka rka caller toll line desk numer".split()
)
_OTHER_SCRIPTS = (
    "电话|電話|手机|手機|携帯|联系方式|聯絡|传真|전화|휴대폰|연락처|тел|моб|τηλ|κιν|هاتف|جوال|موبايل|تلفن|फ़ोन|फोन|मोबाइल|ফোন|"
    "טלפון|נייד|โทร|มือถือ"
)
# What may stand between a name and its value in prose, forms, JSON, XML and assignments.
_VALUE = (
    r"[\"'*_)\]>]{0,4}(?:[ \t]{0,24}[:=|>][ \t]{0,24}|\n[ \t]{0,8}|[ \t]{1,24}|:\n[ \t]{0,8})?[\"'*<(\[]{0,2}"
)
_NUMBER = (
    rf"(?![{LETTER}])\.?(?:[ _-](?:numbers?|num|no\.?|nr\.?)(?![{LETTER}])| ?#)?"
    rf"(?:[ _-](?:is|was|at|on|to|number is)(?![{LETTER}]))?"
)
_OWNERS = (
    r"my|our|your|his|her|their|new|old|personal|work|home|alternate|emergency|contact|registered|reach|backup|us|"
    r"international|[a-z]{4,12}(?:ese|ish|ian|can|man)"
)
# Nouns that name nothing else, and sentences that say who is called.
_SURE_CUE = (
    rf"(?<![{LETTER}])(?i:(?:{'|'.join(_NOUNS.split())}|{_PHRASES}){_NUMBER}"
    rf"|(?:{_OWNERS}) (?:numbers?|no\.?)(?:['’]s| is| was| at)?"
    r"|(?:call|ring|text|txt|phone|fax|whatsapp|contact|reach) (?:me|us|him|her|them)(?: back| now)?"
    r"(?: (?:at|on|to))?"
    r"|(?:(?:call|contact|text|dial)(?:ed|ing)?|ring(?:ing)?|reach(?:ed|ing|able)?)"
    r" [a-z' ]{1,36} (?:at|on|dial)"
    r"|(?:reachable|reached|answering|texting|calling|messaging|messages|texts|calls) (?:at|to|on)"
    rf"|my registered){_VALUE}"
)
_SURE_WORDS = _NOUN_WORDS | frozenset(
    "number numbers no call texted text txt fax contact reach ring dial called calling "
    "texting ringing dialing contacted contacting reached reaching reachable answering "
    "messaging messages texts calls registered".split()
)
_WEAK_CUE = (
    rf"(?<![{LETTER}])(?i:(?:cell|mob|mobiles?|ph|contact)" + _NUMBER + _VALUE + r"|"
    r"(?<![A-Za-z0-9][ _-])(?<![A-Za-z0-9_-])numbers?(?: is)?" + _VALUE + r"|"
    r"(?:call|dial|ring|text|txt|contact)(?: (?:back|now|at|on))?[ ]{1,2}\(?)"
)
_WEAK_WORDS = frozenset("cell mob mobile mobiles ph contact number numbers call dial ring text txt".split())

PHONE: tuple[Entity, ...] = (
    Entity(
        name="PHONE_NUMBER",
        rule="INTERNATIONAL_PHONE",
        label="PHONE",
        kind="personal",
        core=rf"(?:\(\+[1-9][0-9]{{0,2}}\)|\+ ?[1-9]|00[ -]?[1-9])(?:{_GAP}[0-9]){{5,14}}{_EXTENSION}",
        longest=80,
        openings=((r"\+",), (r"\(", r"\+"), ("0", "0")),
        before=r"[A-Za-z0-9+.:_/-]",
        validate=international_phone,
        prepare=_load_plans,
        sign=r"\+ ?[0-9]|00[ -]?[0-9]",
        aliases=("PHONE",),
    ),
    Entity(
        name="PHONE_NUMBER",
        rule="NORTH_AMERICAN_PHONE",
        label="PHONE",
        kind="personal",
        # The look-ahead says nothing new, but lets the search skip to these characters: 42 to 4 µs in 480.
        core=r"(?=[(0-9])(?:1[ .-])?"
        r"(?:\([0-9]{3}\)[ -]?[0-9]{3}[ .-]|[0-9]{3}-[0-9]{3}-|[0-9]{3}\.[0-9]{3}\.)[0-9]{4}" + _EXTENSION,
        longest=36,
        openings=((r"\(", r"[0-9]"), (r"[0-9]",)),
        before=r"[A-Za-z0-9._/-]",
        after=r"[A-Za-z0-9_]",
        validate=north_american_phone,
        # One of a row of numbers is no phone, unless the one before is one too.
        veto=r"(?<![0-9]{3}[ .-][0-9]{3})[0-9](?:[ \t]{1,3}|,)",
        sign=r"[0-9]{3}[ .-][0-9]{4}",
        aliases=("PHONE",),
    ),
    Entity(
        name="PHONE_NUMBER",
        rule="NATIONAL_PHONE",
        label="PHONE",
        kind="personal",
        core=rf"(?:\(0|0)[1-9](?:{_GAP}[0-9]){{7,12}}{_EXTENSION}",
        longest=60,
        openings=((r"\(", "0", "[1-9]"), ("0", "[1-9]")),
        before=r"[A-Za-z0-9.:_/+#=-]",
        after=r"[A-Za-z0-9_:]",
        validate=national_phone,
        veto=r"(?<!(?<![0-9])(?<![0-9][ \t,])\(?0[1-9][0-9 \t,()-]{6,50})[0-9](?:[ \t]{1,3}|,)",
        sign="0[1-9]",
        aliases=("PHONE", "PH_MOBILE_NUMBER", "TR_PHONE_NUMBER"),
    ),
    Entity(
        name="PHONE_NUMBER",
        rule="NAMED_PHONE",
        label="PHONE",
        kind="personal",
        core=_ANY,
        longest=80,
        openings=((r"[(+0-9]",),),
        validate=named_phone,
        cue=_SURE_CUE,
        words=_SURE_WORDS,
        sign="[0-9]",
        aliases=("PHONE", "PH_MOBILE_NUMBER", "TR_PHONE_NUMBER"),
    ),
    # The same in scripts that have no words to look near.
    Entity(
        name="PHONE_NUMBER",
        rule="PHONE_NAMED_IN_OTHER_SCRIPTS",
        label="PHONE",
        kind="personal",
        core=_ANY,
        longest=80,
        openings=((r"[(+0-9]",),),
        validate=named_phone,
        cue=rf"(?i:{_OTHER_SCRIPTS})[^0-9\n]{{0,12}}",
        sign=r"[\u0370-\uffff]",
        aliases=("PHONE",),
    ),
    Entity(
        name="PHONE_NUMBER",
        rule="LIKELY_PHONE",
        label="PHONE",
        kind="personal",
        core=_ANY,
        longest=80,
        openings=((r"[(+0-9]",),),
        validate=likely_phone,
        cue=_WEAK_CUE,
        words=_WEAK_WORDS,
        sign="[0-9]",
        aliases=("PHONE", "PH_MOBILE_NUMBER", "TR_PHONE_NUMBER"),
    ),
    Entity(
        name="PHONE_NUMBER",
        rule="LABELLED_PHONE",
        label="PHONE",
        kind="personal",
        core=_ANY + _LABELLED,
        longest=95,
        openings=((r"[(+0-9]",),),
        validate=labelled_phone,
        words=frozenset("office fax mobile cell home work landline direct main".split()),
        sign=rf"[0-9][ -]{{1,3}}\(?{_KIND}",
        aliases=("PHONE",),
    ),
)
