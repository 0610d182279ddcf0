"""What a vehicle is registered under, and the number on its frame."""

from __future__ import annotations

from gateway.privacy.entities.entity import Entity, whole
from gateway.privacy.entities.identifier import ALONE, Shape, named, shaped

_PLATE = (
    "plate, plates, number plate, license plate, licence plate, registration, reg, vehicle "
    "registration, vehicle, vehicles, car, cars, bike, truck, van, vrm"
)

_ALIASES = ("LICENSE_PLATE", "VEHICLE_REGISTRATION")

_VIN_VALUES = dict(
    zip(
        "0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
        (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)),
        strict=True,
    )
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN = "[A-HJ-NPR-Za-hj-npr-z0-9]"

# The Regional Transport Offices' codes (Motor Vehicles Act, section 41(6)), old ones among them.
_INDIAN_STATE = (
    "(?:A[NPRS]|B[HR]|C[GH]|D[DLN]|G[AJ]|H[PR]|J[HK]|K[AL]|L[AD]|M[HLNPZ]|NL|O[DR]|P[BY]|RJ|SK|T[GNRS]"
    "|U[AKP]|WB)"
)


def vin(value: str) -> bool:
    """The ninth character checks the others in North America and China (49 CFR 565.15)."""
    total = sum(_VIN_VALUES[c] * weight for c, weight in zip(value, _VIN_WEIGHTS, strict=True))
    return value[8] == "0123456789X"[total % 11]


def frame_number(candidate: str) -> int:
    """Elsewhere nothing checks: letters and digits, as in every ISO 3779 number."""
    return len(candidate) if any(map(str.isdigit, candidate)) and any(map(str.isalpha, candidate)) else 0


VEHICLES: tuple[Entity, ...] = (
    # Two letters for the office, two digits for the half-year, three letters (DVLA, INF104).
    shaped(
        "UK_VEHICLE_REGISTRATION",
        "LICENSE_PLATE",
        Shape(
            "[A-HJ-PR-Y][A-HJ-PR-Y](?:0[2-9]|[1-2][0-9]|5[1-9]|[67][0-9]) [A-HJ-PR-Z]{3}", 8, begins="AA99_A"
        ),
        whole,
        aliases=_ALIASES,
    ),
    *named(
        "UK_VEHICLE_REGISTRATION",
        "LICENSE_PLATE",
        Shape(
            "[A-HJ-PR-Ya-hj-pr-y]{2}(?:0[2-9]|[12][0-9]|5[1-9]|[67][0-9])[ -]?[A-HJ-PR-Za-hj-pr-z]{3}"
            "|[A-HJ-NPR-TV-Y][0-9]{1,3}[ -]?[A-HJ-PR-Y]{3}|[A-HJ-PR-Y]{3}[ -]?[0-9]{1,3}[A-HJ-NPR-TV-Y]",
            9,
            "[A-HJ-PR-Ya-hj-pr-y]",
        ),
        _PLATE,
        whole,
        before=ALONE,
        aliases=_ALIASES,
    ),
    shaped(
        "IN_VEHICLE_REGISTRATION",
        "LICENSE_PLATE",
        Shape(
            f"{_INDIAN_STATE}[ -]?[0-9]{{1,2}}[ -]?[A-Z]{{1,3}}[ -]?[0-9]{{4}}", 14, begins="AA9 AA_9 AA-9"
        ),
        whole,
        aliases=_ALIASES,
    ),
    *named(
        "NG_VEHICLE_REGISTRATION",
        "LICENSE_PLATE",
        Shape("[A-Za-z]{3}[ -]?[0-9]{3}[A-Za-z]{2}", 9, "[A-Za-z]"),
        _PLATE,
        whole,
        aliases=_ALIASES,
    ),
    *named(
        "TR_LICENSE_PLATE",
        "LICENSE_PLATE",
        Shape("(?:0[1-9]|[1-7][0-9]|8[01]) ?[A-Za-z]{1,3} ?[0-9]{2,5}", 12, "[0-8]"),
        "plaka, plaka no, araç, turkish plate, license plate",
        whole,
        aliases=_ALIASES,
    ),
    *named(
        "LICENSE_PLATE",
        "LICENSE_PLATE",
        Shape("[A-Z0-9]{1,4}(?:[ -][A-Z0-9]{1,4}){1,2}|[A-Z0-9]{5,8}", 14, "[A-Z0-9]"),
        (
            "license plate, licence plate, number plate, kennzeichen, plaque d'immatriculation, "
            "immatriculation, matrícula, targa, kenteken, placa"
        ),
        frame_number,
        kind="personal",
        near=False,
        aliases=_ALIASES,
    ),
    *named(
        "VIN",
        "VIN",
        Shape(f"{_VIN}{{17}}", 17, _VIN),
        "vin, vehicle identification, chassis, frame number, fahrgestellnummer, fin",
        frame_number,
        kind="personal",
        aliases=("VEHICLE_IDENTIFICATION_NUMBER",),
    ),
    shaped(
        "VIN",
        "VIN",
        Shape("[A-HJ-NPR-Z0-9]{9}[A-HJ-NPR-Z0-9]{4}[0-9]{4}", 17, begins="XXXXXX"),
        lambda candidate: frame_number(candidate) if vin(candidate) else 0,
        kind="personal",
        aliases=("VEHICLE_IDENTIFICATION_NUMBER",),
    ),
)
