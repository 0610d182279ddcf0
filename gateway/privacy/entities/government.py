"""Identifiers that a state gives out."""

from __future__ import annotations

from gateway.privacy.entities.entity import Entity


def us_ssn(candidate: str) -> int:
    """The ranges that the Social Security Administration never assigns (since 2011) are no match."""
    area, group, serial = candidate[:3], candidate[4:6], candidate[7:]
    never = area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000"
    return 0 if never else len(candidate)


GOVERNMENT: tuple[Entity, ...] = (
    Entity(
        name="US_SSN",
        label="SSN",
        kind="government",
        core=r"[0-8][0-9]{2}(?:-[0-9]{2}-|\ [0-9]{2}\ )[0-9]{4}",
        longest=11,
        openings=((r"[0-8]",),),
        validate=us_ssn,
        sign="[0-9]",
        aliases=("SSN",),
    ),
)
