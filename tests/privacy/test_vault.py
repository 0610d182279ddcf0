"""The vault: stable names, exact values back, and nothing that shows them."""

from __future__ import annotations

import copy
import html
import json
import pickle

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy.entities import ENTITIES
from gateway.privacy.formats import Format
from gateway.privacy.grammar import LONGEST_PLACEHOLDER, issued, spelt, written_like
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import UNDECIDED, Placeholder, Vault
from tests.privacy.texts import entity

EMAIL, PERSON, CARD = map(entity, ("EMAIL", "PERSON", "CREDIT_CARD"))


def revealed(vault: Vault, text: str) -> str | None:
    found = vault.find(text, 0, final=True)
    return found.value if found is not None and found.end == len(text) else None


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
    openings = ["".join(opening) for opening in vault.openings()]
    for label in labels:
        for opening, joint in (
            ("[", "\u200b\u200b\\_\u200b\u200b"),
            ("&#x5b;", "&lowbar;"),
            ("\\u005b", "\\u005f"),
        ):
            longest = opening + label.replace("_", joint) + joint + "1" * LONGEST_PLACEHOLDER
            assert vault.find(longest[:LONGEST_PLACEHOLDER], 0, final=False) is None
            begun = opening + label[:1]
            assert vault.find(begun, 0, final=False) is UNDECIDED
            assert regex.match("|".join(openings), begun)


def test_labels_of_which_one_begins_another_are_told_apart() -> None:
    vault = Vault()
    for label in ("CREDIT", "CREDIT_CARD"):
        vault.hide(entity(label), label)
    assert revealed(vault, "[CREDIT_1]") == "CREDIT"
    assert revealed(vault, "[credit card 1]") == "CREDIT_CARD"


NAMES = ["EMAIL", "PERSON", "CREDIT_CARD", "US_SSN", "IBAN", "IP"]
OPEN, CLOSE = ["[", "［", "\\[", "%5B", "&#91;", "&lsqb;", "\\u005B", "[ "], ["]", "】", "\\]", "%5D", "&#93;", "\\u005D", " ]", "'s]", ""]  # fmt: skip
JOINTS = ["_", " ", "-", "\\_", "\u200b_", "%5F", "%20", "&#95;", "&lowbar;", "\\u005f", "__"]


@st.composite
def spoken(draw: st.DrawFn) -> str:
    """A placeholder as a model may write it, or nearly, or the beginning of one."""
    label = draw(st.sampled_from([*NAMES, "EMAILS", "CREDIT", "X"]))
    number = draw(st.sampled_from(["1", "2", "03", "１", "12345678", "kabc234", "KABCDEF", "kx", "x", ""]))
    words = [*label.split("_"), number]
    text = draw(st.sampled_from(OPEN)) + words[0]
    for word in words[1:]:
        text += draw(st.sampled_from(JOINTS)) + word
    text += draw(st.sampled_from(CLOSE)) + draw(st.sampled_from(["", "x", " "]))
    text = text[: draw(st.integers(1, len(text)))]
    return draw(st.sampled_from([text, text.lower(), text.title()]))


def exactly(vault: Vault, labels: set[str], text: str, number: str) -> Placeholder | None:
    """What a pattern says that knows the labels and nothing else; it takes milliseconds to compile."""
    names = "|".join(label.replace("_", "{joint}") for label in sorted(labels, key=len, reverse=True))
    pattern = regex.compile(spelt(names, number), regex.IGNORECASE)
    if found := pattern.match(text):
        value = vault._values.get("_".join(issued(found)))
        return Placeholder(0, found.end(), None if value is None else written_like(found, value))
    return UNDECIDED if pattern.fullmatch(text, partial=True) else None


def only_ours_is_held_or_restored(text: str, labels: set[str], keyed: bool) -> None:
    vault = Vault(stable_key=b"k" if keyed else None)
    for label in labels:
        vault.hide(entity(label), "a value")
    expected = exactly(vault, labels, text, "k[a-z2-7]{6}" if keyed else "[0-9０-９]{1,7}")
    found = vault.find(text, 0, final=False)
    # Behind a keyed id of letters alone another word may stand: such a text is held for longer.
    assert found == expected or (keyed and found is UNDECIDED and expected is None)
    assert vault.find(text, 0, final=True) == (None if expected is UNDECIDED else expected)


@settings(max_examples=300)
@given(spoken(), st.sets(st.sampled_from(NAMES), min_size=1, max_size=3), st.booleans())
def test_only_what_may_become_a_placeholder_of_the_vault_is_held(
    text: str, labels: set[str], keyed: bool
) -> None:
    only_ours_is_held_or_restored(text, labels, keyed)


def test_the_law_catches_a_vault_that_holds_other_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    only_ours_is_held_or_restored("［IBAN", {"EMAIL"}, False)
    monkeypatch.setattr(Vault, "_may_become", lambda self, said: True)
    with pytest.raises(AssertionError):
        only_ours_is_held_or_restored("［IBAN", {"EMAIL"}, False)


def test_all_requests_of_a_policy_are_answered_with_one_plan() -> None:
    one, other = Vault(), Vault(stable_key=b"k")
    one.hide(EMAIL, "x@y.io")
    other.hide(PERSON, "Ada")
    assert answer_scan(one).plan is answer_scan(other).plan is not answer_scan(Vault()).plan


# --- what it keeps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["hash", "mask", "redact"])
def test_one_way_formats_keep_nothing_and_give_nothing_back(format: Format) -> None:
    vault = Vault(format, key=b"k")
    vault.reserve("[EMAIL_1]")
    vault.hide(EMAIL, "x@y.io")
    assert (len(vault), vault.openings(), vault.reversible) == (0, (), False)
    kept = [getattr(vault, name) for name in Vault.__slots__]
    assert "x@y.io" not in repr(kept)


def test_without_anything_hidden_there_is_nothing_to_look_for() -> None:
    assert Vault().openings() == ()
    assert Vault("synthetic").openings() == ()


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
