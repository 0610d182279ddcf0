"""What callers and other products call the entities.

A name, an alias or a kind in, in any case; the names of the table's rows out. Nothing here knows what a
policy does with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from gateway.privacy.entities.entity import Entity

# Names of Presidio and LiteLLM, AWS Comprehend, Google's infoTypes and Azure that are not rows' own aliases.
# A name whose rows are not in the table stands for nothing, and is refused.
ALIASES: dict[str, str] = {
    "AADHAAR_NUMBER": "IN_AADHAAR",
    "ABA_ROUTING": "ABA_ROUTING_NUMBER",
    "ADDRESS": "LOCATION",
    "ARGENTINA_DNI_NUMBER": "AR_DNI",
    "AUSTRALIA_MEDICARE_NUMBER": "AU_MEDICARE",
    "AUSTRALIA_TAX_FILE_NUMBER": "AU_TFN",
    "AUTH_TOKEN": "API_KEY",
    "AU_BUSINESS_NUMBER": "AU_ABN",
    "AU_COMPANY_NUMBER": "AU_ACN",
    "AU_MEDICAL_ACCOUNT_NUMBER": "AU_MEDICARE",
    "AU_TAX_FILE_NUMBER": "AU_TFN",
    "AWS_ACCESS_KEY": "API_KEY",
    "AWS_CREDENTIALS": "API_KEY",
    "AWS_SECRET_KEY": "API_KEY",
    "AZURE_AUTH_TOKEN": "API_KEY",
    "BANK_ACCOUNT": "US_BANK_NUMBER IBAN_CODE",
    "BANK_ROUTING": "ABA_ROUTING_NUMBER",
    "BASIC_AUTH_HEADER": "API_KEY",
    "BELGIUM_NATIONAL_ID_CARD_NUMBER": "BE_NATIONAL_NUMBER",
    "BIC": "SWIFT_CODE",
    "BRAZIL_CPF_NUMBER": "BR_CPF",
    "BR_CPF_NUMBER": "BR_CPF",
    "BR_LEGAL_ENTITY_NUMBER": "BR_CNPJ",
    "CANADA_PASSPORT": "CA_PASSPORT",
    "CANADA_SOCIAL_INSURANCE_NUMBER": "CA_SIN",
    "CARD_NUMBER": "CREDIT_CARD",
    "CA_SOCIAL_INSURANCE_NUMBER": "CA_SIN",
    "CHILE_CDI_NUMBER": "CL_RUT",
    "CHINA_PASSPORT": "CN_PASSPORT",
    "CHINA_RESIDENT_ID_NUMBER": "CN_RESIDENT_ID",
    "CREDENTIALS": "API_KEY",
    "CREDIT_CARD_NUMBER": "CREDIT_CARD",
    "CREDIT_DEBIT_CVV": "CREDIT_CARD_CVV",
    "CREDIT_DEBIT_EXPIRY": "CREDIT_CARD_EXPIRATION",
    "CREDIT_DEBIT_NUMBER": "CREDIT_CARD",
    "DATE": "DATE_TIME",
    "DATE_OF_BIRTH": "DATE_OF_BIRTH DATE_TIME",
    "DEA_NUMBER": "MEDICAL_LICENSE",
    "DENMARK_CPR_NUMBER": "DK_CPR",
    "DK_PERSONAL_IDENTIFICATION_NUMBER": "DK_CPR",
    "DOB": "DATE_OF_BIRTH DATE_TIME",
    "DRIVERS_LICENSE_NUMBER": "DRIVER_LICENSE",
    "DRIVER_ID": "DRIVER_LICENSE",
    "EMAIL": "EMAIL_ADDRESS",
    "ENCRYPTION_KEY": "API_KEY",
    "FINLAND_NATIONAL_ID_NUMBER": "FI_PERSONAL_IDENTITY_CODE",
    "FI_NATIONAL_ID": "FI_PERSONAL_IDENTITY_CODE",
    "FRANCE_CNI": "FR_ID_CARD",
    "FRANCE_PASSPORT": "FR_PASSPORT",
    "FR_SOCIAL_SECURITY_NUMBER": "FR_NIR",
    "GCP_API_KEY": "API_KEY",
    "GCP_CREDENTIALS": "API_KEY",
    "GENERIC_ID": "NATIONAL_ID",
    "GERMANY_DRIVERS_LICENSE_NUMBER": "DE_FUEHRERSCHEIN",
    "GERMANY_IDENTITY_CARD_NUMBER": "DE_ID_CARD",
    "GERMANY_PASSPORT": "DE_PASSPORT",
    "GERMANY_TAXPAYER_IDENTIFICATION_NUMBER": "DE_TAX_ID",
    "GOVERNMENT_ID": "NATIONAL_ID",
    "HONG_KONG_ID_NUMBER": "HK_ID",
    "IBAN": "IBAN_CODE",
    "INDIA_AADHAAR_INDIVIDUAL": "IN_AADHAAR",
    "INDIA_GST_INDIVIDUAL": "IN_GSTIN",
    "INDIA_PAN_INDIVIDUAL": "IN_PAN",
    "INDONESIA_NIK_NUMBER": "ID_NIK",
    "INTERNATIONAL_BANKING_ACCOUNT_NUMBER": "IBAN_CODE",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": "IBAN_CODE",
    "IN_PERMANENT_ACCOUNT_NUMBER": "IN_PAN",
    "IP": "IP_ADDRESS",
    "IRELAND_PPSN": "IE_PPS",
    "ISRAEL_IDENTITY_CARD_NUMBER": "IL_ID",
    "ITALY_FISCAL_CODE": "IT_FISCAL_CODE",
    "JAPAN_INDIVIDUAL_NUMBER": "JP_MY_NUMBER",
    "JSON_WEB_TOKEN": "API_KEY",
    "KOREA_PASSPORT": "KR_PASSPORT",
    "KOREA_RRN": "KR_RRN",
    "MAC": "MAC_ADDRESS",
    "MEDICAL_ID": "MEDICAL_RECORD_NUMBER",
    "MEXICO_CURP_NUMBER": "MX_CURP",
    "NAME": "PERSON",
    "NETHERLANDS_BSN_NUMBER": "NL_BSN",
    "NINO": "UK_NINO",
    "NORWAY_NI_NUMBER": "NO_FODSELSNUMMER",
    "ORGANISATION": "ORGANIZATION",
    "ORGANIZATION_NAME": "ORGANIZATION",
    "PASSPORT_NUMBER": "PASSPORT",
    "PASSWORD": "API_KEY",
    "PERSON_NAME": "PERSON",
    "PHONE": "PHONE_NUMBER",
    "POLAND_PESEL_NUMBER": "PL_PESEL",
    "SINGAPORE_NATIONAL_REGISTRATION_ID_NUMBER": "SG_NRIC_FIN",
    "SOCIAL_SECURITY_NUMBER": "SOCIAL_SECURITY US_SSN",
    "SOUTH_AFRICA_ID_NUMBER": "ZA_ID_NUMBER",
    "SPAIN_NIE_NUMBER": "ES_NIE",
    "SPAIN_NIF_NUMBER": "ES_NIF",
    "SPAIN_PASSPORT": "ES_PASSPORT",
    "SSN": "US_SSN",
    "STREET_ADDRESS": "LOCATION",
    "SWEDEN_NATIONAL_ID_NUMBER": "SE_PERSONNUMMER",
    "SWIFT": "SWIFT_CODE",
    "SWITZERLAND_SOCIAL_SECURITY_NUMBER": "CH_AHV",
    "TAIWAN_ID_NUMBER": "TW_ID",
    "THAILAND_NATIONAL_ID_NUMBER": "TH_TNIN",
    "TIN": "TAX_ID",
    "TURKEY_ID_NUMBER": "TR_NATIONAL_ID",
    "UK_DRIVERS_LICENSE_NUMBER": "UK_DRIVING_LICENCE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": "UK_NHS",
    "UK_NATIONAL_INSURANCE_NUMBER": "UK_NINO",
    "UK_TAXPAYER_REFERENCE": "UK_UTR",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": "UK_UTR",
    "USERNAME": "PERSON",
    "US_DEA_NUMBER": "MEDICAL_LICENSE",
    "US_DRIVERS_LICENSE_NUMBER": "US_DRIVER_LICENSE",
    "US_HEALTHCARE_NPI": "US_NPI",
    "US_INDIVIDUAL_TAXPAYER_IDENTIFICATION_NUMBER": "US_ITIN",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": "US_ITIN",
    "US_PASSPORT_NUMBER": "US_PASSPORT",
    "US_SOCIAL_SECURITY_NUMBER": "US_SSN",
    "VAT_NUMBER": "VAT_ID",
    "VEHICLE_IDENTIFICATION_NUMBER": "VIN",
    "XSRF_TOKEN": "API_KEY",
}


class UnknownEntity(ValueError):
    """Nothing in the table has that name. The message says which name is nearest."""


class Meaning(NamedTuple):
    """A word as it is written, and the names of the rows that it stands for."""

    word: str
    names: frozenset[str]


def meanings(table: Iterable[Entity]) -> dict[str, Meaning]:
    """What the words stand for that a table knows: names, aliases, placeholders' labels and kinds."""
    known: dict[str, Meaning] = {}

    def add(word: str, names: Iterable[str]) -> None:
        before = known.get(_key(word), Meaning(word, frozenset()))
        known[_key(word)] = Meaning(before.word, before.names.union(names))

    for row in table:
        for word in (row.name, row.label, row.kind, *row.aliases):
            add(word, [row.name])
    for alias, targets in ALIASES.items():
        for target in targets.split():
            if meant := known.get(_key(target)):
                add(alias, meant.names)
    return known


def look_up(name: str, known: dict[str, Meaning]) -> frozenset[str]:
    """The names of rows that a name stands for, one at least.

    Raises UnknownEntity.
    """
    if meant := known.get(_key(name)):
        return meant.names
    near = get_close_matches(_key(name), known, n=1)
    hint = f"; did you mean {known[near[0]].word}?" if near else ""
    raise UnknownEntity(f"no entity is called {name[:80]!r}{hint}")


def _key(name: str) -> str:
    """`Phone-Number`, `phone_number` and `PhoneNumber` are one name."""
    return re.sub("[^A-Z0-9]", "", name.upper())
