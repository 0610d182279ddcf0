"""`python -m benchmarks accuracy`: runs the detectors on labelled text, keeps figures and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import process_time

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks import accuracy, detectors, results
from benchmarks.accuracy import PATTERN_ENTITIES, Accuracy, Found, Record, Tally
from benchmarks.detectors import Detect
from benchmarks.report import table

DATA = Path(__file__).parent.parent.parent / "shared" / "pii" / "dev.jsonl.gz"
# Entities with fewer labelled spans are in the JSON only: a figure of three spans says nothing.
FEWEST_SHOWN = 10
# Presidio's users choose one; it is judged by the one that suits it best. Ours is judged as it comes.
_THRESHOLDS = tuple(step / 20 for step in range(20))


class Figures(Struct):
    precision: float
    recall: float
    f1: float


class Row(Struct):
    labelled: int
    false: int
    exact: Figures
    overlap: Figures
    leak: float


class Measured(Struct):
    """One detector. Findings with a score below `threshold` were left out."""

    name: str
    threshold: float
    cpu_s: float
    patterns: Row
    entities: dict[str, Row]


class Report(Struct):
    stamp: results.Stamp
    records: int
    characters: int
    detectors: list[Measured]


def run(data: Path, presidio: bool | None, console: Console, folder: Path = results.FOLDER) -> int:
    """Measure, print the table and keep it; the exit status. `presidio` None: if it is installed."""
    if not data.is_file():
        console.print(f"There is no labelled text at {data}: give --data FILE.", style="red", soft_wrap=True)
        return 2
    if presidio and not detectors.has_presidio():
        console.print("Presidio is not installed here: pip install presidio-analyzer", style="red")
        return 2
    made: list[tuple[tuple[str, Detect], Sequence[float]]] = [(detectors.sluice(), [0.0])]
    if detectors.has_presidio() and presidio is not False:
        made.append((detectors.presidio(), _THRESHOLDS))
    elif presidio is None:
        console.print("Left out: Presidio is not installed here (pip install presidio-analyzer).")
    records = accuracy.read(data)
    measured = []
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, refresh_per_second=2, transient=True) as bar:
        for (name, detect), thresholds in made:
            task = bar.add_task(name, total=len(records))
            measured.append(measure(name, detect, records, partial(bar.advance, task), thresholds))
    characters = sum(len(record.text) for record in records)
    report = Report(results.stamp(None), len(records), characters, measured)
    text = render(report)
    folder.mkdir(exist_ok=True)
    data_out = msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    (folder / "accuracy.json").write_bytes(data_out)
    (folder / "accuracy.md").write_text(text)
    print(text, end="")
    return 0


def measure(
    name: str,
    detect: Detect,
    records: Sequence[Record],
    progress: Callable[[], object],
    thresholds: Sequence[float] = (0.0,),
) -> Measured:
    """One detector on all records, at the threshold that is best for its pattern entities."""
    began_at = process_time()
    found: list[list[Found]] = []
    for record in records:
        found.append(detect(record.text))
        progress()
    cpu_s = process_time() - began_at
    judged = {
        threshold: accuracy.judge(
            records, [[span for span in each if span.score >= threshold] for each in found]
        )
        for threshold in thresholds
    }
    together = {threshold: accuracy.together(each, PATTERN_ENTITIES) for threshold, each in judged.items()}
    best = max(thresholds, key=lambda threshold: together[threshold].overlap.f1)
    rows = {entity: _row(judged[best][entity]) for entity in _by_size(judged[best])}
    return Measured(name, best, cpu_s, _row(together[best]), rows)


def _by_size(judged: Mapping[str, Accuracy]) -> list[str]:
    return sorted(judged, key=lambda entity: (-judged[entity].labelled, entity))


def _row(each: Accuracy) -> Row:
    return Row(each.labelled, each.overlap.false, _figures(each.exact), _figures(each.overlap), each.leak)


def _figures(tally: Tally) -> Figures:
    return Figures(tally.precision, tally.recall, tally.f1)


# --- written down -------------------------------------------------------------------------------------------


def render(report: Report) -> str:
    header = ["entity", "labelled"]
    for each in report.detectors:
        header += [f"{each.name.split()[0]}: {what}" for what in ("P", "R", "F1", "F1 exact", "leak")]
    ours = report.detectors[0]
    shown = [entity for entity in PATTERN_ENTITIES if entity in ours.entities]
    shown += [
        entity
        for entity, row in ours.entities.items()
        if row.labelled >= FEWEST_SHOWN and entity not in PATTERN_ENTITIES
    ]
    rows = [["**the first 13 together**", str(ours.patterns.labelled)]]
    for each in report.detectors:
        rows[0] += _cells(each.patterns)
    for entity in shown:
        cells = [entity, str(ours.entities[entity].labelled)]
        for each in report.detectors:
            cells += _cells(each.entities.get(entity))
        rows.append(cells)
    lines = [
        "# What is found, and what is missed",
        "",
        f"{report.records:,} labelled texts, {report.characters:,} characters. P, R and F1: precision, "
        "recall and their mean for spans that overlap by half of the longer one at least; exact: for equal "
        "spans. "
        "Leak: the share of labelled values of which a tenth or more stays readable, whatever they were "
        f"taken for. A detector without figures never named that entity. "
        f"Entities labelled fewer than {FEWEST_SHOWN} times are in accuracy.json.",
        "",
        *table(header, rows),
        "",
        *(_told(each, report.characters) for each in report.detectors),
        "",
        f"{report.stamp.date}, commit {report.stamp.commit}, {report.stamp.cpu}.",
    ]
    return "\n".join(lines) + "\n"


def _told(each: Measured, characters: int) -> str:
    speed = f"{each.cpu_s:.1f} s of CPU, {each.cpu_s / max(1, characters) * 1e6:.1f} µs a character"
    if each.threshold:
        return f"- {each.name}: {speed}; at the threshold that is best for it here, {each.threshold:g}."
    return f"- {each.name}: {speed}; every finding counts."


def _cells(row: Row | None) -> list[str]:
    if row is None:
        return ["—"] * 5
    figures = (row.overlap.precision, row.overlap.recall, row.overlap.f1, row.exact.f1)
    is_known = row.overlap.recall or row.false  # else the detector never names this entity
    return [f"{figure:.3f}" if is_known else "—" for figure in figures] + [f"{row.leak:.3f}"]
