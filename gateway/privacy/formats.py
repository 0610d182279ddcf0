"""How a value that is hidden is written.

    token      [EMAIL_1]              the default                                  comes back
    synthetic  kestrel01@example.com  a stand-in of the same kind (`synthetic`)    comes back
    hash       [EMAIL_#a1b2c3d4]      the same for the same value under one key    one way
    mask       j***@***.com           the value's shape                            one way
    redact     [EMAIL]                its label                                    one way

This module holds the one-way three: an entity's row and a value in, what is written out. Nothing is kept.
"""

from __future__ import annotations

import hmac
from typing import Literal

import regex

from gateway.privacy.entities import Entity

Format = Literal["token", "synthetic", "hash", "mask", "redact"]

# Everything but white space and ASCII punctuation says something.
_SAYS = r"[^\s!-/:-@\[-`{-~]"
_CHARACTER = regex.compile(_SAYS)
_BEHIND_AN_INITIAL = regex.compile(f"(?<={_SAYS}){_SAYS}")
_MASKED_SECRET = "********"
# The last four of a card are what receipts show (PCI DSS 4.0, requirement 3.4.1).
_SHOWN_OF_PAYMENT = 4
_SHOWN_OF_PHONE = 2


def hashed(entity: Entity, value: str, key: bytes) -> str:
    """The label and 32 bits of HMAC-SHA-256 of the value.

    Without the key nobody can try out all phone numbers and see which one it is.
    """
    return f"[{entity.label}_#{hmac.digest(key, value.encode(errors='surrogatepass'), 'sha256')[:4].hex()}]"


def masked(entity: Entity, value: str) -> str:
    """The value's shape.

    A secret shows nothing, not even its length. An e-mail address shows its first character and its last
    domain label; a person's name its initials; a card or an account number its last four characters, a
    phone number its last two. Everything else, and what is shorter than three times what would be shown, is
    all asterisks. White space and ASCII punctuation stay.
    """
    if entity.kind == "secret":
        return _MASKED_SECRET
    if entity.name == "EMAIL_ADDRESS":
        local, _, domain = value.rpartition("@")
        if local:
            return f"{local[0]}***@***.{domain.rpartition('.')[2]}"
    if entity.name == "PERSON":
        return _BEHIND_AN_INITIAL.sub("*", value)
    shown = _SHOWN_OF_PAYMENT if entity.kind == "payment" else 0
    if entity.name == "PHONE_NUMBER":
        shown = _SHOWN_OF_PHONE
    length = len(_CHARACTER.findall(value))
    hidden = length - shown if length >= 3 * shown else length
    return _CHARACTER.sub("*", value, count=hidden) if hidden else _MASKED_SECRET


def label_only(entity: Entity, value: str = "") -> str:
    """The label."""
    return f"[{entity.label}]"
