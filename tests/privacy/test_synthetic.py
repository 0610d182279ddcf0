"""Stand-ins: from ranges that nobody has, valid, nowhere in the request, and exactly reversible."""

from __future__ import annotations

import ipaddress
import itertools
from datetime import date

import phonenumbers
import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import iban, luhn

from gateway.dialects.openai_chat.fields import classifier
from gateway.privacy import redact, reserved, synthetic
from gateway.privacy.actions import every_rule
from gateway.privacy.entities import ENTITIES, Entity
from gateway.privacy.entities.groups import compact
from gateway.privacy.redact import answer_scan, redact_request, restore_body
from gateway.privacy.scanner import Scan, TextRun, apply, find, plan_for
from gateway.privacy.vault import Vault
from tests.privacy import texts
from tests.privacy.runs import run_pieces
from tests.privacy.texts import entity

classify = classifier(False)


def hidden(text: str, *more: str) -> tuple[str, Vault]:
    """The text as a request's rules and a synthetic vault leave it."""
    vault = Vault("synthetic")
    for raw in (text, *more):
        vault.reserve(raw)
    pieces: list[str] = []
    at = 0
    for span in find(text, every_rule()):
        pieces += text[at : span.start], vault.hide(span.entity, text[span.start : span.end])
        at = span.end
    return "".join([*pieces, text[at:]]), vault


def restored(text: str, vault: Vault) -> str:
    run = TextRun(answer_scan(vault))
    run.feed(text)
    run.flush()
    return apply(text, run.edits)


# --- law 5, and law 1 for this grammar ------------------------------------------------------------------


@example("x+1 415 555 2671")
@example("John Smith, dear Mary Smith-Jones")
@example("536 90 4399123-45-6789123-45-6789")  # a stand-in runs together with the digits beside it
@example("%5BEMAIL_1%5Djohn&#64;x.io")
@given(texts.texts)
def test_law_5_restoring_what_was_replaced_gives_the_text(text: str) -> None:
    vault = Vault("synthetic")
    body = {"messages": [{"role": "user", "content": text}]}
    redact_request(body, classify, vault)
    # Restoring alone: what is left beside a stand-in may look like a finding that it was none of before.
    scan = Scan(plan_for((), vault.openings()), lambda entity, _: "", vault)
    restore_body(body, classify, scan)
    if not scan.withheld:
        assert body["messages"][0]["content"] == text


def _comes_back(text: str) -> bool:
    vault = Vault("synthetic")
    body = {"messages": [{"role": "user", "content": text}]}
    redact_request(body, classify, vault)
    restore_body(body, classify, answer_scan(vault))
    return body["messages"][0]["content"] == text


def test_the_law_catches_stand_ins_that_are_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "%5BEMAIL_1%5Djohn&#64;x.io"
    assert _comes_back(text)
    monkeypatch.setattr(redact, "_not_reversible", lambda changed, vault: set())
    assert not _comes_back(text)


def test_the_law_catches_stand_ins_that_stand_in_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "avocet01@example.com? john@corp.io"
    row = entity("EMAIL")
    vault = Vault("synthetic")
    vault.reserve(text)
    assert restored(f"avocet01@example.com? {vault.hide(row, 'john@corp.io')}", vault) == text
    monkeypatch.setattr(synthetic.StandIns, "reserve", lambda self, text: None)
    careless = Vault("synthetic")
    careless.reserve(text)
    assert restored(f"avocet01@example.com? {careless.hide(row, 'john@corp.io')}", careless) != text


@given(text=texts.texts, data=st.data())
def test_any_cut_gives_what_the_whole_gives(text: str, data: st.DataObject) -> None:
    sent, vault = hidden(text)
    whole = run_pieces(TextRun(answer_scan(vault)), [sent])
    assert run_pieces(TextRun(answer_scan(vault)), data.draw(texts.cut(sent))) == whole
    assert run_pieces(TextRun(answer_scan(vault)), list(sent)) == whole


@given(st.lists(texts.values, max_size=20), st.lists(texts.values, max_size=5))
def test_a_stand_in_is_nowhere_in_the_request_and_no_part_of_another(
    values: list[str], others: list[str]
) -> None:
    text = ", ".join(values)
    made_before = [hidden(value)[0] for value in others]
    sent, vault = hidden(text, *made_before)
    assert vault._stand_ins is not None
    stand_ins = list(vault._stand_ins._values)
    assert not [made for made in stand_ins for raw in (text, *made_before) if made in raw]
    for one, other in itertools.permutations(stand_ins, 2):
        assert not regex.search(rf"(?<![A-Za-z0-9]){regex.escape(one)}(?![A-Za-z0-9])", other)
    assert restored(sent, vault) == text


def test_the_same_conversation_gives_the_same_stand_ins_in_each_turn() -> None:
    first = "mail a@x.io or call +1 415 555 2671"
    second = first + " and b@x.io, dear Mary Jones"
    assert hidden(second)[0].startswith(hidden(first)[0])


