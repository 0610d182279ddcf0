"""Identifiers given out in northern, central and eastern Europe, and the Union's VAT numbers."""

from __future__ import annotations

from datetime import date

from stdnum import luhn
from stdnum.bg import egn
from stdnum.cz import rc
from stdnum.ee import ik
from stdnum.eu import vat
from stdnum.fi import hetu
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.is_ import kennitala
from stdnum.lt import asmens
from stdnum.no import fodselsnummer
from stdnum.pl import nip, pesel
from stdnum.ro import cnp
from stdnum.ru import inn
from stdnum.se import orgnr
from stdnum.si import emso
from stdnum.ua import rntrc

from gateway.privacy.entities.entity import Entity
from gateway.privacy.entities.identifier import Shape, checked, digits, named, shaped

NATIONAL_ID = "national id, national identification, national identity, id number, citizen id"


def is_date(year: int, month: int, day: int) -> bool:
    """Is there such a day?"""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def swedish_person(candidate: str) -> int:
    """Date of birth, in a coordination number with 60 added to the day (SKV 707), and Luhn."""
    value = "".join(c for c in candidate if c.isdigit())
    year, month, day = int(value[-10:-8]), int(value[-8:-6]), int(value[-6:-4])
    century = int(value[:2]) if len(value) == 12 else 20
    born = is_date(century * 100 + year, month, day - 60 if day > 60 else day)
    return len(candidate) if born and luhn.is_valid(value[-10:]) else 0


def swedish_organisation(value: str) -> bool:
    """The third digit is at least 2, so that no personal number is one."""
    return value[2] >= "2" and orgnr.is_valid(value)


def danish_person(value: str) -> bool:
    """Only a date of birth: since 2007 numbers without a checksum are given out (CPR-kontoret)."""
    return is_date(2000, int(value[2:4]), int(value[:2])) and len(set(value)) > 2


def latvian_person(value: str) -> bool:
    """A date of birth, or 32 at the beginning for numbers since 2017, which say nothing."""
    return value[:2] == "32" or is_date(2000, int(value[2:4]), int(value[:2]))


def eu_vat(candidate: str) -> int:
    """Country by country; the German ones have a row of their own."""
    return checked(vat.is_valid)(candidate)


NORDIC: tuple[Entity, ...] = (
    shaped(
        "FI_PERSONAL_IDENTITY_CODE",
        "NATIONAL_ID",
        Shape("[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]", 11, begins="999999"),
        lambda candidate: len(candidate) if hetu.is_valid(candidate, allow_temporary=True) else 0,
        aliases=("HETU",),
    ),
    shaped(
        "SE_PERSONNUMMER",
        "NATIONAL_ID",
        Shape("(?:1[89]|20)?[0-9]{2}[01][0-9][0-9]{2}[-+][0-9]{4}", 13, begins="999999"),
        swedish_person,
        aliases=("PERSONNUMMER",),
    ),
    *named(
        "SE_PERSONNUMMER",
        "NATIONAL_ID",
        Shape("(?:1[89]|20)?[0-9]{2}[01][0-9][0-9]{2}[-+ ]?[0-9]{4}", 13),
        (
            "personnummer, personnr, samordningsnummer, swedish id, swedish personal id, swedish "
            "personal number"
        ),
        swedish_person,
        aliases=("PERSONNUMMER",),
    ),
    *named(
        "SE_ORGANISATIONSNUMMER",
        "COMPANY_ID",
        Shape("(?:16)?[0-9]{6}-?[0-9]{4}", 13),
        "organisationsnummer, orgnr, org nr, orgnummer, swedish company",
        checked(lambda value: swedish_organisation(value[-10:])),
    ),
    *named(
        "NO_FODSELSNUMMER",
        "NATIONAL_ID",
        digits(11),
        (
            "fødselsnummer, fodselsnummer, fødselsnr, fnr, personnummer, d nummer, norwegian id, "
            f"{NATIONAL_ID}"
        ),
        checked(fodselsnummer.is_valid),
    ),
    *named(
        "DK_CPR",
        "NATIONAL_ID",
        Shape("[0-3][0-9][01][0-9]{3}[- ]?[0-9]{4}", 11, "[0-3]"),
        "cpr, cprnr, cpr nummer, personnummer, danish id",
        checked(danish_person),
        near=False,
    ),
    *named(
        "IS_KENNITALA",
        "NATIONAL_ID",
        Shape("[0-7][0-9][01][0-9]{3}-?[0-9]{4}", 11, "[0-7]"),
        "kennitala, kt, icelandic id",
        checked(kennitala.is_valid),
    ),
)

