"""The vault: stable names, exact values back, and nothing that shows them."""

from __future__ import annotations

import copy
import html
import json
import pickle

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.entities import ENTITIES
from gateway.privacy.formats import Format
from gateway.privacy.grammar import LONGEST_PLACEHOLDER, Grammar
from gateway.privacy.vault import Vault
from tests.privacy.texts import entity

EMAIL, PERSON, CARD = map(entity, ("EMAIL", "PERSON", "CREDIT_CARD"))


def compiled(grammar: Grammar) -> regex.Pattern[str]:
    return regex.compile(grammar.core, regex.IGNORECASE if grammar.ignore_case else 0)


def revealed(vault: Vault, text: str) -> str | None:
    grammar = vault.grammar()
    found = compiled(grammar).fullmatch(text) if grammar else None
    return vault.reveal(found) if found else None


@given(st.lists(st.tuples(st.sampled_from([EMAIL, PERSON]), st.text(min_size=1, max_size=5))))
def test_every_surface_form_has_its_own_placeholder_and_comes_back_exactly(
    items: list[tuple[object, str]],
) -> None:
    for vault in (Vault(), Vault(stable_key=b"k")):
        issued = [(row, value, vault.hide(row, value)) for row, value in items]  # type: ignore[arg-type]
        assert len({placeholder for *_, placeholder in issued}) == len(set(items)) == len(vault)
        for row, value, placeholder in issued:
            assert vault.hide(row, value) == placeholder  # type: ignore[arg-type]
            assert revealed(vault, placeholder) == value


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1), st.lists(st.text(min_size=1, max_size=5)))
def test_a_longer_conversation_keeps_the_numbers_of_a_shorter_one(first: list[str], more: list[str]) -> None:
    short, long = Vault(), Vault()
    expected = [short.hide(EMAIL, value) for value in first]
    assert [long.hide(EMAIL, value) for value in [*first, *more]][: len(first)] == expected


# --- where the provider keeps the conversation -------------------------------------------------------------


def test_a_keyed_id_means_the_same_in_every_request_and_nothing_under_another_key() -> None:
    one, later, other = Vault(stable_key=b"tenant 1"), Vault(stable_key=b"tenant 1"), Vault(stable_key=b"2")
    later.hide(EMAIL, "before@y.io")
    assert one.hide(EMAIL, "x@y.io") == later.hide(EMAIL, "x@y.io") != other.hide(EMAIL, "x@y.io")
    assert regex.fullmatch(r"\[EMAIL_k[a-z2-7]{6}\]", one.hide(EMAIL, "x@y.io"))
    assert revealed(one, one.hide(EMAIL, "x@y.io").upper()) == "x@y.io"
    assert revealed(one, "[EMAIL_1]") is None


def test_a_keyed_id_that_the_caller_wrote_is_not_issued() -> None:
    written = Vault(stable_key=b"k").hide(EMAIL, "x@y.io")
    vault = Vault(stable_key=b"k")
    vault.reserve(f"say {written.lower()}")
    assert vault.hide(EMAIL, "x@y.io") != written


# --- the grammar ---------------------------------------------------------------------------------------------

WRITTEN = {
    "[PERSON_1]": "Ada", "[person_1]": "Ada", "[Person 1]": "Ada", "[PERSON-1]": "Ada", "[PERSON\u20111]": "Ada", "\\[PERSON\\_1\\]": "Ada",
    "\\[PERSON_1\\]": "Ada", "［PERSON_1］": "Ada", "［PERSON＿１］": "Ada", "【PERSON_1】": "Ada", "[ PERSON_1 ]": "Ada", "[PERSON_01]": "Ada",
    "[PERSON\u00a01]": "Ada", "[PERSON\u200b_\u200d1]": "Ada", "[PERSON_\n1]": "Ada", "[PERSON_1's]": "Ada's", "[PERSON_1’s]": "Ada’s",
    "[PERSON_\u06601]": None,
    "&#91;PERSON_1&#93;": "Ada", "&#x5b;PERSON&#95;1&#x5D;": "Ada", "&lsqb;person_1&rsqb;": "Ada", "%5BPERSON_1%5D": "Ada", "%5bPERSON%5F1%5d": "Ada",
    "\\u005bPERSON_1\\u005d": "Ada", "\\u005BPERSON\\u005f1\\u005D": "Ada", "[CREDIT CARD 1]": "4111", "\\[CREDIT\\_CARD\\_1\\]": "4111", "%5BCREDIT%5FCARD%5F1%5D": "4111",
    # Anything else is no placeholder.
    "PERSON_1": None, "[PERSON_2]": None, "[PERSON_]": None, "[PERSON_1s]": None, "[PERSONNE_1]": None, "[人物_1]": None, "[PERSON__1]": None,
    "[PERSON_1": None, "[ PERSON_1   ]": None, "(PERSON_1)": None, "<PERSON_1>": None, "\\[PERSON_1]": None, "%5BPERSON_1]": None, "[PERSON_k234567]": None,
    "[PERSON_10000001]": None, "&#91;PERSON_1]": None,
}  # fmt: skip


