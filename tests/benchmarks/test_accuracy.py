"""Accuracy: counted by hand, by another program where it is here, and by the command on a tiny data set."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks import accuracy, accuracy_report, detectors
from benchmarks.accuracy import Found, Labelled, Record, Tally, judge, together
from benchmarks.accuracy_report import Report
from tests.conftest import needs_shared

TEXT = "x" * 40


def counts(tally: Tally) -> tuple[int, int, int]:
    return tally.hits, tally.false, tally.missed


def judged(labels: list[Labelled], found: list[Found], complete: list[str] | None = None) -> Any:
    record = Record(TEXT, labels, ["A", "B"] if complete is None else complete)
    return judge([record], [found])


def test_the_same_span_is_a_hit_by_both_measures() -> None:
    each = judged([Labelled(0, 10, "A")], [Found(0, 10, "A")])["A"]
    assert counts(each.exact) == counts(each.overlap) == (1, 0, 0)
    assert each.leak == 0


def test_half_of_the_longer_span_overlaps_and_is_not_exact() -> None:
    each = judged([Labelled(0, 10, "A")], [Found(5, 10, "A")])["A"]
    assert counts(each.exact) == (0, 1, 1)
    assert counts(each.overlap) == (1, 0, 0)
    assert each.leak == 1
    assert counts(judged([Labelled(0, 10, "A")], [Found(6, 10, "A")])["A"].overlap) == (0, 1, 1)
    assert counts(judged([Labelled(0, 10, "A")], [Found(0, 21, "A")])["A"].overlap) == (0, 1, 1)


def test_the_most_alike_make_a_pair_and_each_counts_once() -> None:
    each = judged([Labelled(0, 10, "A")], [Found(0, 8, "A"), Found(0, 10, "A"), Found(0, 10, "A")])["A"]
    assert counts(each.overlap) == (1, 1, 0)
    assert counts(each.exact) == (1, 1, 0)


def test_another_entity_hides_a_value_and_is_wrong() -> None:
    found = judged([Labelled(0, 10, "A")], [Found(0, 5, "B"), Found(5, 9, "B")])
    assert counts(found["A"].overlap) == (0, 0, 1)
    assert counts(found["B"].overlap) == (0, 2, 0)
    assert found["A"].leak == 0  # nine of ten characters


def test_what_a_record_does_not_label_completely_is_not_judged() -> None:
    found = judged([Labelled(0, 10, "A")], [Found(0, 10, "A"), Found(20, 30, "B")], ["A"])
    assert list(found) == ["A"]
    found = judged([Labelled(0, 10, "A")], [Found(0, 10, "A"), Found(20, 30, "B")], [])
    assert list(found) == ["A"]


def test_optional_spans_never_count() -> None:
    optional = [Labelled(0, 10, "A", optional=True)]
    assert judged(optional, []) == {}
    assert judged(optional, [Found(5, 20, "A")]) in ({}, {"A": accuracy.Accuracy()})
    assert counts(judged(optional, [Found(0, 10, "B")])["B"].overlap) == (0, 1, 0)


def test_figures() -> None:
    tally = Tally(hits=6, false=2, missed=4)
    assert (tally.precision, tally.recall) == (0.75, 0.6)
    assert tally.f1 == pytest.approx(2 / 3)
    assert (Tally().precision, Tally().recall, Tally().f1) == (1, 1, 1)
    assert (Tally(missed=1).precision, Tally(missed=1).f1) == (0, 0)
    both = together(judged([Labelled(0, 5, "A"), Labelled(9, 12, "B")], [Found(0, 5, "A")]), ["A", "B", "C"])
    assert counts(both.overlap) == (1, 0, 1)
    assert both.leak == 0.5


PLACES = st.tuples(st.integers(0, 30), st.integers(1, 10), st.sampled_from("AB"))
LABELS = st.lists(PLACES, max_size=5).map(
    lambda places: [Labelled(at, at + size, e) for at, size, e in places]
)
FINDINGS = st.lists(PLACES, max_size=5).map(
    lambda places: [Found(at, at + size, e) for at, size, e in places]
)


@given(LABELS, FINDINGS)
def test_every_label_is_a_hit_or_missed_and_nothing_is_more_exact_than_it_overlaps(
    labels: list[Labelled], found: list[Found]
) -> None:
    for entity, each in judged(labels, found).items():
        wanted = sum(label.entity == entity for label in labels)
        assert each.labelled == each.exact.hits + each.exact.missed == wanted
        assert each.exact.hits <= each.overlap.hits
        assert each.leaked <= wanted


def gold(number: int, text: str, *spans: tuple[str, str]) -> dict[str, Any]:
    labels = [
        {"start": text.index(value), "end": text.index(value) + len(value), "entity": entity}
        for value, entity in spans
    ]
    return {"id": number, "text": text, "spans": labels, "labels": ["EMAIL_ADDRESS", "CREDIT_CARD"]}


RECORDS = [
    gold(0, "Mail é@x.io or jane@example.com", ("jane@example.com", "EMAIL_ADDRESS")),
    gold(1, "card 4111 1111 1111 1111", ("4111 1111 1111 1111", "CREDIT_CARD")),
    gold(2, "card 4111 1111 1111 1112", ("4111 1111 1111 1112", "CREDIT_CARD")),
    gold(3, "nothing"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, RECORDS)).encode()))
    return path


def test_the_command_keeps_figures_and_a_table(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert accuracy_report.run(data, False, Console(stderr=True), tmp_path) == 0
    report = msgspec.json.decode((tmp_path / "accuracy.json").read_bytes(), type=Report)
    (ours,) = report.detectors
    assert report.records == len(RECORDS)
    assert ours.entities["CREDIT_CARD"].overlap.recall == 0.5
    assert ours.entities["CREDIT_CARD"].leak == 0.5
    assert ours.patterns.labelled == 3
    text = (tmp_path / "accuracy.md").read_text()
    assert capsys.readouterr().out == text
    assert "| CREDIT_CARD | 2 | 1.000 | 0.500 | 0.667 | 0.667 | 0.500 |" in text
    assert report.stamp.date in text


def test_a_detector_is_judged_at_its_best_threshold() -> None:
    records = [Record(TEXT, [Labelled(0, 10, "URL")], ["URL"])]

    def detect(text: str) -> list[Found]:
        return [Found(0, 10, "URL", 0.6), Found(20, 30, "URL", 0.3)]

    measured = accuracy_report.measure("Other 1", detect, records, lambda: None, [0.0, 0.35, 0.7])
    assert measured.threshold == 0.35
    assert measured.patterns.overlap.f1 == 1
    assert accuracy_report.measure("Ours 1", detect, records, lambda: None).patterns.false == 1


def test_missing_data_is_an_error_to_act_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy_report.run(tmp_path / "no", None, Console(stderr=True), tmp_path) == 2
    assert "--data FILE" in capsys.readouterr().err


if detectors.has_presidio():  # no promise of ours: where it is not installed, there is nothing to test

    @pytest.mark.filterwarnings("ignore")
    def test_presidio_finds_by_pattern_and_context() -> None:
        _, detect = detectors.presidio()
        score = {each.entity: each.score for each in detect("my passport is 123456789")}
        assert score["US_PASSPORT"] > 0.35
        assert [each.entity for each in detect("4111 1111 1111 1111") if each.score == 1] == ["CREDIT_CARD"]


@needs_shared
def test_another_program_counts_the_same(shared: Path, tmp_path: Path) -> None:
    path = shared / "pii" / "dev.jsonl.gz"
    with gzip.open(path) as file:
        lines = file.read().splitlines()[::9]
    labelled, predicted = tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"
    labelled.write_bytes(b"\n".join(lines))
    records = accuracy.read(labelled)
    _, detect = detectors.sluice()
    found = [detect(record.text) for record in records]
    with predicted.open("w") as file:
        for line, spans in zip(lines, found, strict=True):
            file.write(json.dumps({"id": json.loads(line)["id"], "spans": msgspec.to_builtins(spans)}) + "\n")
    program = [sys.executable, str(shared / "pii" / "score.py"), str(labelled), str(predicted)]
    out = tmp_path / "out.json"
    subprocess.run([*program, "--json", str(out)], check=True, capture_output=True)
    theirs = json.loads(out.read_text())
    ours = judge(records, found)
    assert set(theirs) - {"MICRO (all)"} == set(ours)
    for entity, each in [*ours.items(), ("MICRO (all)", together(ours, ours))]:
        figures = theirs[entity]
        assert (figures["tp"], figures["fp"], figures["fn"]) == counts(each.overlap), entity
        exact = (each.exact.precision, each.exact.recall, each.exact.f1)
        assert figures["exact"] == pytest.approx(exact), entity
        if each.labelled:
            assert figures["leak"] == pytest.approx(each.leak), entity
