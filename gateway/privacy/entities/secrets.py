"""Secrets: keys, tokens, passwords and what else opens a door.

The surest come first: what has a header, then the vendors' own formats, then what only context gives away.
"""

from __future__ import annotations

from gateway.privacy.entities.entity import Entity, spelt
from gateway.privacy.entities.passwords import PASSWORDS
from gateway.privacy.entities.tokens import TOKENS

SECRETS: tuple[Entity, ...] = (
    # Only with a line's end (written out, or as an escape) or its first characters behind it: who writes
    # about the header has no key there, and everything up to the end would go.
    Entity(
        name="API_KEY",
        rule="PRIVATE_KEY",
        label="PRIVATE_KEY",
        kind="secret",
        core=r"(?:-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|"
        r"---- BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY ----)"
        r"(?:[ \t]{0,4}(?:\r?\n|\\{1,4}[rn])| ?[A-Za-z0-9+/=]{24})",
        longest=110,
        openings=spelt("-----BEGIN", "---- BEGIN"),
        before="",
        after="",
        until=r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|---- END [A-Z0-9 ]{0,40}PRIVATE KEY ----",
        aliases=("SECRET",),
    ),
    Entity(
        name="API_KEY",
        rule="PUTTY_KEY",
        label="PRIVATE_KEY",
        kind="secret",
        core=r"PuTTY-User-Key-File-[0-9]: ",
        longest=23,
        openings=spelt("PuTTY-User-Key-File-"),
        after="",
        until=r"Private-MAC: [0-9a-f]{40,64}",
        words=frozenset(["putty"]),
        aliases=("SECRET",),
    ),
    # RFC 7519, signed or not; RFC 7516 has five parts.
    Entity(
        name="API_KEY",
        rule="JWT",
        label="API_KEY",
        kind="secret",
        core=r"eyJ[A-Za-z0-9_-]{10,1024}\.eyJ[A-Za-z0-9_-]{10,4096}(?:\.[A-Za-z0-9_-]{0,1024}){0,3}",
        longest=8203,
        openings=spelt("eyJ"),
        after=r"[A-Za-z0-9_]",
        aliases=("SECRET",),
    ),
    *TOKENS,
    # The user's name is part of it: neither half is known elsewhere.
    Entity(
        name="API_KEY",
        rule="SIDEKIQ_URL",
        label="API_KEY",
        kind="secret",
        core=r"://[a-f0-9]{8}:[a-f0-9]{8}@(?:gems|enterprise)\.contribsys\.com",
        longest=46,
        openings=((":", "/", "/", *("[a-f0-9]",) * 8, ":"),),
        words=frozenset(["contribsys"]),
        validate=lambda candidate: 20,
        keep=3,
        before="",
        aliases=("SECRET",),
    ),
    *PASSWORDS,
)
