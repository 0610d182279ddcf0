from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.privacy.entities.found import values


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("ip 10.0.0.1:8080 and 192.168.1.0/24", ["10.0.0.1", "192.168.1.0/24"]),
        ("10.0.0.1-10.0.0.9", ["10.0.0.1", "10.0.0.9"]),
        ("at minotauros/10.10.34.11:8030", ["10.10.34.11"]),
        ("fe80::1%eth0 and [::1]:80", ["fe80::1%eth0", "::1"]),
        ("2001:db8::/32.", ["2001:db8::/32"]),
        ("::ffff:192.168.1.0/96", ["::ffff:192.168.1.0/96"]),
        ("Use local ipv6 ::", ["::"]),
        ("192.168.2.1@eth0", ["192.168.2.1"]),
    ],
)
def test_an_address_is_found_with_its_zone_or_prefix(text: str, addresses: list[str]) -> None:
    assert values(text, "IP_ADDRESS") == addresses


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3.4", "v1.2.3.4", "1.3.6.1.4.1.311", "256.1.1.1", "Chrome/91.0.4472.124", "rv:1.9.2.20", "alsa (1.2.5.1-2)",
        "section 4.10.22.7", "std::vector a::b", "x[::1] y[::2]", "12:30:45", "01.02.03.04", "dead::beef::1",
    ],
)  # fmt: skip
def test_versions_and_code_are_no_addresses(text: str) -> None:
    assert values(text, "IP_ADDRESS") == []


@given(st.ip_addresses(v=6).filter(lambda ip: sum(map(bool, str(ip).split(":"))) > 3))
def test_any_ipv6_address_is_found(ip: ipaddress.IPv6Address) -> None:
    assert values(f"from {ip}, up", "IP_ADDRESS") == [str(ip)]


@given(st.ip_addresses(v=4).filter(lambda ip: int(ip) >> 24 > 0))
def test_any_ipv4_address_is_found(ip: ipaddress.IPv4Address) -> None:
    assert values(f"from {ip}:22", "IP_ADDRESS") == [str(ip)]


@pytest.mark.parametrize(
    ("text", "macs"),
    [
        ("ether 00:1a:2B:3C:4D:5E up", ["00:1a:2B:3C:4D:5E"]),
        ("mac=AA-BB-CC-DD-EE-FF", ["AA-BB-CC-DD-EE-FF"]),
        ("Physical address is aabb.ccdd.eeff.", ["aabb.ccdd.eeff"]),
        ("AA:BB:CC:DD:EE:FF:00:11", []),
        ("ff:ff:ff:ff:ff:ff 00:00:00:00:00:00", []),
        ("12:34:56", []),
        ("00:1a-2B:3C:4D:5E", []),
    ],
)
def test_six_pairs_are_a_hardware_address(text: str, macs: list[str]) -> None:
    assert values(text, "MAC_ADDRESS") == macs


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("coordinates 40.7128, -74.0060", ["40.7128, -74.0060"]),
        ('{"lat": 40.7128, "lng": -74.006}', ["40.7128", "-74.006"]),
        ("See -55.6405145, 136.728957", []),
        ("lat 940.7128", []),
    ],
)
def test_coordinates_are_found_where_the_text_says_so(text: str, places: list[str]) -> None:
    assert values(text, "COORDINATES") == places
