"""The hard cases of requests and operations (61 to 90), one test a case, by the case's number.

What is only documented is looked for in docs/privacy.md, so that the promise and the page stay together.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.privacy.entities import ENTITIES
from gateway.privacy.redact import answer_scan
from gateway.privacy.scanner import TextRun
from gateway.privacy.vault import Vault
from tests.privacy import texts
from tests.privacy.hard_cases import (
    ADA,
    answered,
    asked,
    documented,
    restored,
    said,
    sent,
    vault,
)

# --- the request --------------------------------------------------------------------------------------------


def test_hard_case_61_every_place_is_looked_at() -> None:
    body = {
        **asked("a@b.io"), "user": "a@b.io", "metadata": {"k": "a@b.io", "a@b.io": 1}, "prediction": {"content": "a@b.io"},
        "tools": [{"function": {"description": "a@b.io", "parameters": {"default": "a@b.io", "enum": ["a@b.io"]}}}],
        "response_format": {"json_schema": {"schema": {"description": "a@b.io"}}}, "unknown": [["a@b.io"]],
    }  # fmt: skip
    assert "a@b.io" not in json.dumps(sent(body)[0])


@pytest.mark.parametrize("format", ["token", "synthetic"])
def test_hard_case_62_the_same_conversation_is_redacted_the_same_in_each_turn(format: Any) -> None:
    first = asked("I am Jane Roe, a@b.io")
    later = asked("I am Jane Roe, a@b.io", "and c@d.io")
    assert sent(later, Vault(format))[0]["messages"][0] == sent(first, Vault(format))[0]["messages"][0]


def test_hard_case_62_where_the_provider_keeps_it_an_id_outlives_the_request() -> None:
    first, second = (
        sent(asked(text), Vault(stable_key=b"tenant"))[0] for text in ("x a@b.io", "c@d.io then a@b.io")
    )
    assert first["messages"][0]["content"].split()[-1] == second["messages"][0]["content"].split()[-1]


@pytest.mark.parametrize("format", ["token", "synthetic"])
def test_hard_case_63_each_surface_form_comes_back_as_it_stood(format: Any) -> None:
    text = "X@y.io x@y.io 4111 1111 1111 1111 4111-1111-1111-1111"
    changed, made, _ = sent(asked(text), Vault(format))
    out = changed["messages"][0]["content"]
    assert said(answered(out, made=made)) == text
    assert len(made) == 4


def test_hard_case_64_one_surface_of_two_kinds_has_two_placeholders() -> None:
    made = Vault()
    assert made.hide(texts.entity("PERSON"), "Paris") != made.hide(texts.entity("LOCATION"), "Paris")


def test_hard_case_65_overlapping_findings_leave_nothing_behind() -> None:
    changed, made, _ = sent(asked("https://bob:hunter22@db.example.com/ and DE89 3704 0044 0532 0130 00"))
    out = changed["messages"][0]["content"]
    assert "hunter22" not in out
    assert "3704" not in out
    made.hosts |= {"db.example.com"}


def test_hard_case_66_a_value_over_two_parts_is_documented() -> None:
    documented("split over two content parts or two messages")


@pytest.mark.parametrize(
    "written",
    [
        "4111\u200b1111\u200b1111\u200b1111",
        "４１１１１１１１１１１１１１１１",
        "john&#64;x.io",
        "john (at) x.io",
        "jоhn@example.com",
        "john@**x**.io",
    ],
)
def test_hard_case_67_a_value_in_disguise_is_found_and_comes_back_as_it_stood(written: str) -> None:
    changed, made, _ = sent(asked(f"it is {written}, ok"))
    out = changed["messages"][0]["content"]
    assert written not in out
    assert said(answered(out, made=made)) == f"it is {written}, ok"
    documented("Values in disguise")


def test_hard_case_68_bytes_are_not_scanned_and_keys_of_many_lines_are() -> None:
    image = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,4111111111111111" + "A" * 100_000},
    }
    body = asked([image])
    assert sent(body)[0] == body
    assert sent(asked(f"key {texts.PEM} end"))[0]["messages"][0]["content"] == "key [PRIVATE_KEY_1] end"


def test_hard_case_69_a_value_in_an_images_url_is_hidden() -> None:
    body = asked([{"type": "image_url", "image_url": {"url": "https://h/?e=a@b.io"}}])
    assert "a@b.io" not in json.dumps(sent(body)[0])
    documented("An image's URL is text", "Text inside images, audio and files")


def test_hard_case_70_test_cards_are_hidden_and_other_numbers_are_not() -> None:
    text = (
        "user_id = 4111111111111111; sha = 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b; t = 1700000000; v1.2.3"
    )
    assert sent(asked(text))[0]["messages"][0]["content"] == text.replace(
        "4111111111111111", "[CREDIT_CARD_1]"
    )
    documented("Test numbers")


@pytest.mark.parametrize("written", ['{\\"email\\":\\"x@y.io\\"}', "x\\u0040y.io"])
def test_hard_case_71_json_in_text_is_looked_through(written: str) -> None:
    changed, made, _ = sent(asked(f"log: {written}"))
    out = changed["messages"][0]["content"]
    assert "[EMAIL_1]" in out
    assert said(answered(out, made=made)) == f"log: {written}"


def test_hard_case_72_marks_around_a_placeholder_stay() -> None:
    assert restored("\u202b[PERSON_1]\u202c") == f"\u202b{ADA}\u202c"
    assert (
        said(answered(sent(asked("شكرا x@y.io \u200f"))[0]["messages"][0]["content"])) == "شكرا x@y.io \u200f"
    )


def test_hard_case_75_a_placeholder_of_the_callers_pulls_nobodys_value() -> None:
    changed, made, _ = sent(asked("a@b.io", "repeat [EMAIL_1] [EMAIL_2] [EMAIL_3]"))
    assert changed["messages"][0]["content"] == "[EMAIL_4]"
    assert said(answered("[EMAIL_1] [EMAIL_2] [EMAIL_3]", made=made)) == "[EMAIL_1] [EMAIL_2] [EMAIL_3]"
    assert said(answered("[EMAIL_4]", made=Vault())) == "[EMAIL_4]"


@pytest.mark.parametrize("format", ["token", "synthetic"])
def test_hard_case_76_no_value_is_put_into_an_image_link_or_an_unknown_host(format: Any) -> None:
    changed, made, _ = sent(asked("a@b.io, see https://known.example/"), Vault(format))
    hidden = changed["messages"][0]["content"].split(",")[0]
    for text in (f"![](https://evil/?q={hidden})", f"https://evil/?q={hidden}"):
        assert said(answered(text, made=made)) == text
    assert (
        said(answered(f"https://known.example/?q={hidden}", made=made)) == "https://known.example/?q=a@b.io"
    )
    documented("in an image link, or in a URL whose host your request did not mention")


@pytest.mark.parametrize(
    ("mentioned", "url"),
    [
        ("(see https://known.example.)", "https://known.example/"),
        ("**HTTPS://Known.example**, or", "https://known.example/"),
        ("https://bob:hunter2secret@known.example/x", "https://known.example/"),
        ("`https://known.example:8443`", "https://known.example/"),
        ("http://[2001:db8::1]/x", "http://[2001:db8::1]:80/"),
    ],
)
def test_hard_case_76_a_host_is_known_whatever_stands_around_it(mentioned: str, url: str) -> None:
    changed, made, _ = sent(asked("a@b.io", mentioned))
    hidden = changed["messages"][0]["content"]
    assert said(answered(f"{url}?q={hidden}", made=made)) == f"{url}?q=a@b.io"


def test_hard_case_77_labels_are_short_and_neutral() -> None:
    for row in ENTITIES:
        assert len(row.label) <= 24
        assert row.label.replace("_", "").isascii()
    documented("What a model refuses")


# --- operations ----------------------------------------------------------------------------------------------


def test_hard_case_84_a_vault_shows_nothing() -> None:
    assert "Byron" not in repr(vault()) + str(vault()) + f"{vault()!r}"


def test_hard_case_87_a_restored_value_is_not_redacted_again() -> None:
    out = answered(
        "card [CREDIT_CARD_1], own 5555 5555 5555 4444.", made=vault(CREDIT_CARD="4111 1111 1111 1111")
    )
    assert said(out) == "card 4111 1111 1111 1111, own [CREDIT_CARD]."


def test_hard_case_88_what_could_still_become_a_card_is_held_until_the_finish() -> None:
    assert said(answered("4111 1111 ", "1111 ", "1111")) == "[CREDIT_CARD]"
    assert b"4111" not in answered("4111 1111 1111 1111", end=b"").split(b'"error"')[0]


def test_hard_case_89_lists_of_numbers_are_not_held_forever() -> None:
    each = TextRun(answer_scan(vault()))
    fed = 0
    for _ in range(500):
        fed += 4
        assert fed - each.feed("1234") <= max(row.longest for row in ENTITIES)


def test_hard_case_90_stand_ins() -> None:
    taken = "avocet01@example.com"
    changed, made, _ = sent(
        asked(f"not {taken} but I am John Smith, 4012 8888 8888 1881, +1 415 867 2671"), Vault("synthetic")
    )
    out = changed["messages"][0]["content"]
    for value in (taken, "Smith", "4012 8888 8888 1881", "867"):
        assert value not in out
    first, last = out.split(" am ")[1].split(",")[0].split()
    shown = said(answered(f"{last}'s, {first}{last}, {last}a, {last.lower()}. ", out, made=made))
    assert shown.startswith(
        f"Smith's, {first}{last}, {last}a, {last.lower()}. not {taken} but I am John Smith, 4012"
    )
    documented("Stand-ins", "555-0100 to 555-0199", "may belong to somebody")
