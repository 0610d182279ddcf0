"""What hospitals, insurers and their authorities give to patients and physicians."""

from __future__ import annotations

import re

from stdnum import luhn

from gateway.privacy.entities.entity import DIGIT, Entity, whole
from gateway.privacy.entities.identifier import ALONE, LETTERS, Shape, checked, named, shaped

# No S L O I B Z (CMS, Understanding the MBI).
_LETTER = "[AC-HJKMNP-RT-Y]"
_EITHER = "[AC-HJKMNP-RT-Y0-9]"
_MBI = f"[1-9]{_LETTER}{_EITHER}[0-9]-?{_LETTER}{_EITHER}[0-9]-?{_LETTER}{{2}}[0-9]{{2}}"

# What stands in the column before a number in a directory of providers.
_SPECIALTIES = tuple(
    "allergy anesthesiology cardiology chiropractic dentistry dermatology endocrinology gastroenterology "
    "geriatrics gynecology hematology hepatology immunology medicine neonatology nephrology neurology "
    "neurosurgery obstetrics oncology ophthalmology optometry orthopedics otolaryngology pathology "
    "pediatrics physiatry podiatry practice psychiatry psychology pulmonology radiology rheumatology "
    "surgery therapy urology".split()
)

_NPI = "npi, npis, national provider identifier, national provider, provider identifier"
_DATE = re.compile(r"(?:19|20)[0-9]{2}-?[0-9]{2}-?[0-9]{2}|[0-9]{2}-[0-9]{2}-(?:19|20)[0-9]{2}")
_RECORD_ALIASES = ("MEDICAL_RECORD", "MRN")
_RECORD = (
    "mrn, mrns, medrec, med rec, medical record, medical records, medical rec, med record, "
    "health record, hospital record, clinical record, patient record, patient records, "
    "vaccination record, immunization record, patient id, patient identifier, patient no, "
    "patient number, hospital number, hospital no, unit record, chart, chart no, chart "
    "number, patientennummer, patienten id, fallnummer, numéro de dossier, numéro de patient, "
    "historia clínica, número de historia clínica, cartella clinica, 病历号, カルテ番号"
)


_PLAN = (
    "member id, member no, member number, subscriber id, subscriber no, subscriber number, "
    "beneficiary id, beneficiary no, beneficiary number, health plan, health insurance, "
    "insurance id, insurance member, insurance policy, policy no, policy number, policyholder "
    "id, medicaid, medicaid id, medicare, medicare id, hicn, mutuelle, ehic"
)


def npi(value: str) -> bool:
    """Luhn behind the prefix 80840, beginning with 1 or 2 (45 CFR 162.406)."""
    return value[0] in "12" and luhn.is_valid("80840" + value)


def dea(value: str) -> bool:
    """The sum of digits 1, 3, 5 and twice the sum of 2, 4, 6 ends in the seventh (DEA)."""
    figures = [int(c) for c in value[2:]]
    return (sum(figures[0:6:2]) + 2 * sum(figures[1:6:2])) % 10 == figures[6]


def record_number(candidate: str) -> int:
    """Hospitals number as they like: at least five digits, and not a date."""
    figures = sum(map(str.isdigit, candidate))
    return len(candidate) if figures >= 5 and not _DATE.fullmatch(candidate) else 0


def _listed(columns: tuple[str, ...]) -> str:
    """In the cell before, in a table or in lines of comma-separated values."""
    return rf"(?i:(?<![a-z])(?:{'|'.join(columns)})[ \t]{{0,30}}[|,;\t][ \t]{{0,12}})"