BALTIC: tuple[Entity, ...] = (
    *named(
        "EE_ISIKUKOOD",
        "NATIONAL_ID",
        digits(11),
        f"isikukood, estonian id, personal code, {NATIONAL_ID}",
        checked(ik.is_valid),
    ),
    *named(
        "LT_ASMENS_KODAS",
        "NATIONAL_ID",
        digits(11),
        "asmens kodas, asmens kodo, lithuanian id, personal code",
        checked(asmens.is_valid),
    ),
    *named(
        "LV_PERSONAS_KODS",
        "NATIONAL_ID",
        Shape("[0-3][0-9]{5}-?[0-9]{5}", 12, "[0-3]"),
        "personas kods, personas kodu, latvian id",
        checked(latvian_person),
        near=False,
    ),
)

EAST: tuple[Entity, ...] = (
    *named("PL_PESEL", "NATIONAL_ID", digits(11), f"pesel, {NATIONAL_ID}", checked(pesel.is_valid)),
    *named("PL_NIP", "TAX_ID", digits(10), "nip, polish tax id", checked(nip.is_valid)),
    *named(
        "CZ_BIRTH_NUMBER",
        "NATIONAL_ID",
        Shape("[0-9]{6}/?[0-9]{3,4}", 11),
        "rodné číslo, rodne cislo, rodného čísla, birth number",
        checked(rc.is_valid),
        aliases=("SK_BIRTH_NUMBER",),
    ),
    *named(
        "RO_CNP",
        "NATIONAL_ID",
        digits(13),
        f"cnp, cod numeric personal, romanian id, {NATIONAL_ID}",
        checked(cnp.is_valid),
    ),
    *named(
        "BG_EGN",
        "NATIONAL_ID",
        digits(10),
        "egn, egn number, bulgarian id, егн, единен граждански номер",
        checked(egn.is_valid),
    ),
    *named("HR_OIB", "NATIONAL_ID", digits(11), "oib, osobni identifikacijski broj", checked(oib.is_valid)),
    *named(
        "SI_EMSO",
        "NATIONAL_ID",
        digits(13),
        "emšo, emso, jmbg, jedinstveni matični broj, matični broj",
        checked(emso.is_valid),
        aliases=("JMBG",),
    ),
    *named("GR_AMKA", "NATIONAL_ID", digits(11), "amka, αμκα, α.μ.κ.α.", checked(amka.is_valid)),
    *named(
        "UA_RNTRC",
        "TAX_ID",
        digits(10),
        "rnokpp, ukrainian tax id, рнокпп, ідентифікаційний код, ідентифікаційний номер, іпн",
        checked(rntrc.is_valid),
    ),
    *named("RU_INN", "TAX_ID", digits(12), "inn, russian tax id, инн", checked(inn.is_valid)),
)

# As many characters as the countries' numbers have; the check decides.
UNION: tuple[Entity, ...] = (
    shaped(
        "EU_VAT",
        "TAX_ID",
        Shape(
            "(?:AT ?U[0-9]{8}"
            "|(?:BE|BG|CY|CZ|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)"
            "(?: [0-9]{2,4}[. ]?[0-9]{3}[. ]?[0-9]{3}|[A-Z0-9]{1,2}[0-9]{6,12}(?:B[0-9]{2}|[A-Z]{1,2})?))",
            20,
            begins="AA9 AAA9 AAAA9 AA_9 AA_U9",
        ),
        eu_vat,
        aliases=("VAT_ID",),
    ),
)

NORTH_EAST_EUROPE: tuple[Entity, ...] = (*NORDIC, *BALTIC, *EAST, *UNION)