# --- each range -----------------------------------------------------------------------------------------------


def made(label: str, value: str) -> str:
    return Vault("synthetic").hide(entity(label), value)


def test_addresses_are_from_reserved_ranges() -> None:
    assert made("EMAIL", "john@corp.io").endswith("@example.com")
    assert made("EMAIL", "john@corp.org").endswith("@example.org")
    assert ipaddress.ip_address(made("IP", "8.8.8.8")) in ipaddress.ip_network("203.0.113.0/24")
    assert ipaddress.ip_address(made("IP", "2a00::1:2:3")) in ipaddress.ip_network("2001:db8::/32")
    row = Entity(name="MAC_ADDRESS", label="MAC", kind="personal", core="x", longest=17, openings=())
    assert Vault("synthetic").hide(row, "3C:22:FB:12:34:56") == "00:00:5E:00:53:00"
    assert Vault("synthetic").hide(row, "3c22.fb12.3456") == "0000.5e00.5300"


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("+1 415 867 2671", r"\+1 212 555 01\d\d"),
        ("(415) 867-2671", r"\(212\) 555-01\d\d"),
        ("1-800-356-9377", r"1-212-555-01\d\d"),
        ("+44 20 7123 4567", r"\+44 20 7946 0\d\d\d"),
        ("+44 7911 123456", r"\+44 7700 900\d\d\d"),
        ("+49 30 901820", r"\+49 3023125\d\d\d"),
        ("+33 1 42 68 53 00", r"\+33 1 99 00 \d\d \d\d"),
        ("+61 2 9374 4000", r"\+61 2 5550 \d{4}"),
        ("+81 3 1234 5678", r"\[PHONE_1\]"),
        ("12345", r"\[PHONE_1\]"),
    ],
)
def test_phone_numbers_are_from_the_ranges_for_drama(value: str, shape: str) -> None:
    row = Entity(name="PHONE_NUMBER", label="PHONE", kind="personal", core="x", longest=40, openings=())
    assert regex.fullmatch(shape, Vault("synthetic").hide(row, value))


def test_stand_ins_for_phone_numbers_are_possible_numbers() -> None:
    for value in (
        "+1 415 867 2671",
        "+44 20 7123 4567",
        "+49 30 901820",
        "+33 1 42 68 53 00",
        "+61 2 9374 4000",
    ):
        assert phonenumbers.is_valid_number(phonenumbers.parse(made("PHONE", value), None))


@pytest.mark.parametrize(
    "value",
    [
        "4012 8888 8888 1881",
        "5105-1051-0510-5100",
        "371449635398431",
        "30569309025904",
        "3566002020360505",
        "6011000990139424",
    ],
)
def test_cards_are_test_cards_of_the_same_length_and_grouping(value: str) -> None:
    stand_in = made("CREDIT_CARD", value)
    assert luhn.is_valid(compact(stand_in))
    assert stand_in != value
    assert [c.isdigit() or c for c in stand_in] == [c.isdigit() or c for c in value]
    assert stand_in[0] == value[0]


@pytest.mark.parametrize(
    "value",
    [
        "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432",
        "ES91 2100 0418 4502 0005 1332",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NL91ABNA0417164300",
        "BE68 5390 0754 7034",
    ],
)
def test_ibans_are_of_the_same_country_and_grouping(value: str) -> None:
    stand_in = made("IBAN", value)
    assert iban.is_valid(stand_in)
    assert (stand_in[:2], len(stand_in)) == (value[:2], len(value))
    assert [c == " " for c in stand_in] == [c == " " for c in value]


def test_social_security_numbers_are_those_kept_for_advertising_and_then_placeholders() -> None:
    vault = Vault("synthetic")
    given_out = [vault.hide(entity("SSN"), f"123-45-67{n:02}") for n in range(11)]
    assert given_out == [*(f"987-65-43{n}" for n in range(20, 30)), "[SSN_1]"]


@pytest.mark.parametrize(
    ("value", "stand_in"),
    [
        ("2024-03-15", "2024-02-02"), ("3/15/2024", "2/2/2024"), ("15.03.2024", "02.02.2024"), ("15/03/2024", "02/02/2024"),
        ("March 15, 2024", "February 2, 2024"), ("15th Mar 2024", "2nd Feb 2024"), ("2024-03-15T10:30:00Z", "2024-02-02T10:30:00Z"), ("10:30", None), ("2024-13-45", None),
    ],
)  # fmt: skip
def test_dates_are_shifted_by_whole_weeks(value: str, stand_in: str | None) -> None:
    assert reserved.shifted_date(value, 0) == stand_in
    assert date(2024, 3, 15).weekday() == date(2024, 2, 2).weekday()


