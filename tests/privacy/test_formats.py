"""One-way formats: what they show, and that they show no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy import formats
from gateway.privacy.entities import ENTITIES, Entity
from gateway.privacy.vault import Vault
from tests.privacy import texts
from tests.privacy.texts import entity


@pytest.mark.parametrize(
    ("label", "value", "shown"),
    [
        ("EMAIL", "john.smith@mail.example.com", "j***@***.com"),
        ("CREDIT_CARD", "4111 1111 1111 1234", "**** **** **** 1234"),
        ("CREDIT_CARD", "378282246310005", "***********0005"),
        ("IBAN", "DE89 3704 0044 0532 0130 00", "**** **** **** **** **30 00"),
        ("PHONE", "+1 (415) 555-2671", "+* (***) ***-**71"),
        ("PERSON", "Mary Ann O'Neil", "M*** A** O'N***"),
        ("SSN", "123-45-6789", "***-**-****"),
        ("IP", "203.0.113.7", "***.*.***.*"),
        ("API_KEY", "sk-abcdefghijklmnopqrstuvwx", "********"),
        ("PRIVATE_KEY", texts.PEM, "********"),
        ("EMAIL", "@", "********"),
        ("NOTHING", "…", "*"),
        ("NOTHING", "--", "********"),
    ],
)
def test_a_mask_keeps_the_shape(label: str, value: str, shown: str) -> None:
    assert formats.masked(entity(label), value) == shown


@given(
    row=st.sampled_from([row for row in ENTITIES if row.name not in ("EMAIL_ADDRESS", "PERSON")]),
    value=st.text(min_size=1, max_size=40),
)
def test_a_mask_shows_at_most_a_third(row: Entity, value: str) -> None:
    masked = formats.masked(row, value)
    assert sum(map(str.isalnum, masked)) <= len(formats._CHARACTER.findall(value)) / 3
    assert masked != value or set(value) == {"*"}


@given(one=st.text(), other=st.text())
def test_a_hash_is_the_same_for_the_same_value_under_one_key(one: str, other: str) -> None:
    email = entity("EMAIL")
    assert formats.hashed(email, one, b"k") == formats.hashed(email, one, b"k")
    assert formats.hashed(email, one, b"k") != formats.hashed(email, one, b"l")
    assert (formats.hashed(email, one, b"k") == formats.hashed(email, other, b"k")) is (one == other)


def test_each_format_is_written_as_it_says() -> None:
    email = entity("EMAIL")
    assert Vault("redact").hide(email, "x@y.io") == "[EMAIL]"
    assert Vault("hash", key=b"k").hide(email, "x@y.io") == formats.hashed(email, "x@y.io", b"k")
    assert formats.hashed(email, "x@y.io", b"k")[:8] == "[EMAIL_#"
    assert len(formats.hashed(email, "x@y.io", b"k")) == len("[EMAIL_#a1b2c3d4]")
    assert Vault("mask").hide(email, "x@y.io") == "x***@***.io"
