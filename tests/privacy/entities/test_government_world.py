"""Identifiers of states: each row with what it must find and what it must leave alone."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.privacy.entities.entity import Entity
from gateway.privacy.entities.government_world import GOVERNMENT_WORLD
from gateway.privacy.scanner import compile_rules, find

RULES = compile_rules(GOVERNMENT_WORLD)

FOUND = [
    ("DE_TAX_ID", "Meine Steuer-ID: 12345678903.", ["12345678903"]),
    ("DE_TAX_ID", "IdNr. 98 765 432 106 liegt vor", ["98 765 432 106"]),
    ("DE_TAX_NUMBER", "Steuernummer: 181/815/08155", ["181/815/08155"]),
    ("DE_VAT_ID", "USt-IdNr.: DE136695976, DE 136 695 976", ["DE136695976", "DE 136 695 976"]),
    ("DE_SOCIAL_SECURITY", "RVNR 15070649C103 und 15 070649 C 103", ["15070649C103", "15 070649 C 103"]),
    ("DE_HEALTH_INSURANCE", "KVNR: A123456780", ["A123456780"]),
    ("DE_LANR", '"lanr": "123456601"', ["123456601"]),
    ("DE_BSNR", "BSNR 021234568", ["021234568"]),
    ("DE_PASSPORT", "Reisepass Nr. C01X00T41", ["C01X00T41"]),
    ("DE_ID_CARD", "Personalausweis: L01X00T471", ["L01X00T471"]),
    ("DE_FUEHRERSCHEIN", "Führerscheinnummer B072RRE2I55", ["B072RRE2I55"]),
    ("DE_FUEHRERSCHEIN", "Führerschein-Nr.: N0704578035", ["N0704578035"]),
    ("DE_HANDELSREGISTER", "Amtsgericht München, HRB 12345", ["HRB 12345"]),
    ("UK_NHS", "NHS number: 401 023 2137", ["401 023 2137"]),
    ("UK_NHS", "nhsNumber=4010232137", ["4010232137"]),
    ("UK_NINO", "AA 12 34 56 B and AB123456C", ["AA 12 34 56 B", "AB123456C"]),
    ("UK_NINO", "ni number aa123456b", ["aa123456b"]),
    ("UK_UTR", "my UTR is 1955839661", ["1955839661"]),
    ("UK_DRIVING_LICENCE", "MORGA657054SM9IJ", ["MORGA657054SM9IJ"]),
    ("UK_PASSPORT", "My passport number is CD7654321", ["CD7654321"]),
    ("IE_PPS", "PPS number 1234567T", ["1234567T"]),
    ("IE_PPS", "PPSN: 6433435F", ["6433435F"]),
    ("ES_NIF", "55555555-K or, as DNI, 1111111G", ["55555555-K", "1111111G"]),
    ("ES_NIF", '{"dni": "12.345.678-Z"}', ["12.345.678-Z"]),
    ("ES_NIE", "Mi NIE es X9613851N; Y8063915-Z", ["X9613851N", "Y8063915-Z"]),
    ("ES_PASSPORT", "Mi pasaporte es AAA123456", ["AAA123456"]),
    ("PT_NIF", "NIF: 501 964 843", ["501 964 843"]),
    ("FR_NIR", "2 95 10 99 126 111 93, 295109912611193", ["2 95 10 99 126 111 93", "295109912611193"]),
    ("FR_TAX_ID", "numéro fiscal : 3023217600053", ["3023217600053"]),
    ("FR_PASSPORT", "passeport 12AB34567", ["12AB34567"]),
    ("FR_ID_CARD", "carte d'identité n° 880692310285", ["880692310285"]),
    (
        "IT_FISCAL_CODE",
        "RSSMRA85T10A562S; codice fiscale rssmra85t10a562s",
        ["RSSMRA85T10A562S", "rssmra85t10a562s"],
    ),
    ("IT_FISCAL_CODE", "with a mistyped letter RSSMRA85T10A562Z", ["RSSMRA85T10A562Z"]),
    ("IT_VAT_CODE", "P.IVA IT01333550323, partita iva 01333550323", ["IT01333550323", "01333550323"]),
    ("IT_DRIVER_LICENSE", "patente di guida U1H00A000B", ["U1H00A000B"]),
    ("IT_IDENTITY_CARD", "carta d'identità AA1234567", ["AA1234567"]),
    ("IT_PASSPORT", "passaporto AA1234567", ["AA1234567"]),
    ("NL_BSN", "BSN: 111222333", ["111222333"]),
    ("BE_NATIONAL_NUMBER", "85.07.30-033.28, NISS 85073003328", ["85.07.30-033.28", "85073003328"]),
    ("CH_AHV", "756.9217.0769.85 und 7569217076985", ["756.9217.0769.85", "7569217076985"]),
    ("AT_SOCIAL_SECURITY", "SVNR 1237 010180", ["1237 010180"]),
    ("FI_PERSONAL_IDENTITY_CODE", "131052-308T, 010594Y9032", ["131052-308T", "010594Y9032"]),
    ("SE_PERSONNUMMER", "760711-8002; personnummer 201109252385", ["760711-8002", "201109252385"]),
    ("SE_ORGANISATIONSNUMMER", "orgnr 556703-7485", ["556703-7485"]),
    ("NO_FODSELSNUMMER", "Fødselsnummer: 15108695088", ["15108695088"]),
    ("DK_CPR", "CPR-nr. 211062-5629", ["211062-5629"]),
    ("IS_KENNITALA", "kennitala 450401-3150", ["450401-3150"]),
    ("EE_ISIKUKOOD", "isikukood 36805280109", ["36805280109"]),
    ("LT_ASMENS_KODAS", "asmens kodas 33309240064", ["33309240064"]),
    ("LV_PERSONAS_KODS", "personas kods 161175-19997", ["161175-19997"]),
    ("PL_PESEL", "My pesel is 44051401458. PESEL pacjenta: 85070878986", ["44051401458", "85070878986"]),
    ("PL_NIP", "NIP 856-734-62-15", ["856-734-62-15"]),
    ("CZ_BIRTH_NUMBER", "rodné číslo 710319/2745", ["710319/2745"]),
    ("RO_CNP", "CNP: 1630615123457", ["1630615123457"]),
    ("BG_EGN", "ЕГН 7523169263, EGN 8032056031", ["7523169263", "8032056031"]),
    ("HR_OIB", "OIB 33392005961", ["33392005961"]),
    ("SI_EMSO", "EMŠO 0101006500006", ["0101006500006"]),
    ("GR_AMKA", "ΑΜΚΑ: 01013099997, AMKA 01013099997", ["01013099997", "01013099997"]),
    ("UA_RNTRC", "РНОКПП 1759013776", ["1759013776"]),
    ("RU_INN", "ИНН 123456789047", ["123456789047"]),
    (
        "EU_VAT",
        "ATU13585627 BE0428759497 FR40303265045 ESB58378431",
        ["ATU13585627", "BE0428759497", "FR40303265045", "ESB58378431"],
    ),
    ("KR_RRN", "960121-1021413, 주민등록번호는 960121-1021413입니다", ["960121-1021413"] * 2),
    ("KR_RRN", "resident registration number: 170029-1872577", ["170029-1872577"]),
    ("KR_FRN", "His FRN is 9111245678906; 000505-7637892", ["9111245678906", "000505-7637892"]),
    ("KR_DRIVER_LICENSE", "13-22-123456-12", ["13-22-123456-12"]),
    ("KR_BRN", "104-86-56659, 사업자등록번호 1048656659", ["104-86-56659", "1048656659"]),
    ("KR_PASSPORT", "passport number is M123A4567, 여권번호는 M12345678", ["M123A4567", "M12345678"]),
    ("IN_AADHAAR", "3123 4567 8909; Aadhaar number is 400123456787", ["3123 4567 8909", "400123456787"]),
    ("IN_PAN", "ABCPD1234Z; my pan is djpms1234z", ["ABCPD1234Z", "djpms1234z"]),
    ("IN_GSTIN", "GST registration: 07PQRST6789K1Z2", ["07PQRST6789K1Z2"]),
    ("IN_PASSPORT", "my passport number is T3569075", ["T3569075"]),
    ("IN_VOTER", "voter id: MUP5632811", ["MUP5632811"]),
    ("CN_RESIDENT_ID", "身份证号11010519491231002X", ["11010519491231002X"]),
    ("CN_PASSPORT", "护照号码：E12345678", ["E12345678"]),
    ("JP_MY_NUMBER", "マイナンバーは 6214 9832 0257", ["6214 9832 0257"]),
    ("HK_ID", "A123456(3), HKID G123456(A)", ["A123456(3)", "G123456(A)"]),
    ("TW_ID", "身分證字號：A123456789", ["A123456789"]),
    ("TH_TNIN", "1-2345-67890-12-1, เลขบัตรประชาชน 2345678901234", ["1-2345-67890-12-1", "2345678901234"]),
    ("SG_NRIC_FIN", "S0000001I, my fin is g3300299L", ["S0000001I", "g3300299L"]),
    ("SG_UEN", "UEN 53125226D", ["53125226D"]),
    ("MY_NRIC", "770305-02-1234", ["770305-02-1234"]),
    ("ID_NIK", "NIK: 3171011708450001", ["3171011708450001"]),
    ("PH_TIN", "TIN: 000-123-456-000; BIR TIN 000123456", ["000-123-456-000", "000123456"]),
    (
        "TR_NATIONAL_ID",
        "TC Kimlik No: 10000000146, my national id is 16741504806",
        ["10000000146", "16741504806"],
    ),
    ("TR_TAX_ID", "vergi no 4540536920", ["4540536920"]),
    ("IL_ID", "תעודת זהות 039337423", ["039337423"]),
    ("PK_CNIC", "34201-0891231-8", ["34201-0891231-8"]),
    ("CA_SIN", "my SIN is 130-692-544, mon NAS: 258 933 688", ["130-692-544", "258 933 688"]),
    ("CA_PASSPORT", "Canadian passport AB123456", ["AB123456"]),
    ("MX_CURP", "BOXW310820HNERXN09", ["BOXW310820HNERXN09"]),
    ("MX_RFC", "RFC: GODE561231GR8", ["GODE561231GR8"]),
    ("DO_CEDULA", "cédula 00113918205", ["00113918205"]),
    ("BR_CPF", "390.533.447-05, cpf 39053344705", ["390.533.447-05", "39053344705"]),
    ("BR_CNPJ", "16.727.230/0001-97", ["16.727.230/0001-97"]),
    ("AR_CUIT", "CUIT 20-05536168-2", ["20-05536168-2"]),
    ("AR_DNI", "documento nacional de identidad 20.123.456", ["20.123.456"]),
    ("CL_RUT", "12.531.909-2, RUT 76086428-5", ["12.531.909-2", "76086428-5"]),
    ("CO_NIT", "NIT 213.123.432-1", ["213.123.432-1"]),
    ("CO_CEDULA", "cédula de ciudadanía 1.020.345.678", ["1.020.345.678"]),
    ("PE_RUC", "RUC 20512333797", ["20512333797"]),
    ("EC_CI", "cédula 171430710-3", ["171430710-3"]),
    (
        "ZA_ID_NUMBER",
        "RSA ID: 0002294321191. Refugee ID number 0001015002288",
        ["0002294321191", "0001015002288"],
    ),
    ("NG_NIN", "NIN: 12345678901", ["12345678901"]),
    ("AU_ABN", "51 824 753 556, abn 51824753556", ["51 824 753 556", "51824753556"]),
    ("AU_ACN", "ACN 006 249 976", ["006 249 976"]),
    ("AU_TFN", "tax file number 123 456 782", ["123 456 782"]),
    ("AU_MEDICARE", "2123 45670 1; medicare 2123456701", ["2123 45670 1", "2123456701"]),
    ("NZ_IRD", "IRD 49-091-850", ["49-091-850"]),
]

LEFT_ALONE = [
    ("DE_TAX_ID", "Steuer-ID 12345678901"),
    ("DE_VAT_ID", "DE123456789"),
    ("DE_SOCIAL_SECURITY", "15070649C100"),
    ("DE_HANDELSREGISTER", "HRC 12345, HRB 1234567, HR 12345"),
    ("DE_PASSPORT", "the passport was C01234567"),
    ("UK_NHS", "call 401-023-2137"),
    ("UK_NHS", "nhs 401 023 2138"),
    ("UK_NINO", "BG123612A"),
    ("UK_DRIVING_LICENCE", "MORGA613054SM9IJ MORGA601324SM9IJ"),
    ("UK_PASSPORT", "AB1234567"),
    ("ES_NIF", "20240131T and 55555555X"),
    ("ES_NIE", "Y8063915Q"),
    ("FR_NIR", "295109912611199"),
    ("IT_FISCAL_CODE", "RSSMRA85T99A562S"),
    ("IT_VAT_CODE", "partita iva 00000000000"),
    ("NL_BSN", "bsn 111222334"),
    ("FI_PERSONAL_IDENTITY_CODE", "311190-1111 131052/308T"),
    ("SE_PERSONNUMMER", "20240115-1235 20241315-1234"),
    ("SE_ORGANISATIONSNUMMER", "build 556703-7485"),
    ("DK_CPR", "211062-5629"),
    ("PL_PESEL", "44051401458"),
    ("PL_PESEL", "pesel 44051401459"),
    ("EU_VAT", "BE0428759498 IT-12345678901 SECTION1234567"),
    ("KR_RRN", "001332-1234567 960121-9021413"),
    ("KR_DRIVER_LICENSE", "99-22-123456-12"),
    ("KR_BRN", "123-45-67890"),
    ("IN_AADHAAR", "3123 4567 8909 1234, 3123:4567:8909"),
    ("IN_PAN", "ABCDE1234Z"),
    ("CN_RESIDENT_ID", "110105194912310021"),
    ("SG_NRIC_FIN", "S0000001J"),
    ("TR_NATIONAL_ID", "10000000146"),
    ("TH_TNIN", "1234567890121"),
    ("CA_SIN", "the numbers 130 692 544"),
    ("CA_SIN", "sin 130 692 545"),
    ("BR_CPF", "390.533.447-06"),
    ("AU_TFN", "824 753 557"),
    ("ZA_ID_NUMBER", "8001015009087"),
    ("PH_TIN", "TIN 000-123-457-000"),
    ("MY_NRIC", "991332-02-1234"),
]


def spans(text: str, name: str) -> list[str]:
    return [text[span.start : span.end] for span in find(text, RULES) if span.entity.name == name]


@pytest.mark.parametrize(("name", "text", "expected"), FOUND)
def test_an_identifier_is_found(name: str, text: str, expected: list[str]) -> None:
    assert spans(text, name) == expected


@pytest.mark.parametrize(("name", "text"), LEFT_ALONE)
def test_what_only_looks_like_one_is_left_alone(name: str, text: str) -> None:
    assert spans(text, name) == []


def test_every_entity_has_a_case() -> None:
    assert {row.name for row in GOVERNMENT_WORLD} == {name for name, _, expected in FOUND if expected}


@pytest.mark.parametrize(
    "context",
    [
        "PESEL {}",
        "pesel: {}",
        '"pesel":"{}"',
        "pesel={}",
        "Pesel number is {}",
        "PESEL no. {}",
        "<pesel>{}",
        "**PESEL:** {}",
        "pesel_nr: {}",
        "peselNumber = {}",
        "| PESEL | {} |",
        "PESEL\n{}",
    ],
)
def test_a_keyword_leads_to_its_value(context: str) -> None:
    assert spans(context.format("44051401458"), "PL_PESEL") == ["44051401458"]


def test_a_keyword_within_a_word_is_none() -> None:
    assert spans("gospesel 44051401458", "PL_PESEL") == []


# By what keyword each is found, and how many digits it has.
CHECKED = {
    "UK_NHS": ("NHS", 10), "NL_BSN": ("BSN", 9), "HR_OIB": ("OIB", 11), "CA_SIN": ("SIN", 9),
    "PL_NIP": ("NIP", 10), "PT_NIF": ("contribuinte", 9), "BR_CPF": ("CPF", 11), "TR_NATIONAL_ID": ("TCKN", 11),
    "DE_TAX_ID": ("Steuer-ID", 11), "AU_ABN": ("ABN", 11), "IN_AADHAAR": ("Aadhaar", 12), "AR_CUIT": ("CUIT", 11),
}  # fmt: skip


def _row(name: str) -> Entity:
    return next(row for row in GOVERNMENT_WORLD if row.name == name and row.cue)


@given(st.sampled_from(sorted(CHECKED)), st.integers(2, 9), st.data())
def test_a_valid_number_is_found_and_one_with_a_wrong_digit_is_not(
    name: str, first: int, data: st.DataObject
) -> None:
    keyword, length = CHECKED[name]
    validate = _row(name).validate
    body = f"{first}" + data.draw(st.text("0123456789", min_size=length - 3, max_size=length - 3))
    valid = [number for end in range(100) if validate(number := f"{body}{end:02}")]
    assume(valid)
    number = data.draw(st.sampled_from(valid))
    assert spans(f"{keyword}: {number}", name) == [number]
    place = data.draw(st.integers(0, length - 1))
    other = (
        number[:place] + str((int(number[place]) + data.draw(st.integers(1, 9))) % 10) + number[place + 1 :]
    )
    if other not in valid and not validate(other):
        assert spans(f"{keyword}: {other}", name) == []
    if name not in ("PT_NIF", "UK_NHS", "PL_NIP"):  # mod 11 with two remainders that share a digit
        assert other in valid or not validate(other)
