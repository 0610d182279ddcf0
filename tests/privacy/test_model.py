"""What a model found joins what rules found: nothing that either found is left, placeholders are."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PolicyViolation
from gateway.privacy.actions import IN_REQUESTS, Actions, actions
from gateway.privacy.entities import UnknownEntity
from gateway.privacy.model import Finding, joined, meaning, row, spans_of
from gateway.privacy.model_run import ModelRun, Question
from gateway.privacy.plan import Action
from gateway.privacy.redact import (
    Ahead,
    answer_scan,
    pages_of,
    redact_request,
    restore_body,
    restore_read,
    runs_of,
    scan_in_steps,
)
from gateway.privacy.scanner import Span, TextRun, apply
from gateway.privacy.sentences import pieces, sentence
from gateway.privacy.vault import Vault

PEOPLE = ("Ann Lee", "Bo", "Jörg Ä")


def found_in(text: str) -> list[Finding]:
    """A model that knows some people, and takes a placeholder or a mail address for one too."""
    names = [*PEOPLE, "[EMAIL_1]", "bo@example.com is Bo", "X" * 14]
    return [
        Finding(at, at + len(name), "PERSON")
        for name in names
        for at in range(len(text))
        if text.startswith(name, at)
    ]


def ahead(body: Any, natures: dict[str, Any] | None = None, policy: Actions | None = None) -> Ahead:
    return Ahead(
        {page: found_in(shown) for page, shown in pages_of(body, classify(natures), policy)},
        {},
    )


def classify(natures: dict[str, Any] | None = None) -> Any:
    return lambda path, _: (natures or {}).get(str(path[0]), "text")


def redacted(text: str, nature: Any = "text", **overrides: Action) -> tuple[str, Any, Vault]:
    body = {"a": text}
    vault = Vault()
    known = ahead(body, {"a": nature})
    counts = redact_request(
        body, classify({"a": nature}), vault, frozenset("a"), actions(overrides, IN_REQUESTS), known
    )
    return body["a"], counts, vault


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was Ann Lee.", "It was [PERSON_1]."),
        ("Dear Ann, Ann Lee", "Dear [PERSON_1], [PERSON_2]"),
        ("see bo@example.com is Bo", "see [EMAIL_1] [PERSON_1]"),
        ("the literal [EMAIL_1] stays", "the literal [EMAIL_1] stays"),
    ],
)
def test_what_a_model_found_is_hidden_beside_what_rules_found(text: str, expected: str) -> None:
    made, _, vault = redacted(text)
    assert made == expected
    body = {"a": made}
    restore_body(body, classify(), answer_scan(vault))
    assert body["a"] == text


@pytest.mark.parametrize("ascii_only", [True, False])
def test_strings_in_json_are_read_decoded_and_keys_are_not(ascii_only: bool) -> None:
    text = json.dumps({"Bo": "Jörg Ä", "b": ["bo@example.com", 'Bo "Ann Lee"']}, ensure_ascii=ascii_only)
    made, _, vault = redacted(text, "json")
    read = json.loads(made)
    assert list(read) == ["Bo", "b"]
    assert read["Bo"] == "[PERSON_2]"  # rules come first
    assert read["b"][0] == "[EMAIL_1]"
    assert "Ann" not in str(read["b"])
    body = {"a": made}
    restore_body(body, classify({"a": "json"}), answer_scan(vault))
    assert json.loads(body["a"]) == json.loads(text)


def test_the_policy_says_what_is_done_with_a_models_finding() -> None:
    made, counts, _ = redacted("It was Bo.", PERSON="flag")
    assert made == "It was Bo."
    assert counts == {("PERSON", "flag"): 1}
    assert redacted("It was Bo.", PERSON="allow")[:2] == ("It was Bo.", {})
    with pytest.raises(PolicyViolation, match="PERSON, found in a"):
        redacted("It was Bo.", PERSON="block")


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8), st.sampled_from(["PERSON", "LOCATION"])))


@given(SPANS, SPANS)
def test_all_that_either_found_is_covered_and_rules_keep_their_own(
    first: list[tuple[int, int, str]], second: list[tuple[int, int, str]]
) -> None:
    text = "ab c" * 10
    rules: list[Span] = []
    for start, length, name in sorted(first):
        if not rules or start >= rules[-1].end:
            rules.append(Span(start, start + length, row(name)))
    model = sorted((Span(a, a + n, row(name)) for a, n, name in second), key=lambda s: s[:2])
    both = joined(rules, model, text)
    assert all(one.end <= other.start for one, other in itertools.pairwise(both))
    covered = {at for span in both for at in range(span.start, span.end)}
    for span in (*rules, *model):
        assert all(at in covered or text[at] == " " for at in range(span.start, span.end))
    for span in rules:
        assert any(
            each.start <= span.start and span.end <= each.end and each.entity.name == span.entity.name
            for each in both
        )


@pytest.mark.parametrize(
    ("label", "name"),
    [("PERSON", "PERSON"), ("PER", "PERSON"), ("GPE", "LOCATION"), ("ORG", "ORGANIZATION"), ("phone number", "PHONE_NUMBER"), ("CARDINAL", None), ("CUST", "PERSON"), ("X", None)],
)  # fmt: skip
def test_labels_become_our_names(label: str, name: str | None) -> None:
    assert meaning(label, {"CUST": "PERSON", "X": ""}) == name
    with pytest.raises(UnknownEntity):
        meaning("SHOE_SIZE", {})


# --- answers ----------------------------------------------------------------------------------------------


def run_through(parts: list[str], at_once: bool) -> str:
    scan = answer_scan(Vault())
    run = ModelRun(TextRun(scan), "text", scan, lambda entity: "redact")
    edits = []
    asked: list[Question] = []
    for part in parts:
        run.feed(part)
        asked += run.wanted()
        if at_once:
            while asked:
                question = asked.pop()
                run.answer(question, found_in(question.text))
        edits += run.edits
        run.edits.clear()
    run.flush()
    asked += run.wanted()
    for question in reversed(asked):
        run.answer(question, found_in(question.text))
    assert run.complete
    text = "".join(parts)
    assert run.decided == len(text)
    return apply(text, [*edits, *run.edits])


WORDS = st.lists(
    st.sampled_from(
        ["Ann Lee", "Bo", "4111 1111 1111 1111", "[EMAIL_1]", ". ", "! ", "\n", " ", "word", "so it is "]
    ),
    max_size=12,
).map("".join)


@given(WORDS, st.data())
def test_however_an_answer_comes_and_is_read_it_is_the_same(text: str, data: st.DataObject) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    parts = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    made = run_through(parts, at_once=data.draw(st.booleans()))
    assert made == run_through([text], at_once=False)
    whole = {"a": text}
    scan = answer_scan(Vault())
    runs = runs_of(whole, classify(), scan, lambda entity: "redact")
    for run in runs:
        for question in list(run.wanted()):
            run.answer(question, found_in(question.text))
    restore_read(whole, classify(), scan, runs)
    assert whole["a"] == made


@given(WORDS)
def test_nothing_is_decided_that_the_model_has_not_read(text: str) -> None:
    scan = answer_scan(Vault())
    run = ModelRun(TextRun(scan), "text", scan, lambda entity: "redact")
    for character in text:
        run.feed(character)
    run.flush()
    waits = next((piece.start for piece in pieces(text, "text", sentence)), len(text))
    assert run.decided == waits


def test_a_placeholder_is_none_of_a_models_business() -> None:
    piece = pieces("Hello [PERSON_1] Bo", "text", sentence)[0]
    spans = list(spans_of(piece, [Finding(6, 19, "PERSON")], piece.text, "text"))
    assert [piece.text[each.start : each.end] for each in spans] == ["Bo"]


# --- long texts -------------------------------------------------------------------------------------------


@given(
    st.integers(0, 3000),
    st.sampled_from(["bo@example.com", "b&#111;@example.com", "４111 1111 1111 1111", "+1 415 555 2671"]),
)
def test_a_long_text_scanned_beforehand_is_redacted_as_it_is_at_once(at: int, value: str) -> None:
    text = "so it is " * 333
    body = {"a": text[:at] + f" {value} " + text[at:]}
    at_once = {"a": body["a"]}
    redact_request(at_once, classify(), Vault(), frozenset("a"))
    steps = scan_in_steps(body, classify(), actions({}, IN_REQUESTS), 2000)
    scanned: dict[Any, Any] = {}
    while not scanned:
        try:
            next(steps)
        except StopIteration as end:
            scanned = end.value
    assert list(scanned) == [("a: ", body["a"])]
    redact_request(body, classify(), Vault(), frozenset("a"), actions({}, IN_REQUESTS), Ahead(None, scanned))
    assert body == at_once
    assert value not in body["a"]
