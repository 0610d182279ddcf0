"""A whole text of an answer: what is changed in it is what a run that is fed it would change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.privacy import whole
from gateway.privacy.scanner import Edit, Scan, TextRun
from gateway.privacy.whole import edits_of_whole
from tests.privacy import texts
from tests.privacy.runs import SCANS, corpus

CONTEXTS = ["", "password: ", "phone number: ", "email: "]
LINKS = ["![x](https://evil.example/", "https://evil.example/?q=", ") ", "[PERSON_1]", "4111 1111 1111 1111"]


# The small tables and the ones that act in more than one way.
SOME = {name: SCANS[name] for name in ("restore and redact", "flag and redact")}


def by_run(scan: Scan, text: str, context: str) -> list[Edit]:
    run = TextRun(scan, context)
    run.feed(text)
    run.flush()
    return run.edits


def counts(scan: Scan) -> tuple[object, ...]:
    return (
        scan.redacted,
        scan.restored,
        scan.unresolved,
        scan.withheld,
        scan.flagged,
        scan.hidden,
        scan.blocked,
    )


def is_as_a_run(make: Callable[[], Scan], text: str, context: str = "") -> bool:
    """Also true where only a run can tell, and then nothing has been counted."""
    ours, theirs = make(), make()
    edits = edits_of_whole(ours, ours.plan, text, context)
    if edits is None:
        return counts(ours) == counts(make())
    return (edits, counts(ours)) == (by_run(theirs, text, context), counts(theirs))


@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS.keys())
@settings(max_examples=30)
@given(text=texts.texts, context=st.sampled_from(CONTEXTS))
def test_a_whole_text_is_changed_as_a_run_changes_it(
    scan: Callable[[], Scan], text: str, context: str
) -> None:
    assert is_as_a_run(scan, text, context)


@pytest.mark.parametrize("scan", SOME.values(), ids=SOME.keys())
def test_so_is_a_text_for_each_row(scan: Callable[[], Scan]) -> None:
    for text in corpus():
        assert is_as_a_run(scan, text), text


@settings(max_examples=30)
@given(text=st.lists(st.sampled_from(LINKS), max_size=6).map("".join))
def test_so_is_one_with_links_that_would_carry_a_value_away(text: str) -> None:
    assert is_as_a_run(SCANS["restore and redact"], text)


def test_a_search_that_does_not_look_for_overlaps_finds_other_things(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'password = "hunter2[PERSON_1]x9"'
    assert is_as_a_run(SCANS["restore and redact"], text)
    monkeypatch.setattr(whole, "pairwise", lambda _: ())
    assert not is_as_a_run(SCANS["restore and redact"], text)
