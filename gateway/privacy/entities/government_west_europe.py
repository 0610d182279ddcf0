"""Identifiers given out in western Europe: the British Isles, Iberia, France, Italy, Low Countries, Alps."""

from __future__ import annotations

from stdnum.at import vnr
from stdnum.be import nn
from stdnum.ch import ssn
from stdnum.es import dni, nie
from stdnum.fr import nif as french_nif
from stdnum.fr import nir
from stdnum.gb import nhs, utr
from stdnum.ie import pps
from stdnum.it import codicefiscale, iva
from stdnum.nl import bsn
from stdnum.pt import nif as portuguese_nif

from gateway.privacy.entities.entity import Entity, whole
from gateway.privacy.entities.groups import compact
from gateway.privacy.entities.identifier import Shape, checked, digits, named, shaped, with_digits

_NINO_UNUSED = frozenset("BG GB KN NK NT TN ZZ".split())  # HMRC, National Insurance Manual NIM39110


def national_insurance(candidate: str) -> int:
    """No checksum, but prefixes that are never given out."""
    return 0 if candidate[:2].upper() in _NINO_UNUSED else len(candidate)


def spanish_nif(candidate: str) -> int:
    """The letter is the number mod 23; the leading zeros may be missing."""
    return len(candidate) if dni.is_valid(compact(candidate).upper().zfill(9)) else 0


def fiscal_code(candidate: str) -> int:
    """The check letter; but sixteen capitals and digits of this shape are one also when mistyped.

    Where two people would share a code, letters stand in for its digits (decree of 23 December 1976, art. 6).
    """
    figures = candidate[6:8] + candidate[9:11] + candidate[12:15]
    if candidate.isupper() and figures.isdigit() and int(candidate[9:11]) in _BIRTHDAYS:
        return len(candidate)
    return len(candidate) if codicefiscale.is_valid(candidate.upper()) else 0


_PASSPORT = "passport, travel document"
_LICENCE = ("DRIVERS_LICENSE", "DRIVER_LICENSE", "DRIVING_LICENCE")
_F = "[0-9LMNPQRSTUV]"  # a digit of a fiscal code
_BIRTHDAYS = (*range(1, 32), *range(41, 72))  # women's have 40 added
_FISCAL = f"[A-Z]{{6}}[0-9]{{2}}[A-EHLMPRST]{_F}{{2}}[A-Z]{_F}{{3}}[A-Z]"

BRITISH_ISLES: tuple[Entity, ...] = (
    *named(
        "UK_NHS",
        "NHS_NUMBER",
        digits(10),
        "nhs, national health service, chi number, health and care number",
        checked(nhs.is_valid),
        kind="medical",
        aliases=("NHS_NUMBER",),
    ),
    shaped(
        "UK_NINO",
        "NATIONAL_INSURANCE",
        Shape(
            "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", 13, begins="AA9 AA_99"
        ),
        national_insurance,
        aliases=("NATIONAL_INSURANCE_NUMBER", "NINO"),
    ),
    *named(
        "UK_NINO",
        "NATIONAL_INSURANCE",
        Shape(
            "[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z]"
            "[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{2}[ -]?[A-Da-d]",
            13,
            "[A-Za-z]",
        ),
        "nino, national insurance, ni number, ni no",
        national_insurance,
        aliases=("NATIONAL_INSURANCE_NUMBER", "NINO"),
    ),
    *named(
        "UK_UTR",
        "TAX_ID",
        digits(10),
        "utr, unique taxpayer reference, unique tax reference",
        checked(utr.is_valid),
    ),
    shaped(
        "UK_DRIVING_LICENCE",
        "DRIVER_LICENSE",
        # Surname padded with 9, decade, month (50 more for women), day, year, initials, two checks (DVLA).
        Shape(
            "(?:[A-Z]{5}|[A-Z]{4}9|[A-Z]{3}99|[A-Z]{2}999|[A-Z]9999)[0-9](?:[05][1-9]|[16][0-2])"
            "(?:0[1-9]|[12][0-9]|3[01])[0-9](?:[A-Z]{2}|[A-Z]9|99)[A-Z0-9][A-Z]{2}",
            16,
            begins="AXXXX9",
        ),
        whole,
        aliases=_LICENCE,
    ),
    *named(
        "UK_PASSPORT",
        "PASSPORT",
        Shape("[A-Za-z]{2}[0-9]{7}", 9, "[A-Za-z]"),
        _PASSPORT,
        whole,
        near=False,
        aliases=("PASSPORT",),
    ),
    *named(
        "IE_PPS",
        "NATIONAL_ID",
        Shape("[0-9]{7} ?[A-Wa-w][A-IWa-iw]?", 10),
        "pps, ppsn, personal public service",
        checked(pps.is_valid),
    ),
)

