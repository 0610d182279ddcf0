"""Who is calling: only a known key identifies, and nothing of the gateway's is taken for a provider's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.access.budget import Budget
from gateway.access.keys import PREFIX, Caller, Digest, Keyring, StoredKey, UnknownKey, digest_of, identify
from gateway.access.limits import Limits
from gateway.errors import AuthenticationFailed


@dataclass(frozen=True)
class Digested:
    digest: bytes


@dataclass(frozen=True)
class Known:
    name: str
    secret: Digested
    providers: list[str] = field(default_factory=lambda: ["*"])
    models: list[str] = field(default_factory=lambda: ["*"])
    policies: list[str] = field(default_factory=lambda: ["default"])
    may_loosen: bool = False
    expires_ms: int | None = None
    limits: Limits = field(default_factory=Limits)
    budget: Budget = field(default_factory=Budget)


def known(name: str) -> Known:
    return Known(name, Digested(digest_of(PREFIX + name)))


KEYS = [known("app"), known("batch")]
RING, NONE = Keyring(KEYS), Keyring([])
# Header places in the order in which they count; `?key=` comes after them.
PLACES = ["Authorization", "X-API-Key", "api-key", "x-goog-api-key"]


def carried(place: str, value: str) -> dict[str, str]:
    return {place: f"Bearer {value}" if place == "Authorization" else value}


@pytest.mark.parametrize("place", PLACES)
def test_a_known_key_identifies_from_every_place(place: str) -> None:
    assert identify(CIMultiDict(carried(place, PREFIX + "batch")), {}, RING) == Caller(KEYS[1])


def test_a_known_key_identifies_from_the_query() -> None:
    assert identify({}, {"key": PREFIX + "app"}, RING) == Caller(KEYS[0])


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_is_read_leniently(scheme: str) -> None:
    assert identify({"Authorization": f"{scheme} {PREFIX}app "}, {}, RING).key is KEYS[0]


def test_the_first_known_key_counts() -> None:
    headers = {
        "Authorization": f"Bearer {PREFIX}unknown",
        "x-api-key": f"{PREFIX}batch",
        "api-key": f"{PREFIX}app",
    }
    assert identify(headers, {}, RING).key is KEYS[1]


@pytest.mark.parametrize(
    ("headers", "credential"),
    [
        ({"X-Provider-API-Key": "sk-own", "x-api-key": "sk-other"}, "sk-own"),
        ({"x-api-key": "sk-own", "api-key": "sk-other"}, "sk-own"),
        ({"X-Provider-API-Key": f"{PREFIX}app", "api-key": "sk-own"}, "sk-own"),
        ({"X-Provider-API-Key": "  ", "api-key": " "}, None),
        ({"Authorization": "Basic c2VjcmV0"}, None),
        ({"x-api-key": f"Bearer {PREFIX}app"}, None),
        ({"x-api-key": PREFIX.upper() + "APP"}, None),
    ],
)
def test_the_callers_own_provider_key(headers: dict[str, str], credential: str | None) -> None:
    assert identify(CIMultiDict(headers), {}, NONE).provider_credential == credential
    both = CIMultiDict({"Authorization": f"Bearer {PREFIX}app", **headers})
    if "Authorization" not in headers:
        assert identify(both, {}, RING) == Caller(KEYS[0], credential)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer sk-provider"}, {"X-Provider-API-Key": PREFIX + "app"}]
)
def test_no_gateway_key_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(AuthenticationFailed, match="no gateway key"):
        identify(CIMultiDict(headers), {}, RING)


def test_an_unknown_gateway_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        identify({"Authorization": f"Bearer {PREFIX}guess"}, {}, RING)
    assert caught.value.status == 401
    assert "guess" not in str(caught.value)


def test_without_keys_nobody_is_refused() -> None:
    assert identify({"Authorization": f"Bearer {PREFIX}whatever"}, {}, NONE) == Caller()


@pytest.mark.parametrize("value", ["sk-a\r\nHost: evil", "sk a", "sk-ä", "sk-\udcff", "sk-\x00"])
def test_a_provider_key_is_one_word(value: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        identify({}, {"key": value}, NONE)
    assert value not in str(caught.value)


def test_a_caller_does_not_show_the_credential() -> None:
    assert "sk-own" not in repr(identify({"X-Provider-API-Key": "sk-own"}, {}, NONE))


def stored(name: str, **more: object) -> StoredKey:
    return StoredKey(name, [Digest(digest_of(PREFIX + name).hex())], created_ms=0, **more)  # type: ignore[arg-type]


def asked(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {PREFIX}{name}"}


def test_a_key_of_the_store_identifies_beside_those_of_the_configuration() -> None:
    ring = Keyring(KEYS, [stored("made")])
    assert identify(asked("app"), {}, ring).key is KEYS[0]
    found = identify(asked("made"), {}, ring).key
    assert found is not None
    assert (found.name, found.secret.digest) == ("made", digest_of(PREFIX + "made"))


def test_a_key_expires() -> None:
    ring = Keyring([], [stored("made", expires_ms=1000)])
    assert identify(asked("made"), {}, ring, 999).key is not None
    with pytest.raises(AuthenticationFailed, match="expired"):
        identify(asked("made"), {}, ring, 1000)


def test_a_secret_that_was_rotated_out_lasts_as_long_as_was_said() -> None:
    digests = [
        Digest(digest_of(PREFIX + each).hex(), until) for each, until in (("new", None), ("old", 1000))
    ]
    ring = Keyring([], [StoredKey("made", digests, created_ms=0)])
    assert identify(asked("old"), {}, ring, 999).key == identify(asked("new"), {}, ring, 999).key
    assert identify(asked("new"), {}, ring, 1000).key is not None
    with pytest.raises(AuthenticationFailed, match="expired"):
        identify(asked("old"), {}, ring, 1000)


def test_a_revoked_key_is_refused_and_still_closes_the_gateway() -> None:
    ring = Keyring([], [stored("made", revoked_ms=5)])
    with pytest.raises(AuthenticationFailed, match="revoked"):
        identify(asked("made"), {}, ring)
    with pytest.raises(AuthenticationFailed, match="no gateway key"):
        identify({}, {}, ring)


def test_a_gateway_that_requires_keys_lets_nobody_in_before_there_is_one() -> None:
    with pytest.raises(AuthenticationFailed):
        identify({}, {}, Keyring([], required=True))


def test_an_unknown_key_can_be_refused_even_where_none_is_needed() -> None:
    assert identify(asked("new"), {}, NONE) == Caller()
    with pytest.raises(UnknownKey):
        identify(asked("new"), {}, NONE, strict=True)
    assert identify({"x-api-key": "sk-own"}, {}, NONE, strict=True) == Caller(None, "sk-own")


def test_only_what_looks_like_a_gateway_key_may_be_a_new_one() -> None:
    with pytest.raises(UnknownKey):
        identify(asked("other"), {}, RING)
    with pytest.raises(AuthenticationFailed) as caught:
        identify({"x-api-key": "sk-provider"}, {}, RING)
    assert not isinstance(caught.value, UnknownKey)


# --- the law: nothing that holds sk-sluice- is ever a provider's, and only a whole known key identifies ---

Identify = Callable[[Mapping[str, str], Mapping[str, str], Keyring], Caller]

pieces = st.sampled_from(
    [PREFIX, PREFIX.upper(), "app", "batch", "sk-own", "Bearer ", " ", "x", "\u00e4", "\ud800"]
)
values = st.lists(pieces, max_size=4).map("".join)
requests = st.tuples(
    st.dictionaries(st.sampled_from([*PLACES, "X-Provider-API-Key"]), values),
    st.dictionaries(st.just("key"), values),
    st.booleans(),
)


def check_law(who: Identify, request: tuple[dict[str, str], dict[str, str], bool]) -> None:
    headers, query, with_keys = request
    try:
        caller = who(CIMultiDict(headers), query, RING if with_keys else NONE)
    except AuthenticationFailed:
        return
    if caller.provider_credential is not None:
        assert PREFIX not in caller.provider_credential.lower()
        assert caller.provider_credential in "\n".join([*headers.values(), *query.values()])
    assert (caller.key is not None) == with_keys
    if caller.key is not None:
        stripped = {
            value.strip().removeprefix("Bearer").strip() for value in [*headers.values(), *query.values()]
        }
        assert PREFIX + caller.key.name in stripped


@given(requests)
def test_law(request_: tuple[dict[str, str], dict[str, str], bool]) -> None:
    check_law(identify, request_)


def test_the_law_catches_a_gateway_key_taken_for_a_providers() -> None:
    def broken(headers: Mapping[str, str], query: Mapping[str, str], ring: Keyring) -> Caller:
        caller = identify(headers, query, ring)
        return Caller(caller.key, caller.provider_credential or headers.get("x-api-key"))

    @settings(report_multiple_bugs=False, database=None, derandomize=True, max_examples=500)
    @given(requests)
    def law(request_: tuple[dict[str, str], dict[str, str], bool]) -> None:
        check_law(broken, request_)

    with pytest.raises(AssertionError):
        law()
