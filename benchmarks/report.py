"""A run as Markdown: what a reader wants to know first, then what it was measured on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.candidates import CANDIDATES
from benchmarks.results import Run, Spread, added_first_ms, cpu, cpu_ratio, gap_ms, others_share

# What the gateway promises, as ratios and differences within one run.
MOST_CPU_RATIO = 1.8
MOST_ADDED_FIRST_MS = 2.0
# Of the cores; with more work beside the run its figures say little.
MOST_OTHERS_SHARE = 0.05
OURS = "sluice"
YARDSTICK = "nginx"
_NONE = "—"


def render(run: Run) -> str:
    settings = run.settings
    header = [
        "",
        "CPU per event, µs",
        f"× {YARDSTICK}",
        "added to first token, ms",
        "the same, p99",
        "gap p95, ms",
    ]
    rows = [
        [
            name,
            _written(cpu(run, name), 1),
            _written(cpu_ratio(run, name, YARDSTICK), 2),
            _written(_added(run, name, 0), 2),
            _written(_added(run, name, 1), 2),
            _written(gap_ms(run, name, 1), 1),
        ]
        for name in settings.candidates
    ]
    lines = [
        "# What a streamed token costs",
        "",
        f"{settings.streams} concurrent streams of {settings.events} events, one every "
        f"{settings.pace_ms:g} ms{', all started at once' if settings.together else ''}; "
        f"medians of {settings.rounds} rounds of {settings.window_s:g} s "
        "(least–greatest). Every answer was checked to the byte. Ratios and differences are taken within "
        "each round; microseconds hold for this machine only.",
        "",
        *table(header, rows),
        "",
        *(f"- `{name}`: {CANDIDATES[name].about}" for name in settings.candidates if name in CANDIDATES),
        "",
        *verdicts(run),
        "",
        *_stamp(run),
    ]
    return "\n".join(lines) + "\n"


def verdicts(run: Run) -> list[str]:
    """The promises, kept or not, as far as the run tells."""
    if is_disturbed(run):
        return [
            f"- Nothing is judged: other work took up to {others_share(run):.0%} of the cores. It spoils "
            "caches, which costs a gateway more than nginx; and where events wait and then come together, "
            "they cost less than they should."
        ]
    said = []
    if ratio := cpu_ratio(run, OURS, YARDSTICK):
        kept = "kept" if ratio.median <= MOST_CPU_RATIO else "NOT KEPT"
        said.append(f"- CPU per event at most {MOST_CPU_RATIO} × {YARDSTICK}: {ratio.median:.2f}, {kept}.")
    if (added := _added(run, OURS, 0)) is not None:
        kept = "kept" if added.median <= MOST_ADDED_FIRST_MS else "NOT KEPT"
        promise = f"Median added to the first token at most {MOST_ADDED_FIRST_MS:g} ms"
        said.append(f"- {promise}: {added.median:.2f} ms, {kept}.")
    return said


def is_disturbed(run: Run) -> bool:
    return others_share(run) > MOST_OTHERS_SHARE


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; the first column is read from the left, figures from the right."""
    marks = ["---"] + ["---:"] * (len(header) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (header, marks, *rows)]


def _added(run: Run, name: str, place: int) -> Spread | None:
    return None if name == "direct" else added_first_ms(run, name, place)


def _written(figure: Spread | None, digits: int) -> str:
    if figure is None:
        return _NONE
    return f"{figure.median:.{digits}f} ({figure.least:.{digits}f}–{figure.greatest:.{digits}f})"


def _stamp(run: Run) -> list[str]:
    stamp = run.stamp
    versions = ", ".join(f"{name} {number}" for name, number in stamp.versions.items())
    return [
        f"{stamp.date}, commit {stamp.commit}, {stamp.cpu}, {stamp.cores} cores, {stamp.system}; {versions}."
    ]
