"""Words and patterns of a policy: found everywhere, or refused for a reason."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.privacy.custom import LONGEST, allowed, custom, denied
from gateway.privacy.entities import ENTITIES
from gateway.privacy.rule import _partial
from gateway.privacy.scanner import Scan, TextRun, compile_rules, find, plan_for
from tests.privacy.runs import run_pieces

PATTERNS = {
    r"EMP-\d{6}": ("x EMP-123456, ", "EMP-12345"),
    r"\bACME[-_ ]?[A-Z]{2,4}(?P<n>[0-9]{1,3})\b": ("ACMEXY12", "ACME"),
    r"(?:foo|ba[rz])+?": None,
    r"(?:K|Ü)[a-z]{2}": ("Kab Üab", "kab"),
    r"[A-Z]{3}(?:-[0-9]{2}){1,3}x?": ("ABC-12-34x", "AB-12"),
    r"\d{3}": ("123", "1234"),
    r"(?:a|bc|)z": ("z az bcz", "bz"),
    r"[\]a^-]\\{2}": (r"]\\ ^\\", "b"),
}  # fmt: skip


@pytest.mark.parametrize("pattern", [p for p, texts in PATTERNS.items() if texts])
def test_a_pattern_finds_what_it_says_and_nothing_else(pattern: str) -> None:
    good, bad = PATTERNS[pattern] or ("", "")
    rules = compile_rules((custom("MINE", pattern),))
    plain = re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])", re.ASCII)
    for text in (good, bad):
        assert [(s.start, s.end) for s in find(text, rules)] == [m.span() for m in plain.finditer(text)]
    assert find(good, rules)
    assert not find(bad, rules)


@pytest.mark.parametrize("pattern", [p for p, texts in PATTERNS.items() if texts])
@settings(max_examples=40)
@given(data=st.data())
def test_a_stream_finds_what_the_whole_holds(pattern: str, data: st.DataObject) -> None:
    row = custom("MINE", pattern)
    rules = compile_rules((row,))
    near = st.lists(
        st.from_regex(re.compile(row.core), fullmatch=True) | st.sampled_from([" ", "x", "-", "EMP-", "ü"]),
        max_size=5,
    )
    text = "".join(data.draw(near))
    whole = text
    for span in reversed(find(text, rules)):
        assert span.end - span.start <= row.longest
        whole = whole[: span.start] + "#" + whole[span.end :]
    scan = Scan(plan_for(rules), lambda *_: "#")
    assert run_pieces(TextRun(scan), list(text)) == whole


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?=a)b", "looks ahead"), (r"(?<!a)b", "looks ahead"), (r"(a)\1", "refers back"), (r"a.*b", "no bound"), (r"a+", "no bound"),
        (r"a{600}", "no bound"), (r".{1,5}x", "begin with characters"), (r"[^a]x", "begin with characters"), (r"\W\d{3}", "begin with characters"),
        (r"x?", "empty text"), (r"", "empty text"), (r"(?i)abc", "flags"), (r"(?i:abc)", "flags"), (r"a\bb", "anchor"), (r"^abc", "anchor"), (r"abc$", "anchor"),
        (r"(a", "no regular expression"), (r"[\D1]x", "negated class"), (r"(?:a{1,9}){1,9}b", "too many ways"), (r"a{0,50}a{0,50}a{0,50}b", "too many ways"),
        (r"x(?:a|a){1,20}y", "too many ways"), (r"(?:[A-Za-z]{1,9}[a-z]{1,9} ?){1,9}", "too many ways"), (r"(?>ab)c", "atomic"),
    ],
)  # fmt: skip
def test_a_pattern_that_cannot_be_searched_for_safely_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        custom("MINE", pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"[a-z0-9]{1,64}@[a-z]{1,64}\.[a-z]{2,10}", r"(?:[A-Z]{2,4}-){1,3}\d{4}", r"\d{1,20}-\d{1,20}"],
)
def test_usual_patterns_are_not_refused(pattern: str) -> None:
    assert custom("MINE", pattern).longest <= LONGEST


def test_denied_words_are_found_in_any_case_as_whole_words() -> None:
    rules = compile_rules((denied("PROJECT_NAME", ["Blue Heron", "blue heron two", "Überlicht", "C++"]),))
    text = "BLUE HERON, Blue Heron Two; überlicht c++"
    assert [text[s.start : s.end] for s in find(text, rules)] == [
        "BLUE HERON",
        "Blue Heron Two",
        "überlicht",
        "c++",
    ]
    whole_words = compile_rules((denied("PROJECT_NAME", ["heron"]),))
    assert not find("herons xheron", whole_words)
    scan = Scan(plan_for(rules), lambda *_: "#")
    assert run_pieces(TextRun(scan), list(text)) == "#, #; # #"


def test_a_row_stands_in_the_table_like_any_other() -> None:
    rules = compile_rules((denied("PROJECT_NAME", ["heron"]), custom("STAFF", r"EMP-\d{6}"), *ENTITIES))
    text = "heron EMP-123456 a@b.io"
    assert [s.entity.name for s in find(text, rules)] == ["PROJECT_NAME", "STAFF", "EMAIL_ADDRESS"]


@pytest.mark.parametrize("label", ["mine", "A1", "X" * 33, "A__B", "_A"])
def test_a_label_that_no_placeholder_can_carry_is_refused(label: str) -> None:
    with pytest.raises(ConfigError, match="label"):
        custom("MINE", "abc", label=label)
    with pytest.raises(ConfigError, match="label"):
        denied("MINE", ["abc"], label=label)


def test_without_words_there_is_no_row() -> None:
    with pytest.raises(ConfigError, match="empty"):
        denied("MINE", [" "])
    with pytest.raises(ConfigError, match="longer"):
        denied("MINE", ["x" * (LONGEST + 1)])


def test_the_allow_list_takes_whole_values_only() -> None:
    fine = allowed(["a@b.io"], [r"[a-z]{1,64}@acme\.com", r".{1,9}\.local"])
    assert fine is not None
    assert [
        fine(v) for v in ("a@b.io", "x@acme.com", "box.local", "xa@b.io", "x@acme.com.evil", "A@B.io")
    ] == [True] * 3 + [False] * 3


def test_no_answer_waits_for_a_pattern_of_a_plan_that_is_warm() -> None:
    # No other test has these: what is compiled once is kept for all.
    rules = compile_rules(custom(f"MINE_{c}", rf"QW{c}-[a-z]{{2}}[0-9]{{3,7}}") for c in "XYZ")
    rules.warm()
    plan = plan_for(rules)
    plan.warm()
    compiled = _partial.cache_info().misses
    assert run_pieces(TextRun(Scan(plan, lambda *_: "#")), list("so QWZ-ab1234 it is")) == "so # it is"
    assert _partial.cache_info().misses == compiled