@pytest.mark.parametrize("value", texts.VALUES["API_KEY"])
def test_secrets_keep_their_prefix_and_length_and_say_what_they_are(value: str) -> None:
    row = next(span.entity for span in find(value, every_rule()))
    stand_in = Vault("synthetic").hide(row, value)
    assert len(stand_in) == len(value)
    assert "FAKE" in stand_in
    assert stand_in[:2] == value[:2]


def test_a_secret_of_unknown_form_gives_nothing_away() -> None:
    row = Entity(
        name="PASSWORD",
        label="PASSWORD",
        kind="secret",
        core=r"\S{8,40}",
        longest=40,
        openings=((r"[!-~]",),),
    )
    assert Vault("synthetic").hide(row, "hunter2hunter2") == "FAKE0001XXXXXX"


def test_numbers_without_a_reserved_range_are_valid_by_their_rows_own_check() -> None:
    row = Entity(
        name="NPI", label="NPI", kind="medical", core="[12][0-9]{9}", longest=10, openings=(("[12]",),),
        validate=lambda text: 10 if luhn.is_valid("80840" + text) else 0,
    )  # fmt: skip
    vault = Vault("synthetic")
    stand_ins = {vault.hide(row, f"123456789{n}") for n in range(9)}
    assert len(stand_ins) == 9
    assert all(luhn.is_valid("80840" + text) for text in stand_ins)


# --- people ---------------------------------------------------------------------------------------------------


def test_people_come_back_word_by_word() -> None:
    vault = Vault("synthetic")
    person = entity("PERSON")
    first, last = vault.hide(person, "John Smith").split()
    other = vault.hide(person, "Mary Smith")
    assert other.split()[1] == last
    assert restored(f"{last}'s letter; {first}, {last.upper()}; {first}son", vault) == (
        f"Smith's letter; John, {last.upper()}; {first}son"
    )


@pytest.mark.parametrize(
    "name", ["Ludwig van Beethoven", "JOHN SMITH", "O'Brien Patrick", "J. Smith", "José Núñez", "王小明"]
)
def test_names_of_many_kinds_come_back(name: str) -> None:
    vault = Vault("synthetic")
    sent = vault.hide(entity("PERSON"), name)
    assert not {word for word in name.replace(".", "").split() if len(word) > 3} & set(sent.split())
    assert restored(f"Dear {sent}, hello", vault) == f"Dear {name}, hello"


def test_a_name_that_the_caller_uses_is_not_given_out() -> None:
    vault = Vault("synthetic")
    vault.reserve("a story of \\u0054HESSALY and brannock")
    assert vault.hide(entity("PERSON"), "John Smith") == "Corwin Veldkamp"


def test_when_names_run_out_placeholders_are_used() -> None:
    vault = Vault("synthetic")
    person = entity("PERSON")
    given_out = [vault.hide(person, f"Given{n} Family{n}") for n in range(80)]
    assert given_out[-1].startswith("[PERSON_")
    text = " and ".join(given_out)
    assert restored(text, vault) == " and ".join(f"Given{n} Family{n}" for n in range(80))


def test_no_name_is_a_part_of_another_nor_of_a_bird() -> None:
    words = [*synthetic._NAMES, *reserved._BIRDS]
    assert len({word.lower() for word in words}) == len(words)
    assert not [(a, b) for a, b in itertools.permutations(words, 2) if a.lower() in b.lower()]


# --- boundaries -------------------------------------------------------------------------------------------


def test_a_row_without_a_boundary_gets_a_placeholder() -> None:
    row = Entity(
        name="EMAIL_ADDRESS", label="EMAIL", kind="personal", core="x", longest=9, openings=(), after=""
    )
    vault = Vault("synthetic")
    assert vault.hide(row, "a@b.io") == "[EMAIL_1]"
    assert restored("[email 1]x", vault) == "a@b.iox"


def test_only_whole_words_come_back() -> None:
    vault = Vault("synthetic")
    sent = vault.hide(entity("IP"), "8.8.8.8")
    assert restored(f"{sent}0 x{sent} {sent}/24", vault) == f"{sent}0 x{sent} 8.8.8.8/24"


def test_stand_ins_are_bounded_and_openings_complete() -> None:
    _, vault = hidden(
        ", ".join(value for group in texts.VALUES.values() for value in group) + " dear Mary Jones"
    )
    assert vault._stand_ins is not None
    openings = ["".join(opening) for opening in vault.openings()]
    for stand_in in vault._stand_ins._values:
        assert len(stand_in) <= reserved.LONGEST_STAND_IN
        assert regex.match("|".join(openings), stand_in)


@given(row=st.sampled_from(ENTITIES), value=st.text(min_size=1, max_size=30), number=st.integers(0, 2000))
def test_any_value_has_a_stand_in_or_none(row: Entity, value: str, number: int) -> None:
    stand_in = reserved.stand_in(row, value, number)
    assert stand_in is None or 0 < len(stand_in) <= reserved.LONGEST_STAND_IN
