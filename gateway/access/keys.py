"""Who is calling, and whose key the provider is to see.

In: a request's headers and query, the gateway's keys and the time. Out: a `Caller`, or AuthenticationFailed.
Knows no provider and no policy. A value of a credential never stands in an error.

Gateway keys begin `sk-sluice-` and provider keys do not, so that one can stand where the other is expected
without ever being taken for it, or sent to where it must not go.

A key is looked up by the SHA-256 of its secret, in a dictionary: one step, however many keys there are. How
long that takes may tell how far the digest of a guess agrees with that of a key, but nobody can choose a
guess by its digest, so it tells nothing about a secret; and with 256 bits of randomness in a secret, a plain
hash keeps it as well as a slow one.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from msgspec import Struct, field

from gateway.access.budget import Budget
from gateway.access.limits import Limits
from gateway.errors import AuthenticationFailed

PREFIX = "sk-sluice-"

_PROVIDER_KEY = "X-Provider-API-Key"


class Secret(Protocol):
    """A secret's SHA-256: all that is needed to know it again."""

    @property
    def digest(self) -> bytes: ...


class Key(Protocol):
    """A gateway key.

    `providers` and `models` are what it may use, as names and glob patterns, `policies` what its requests may
    name; `may_loosen` says that they may ask for less than the policy does. From `expires_ms` on it
    is refused.
    """

    @property
    def name(self) -> str: ...
    @property
    def secret(self) -> Secret: ...
    @property
    def providers(self) -> Sequence[str]: ...
    @property
    def models(self) -> Sequence[str]: ...
    @property
    def policies(self) -> Sequence[str]: ...
    @property
    def may_loosen(self) -> bool: ...
    @property
    def expires_ms(self) -> int | None: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def budget(self) -> Budget: ...


class Digest(NamedTuple):
    """The SHA-256 of a secret, in hexadecimal digits, and until when it counts: None for always."""

    hex: str
    until_ms: int | None = None

    @property
    def digest(self) -> bytes:
        return bytes.fromhex(self.hex)


class StoredKey(Struct, frozen=True, omit_defaults=True):
    """A key that was made by `sluice keys`, as the state keeps it: of its secrets only digests, newest first.

    One that was revoked stays, so that its name is not given to somebody else.
    """

    name: str
    digests: list[Digest]
    created_ms: int
    providers: list[str] = field(default_factory=lambda: ["*"])
    models: list[str] = field(default_factory=lambda: ["*"])
    policies: list[str] = field(default_factory=lambda: ["default"])
    may_loosen: bool = False
    expires_ms: int | None = None
    revoked_ms: int | None = None
    limits: Limits = Limits()
    budget: Budget = Budget()

    @property
    def secret(self) -> Digest:
        return self.digests[0]


class Keyring:
    """The keys of a gateway, by the digest of their secret.

    `required` says that nobody gets in without one. Of two keys with the same secret the first one counts.
    """

    def __init__(self, keys: Iterable[Key], stored: Iterable[StoredKey] = (), *, required: bool = False):
        self._known: dict[bytes, tuple[Key, int | None]] = {}
        for key in keys:
            self._known.setdefault(key.secret.digest, (key, key.expires_ms))
        self._revoked: set[bytes] = set()
        for each in stored:
            for secret in each.digests:
                ends = [at for at in (each.expires_ms, secret.until_ms) if at is not None]
                self._known.setdefault(secret.digest, (each, min(ends, default=None)))
                if each.revoked_ms is not None:
                    self._revoked.add(secret.digest)
        self.required = required or bool(self._known)

    def find(self, credential: str, now_ms: int) -> Key | None:
        """The key with this secret. Raises AuthenticationFailed for one that counts no more."""
        if not self._known:
            return None
        digest = digest_of(credential)
        key, until_ms = self._known.get(digest, (None, None))
        if key is not None and digest in self._revoked:
            raise AuthenticationFailed("that gateway key was revoked")
        if until_ms is not None and now_ms >= until_ms:
            raise AuthenticationFailed("that gateway key has expired")
        return key


@dataclass(frozen=True, slots=True)
class Caller:
    """`key` is None where the gateway has no keys; `provider_credential` is the caller's own, if any."""

    key: Key | None = None
    provider_credential: str | None = dataclasses.field(default=None, repr=False)


class UnknownKey(AuthenticationFailed):
    """What is written like a gateway key is none that is known here; it may be new."""


def digest_of(secret: str) -> bytes:
    # Headers that are not UTF-8 arrive as lone surrogates.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def identify(
    headers: Mapping[str, str],
    query: Mapping[str, str],
    keys: Keyring,
    now_ms: int = 0,
    *,
    strict: bool = False,
) -> Caller:
    """The caller. Where a key is required, a request without a known one is refused.

    With `strict` a gateway key that is not known is refused anywhere.
    """
    credentials = list(_credentials(headers, query))
    key = next((found for each in credentials if (found := keys.find(each, now_ms))), None)
    if key is None and (keys.required or strict) and any(map(_is_gateways, credentials)):
        raise UnknownKey("that gateway key is not known")
    if key is None and keys.required:
        raise AuthenticationFailed(f"no gateway key: send one ({PREFIX}…) as Authorization: Bearer")
    own = [headers.get(_PROVIDER_KEY, "").strip(), *credentials]
    credential = next((each for each in own if each and not _is_gateways(each)), None)
    if credential is not None and not _is_one_word(credential):
        raise AuthenticationFailed("a provider key holds characters that no key has")
    return Caller(key, credential)


def _credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> Iterator[str]:
    """What the request carries where the dialects' SDKs put their key, first the most usual place."""
    scheme, _, token = headers.get("Authorization", "").strip().partition(" ")
    places = [
        token if scheme.lower() == "bearer" else "",
        headers.get("x-api-key", ""),
        headers.get("api-key", ""),
        headers.get("x-goog-api-key", ""),
        query.get("key", ""),
    ]
    return (value for each in places if (value := each.strip()))


def _is_gateways(credential: str) -> bool:
    # Anywhere and in any case: "Bearer sk-sluice-…" put into x-api-key is still no provider's business.
    return PREFIX in credential.lower()


def _is_one_word(credential: str) -> bool:
    # A line break that came percent-encoded in `?key=` must not become one in a header.
    return credential.isascii() and credential.isprintable() and " " not in credential
