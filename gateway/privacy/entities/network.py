"""Addresses of machines, and of places on the map."""

from __future__ import annotations

import ipaddress
import re

from gateway.privacy.entities.entity import DIGIT, Entity
from gateway.privacy.entities.groups import led_by

_HEX_PAIR = r"[0-9A-Fa-f]{2}"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")


def ipv4(candidate: str) -> int:
    """Four octets of at most 255 without leading zeros (RFC 6943 section 3.1.1), a prefix length may follow.

    Five numbers and more are an object identifier or a version, short ones with a revision a package.
    """
    if _IPV4.fullmatch(candidate) is not None:
        return 0 if candidate[:2] == "0." and candidate != "0.0.0.0" else len(candidate)
    address, _, revision = candidate.partition("-")
    address, _, prefix = address.partition("/")
    if _IPV4.fullmatch(address) is None or (address[:2] == "0." and address != "0.0.0.0"):
        return 0
    if revision and len(address) < 9 and not revision.startswith(address[:4]):  # a package: 1.2.5.1-2
        return 0
    return len(address) + 1 + len(prefix) if prefix and int(prefix) <= 32 else len(address)


def ipv6(candidate: str) -> int:
    """RFC 4291 text forms, with a zone (RFC 4007) or a prefix length or neither.

    Short forms that code holds too are none: `::2` in a slice, `a::b`, `add::c`.
    """
    address = re.split(r"[%/]", candidate, maxsplit=1)[0]
    for length in (len(address), len(address) - 1):  # a colon may end the sentence's clause: "fe80::1: up"
        try:
            ipaddress.IPv6Address(address[:length])
        except ValueError:
            continue
        break
    else:
        return 0
    groups = [group for group in address[:length].split(":") if group]
    telling = any(c.isdigit() for c in address) and any(len(group) > 2 for group in groups)
    if len(groups) < 3 and address != "::1" and not telling:
        return 0
    if length < len(address):
        return length
    tail = candidate[len(address) + 1 :]
    if candidate[len(address) :].startswith("/") and int(tail) > 128:
        return len(address)
    return len(candidate)


def mac(candidate: str) -> int:
    """Six pairs with one separator; more are a fingerprint or a certificate's serial number.

    Broadcast and the null address are nobody's.
    """
    if len(candidate) != 17 or len(set(candidate[2::3])) != 1:
        return 0
    return 0 if set(candidate.lower()) - {":", "-"} in ({"f"}, {"0"}) else len(candidate)


def coordinates(candidate: str) -> int:
    """WGS 84 in decimal degrees, the first or only number at most 180 from zero."""
    numbers = [float(number) for number in re.findall(r"[0-9]+\.[0-9]+", candidate)]
    return len(candidate) if all(number <= 180 for number in numbers) else 0


_DEGREES = r"[-+]?[0-9]{1,3}\.[0-9]{2,15}(?: ?°)?(?: ?[NSEW])?"

_MAP_WORDS = (
    "lat latitude lng lon longitude coord coords coordinate coordinates gps geo geolocation "
    "geopoint geopos location"
)

NETWORK: tuple[Entity, ...] = (
    Entity(
        name="MAC_ADDRESS",
        label="MAC",
        kind="personal",
        # More pairs than an address has are taken along, so that the check can refuse them.
        core=rf"{_HEX_PAIR}(?:[:-]{_HEX_PAIR}){{5,40}}",
        longest=122,
        openings=(("[0-9A-Fa-f]", "[0-9A-Fa-f]", "[:-]", "[0-9A-Fa-f]"),),
        validate=mac,
        veto=r"[0-9A-Fa-f]{2}[:-]",
        sign=rf":{_HEX_PAIR}:{_HEX_PAIR}:|-{_HEX_PAIR}-{_HEX_PAIR}-",
        aliases=("MAC",),
    ),
    Entity(
        name="MAC_ADDRESS",
        rule="DOTTED_MAC",
        label="MAC",
        kind="personal",
        core=r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
        longest=14,
        openings=(("[0-9A-Fa-f]",) * 4 + (r"\.",),),
        before=r"[A-Za-z0-9.]",
        sign=r"\.[0-9A-Fa-f]{4}\.",
        aliases=("MAC",),
    ),
    Entity(
        name="IP_ADDRESS",
        rule="IPV6",
        label="IP",
        kind="personal",
        core=r"(?=[0-9A-Fa-f:])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]{1,4})?"
        r"(?:%[A-Za-z0-9_.-]{1,16})?(?:/[0-9]{1,3})?",
        longest=80,
        openings=(("[0-9A-Fa-f]",), (":",)),
        validate=ipv6,
        # `x[::1]` takes every element, and C++ and Rust put `::` between names.
        veto=r"[A-Za-z0-9_)\]]\[|[A-Za-z0-9_:>]:",
        before=r"[A-Za-z0-9_>]",
        after=r"[A-Za-z0-9:_]",
        # Either some groups are left out or there are at least six.
        sign=r":(?::|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:)",
    ),
    Entity(
        name="IP_ADDRESS",
        rule="IPV6_UNSPECIFIED",
        label="IP",
        kind="personal",
        core=r"::(?:/[0-9]{1,3})?",
        longest=6,
        openings=((":", ":"),),
        cue=r"(?<![A-Za-z])(?i:ipv6|listen(?: on)?|listening(?: on)?|bind)(?: address)?[ :=\"'\[]{1,4}",
        after=r"[A-Za-z0-9:_]",
        words=frozenset("ipv listen listening bind".split()),
        sign="::",
    ),
    Entity(
        name="IP_ADDRESS",
        rule="IPV4",
        label="IP",
        kind="personal",
        core=r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,9}){0,12}(?:/[0-9]{1,2}|-[0-9][0-9A-Za-z.+~]{0,15})?",
        longest=160,
        openings=DIGIT,
        validate=ipv4,
        before=r"[A-Za-z0-9.~]",
        veto=r"(?i:\bversion|\bver|\bver\.|\brelease|\bbuild|\brv|[A-Za-z]==|[<>~^!]=|\bv)[ :=]{0,2}|"
        r"§ ?|(?i:\bsection|\bsec\.|\bchapter) |"
        r"(?:Chrome|Chromium|Firefox|Safari|Version|OPR|Opera|Edge?|AppleWebKit|MSIE|Gecko|Trident)[/ ]",
        sign=r"[0-9]\.[0-9]{1,3}\.[0-9]",
    ),
    Entity(
        name="COORDINATES",
        label="COORDINATES",
        kind="personal",
        core=rf"{_DEGREES}(?:[,;/]? ?{_DEGREES})?",
        longest=52,
        openings=(("[-+0-9]",),),
        validate=coordinates,
        cue=led_by("|".join(_MAP_WORDS.split()), 12),
        words=frozenset(_MAP_WORDS.split()),
        sign=r"[0-9]\.[0-9]",
        aliases=("GEO_COORDINATES", "LAT_LONG"),
    ),
)
