"""A run as Markdown: what a reader wants to know first, then what it was measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.candidates import CANDIDATES
from benchmarks.promises import is_disturbed, verdicts
from benchmarks.results import (
    LATEST,
    P99,
    Held,
    Outcome,
    Run,
    Spread,
    a_second,
    added_ms,
    cpu,
    cpu_ratio,
    first_ms,
    gap_ms,
    late_ms,
    memory,
    worker_memory,
)

YARDSTICK = "nginx"
_NONE = "—"
Figure = Callable[[Outcome, str], str]


def render(run: Run) -> str:
    lines = [
        "# What a streamed token costs",
        "",
        "Medians over the rounds (least–greatest). Ratios and differences are taken within each round; "
        "microseconds hold for this machine only. Every answer was checked to the character.",
        "",
        *verdicts(run),
        "",
        "![The figures below, drawn](latest.svg)",
    ]
    for outcome in run.outcomes:
        lines += ["", *_section(outcome)]
    if run.held:
        lines += ["", *_held(run.held)]
    named = dict.fromkeys(name for outcome in run.outcomes for name in outcome.scenario.candidates)
    lines += ["", "## Who was measured", ""]
    lines += [f"- `{name}`: {CANDIDATES[name].about}" for name in named if name in CANDIDATES]
    if is_disturbed(run):
        lines += ["", "Other work took part of the cores: these figures judge nothing."]
    return "\n".join([*lines, "", *_stamp(run)]) + "\n"


def _section(outcome: Outcome) -> Iterator[str]:
    scenario = outcome.scenario
    yield f"## {scenario.name.capitalize()}"
    yield ""
    load = f"{scenario.streams} clients"
    if scenario.stream:
        load += f", answers of {scenario.events} events, one every {scenario.pace_ms:g} ms"
    yield f"{scenario.about.capitalize()} ({load}; {scenario.rounds} × {scenario.window_s:g} s)."
    yield ""
    columns = _STREAMED if scenario.stream else _WHOLE
    here = [name for name in scenario.candidates if any(name in each for each in outcome.rounds)]
    rows = [
        (header, cells)
        for header, figure in columns.items()
        if any(cells := [figure(outcome, name) for name in here])
    ]
    yield from table(
        ["", *(header for header, _ in rows)],
        ([name, *(cells[at] or _NONE for _, cells in rows)] for at, name in enumerate(here)),
    )
    for name, why in outcome.failed.items():
        yield ""
        yield f"`{name}` failed: {' '.join(why.split())[:200]}"


def _held(shapes: Sequence[Held]) -> Iterator[str]:
    yield "## Held"
    yield ""
    yield (
        "Frames that left with a later one, since text in them or before them was undecided until then; the "
        "time in events. An answer in the defaults, same dialect."
    )
    yield ""
    yield from table(
        ["", "frames", "held", "of all", "held for, mean", "at most"],
        (
            [
                it.shape,
                str(it.frames),
                str(it.held),
                f"{it.held / it.frames:.0%}",
                f"{it.events / it.held:.1f}" if it.held else _NONE,
                str(it.longest),
            ]
            for it in shapes
        ),
    )


def _written(figure: Spread | None, digits: int) -> str:
    if figure is None:
        return ""
    if figure.least == figure.greatest:
        return f"{figure.median:,.{digits}f}"
    return f"{figure.median:,.{digits}f} ({figure.least:,.{digits}f}–{figure.greatest:,.{digits}f})"


def _at_rest(outcome: Outcome, name: str) -> str:
    found = memory(outcome, name)
    return f"{found[0] / (1 << 20):.0f}" if found else ""


def _worker_at_rest(outcome: Outcome, name: str) -> str:
    found = worker_memory(outcome, name)
    return f"{found / (1 << 20):.0f}" if found else ""


def _a_stream(outcome: Outcome, name: str) -> str:
    found = memory(outcome, name)
    return f"{found[1] / (1 << 10):.1f}" if found else ""


_STREAMED: dict[str, Figure] = {
    "CPU per event, µs": lambda it, name: _written(cpu(it, name), 1),
    f"× {YARDSTICK}": lambda it, name: _written(cpu_ratio(it, name, YARDSTICK), 2),
    "added to first token, ms": lambda it, name: _written(added_ms(it, name, "first_ms", 0), 2),
    "the same, p99": lambda it, name: _written(added_ms(it, name, "first_ms", 1), 2),
    "added to an event, p99, ms": lambda it, name: _written(added_ms(it, name, "late_ms", P99), 1),
    "latest event, ms": lambda it, name: _written(late_ms(it, name, LATEST), 0),
    "gap p95, ms": lambda it, name: _written(gap_ms(it, name, 1), 1),
    "MB at rest": _at_rest,
    "of it a worker": _worker_at_rest,
    "KiB a stream": _a_stream,
}
_WHOLE: dict[str, Figure] = {
    "answers a second": lambda it, name: _written(a_second(it, name), 0),
    "CPU per answer, µs": lambda it, name: _written(cpu(it, name), 0),
    f"× {YARDSTICK}": lambda it, name: _written(cpu_ratio(it, name, YARDSTICK), 2),
    "median, ms": lambda it, name: _written(first_ms(it, name, 0), 1),
    "p99, ms": lambda it, name: _written(first_ms(it, name, 1), 1),
}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; the first column is read from the left, figures from the right."""
    marks = ["---"] + ["---:"] * (len(header) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (header, marks, *rows)]


def _stamp(run: Run) -> list[str]:
    stamp = run.stamp
    versions = ", ".join(f"{name} {number}" for name, number in stamp.versions.items())
    return [
        f"{stamp.date}, commit {stamp.commit}, {stamp.cpu}, {stamp.cores} cores, {stamp.system}; {versions}."
    ]
