"""Addresses of machines."""

from __future__ import annotations

import ipaddress

from gateway.privacy.entities.entity import DIGIT, Entity


def ipv4(candidate: str) -> int:
    """Four octets of at most 255; no leading zeros (RFC 6943 section 3.1.1)."""
    octets = candidate.split(".")
    fine = all(len(octet) == 1 or octet[0] != "0" for octet in octets) and all(int(o) < 256 for o in octets)
    return len(candidate) if fine else 0


def ipv6(candidate: str) -> int:
    """RFC 4291 text forms with at least three colons or groups, so that `a::b` in code is none."""
    groups = [group for group in candidate.split(":") if group]
    if len(groups) < 3 or not any(c.isdigit() for c in candidate):
        return 0
    try:
        ipaddress.IPv6Address(candidate)
    except ValueError:
        return 0
    return len(candidate)


NETWORK: tuple[Entity, ...] = (
    Entity(
        name="IP_ADDRESS",
        label="IP",
        kind="personal",
        core=r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
        longest=15,
        openings=DIGIT,
        validate=ipv4,
        sign="[0-9]",
    ),
    Entity(
        name="IP_ADDRESS",
        label="IP",
        kind="personal",
        core=r"[0-9A-Fa-f:](?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:[0-9]{1,3}\.){3}[0-9]{1,3})?",
        longest=55,
        openings=((r"[0-9A-Fa-f:]",),),
        validate=ipv6,
        after=r"[A-Za-z0-9:]",
        sign=":",
    ),
)
