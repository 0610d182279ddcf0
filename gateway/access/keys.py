"""Who is calling, and whose key the provider is to see.

In: a request's headers and query, and the configured gateway keys. Out: a `Caller`, or AuthenticationFailed.
Knows no provider and no policy. A value of a credential never stands in an error.

Gateway keys begin `sk-sluice-` and provider keys do not, so that one can stand where the other is expected
without ever being taken for it, or sent to where it must not go.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import AuthenticationFailed

PREFIX = "sk-sluice-"

_PROVIDER_KEY = "X-Provider-API-Key"


class Secret(Protocol):
    """A secret's SHA-256: all that is needed to know it again."""

    @property
    def digest(self) -> bytes: ...


class Key(Protocol):
    """A configured gateway key.

    `providers` and `models` are what it may use, as names and glob patterns, `policies` what its requests may
    name; `may_loosen` says that they may ask for less than the policy does.
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


@dataclass(frozen=True, slots=True)
class Caller:
    """`key` is None where the gateway has no keys; `provider_credential` is the caller's own, if any."""

    key: Key | None = None
    provider_credential: str | None = field(default=None, repr=False)


def digest_of(secret: str) -> bytes:
    # Headers that are not UTF-8 arrive as lone surrogates.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def identify(headers: Mapping[str, str], query: Mapping[str, str], keys: Sequence[Key]) -> Caller:
    """The caller. With keys configured, a request without a known one is refused."""
    credentials = list(_credentials(headers, query))
    key = next((found for each in credentials if (found := _known(each, keys))), None)
    if keys and key is None:
        raise AuthenticationFailed(
            "that gateway key is not known"
            if any(map(_is_gateways, credentials))
            else f"no gateway key: send one ({PREFIX}…) as Authorization: Bearer"
        )
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


def _known(credential: str, keys: Sequence[Key]) -> Key | None:
    """The key with this secret. Every key is compared, whole: time tells nothing of how near a guess was."""
    digest = digest_of(credential)
    found = None
    for key in keys:
        if hmac.compare_digest(digest, key.secret.digest):
            found = key
    return found
