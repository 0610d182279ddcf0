"""Identifiers given out in the Americas outside the United States, in Africa and in Oceania."""

from __future__ import annotations

from stdnum import luhn
from stdnum.ar import cuit
from stdnum.au import abn, acn, tfn
from stdnum.br import cnpj, cpf
from stdnum.ca import sin
from stdnum.cl import rut
from stdnum.co import nit
from stdnum.do import cedula
from stdnum.ec import ci
from stdnum.mx import curp, rfc
from stdnum.nz import ird
from stdnum.pe import ruc

from gateway.privacy.entities.entity import Entity, whole
from gateway.privacy.entities.government_north_east_europe import NATIONAL_ID, is_date
from gateway.privacy.entities.identifier import Shape, checked, digits, named, shaped


def south_african(value: str) -> bool:
    """Date of birth, citizen, resident or refugee (0 to 2), Luhn (Department of Home Affairs)."""
    return (
        is_date(2000 + int(value[:2]), int(value[2:4]), int(value[4:6]))
        and value[10] in "012"
        and luhn.is_valid(value)
    )


def medicare(value: str) -> bool:
    """Weights 1 3 7 9 1 3 7 9 over eight digits; the ninth checks, the tenth is the issue."""
    return sum(int(c) * (1, 3, 7, 9)[i % 4] for i, c in enumerate(value[:8])) % 10 == int(value[8])


NORTH_AMERICA: tuple[Entity, ...] = (
    *named(
        "CA_SIN",
        "NATIONAL_ID",
        digits(9),
        "sin, social insurance, nas, numéro d'assurance sociale, assurance sociale",
        checked(sin.is_valid),
        aliases=("SOCIAL_INSURANCE_NUMBER",),
    ),
    *named(
        "CA_PASSPORT",
        "PASSPORT",
        Shape("[A-Za-z]{2}[0-9]{6}|[A-Za-z][0-9]{6}[A-Za-z]{2}", 9, "[A-Za-z]"),
        "passport, canadian passport, passeport",
        whole,
        near=False,
        aliases=("PASSPORT",),
    ),
    shaped(
        "MX_CURP",
        "NATIONAL_ID",
        Shape("[A-Z][AEIOUX][A-Z]{2}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]", 18, begins="AAAA99"),
        checked(curp.is_valid),
        aliases=("CURP",),
    ),
    *named(
        "MX_RFC",
        "TAX_ID",
        Shape("[A-Za-zÑñ&]{3,4}[ -]?[0-9]{6}[ -]?[A-Za-z0-9]{3}", 15, "[A-Za-zÑñ&]"),
        "rfc, registro federal de contribuyentes",
        lambda candidate: len(candidate) if rfc.is_valid(candidate.upper()) else 0,
        aliases=("RFC",),
    ),
    *named(
        "DO_CEDULA",
        "NATIONAL_ID",
        digits(11),
        "cédula, cédula de identidad",
        checked(cedula.is_valid),
    ),
)

SOUTH_AMERICA: tuple[Entity, ...] = (
    shaped(
        "BR_CPF",
        "NATIONAL_ID",
        Shape(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", 14, begins="999.99"),
        checked(cpf.is_valid),
        aliases=("CPF",),
    ),
    *named(
        "BR_CPF",
        "NATIONAL_ID",
        digits(11),
        "cpf, cadastro de pessoa física",
        checked(cpf.is_valid),
        aliases=("CPF",),
    ),
    shaped(
        "BR_CNPJ",
        "COMPANY_ID",
        Shape(r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}", 18, begins="99.999"),
        checked(cnpj.is_valid),
    ),
    *named("BR_CNPJ", "COMPANY_ID", digits(14), "cnpj", checked(cnpj.is_valid)),
    *named(
        "AR_CUIT",
        "TAX_ID",
        digits(11),
        "cuit, cuil, clave única de identificación tributaria",
        checked(cuit.is_valid),
    ),
    *named(
        "AR_DNI",
        "NATIONAL_ID",
        Shape(r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}", 10),
        "dni, documento nacional de identidad",
        whole,
        near=False,
    ),
    shaped(
        "CL_RUT",
        "NATIONAL_ID",
        Shape(r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]", 12, begins="9.999. 99.999"),
        checked(rut.is_valid),
    ),
    *named(
        "CL_RUT",
        "NATIONAL_ID",
        Shape(r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-?[0-9Kk]", 12),
        "rut, run, rol único tributario",
        checked(rut.is_valid),
    ),
    *named(
        "CO_NIT",
        "TAX_ID",
        Shape(r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]", 13),
        "nit, número de identificación tributaria",
        checked(nit.is_valid),
    ),
    *named("PE_RUC", "TAX_ID", digits(11), "ruc, registro único de contribuyentes", checked(ruc.is_valid)),
    *named(
        "EC_CI",
        "NATIONAL_ID",
        digits(10),
        "cédula, cédula de identidad, cédula de ciudadanía",
        checked(ci.is_valid),
    ),
    *named(
        "CO_CEDULA",
        "NATIONAL_ID",
        Shape(r"[0-9]{1,3}(?:\.?[0-9]{3}){2,3}", 15),
        "cédula, cédula de ciudadanía",
        whole,
        near=False,
    ),
)

AFRICA: tuple[Entity, ...] = (
    *named(
        "ZA_ID_NUMBER",
        "NATIONAL_ID",
        digits(13),
        f"south african id, rsa id, za id, identity number, permanent resident, refugee id, {NATIONAL_ID}",
        checked(south_african),
    ),
    *named(
        "NG_NIN",
        "NATIONAL_ID",
        digits(11),
        "nin, national identification number, nimc",
        checked(lambda value: True),
        near=False,
    ),
)

OCEANIA: tuple[Entity, ...] = (
    shaped(
        "AU_ABN",
        "COMPANY_ID",
        Shape("[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}", 14, begins="99_999"),
        checked(abn.is_valid),
    ),
    *named("AU_ABN", "COMPANY_ID", digits(11), "abn, australian business number", checked(abn.is_valid)),
    *named("AU_ACN", "COMPANY_ID", digits(9), "acn, australian company number", checked(acn.is_valid)),
    *named(
        "AU_TFN",
        "TAX_ID",
        Shape("[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{2,3}", 11),
        "tfn, tax file number",
        checked(tfn.is_valid),
    ),
    shaped(
        "AU_MEDICARE",
        "HEALTH_ID",
        Shape("[2-6][0-9]{3} [0-9]{5} [0-9]", 12, begins="9999_9"),
        checked(medicare),
        kind="medical",
    ),
    *named(
        "AU_MEDICARE",
        "HEALTH_ID",
        Shape("[2-6][0-9]{3}[ -]?[0-9]{5}[ -]?[0-9]", 12, "[2-6]"),
        "medicare, medicare card",
        checked(medicare),
        kind="medical",
    ),
    *named(
        "NZ_IRD",
        "TAX_ID",
        Shape("[0-9]{2,3}[ -]?[0-9]{3}[ -]?[0-9]{3}", 11),
        "ird, inland revenue",
        checked(ird.is_valid),
    ),
)

SOUTH: tuple[Entity, ...] = (*NORTH_AMERICA, *SOUTH_AMERICA, *AFRICA, *OCEANIA)