@pytest.mark.parametrize(("written", "value"), WRITTEN.items())
def test_what_models_make_of_a_placeholder_is_still_it_and_nothing_else_is(
    written: str, value: str | None
) -> None:
    vault = Vault()
    vault.hide(PERSON, "Ada")
    vault.hide(CARD, "4111")
    assert revealed(vault, written) == value


@pytest.mark.parametrize("written", [w for w, value in WRITTEN.items() if value is not None])
@pytest.mark.parametrize("around", ["our docs say {} here", "**{}**", "[{}](url)", "x{}y"])
def test_what_the_caller_wrote_in_any_of_these_forms_is_never_issued(written: str, around: str) -> None:
    vault = Vault()
    vault.reserve(around.format(written))
    assert {vault.hide(PERSON, "Ada"), vault.hide(CARD, "4111")} & {"[PERSON_2]", "[CREDIT_CARD_2]"}


@pytest.mark.parametrize("depth", range(4))
def test_what_the_caller_wrote_behind_json_escapes_is_never_issued_either(depth: int) -> None:
    text = "\\u005bEMAIL_1]"
    for _ in range(depth):
        text = json.dumps(text)
    vault = Vault()
    vault.reserve(text)
    assert vault.hide(EMAIL, "x@y.io") == "[EMAIL_2]"


def test_a_value_is_encoded_as_its_placeholder_was() -> None:
    value = 'a+"<b>"@y.io'
    vault = Vault()
    vault.hide(EMAIL, value)
    assert revealed(vault, "%5BEMAIL_1%5D") == "a%2B%22%3Cb%3E%22%40y.io"
    assert revealed(vault, "&#91;EMAIL_1&#93;") == html.escape(value)
    assert revealed(vault, "\\u005bEMAIL_1\\u005d") == json.dumps(value)[1:-1]
    assert revealed(vault, "\\[EMAIL\\_1\\]") == value
    vault.hide(EMAIL, "lone \ud83d")
    assert revealed(vault, "%5BEMAIL_2%5D") == "lone%20%ED%A0%BD"


@given(st.sets(st.sampled_from([row.label for row in ENTITIES]), min_size=1), st.booleans())
def test_a_placeholder_is_bounded_and_begins_with_an_opening(labels: set[str], keyed: bool) -> None:
    vault = Vault(stable_key=b"k" if keyed else None)
    for label in labels:
        vault.hide(entity(label), "x")
    grammar = vault.grammar()
    assert grammar is not None
    assert hash(grammar) == hash(vault.grammar())
    pattern = compiled(grammar)
    openings = ["".join(opening) for opening in grammar.openings]
    for label in labels:
        for opening, joint in (
            ("[", "\u200b\u200b\\_\u200b\u200b"),
            ("&#x5b;", "&lowbar;"),
            ("\\u005b", "\\u005f"),
        ):
            longest = opening + label.replace("_", joint) + joint + "1" * LONGEST_PLACEHOLDER
            assert not pattern.fullmatch(longest[:LONGEST_PLACEHOLDER], partial=True)
            begun = opening + label[:1]
            assert pattern.fullmatch(begun, partial=True)
            assert regex.match("|".join(openings), begun)


def test_labels_of_which_one_begins_another_are_told_apart() -> None:
    vault = Vault()
    for label in ("CREDIT", "CREDIT_CARD"):
        vault.hide(entity(label), label)
    assert revealed(vault, "[CREDIT_1]") == "CREDIT"
    assert revealed(vault, "[credit card 1]") == "CREDIT_CARD"


# --- what it keeps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["hash", "mask", "redact"])
def test_one_way_formats_keep_nothing_and_give_nothing_back(format: Format) -> None:
    vault = Vault(format, key=b"k")
    vault.reserve("[EMAIL_1]")
    vault.hide(EMAIL, "x@y.io")
    assert (len(vault), vault.grammar(), vault.reversible) == (0, None, False)
    kept = [getattr(vault, name) for name in Vault.__slots__]
    assert "x@y.io" not in repr(kept)


def test_without_anything_hidden_there_is_nothing_to_look_for() -> None:
    assert Vault().grammar() is None
    assert Vault("synthetic").grammar() is None


def test_a_hash_needs_a_key() -> None:
    with pytest.raises(ValueError, match="key"):
        Vault("hash")


@pytest.mark.parametrize("format", ["token", "synthetic"])
def test_a_vault_shows_and_writes_nothing(format: Format) -> None:
    vault = Vault(format)
    vault.hide(EMAIL, "secret@y.io")
    assert "secret" not in repr(vault) + str(vault)
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            write(vault)
