"""What a request's header adds to a policy's actions: always more, by whatever name an entity goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.actions import IN_REQUESTS, actions, adding, by_name
from gateway.privacy.custom import denied
from gateway.privacy.entities import ENTITIES, UnknownEntity
from gateway.privacy.plan import Action

STRICTNESS: tuple[Action, ...] = ("allow", "flag", "redact", "block")
PROJECT = denied("PROJECT", ["heron"])
NAMES = ("PROJECT", "EMAIL_ADDRESS", "email", "US_SSN", "SSN", "DATE_TIME", "URL", "PHONE_NUMBER")
KINDS = ("*", "personal", "government", "secret", "ordinary", "payment")
SOME = (*ENTITIES[::20], PROJECT, *(each for each in ENTITIES if each.name in NAMES))


@given(
    st.dictionaries(st.sampled_from(NAMES + KINDS), st.sampled_from(STRICTNESS), max_size=5),
    st.lists(st.sampled_from(NAMES + KINDS), min_size=1, max_size=3),
)
def test_what_is_added_is_redacted_and_nothing_is_done_less_strictly(
    policy: dict[str, Action], asked: list[str]
) -> None:
    before = actions(policy, IN_REQUESTS, more=(PROJECT,)).of
    after = actions(adding(policy, asked, {"PROJECT"}), IN_REQUESTS, more=(PROJECT,)).of
    named = by_name({word: "redact" for word in asked if word != "PROJECT"})
    for entity in SOME:
        least = STRICTNESS.index(before(entity))
        if entity.name in named or entity.name in asked:
            least = max(least, STRICTNESS.index("redact"))
        assert STRICTNESS.index(after(entity)) == least


@pytest.mark.parametrize("word", ["EMAIL_ADDRESS", "email", "Email-Address", "personal", "*"])
@pytest.mark.parametrize("blocked", ["EMAIL_ADDRESS", "email", "personal", "*"])
def test_a_block_stays_a_block_by_whatever_name_it_is_asked_for(blocked: str, word: str) -> None:
    assert by_name(adding({blocked: "block"}, [word], ()))["EMAIL_ADDRESS"] == "block"


def test_what_nobody_knows_cannot_be_added() -> None:
    with pytest.raises(UnknownEntity):
        adding({}, ["SHOE_SIZE"], ())
