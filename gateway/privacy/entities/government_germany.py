"""Identifiers given out in Germany, its health insurers and its courts of registration."""

from __future__ import annotations

from stdnum.de import stnr, vat
from stdnum.iso7064 import mod_11_10

from gateway.privacy.entities.entity import Entity, whole
from gateway.privacy.entities.identifier import Shape, checked, digits, named, shaped, with_digits

_DOCUMENT = "[CFGHJKLMNPRTVWXYZ0-9cfghjklmnprtvwxyz]"  # no vowels, no look-alikes (PAuswV, annex 3)


def mrz_check(value: str) -> bool:
    """Weights 7, 3, 1, letters count from 10; the last is the check digit (ICAO Doc 9303, part 3, 4.9)."""
    total = sum(int(c, 36) * (7, 3, 1)[i % 3] for i, c in enumerate(value[:-1]))
    return value[-1].isdigit() and total % 10 == int(value[-1])


def pension_number(value: str) -> bool:
    """Area, birthday, initial, serial, check digit (VKVV section 4); the letter counts as two digits."""
    day, month = int(value[2:4]), int(value[4:6])
    if not (1 <= day <= 81 and 1 <= month <= 12):
        return False
    figures = f"{value[:8]}{ord(value[8]) - 64:02}{value[9:11]}"
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    total = sum(sum(divmod(int(f) * weight, 10)) for f, weight in zip(figures, weights, strict=True))
    return total % 10 == int(value[11])


def health_insurance(value: str) -> bool:
    """The unchanging part of a KVNR (section 290 SGB V): weights 1, 2, the letter counts as two digits."""
    figures = f"{ord(value[0]) - 64:02}{value[1:9]}"
    total = sum(sum(divmod(int(f) * (1 + i % 2), 10)) for i, f in enumerate(figures))
    return total % 10 == int(value[9])


def physician(value: str) -> bool:
    """Weights 4, 9 over the first six digits of an LANR (KBV, Arztnummern-Richtlinie); the seventh checks."""
    total = sum(int(c) * (4, 9)[i % 2] for i, c in enumerate(value[:6]))
    return -total % 10 == int(value[6])


_DOCUMENT_WORDS = "reisepass, reisepassnummer, passnummer, pass nr, passport, deutscher pass"
_CARD_WORDS = "personalausweis, personalausweisnummer, ausweis, ausweisnummer, ausweis nr, german id"

GERMANY: tuple[Entity, ...] = (
    *named(
        "DE_TAX_ID",
        "TAX_ID",
        digits(11),
        (
            "steuer id, steuer idnr, steuer identifikationsnummer, steuerliche identifikationsnummer, "
            "idnr, identifikationsnummer, tax id, tax identification, tin"
        ),
        # Not its rule of repeated digits, which has changed once and which published examples break.
        checked(lambda value: value[0] != "0" and mod_11_10.is_valid(value)),
    ),
    *named(
        "DE_TAX_NUMBER",
        "TAX_ID",
        Shape("[0-9]{2,5}(?:[ /][0-9]{3,5}){1,2}|[0-9]{10,13}", 17),
        "steuernummer, steuer nr, stnr, german tax number",
        checked(lambda value: stnr.is_valid(value)),
    ),
    shaped(
        "DE_VAT_ID",
        "TAX_ID",
        Shape("DE(?:[0-9]{9}| [0-9]{3} [0-9]{3} [0-9]{3}| [0-9]{9})", 14, begins="DE9 DE ".replace(" ", " ")),
        checked(vat.is_valid),
        words=frozenset({"de"}),
        aliases=("VAT_ID",),
    ),
    shaped(
        "DE_SOCIAL_SECURITY",
        "SOCIAL_SECURITY",
        Shape("[0-9]{8}[A-Z][0-9]{3}|[0-9]{2} [0-9]{6} [A-Z] [0-9]{3}", 15, begins="999999 99_999"),
        checked(pension_number),
        aliases=("SOCIAL_SECURITY_NUMBER",),
    ),
    *named(
        "DE_HEALTH_INSURANCE",
        "HEALTH_ID",
        Shape("[A-Za-z][0-9]{9}", 10, "[A-Za-z]"),
        (
            "kvnr, krankenversichertennummer, krankenversicherungsnummer, krankenversicherung, "
            "krankenkasse, versichertennummer, versicherten nr, egk, gesundheitskarte"
        ),
        checked(health_insurance),
        kind="medical",
        aliases=("HEALTH_INSURANCE",),
    ),
    *named(
        "DE_LANR",
        "PHYSICIAN_ID",
        digits(9),
        "lanr, arztnummer, arzt nr, lebenslange arztnummer",
        checked(physician),
        kind="medical",
    ),
    *named(
        "DE_BSNR",
        "CLINIC_ID",
        Shape("[0-9]{9}", 9),
        "bsnr, betriebsstättennummer, betriebsstaettennummer",
        checked(lambda value: True),
        kind="medical",
        near=False,
    ),
    *named(
        "DE_PASSPORT",
        "PASSPORT",
        Shape(f"[CFGHJKLcfghjkl]{_DOCUMENT}{{7}}[0-9]", 9, "[CFGHJKLcfghjkl]"),
        _DOCUMENT_WORDS,
        checked(mrz_check),
        aliases=("PASSPORT",),
    ),
    *named(
        "DE_ID_CARD",
        "ID_CARD",
        Shape(f"[LMNPRTVWXYlmnprtvwxy]{_DOCUMENT}{{8}}[0-9]?", 10, "[LMNPRTVWXYlmnprtvwxy]"),
        _CARD_WORDS,
        with_digits(3),
        near=False,
        aliases=("ID_CARD",),
    ),
    *named(
        "DE_FUEHRERSCHEIN",
        "DRIVER_LICENSE",
        Shape("[A-Za-z0-9][0-9]{2}[A-Za-z0-9]{6}[0-9][A-Za-z0-9]", 11, "[A-Za-z0-9]"),
        "führerschein, fuehrerschein, führerscheinnummer, fuehrerscheinnummer, german driving licence",
        with_digits(4),
        near=False,
        aliases=("DRIVERS_LICENSE", "DRIVER_LICENSE"),
    ),
    shaped(
        "DE_HANDELSREGISTER",
        "COMPANY_ID",
        Shape(r"HR[AB](?: |-|: ?| Nr\. ?)?[0-9]{1,6}(?: [A-Z]{1,3})?", 18, begins="HRA HRB"),
        whole,
        words=frozenset({"hra", "hrb"}),
    ),
)
