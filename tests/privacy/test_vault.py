"""The vault: stable numbers, exact values back, and nothing that shows them."""

from __future__ import annotations

import copy
import pickle

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.vault import LONGEST_PLACEHOLDER, Vault, placeholder_core


def revealed(vault: Vault, text: str) -> str | None:
    found = regex.fullmatch(placeholder_core(vault.labels), text, regex.IGNORECASE)
    return vault.reveal(found) if found else None


@given(st.lists(st.tuples(st.sampled_from(["EMAIL", "PERSON"]), st.text(min_size=1, max_size=5))))
def test_every_surface_form_has_its_own_placeholder_and_comes_back_exactly(
    items: list[tuple[str, str]],
) -> None:
    vault = Vault()
    issued = [(label, value, vault.hide(label, value)) for label, value in items]
    assert len({placeholder for *_, placeholder in issued}) == len(set(items))
    for label, value, placeholder in issued:
        assert vault.hide(label, value) == placeholder
        assert revealed(vault, placeholder) == value


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1), st.lists(st.text(min_size=1, max_size=5)))
def test_a_longer_conversation_keeps_the_numbers_of_a_shorter_one(first: list[str], more: list[str]) -> None:
    short, long = Vault(), Vault()
    expected = [short.hide("EMAIL", value) for value in first]
    assert [long.hide("EMAIL", value) for value in [*first, *more]][: len(first)] == expected


@pytest.mark.parametrize(
    "written",
    [
        "[EMAIL_1]",
        "[email_1]",
        "[EMAIL 1]",
        "\\[EMAIL\\_1\\]",
        "［EMAIL_1］",
        "%5BEMAIL_1%5D",
        "**[EMAIL_1]**",
    ],
)
def test_numbers_that_the_caller_wrote_are_never_issued(written: str) -> None:
    vault = Vault()
    vault.reserve(f"our docs say {written} here")
    assert vault.hide("EMAIL", "x@y.io") == "[EMAIL_2]"
    assert revealed(vault, "[EMAIL_1]") is None


@pytest.mark.parametrize(
    "written",
    [
        "[PERSON_1]",
        "[person_1]",
        "[Person 1]",
        "[PERSON-1]",
        "\\[PERSON\\_1\\]",
        "［PERSON_1］",
        "[ PERSON_1 ]",
        "[PERSON_01]",
    ],
)
def test_what_models_make_of_a_placeholder_is_still_it(written: str) -> None:
    vault = Vault()
    vault.hide("PERSON", "Ada")
    assert revealed(vault, written) == "Ada"


@pytest.mark.parametrize(
    "written",
    [
        "PERSON_1",
        "[PERSON_2]",
        "[PERSON_]",
        "[PERSON_1s]",
        "[PERSONNE_1]",
        "[PERSON__1]",
        "[PERSON_1",
        "[ PERSON_1  ]",
    ],
)
def test_nothing_else_is(written: str) -> None:
    vault = Vault()
    vault.hide("PERSON", "Ada")
    assert revealed(vault, written) is None


def test_percent_encoded_comes_back_percent_encoded() -> None:
    vault = Vault()
    vault.hide("EMAIL", "a+b@y.io")
    assert revealed(vault, "%5BEMAIL_1%5D") == "a%2Bb%40y.io"


def test_a_placeholder_is_bounded() -> None:
    pattern = regex.compile(placeholder_core(["CREDIT_CARD"]), regex.IGNORECASE)
    assert not pattern.fullmatch("[CREDIT_CARD_" + "1" * LONGEST_PLACEHOLDER, partial=True)


def test_a_vault_shows_and_writes_nothing() -> None:
    vault = Vault()
    vault.hide("EMAIL", "secret@y.io")
    assert "secret" not in repr(vault) + str(vault)
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            write(vault)
