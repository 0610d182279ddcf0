"""Whole texts: what is found in them, and the texts without it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy import findings
from gateway.privacy.actions import every_rule
from gateway.privacy.entities import UnknownEntity
from gateway.privacy.redact import in_requests
from gateway.privacy.vault import Format, Vault
from tests.privacy import texts
from tests.privacy.test_normalise import DISGUISED

PIECES = st.sampled_from(
    [*texts.NEAR, *DISGUISED, "jane@example.com", "4111 1111 1111 1111", "[EMAIL_1]", "\n", " "]
)
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=10).map("".join)
RULES = in_requests().acting


def seen(text: str, rules: Any = None) -> list[tuple[str, str]]:
    rules = every_rule() if rules is None else rules
    return [(s.entity.name, text[s.start : s.end]) for s in findings.find_all(text, rules)]


@given(TEXTS)
def test_spans_ascend_within_the_text_and_never_overlap(text: str) -> None:
    at = 0
    for span in findings.find_all(text, every_rule()):
        assert at <= span.start < span.end <= len(text)
        at = span.end


@given(TEXTS, st.sampled_from(get_args(Format)))
def test_only_what_was_found_is_written_anew(text: str, format: Format) -> None:
    spans = findings.find_all(text, RULES)
    written = findings.write(text, spans, Vault(format, key=b"key"))
    at = end = 0
    for span in spans:
        kept = text[end : span.start]
        at = written.index(kept, at) + len(kept)
        end = span.end
    assert written.endswith(text[end:])
    if not spans:
        assert written == text


def test_a_value_in_disguise_is_found_where_it_stands() -> None:
    assert seen("mail john%40x.io or jane@example.com") == [
        ("EMAIL_ADDRESS", "john%40x.io"),
        ("EMAIL_ADDRESS", "jane@example.com"),
    ]


def test_one_value_has_one_placeholder_and_the_texts_own_are_left() -> None:
    text = "[EMAIL_1] a@x.io b@x.io a@x.io"
    written = findings.write(text, findings.find_all(text, RULES), Vault())
    assert written == "[EMAIL_1] [EMAIL_2] [EMAIL_3] [EMAIL_2]"


def test_a_placeholder_far_down_a_long_text_is_left_too() -> None:
    text = "a@x.io" + " -" * 50_000 + " [EMAIL_1]"
    written = findings.write(text, findings.find_all(text, RULES), Vault())
    assert written.startswith("[EMAIL_2] ")


def test_a_long_text_is_looked_at_in_steps() -> None:
    text = ("jane@example.com, and nothing, " * 4000)[:100_000]
    steps = findings.find_all_in_steps(text, RULES)
    assert sum(1 for _ in steps) > len(text) // 2048


@pytest.mark.parametrize("asked", ["email", "EMAIL_ADDRESS", "Email-Address", "EmailAddress"])
def test_names_are_found_however_they_are_written(asked: str) -> None:
    assert findings.names_of([asked]) == {"EMAIL_ADDRESS"}


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownEntity, match="did you mean EMAIL_ADDRESS"):
        findings.names_of(["EMAIL_ADRESS"])


def test_what_is_ordinary_is_found_and_not_hidden() -> None:
    text = "see https://example.com"
    assert seen(text) == [("URL", "https://example.com")]
    assert seen(text, RULES) == []
    assert tuple(rule.entity for rule in RULES) == findings.HIDDEN
    assert {row.name for row in findings.rows_of(frozenset({"URL", "US_SSN"}))} == {"URL", "US_SSN"}
