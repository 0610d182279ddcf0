"""Who is calling: only a known key identifies, and nothing of the gateway's is taken for a provider's."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.access.keys import PREFIX, Caller, digest_of, identify
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


def known(name: str) -> Known:
    return Known(name, Digested(digest_of(PREFIX + name)))


KEYS = [known("app"), known("batch")]
# Header places in the order in which they count; `?key=` comes after them.
PLACES = ["Authorization", "X-API-Key", "api-key", "x-goog-api-key"]


def carried(place: str, value: str) -> dict[str, str]:
    return {place: f"Bearer {value}" if place == "Authorization" else value}


@pytest.mark.parametrize("place", PLACES)
def test_a_known_key_identifies_from_every_place(place: str) -> None:
    assert identify(CIMultiDict(carried(place, PREFIX + "batch")), {}, KEYS) == Caller(KEYS[1])


def test_a_known_key_identifies_from_the_query() -> None:
    assert identify({}, {"key": PREFIX + "app"}, KEYS) == Caller(KEYS[0])


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_is_read_leniently(scheme: str) -> None:
    assert identify({"Authorization": f"{scheme} {PREFIX}app "}, {}, KEYS).key is KEYS[0]


def test_the_first_known_key_counts() -> None:
    headers = {
        "Authorization": f"Bearer {PREFIX}unknown",
        "x-api-key": f"{PREFIX}batch",
        "api-key": f"{PREFIX}app",
    }
    assert identify(headers, {}, KEYS).key is KEYS[1]


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
    assert identify(CIMultiDict(headers), {}, []).provider_credential == credential
    both = CIMultiDict({"Authorization": f"Bearer {PREFIX}app", **headers})
    if "Authorization" not in headers:
        assert identify(both, {}, KEYS) == Caller(KEYS[0], credential)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer sk-provider"}, {"X-Provider-API-Key": PREFIX + "app"}]
)
def test_no_gateway_key_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(AuthenticationFailed, match="no gateway key"):
        identify(CIMultiDict(headers), {}, KEYS)


def test_an_unknown_gateway_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        identify({"Authorization": f"Bearer {PREFIX}guess"}, {}, KEYS)
    assert caught.value.status == 401
    assert "guess" not in str(caught.value)


def test_without_keys_nobody_is_refused() -> None:
    assert identify({"Authorization": f"Bearer {PREFIX}whatever"}, {}, []) == Caller()


@pytest.mark.parametrize("value", ["sk-a\r\nHost: evil", "sk a", "sk-ä", "sk-\udcff", "sk-\x00"])
def test_a_provider_key_is_one_word(value: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        identify({}, {"key": value}, [])
    assert value not in str(caught.value)


def test_a_caller_does_not_show_the_credential() -> None:
    assert "sk-own" not in repr(identify({"X-Provider-API-Key": "sk-own"}, {}, []))


def test_every_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(ours: bytes, theirs: bytes) -> bool:
        compared.append(theirs)
        return ours == theirs

    monkeypatch.setattr(hmac, "compare_digest", compare)
    identify({"Authorization": f"Bearer {PREFIX}app"}, {}, KEYS)
    assert compared == [key.secret.digest for key in KEYS]


# --- the law: nothing that holds sk-sluice- is ever a provider's, and only a whole known key identifies ---

Identify = Callable[[Mapping[str, str], Mapping[str, str], list[Known]], Caller]

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
        caller = who(CIMultiDict(headers), query, KEYS if with_keys else [])
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
    def broken(headers: Mapping[str, str], query: Mapping[str, str], known_keys: list[Known]) -> Caller:
        caller = identify(headers, query, known_keys)
        return Caller(caller.key, caller.provider_credential or headers.get("x-api-key"))

    @settings(report_multiple_bugs=False, database=None)
    @given(requests)
    def law(request_: tuple[dict[str, str], dict[str, str], bool]) -> None:
        check_law(broken, request_)

    with pytest.raises(AssertionError):
        law()
