"""Policies and what a request may change about them."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidRequest, PermissionDenied
from gateway.guard.policy import Policy, Wishes, choose

POLICIES = {
    "default": Policy("default"),
    "strict": Policy("strict", detection="thorough", format="redact", request={"EMAIL": "block"}),
}
BOTH = ["default", "strict"]


def test_the_first_listed_policy_holds_where_none_is_named() -> None:
    assert choose(Wishes(), POLICIES, ["strict", "default"], False) is POLICIES["strict"]


def test_a_policy_must_be_listed_for_the_key() -> None:
    assert choose(Wishes(policy="strict"), POLICIES, BOTH, False) is POLICIES["strict"]
    with pytest.raises(PermissionDenied, match="policy") as caught:
        choose(Wishes(policy="strict"), POLICIES, ["default"], True)
    assert caught.value.param == "X-Sluice-Policy"


@pytest.mark.parametrize(
    ("wishes", "policy"),
    [
        (Wishes(mode="balanced"), Policy("default", detection="balanced")),
        (Wishes(mode=" Thorough "), Policy("default", detection="thorough")),
        (Wishes(format="hash"), Policy("default", format="hash")),
        (Wishes(policy="strict", format="redact"), POLICIES["strict"]),
    ],
)
def test_a_request_may_ask_for_more(wishes: Wishes, policy: Policy) -> None:
    assert choose(wishes, POLICIES, BOTH, False) == policy


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes(policy="strict", mode="real-time"),
        Wishes(policy="strict", format="token"),
        Wishes(policy="strict", format="synthetic"),
        Wishes(policy="strict", format="mask"),  # shows characters that a label does not
        Wishes(policy="strict", format="hash"),
    ],
)
def test_less_needs_a_key_that_allows_it(wishes: Wishes) -> None:
    with pytest.raises(PermissionDenied, match="loosen"):
        choose(wishes, POLICIES, BOTH, False)
    assert choose(wishes, POLICIES, BOTH, True).name == "strict"


@pytest.mark.parametrize(
    ("wishes", "header"), [(Wishes(mode="fast"), "X-A-Mode"), (Wishes(format="[x]"), "X-A-Format")]
)
def test_a_word_that_means_nothing_is_refused_by_its_header(wishes: Wishes, header: str) -> None:
    with pytest.raises(InvalidRequest, match=header) as caught:
        choose(wishes, POLICIES, BOTH, True, prefix="X-A")
    assert caught.value.param == header
