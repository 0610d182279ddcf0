"""Identifiers given out in Asia."""

from __future__ import annotations

from stdnum import verhoeff
from stdnum.cn import ric
from stdnum.id import nik
from stdnum.il import idnr as israeli
from stdnum.jp import in_ as my_number
from stdnum.my import nric
from stdnum.pk import cnic
from stdnum.sg import uen
from stdnum.th import pin
from stdnum.tr import tckimlik, vkn

from gateway.privacy.entities.entity import Entity, Validator, whole
from gateway.privacy.entities.government_north_east_europe import NATIONAL_ID, is_date
from gateway.privacy.entities.groups import compact
from gateway.privacy.entities.identifier import LETTERS, Shape, checked, digits, named, shaped

_PASSPORT = "passport, travel document"


def korean_resident(sexes: str) -> Validator:
    """A date of birth and a digit for century, sex and nationality: the checksum ended in October 2020."""

    def valid(value: str) -> bool:
        century = 1900 if value[6] in "1256" else 2000
        return value[6] in sexes and is_date(century + int(value[:2]), int(value[2:4]), int(value[4:6]))

    return checked(valid)


def korean_business(value: str) -> bool:
    """Weights 1 3 7 1 3 7 1 3 5, and the tens of the ninth product once more (National Tax Service)."""
    total = sum(int(c) * weight for c, weight in zip(value, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=False))
    return -(total + int(value[8]) * 5 // 10) % 10 == int(value[9])


def aadhaar(candidate: str) -> int:
    """Verhoeff, and no 0 or 1 in front (UIDAI); a fourth group of four makes it a card's number."""
    value = compact(candidate)
    return len(candidate) if len(value) == 12 and len(set(value)) > 1 and verhoeff.is_valid(value) else 0


def singapore_nric(value: str) -> bool:
    """Weights 2 7 6 5 4 3 2; the letter in front adds 4 for T and G, 3 for M."""
    total = sum(int(c) * weight for c, weight in zip(value[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    total = (total + {"T": 4, "G": 4, "M": 3}.get(value[0], 0)) % 11
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "XWUTRQPNJLK"}.get(value[0], "XWUTRQPNMLK")
    return letters[total] == value[8]


def hong_kong_id(value: str) -> bool:
    """Mod 11 over nine characters, a missing first letter counts 36 (Immigration Department)."""
    body, check = value[:-1].rjust(8), value[-1]
    total = sum((36 if c == " " else int(c, 36)) * (9 - i) for i, c in enumerate(body))
    return (total + (10 if check == "A" else int(check))) % 11 == 0


def taiwan_id(value: str) -> bool:
    """The letter is a number from 10 to 35 in the order of the counties; weights 1 9 8 7 6 5 4 3 2 1 1."""
    figures = f"{'ABCDEFGHJKLMNPQRSTUVXYWZIO'.index(value[0]) + 10}{value[1:]}"
    return sum(int(f) * w for f, w in zip(figures, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0


def philippine_tin(candidate: str) -> int:
    """Nine digits, the last checks with weights 9 to 2 mod 11, and a branch code."""
    value = compact(candidate)
    total = sum(int(c) * weight for c, weight in zip(value[:8], range(9, 1, -1), strict=True))
    return len(candidate) if len(set(value)) > 1 and total % 11 == int(value[8]) else 0


KOREA: tuple[Entity, ...] = (
    shaped(
        "KR_RRN", "NATIONAL_ID", Shape("[0-9]{6}-[1-4][0-9]{6}", 14, begins="999999"), korean_resident("1234")
    ),
    *named(
        "KR_RRN",
        "NATIONAL_ID",
        Shape("[0-9]{6}[ -]?[1-4][0-9]{6}", 14),
        "rrn, resident registration, korean id, 주민등록, 주민번호",
        whole,
    ),
    shaped(
        "KR_FRN", "NATIONAL_ID", Shape("[0-9]{6}-[5-8][0-9]{6}", 14, begins="999999"), korean_resident("5678")
    ),
    *named(
        "KR_FRN",
        "NATIONAL_ID",
        Shape("[0-9]{6}[ -]?[5-8][0-9]{6}", 14),
        "frn, arc, foreigner registration, foreign registration, alien registration, 외국인등록",
        korean_resident("5678"),
    ),
    shaped(
        "KR_DRIVER_LICENSE",
        "DRIVER_LICENSE",
        Shape("(?:1[1-9]|2[0-8])-[0-9]{2}-[0-9]{6}-[0-9]{2}", 15, begins="99-99-"),
        whole,
        aliases=("DRIVERS_LICENSE", "DRIVER_LICENSE"),
    ),
    *named(
        "KR_DRIVER_LICENSE",
        "DRIVER_LICENSE",
        Shape("(?:1[1-9]|2[0-8])[ -]?[0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{2}", 15, "[12]"),
        "korean driver license, korean driver's license, 운전면허",
        whole,
        near=False,
        aliases=("DRIVERS_LICENSE", "DRIVER_LICENSE"),
    ),
    shaped(
        "KR_BRN",
        "COMPANY_ID",
        Shape("[0-9]{3}-[0-9]{2}-[0-9]{5}", 12, begins="999-99"),
        checked(korean_business),
    ),
    *named(
        "KR_BRN",
        "COMPANY_ID",
        Shape("[0-9]{3}-?[0-9]{2}-?[0-9]{5}", 12),
        "brn, business registration, 사업자등록",
        checked(korean_business),
    ),
    *named(
        "KR_PASSPORT",
        "PASSPORT",
        Shape("[MSRODGmsrodg][0-9]{3}[A-Za-z][0-9]{4}", 9, "[MSRODGmsrodg]"),
        f"{_PASSPORT}, 여권",
        whole,
        near=False,
        aliases=("PASSPORT",),
    ),
    *named(
        "KR_PASSPORT",
        "PASSPORT",
        Shape("[MSRODGmsrodg][0-9]{8}", 9, "[MSRODGmsrodg]"),
        "korean passport, 여권",
        whole,
        near=False,
        rule="OLD",
        aliases=("PASSPORT",),
    ),
)

_INDIAN_STATE = "(?:0[1-9]|[12][0-9]|3[0-8]|97)"

INDIA: tuple[Entity, ...] = (
    shaped(
        "IN_AADHAAR",
        "NATIONAL_ID",
        Shape("[2-9][0-9]{3}(?:(?: [0-9]{4}){2,3}|(?:-[0-9]{4}){2,3})", 19, begins="9999_9 9999-9"),
        aadhaar,
        veto="[0-9]{4}[ -]",
        aliases=("AADHAAR",),
    ),
    *named(
        "IN_AADHAAR",
        "NATIONAL_ID",
        Shape("[2-9][0-9]{3}[ :-]?[0-9]{4}[ :-]?[0-9]{4}", 14, "[2-9]"),
        "aadhaar, aadhar, adhaar, uidai, uid, आधार",
        aadhaar,
        aliases=("AADHAAR",),
    ),
    # The fourth letter says whose it is: P a person's, C a company's, … (Income Tax Department).
    shaped(
        "IN_PAN",
        "TAX_ID",
        Shape("[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", 10, begins="AAAAA9"),
        whole,
    ),
    *named(
        "IN_PAN",
        "TAX_ID",
        Shape("[A-Za-z]{5}[0-9]{4}[A-Za-z]", 10, "[A-Za-z]"),
        "pan, permanent account, income tax",
        whole,
    ),
    shaped(
        "IN_GSTIN",
        "TAX_ID",
        Shape(f"{_INDIAN_STATE}[A-Z]{{5}}[0-9]{{4}}[A-Z][1-9A-Z]Z[0-9A-Z]", 15, begins="99AAAA"),
        whole,
        sign=LETTERS,
    ),
    *named(
        "IN_PASSPORT",
        "PASSPORT",
        Shape("[A-Za-z][1-9][0-9] ?[0-9]{5}", 9, "[A-Za-z]"),
        f"{_PASSPORT}, indian passport",
        whole,
        near=False,
        aliases=("PASSPORT",),
    ),
    *named(
        "IN_VOTER",
        "VOTER_ID",
        Shape("[A-Za-z]{3} ?[0-9]{7}", 11, "[A-Za-z]"),
        "voter, voter id, epic, elector, electoral photo identity",
        whole,
        near=False,
        aliases=("VOTER_ID",),
    ),
)

EAST_ASIA: tuple[Entity, ...] = (
    shaped(
        "CN_RESIDENT_ID",
        "NATIONAL_ID",
        Shape("[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]", 18, begins="999999"),
        checked(ric.is_valid),
    ),
    *named(
        "CN_PASSPORT",
        "PASSPORT",
        Shape("[EGDSPegdsp][A-Za-z0-9][0-9]{7}", 9, "[EGDSPegdsp]"),
        "chinese passport, 护照, 護照",
        whole,
        near=False,
        aliases=("PASSPORT",),
    ),
    *named(
        "JP_MY_NUMBER",
        "NATIONAL_ID",
        digits(12),
        "my number card, mynumber, individual number, マイナンバー, 個人番号",
        checked(my_number.is_valid),
    ),
    shaped(
        "HK_ID",
        "NATIONAL_ID",
        Shape(r"[A-Z]{1,2}[0-9]{6}\([0-9A]\)", 11, begins="A99999 AA9999"),
        checked(hong_kong_id),
    ),
    *named(
        "HK_ID",
        "NATIONAL_ID",
        Shape(r"[A-Za-z]{1,2} ?[0-9]{6} ?\(?[0-9Aa]\)?", 13, "[A-Za-z]"),
        "hkid, hong kong id, hong kong identity card, 身份證",
        checked(hong_kong_id),
    ),
    *named(
        "TW_ID",
        "NATIONAL_ID",
        Shape("[A-Za-z][1289][0-9]{8}", 10, "[A-Za-z]"),
        "taiwan id, roc id, national id, 身分證, 統一編號",
        checked(taiwan_id),
    ),
)

SOUTH_EAST_ASIA: tuple[Entity, ...] = (
    shaped(
        "TH_TNIN",
        "NATIONAL_ID",
        Shape("[1-8][ -][0-9]{4}[ -][0-9]{5}[ -][0-9]{2}[ -][0-9]", 17, begins="9_9999 9-9999"),
        checked(pin.is_valid),
    ),
    *named(
        "TH_TNIN",
        "NATIONAL_ID",
        digits(13),
        "tnin, thai id, thai national id, thai citizen, เลขบัตรประชาชน, บัตรประชาชน, เลขประจำตัวประชาชน",
        checked(pin.is_valid),
    ),
    shaped(
        "SG_NRIC_FIN",
        "NATIONAL_ID",
        Shape("[STFGM][0-9]{7}[A-Z]", 9, begins="A99999"),
        checked(singapore_nric),
        aliases=("NRIC",),
    ),
    *named(
        "SG_NRIC_FIN",
        "NATIONAL_ID",
        Shape("[STFGMstfgm][0-9]{7}[A-Za-z]", 9, "[STFGMstfgm]"),
        "nric, fin, singapore id, identity card",
        whole,
        near=False,
        aliases=("NRIC",),
    ),
    *named(
        "SG_UEN",
        "COMPANY_ID",
        Shape("[0-9]{8,9}[A-Za-z]|[RSTrst][0-9]{2}[A-Za-z]{2}[0-9]{4}[A-Za-z]", 10, "[0-9RSTrst]"),
        "uen, unique entity number, business registration",
        checked(uen.is_valid),
    ),
    shaped(
        "MY_NRIC",
        "NATIONAL_ID",
        Shape("[0-9]{6}-[0-9]{2}-[0-9]{4}", 14, begins="999999"),
        checked(nric.is_valid),
    ),
    *named(
        "MY_NRIC",
        "NATIONAL_ID",
        digits(12),
        "mykad, nric, kad pengenalan, no kp, malaysian id",
        checked(nric.is_valid),
    ),
    *named(
        "ID_NIK",
        "NATIONAL_ID",
        digits(16),
        "nik, ktp, nomor induk kependudukan, indonesian id",
        checked(nik.is_valid),
    ),
    *named(
        "PH_TIN",
        "TAX_ID",
        Shape("[0-9]{3}-?[0-9]{3}-?[0-9]{3}(?:-?[0-9]{3,5})?", 17),
        "tin, bir, tax id, tax identification, taxpayer identification",
        philippine_tin,
    ),
)

WEST_ASIA: tuple[Entity, ...] = (
    *named(
        "TR_NATIONAL_ID",
        "NATIONAL_ID",
        digits(11),
        (f"tc kimlik, t.c. kimlik, kimlik, tckn, tc no, turkish id, turkish identity, {NATIONAL_ID}"),
        checked(tckimlik.is_valid),
    ),
    *named(
        "TR_TAX_ID",
        "TAX_ID",
        digits(10),
        "vkn, vergi kimlik, vergi",
        checked(vkn.is_valid),
    ),
    *named(
        "IL_ID",
        "NATIONAL_ID",
        digits(9),
        "teudat zehut, israeli id, תעודת זהות, ת.ז., מספר זהות",
        checked(israeli.is_valid),
    ),
    shaped(
        "PK_CNIC",
        "NATIONAL_ID",
        Shape("[1-7][0-9]{4}-[0-9]{7}-[0-9]", 15, begins="99999-"),
        checked(cnic.is_valid),
    ),
    *named("PK_CNIC", "NATIONAL_ID", digits(13), "cnic, nadra", checked(cnic.is_valid)),
)

ASIA: tuple[Entity, ...] = (*KOREA, *INDIA, *EAST_ASIA, *SOUTH_EAST_ASIA, *WEST_ASIA)