IBERIA: tuple[Entity, ...] = (
    shaped(
        "ES_NIF",
        "NATIONAL_ID",
        Shape("[0-9]{8}[ -]?[A-HJ-NP-TV-Zg-hj-np-tv-z]", 10, begins="999999"),
        spanish_nif,
    ),
    *named(
        "ES_NIF",
        "NATIONAL_ID",
        Shape("(?:[0-9]{1,2}[. ]?[0-9]{3}[. ]?[0-9]{3})[ -]?[A-Za-z]", 12),
        "nif, dni, documento nacional de identidad, documento de identidad, spanish id",
        spanish_nif,
    ),
    shaped(
        "ES_NIE",
        "NATIONAL_ID",
        Shape("[XYZ]-?[0-9]{7}-?[A-Z]", 11, begins="A99999 A-9999"),
        checked(nie.is_valid),
    ),
    *named(
        "ES_NIE",
        "NATIONAL_ID",
        Shape("[XYZxyz][ -]?[0-9]{7}[ -]?[A-Za-z]", 11, "[XYZxyz]"),
        "nie, número de identidad de extranjero, número de identificación de extranjero",
        checked(nie.is_valid),
    ),
    *named(
        "ES_PASSPORT",
        "PASSPORT",
        Shape("[A-Za-z]{3}[0-9]{6}", 9, "[A-Za-z]"),
        f"pasaporte, spanish passport, {_PASSPORT}",
        whole,
        near=False,
        aliases=("PASSPORT",),
    ),
    *named(
        "PT_NIF",
        "TAX_ID",
        digits(9),
        "nif, número de identificação fiscal, contribuinte, número de contribuinte, portuguese tax id",
        checked(portuguese_nif.is_valid),
    ),
)

FRANCE: tuple[Entity, ...] = (
    shaped(
        "FR_NIR",
        "SOCIAL_SECURITY",
        Shape(
            "(?:[12378][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{6}"
            "|[12378] [0-9]{2} [0-9]{2} (?:[0-9]{2}|2[AB]) [0-9]{3} [0-9]{3}) ?[/-]? ?[0-9]{2}",
            23,
            begins="99999 9_99_9",
        ),
        checked(nir.is_valid),
        aliases=("SOCIAL_SECURITY_NUMBER", "FRANCE_NIR"),
    ),
    *named(
        "FR_TAX_ID",
        "TAX_ID",
        digits(13),
        "numéro fiscal, identifiant fiscal, spi, french tax id",
        checked(french_nif.is_valid),
    ),
    *named(
        "FR_PASSPORT",
        "PASSPORT",
        Shape("[0-9]{2}[A-Za-z]{2}[0-9]{5}", 9),
        f"passeport, french passport, {_PASSPORT}",
        whole,
        near=False,
        aliases=("PASSPORT",),
    ),
    *named(
        "FR_ID_CARD",
        "ID_CARD",
        Shape("[0-9A-Za-z]{9}|[0-9]{12}", 12, "[0-9A-Za-z]"),
        "carte nationale d'identité, carte d'identité, cni, pièce d'identité",
        with_digits(4),
        near=False,
        aliases=("ID_CARD",),
    ),
)