MEDICAL: tuple[Entity, ...] = (
    # What is called an NPI is one also when it was mistyped or made up.
    *named(
        "US_NPI",
        "NPI",
        Shape("[0-9]{10}|[0-9]{4}[ -][0-9]{3}[ -][0-9]{3}|[0-9]{3}[ -][0-9]{3}[ -][0-9]{4}", 12),
        _NPI,
        whole,
        kind="medical",
        near=False,
    ),
    *named(
        "US_NPI",
        "NPI",
        Shape("[0-9]{10}", 10),
        _NPI,
        whole,
        kind="medical",
        veto=r"(?i:phone|tel|telephone|fax|mobile|cell|call|dial|text|contact|at)[\W_]{1,4}",
        rule="NEAR",
    ),
    Entity(
        name="US_NPI",
        rule="DIRECTORY",
        label="NPI",
        kind="medical",
        core="[0-9]{10}",
        longest=10,
        openings=DIGIT,
        cue=_listed(_SPECIALTIES),
        words=frozenset(_SPECIALTIES),
    ),
    shaped(
        "US_NPI",
        "NPI",
        Shape("[12][0-9]{3}(?: [0-9]{3} [0-9]{3}|-[0-9]{3}-[0-9]{3})", 12, begins="9999_9 9999-9"),
        checked(npi),
        kind="medical",
    ),
    *named(
        "MEDICAL_RECORD_NUMBER",
        "MRN",
        Shape("[A-Z0-9](?:-?[A-Z0-9]){4,18}", 37, "[A-Z0-9]"),
        _RECORD,
        record_number,
        kind="medical",
        near=False,
        after="[A-Za-z0-9/]",
        digit=True,
        aliases=_RECORD_ALIASES,
    ),
    shaped(
        "MEDICAL_RECORD_NUMBER",
        "MRN",
        Shape("MRN[-:# ]?[0-9]{4,12}|MED[0-9]{7,9}", 16, begins="MRN MED"),
        whole,
        words=frozenset({"mrn", "med"}),
        kind="medical",
        aliases=_RECORD_ALIASES,
    ),
    shaped(
        "US_MBI",
        "HEALTH_ID",
        Shape(_MBI, 13, "[1-9]", begins="9AX9"),
        whole,
        sign=LETTERS,
        kind="medical",
        aliases=("MEDICARE_BENEFICIARY_ID", "US_MEDICARE_BENEFICIARY_ID_NUMBER"),
    ),
    *named(
        "US_MBI",
        "HEALTH_ID",
        Shape(f"(?i:{_MBI})", 13, "[1-9]"),
        "mbi, medicare beneficiary, medicare, medicare number, patient",
        whole,
        kind="medical",
    ),
    *named(
        "MEDICAL_LICENSE",
        "MEDICAL_LICENSE",
        Shape("[ABCDEFGHJKLMPRSTUXabcdefghjklmprstux][A-Za-z9][0-9]{7}", 9, "[A-Za-z]"),
        "dea, dea number, dea no, dea registration, drug enforcement administration",
        whole,
        kind="medical",
        near=False,
        aliases=("DEA_NUMBER",),
    ),
    *named(
        "MEDICAL_LICENSE",
        "MEDICAL_LICENSE",
        Shape("[ABCDEFGHJKLMPRSTUX][A-Z9][0-9]{7}", 9, "[A-Z]"),
        "certificate, medical license, prescriber, registration",
        checked(dea),
        kind="medical",
        rule="CHECKED",
        aliases=("DEA_NUMBER",),
    ),
    *named(
        "MEDICAL_RECORD_NUMBER",
        "MRN",
        Shape("[A-Z][0-9]{6,9}", 10, "[A-Z]"),
        _RECORD,
        whole,
        kind="medical",
        rule="NEAR",
        before=ALONE,
        aliases=_RECORD_ALIASES,
    ),
    *named(
        "HEALTH_PLAN_ID",
        "HEALTH_PLAN_ID",
        Shape("[A-Z0-9](?:-?[A-Z0-9]){4,18}", 37, "[A-Z0-9]"),
        _PLAN,
        record_number,
        kind="medical",
        near=False,
        after="[A-Za-z0-9/]",
        digit=True,
        aliases=("HEALTH_PLAN_BENEFICIARY_NUMBER", "INSURANCE_ID"),
    ),
)