ITALY: tuple[Entity, ...] = (
    shaped(
        "IT_FISCAL_CODE",
        "TAX_ID",
        Shape(_FISCAL, 16, begins="AAAAAA"),
        fiscal_code,
        aliases=("CODICE_FISCALE",),
    ),
    *named(
        "IT_FISCAL_CODE",
        "TAX_ID",
        Shape(f"(?i:{_FISCAL})", 16, "[A-Za-z]"),
        "codice fiscale, cod fiscale, cod fisc, cf, fiscal code, italian tax code",
        whole,
        aliases=("CODICE_FISCALE",),
    ),
    *named(
        "IT_VAT_CODE",
        "TAX_ID",
        Shape("(?:IT ?)?[0-9](?:[ _.-]?[0-9]){10}", 24, "[I0-9]"),
        "partita iva, p iva, piva, iva, italian vat",
        checked(iva.is_valid),
        aliases=("VAT_ID",),
    ),
    *named(
        "IT_DRIVER_LICENSE",
        "DRIVER_LICENSE",
        Shape("[A-Za-z]{2}[0-9]{7}[A-Za-z]|[Uu]1[A-Za-z0-9]{7}[A-Za-z]", 10, "[A-Za-z]"),
        "patente, patente di guida, italian driving licence, italian driver license",
        with_digits(3),
        near=False,
        aliases=_LICENCE,
    ),
    *named(
        "IT_IDENTITY_CARD",
        "ID_CARD",
        Shape(
            "[A-Za-z]{2} ?[0-9]{7}|[0-9]{7}[A-Za-z]{2}|[A-Za-z]{2} ?[0-9]{5} ?[A-Za-z]{2}", 11, "[A-Za-z0-9]"
        ),
        "carta d'identità, carta di identità, carta identità, cie, italian identity card",
        whole,
        near=False,
        aliases=("ID_CARD",),
    ),
    *named(
        "IT_PASSPORT",
        "PASSPORT",
        Shape("[A-Za-z]{2} ?[0-9]{7}", 10, "[A-Za-z]"),
        "passaporto, italian passport",
        whole,
        near=False,
        aliases=("PASSPORT",),
    ),
)

LOW_COUNTRIES: tuple[Entity, ...] = (
    *named(
        "NL_BSN",
        "NATIONAL_ID",
        digits(9),
        "bsn, burgerservicenummer, burger service nummer, sofinummer, sofi, citizen service number",
        checked(bsn.is_valid),
    ),
    shaped(
        "BE_NATIONAL_NUMBER",
        "NATIONAL_ID",
        Shape(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}[.-][0-9]{2}", 15, begins="99.99."),
        checked(nn.is_valid),
    ),
    *named(
        "BE_NATIONAL_NUMBER",
        "NATIONAL_ID",
        digits(11),
        (
            "rijksregister, rijksregisternummer, registre national, numéro national, niss, insz, "
            "national number, national register, national registration"
        ),
        checked(nn.is_valid),
    ),
)

ALPS: tuple[Entity, ...] = (
    shaped(
        "CH_AHV",
        "SOCIAL_SECURITY",
        Shape(r"756(?:\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}|[0-9]{10})", 16, begins="756. 756999"),
        checked(ssn.is_valid),
        aliases=("SOCIAL_SECURITY_NUMBER",),
    ),
    *named(
        "AT_SOCIAL_SECURITY",
        "SOCIAL_SECURITY",
        digits(10),
        "svnr, sv nr, sozialversicherungsnummer, versicherungsnummer, sozialversicherung",
        checked(vnr.is_valid),
        aliases=("SOCIAL_SECURITY_NUMBER",),
    ),
)

WEST_EUROPE: tuple[Entity, ...] = (*BRITISH_ISLES, *IBERIA, *FRANCE, *ITALY, *LOW_COUNTRIES, *ALPS)
