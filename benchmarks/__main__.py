"""`python -m benchmarks`: measures, shows how far it is, leaves JSON and a Markdown table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks import (
    accuracy_report,
    counts,
    guard,
    holding,
    micro,
    output_guard,
    plots,
    promises,
    report,
    results,
    rounds,
    scan,
)
from benchmarks.candidates import CANDIDATES, BenchmarkFailed, program
from benchmarks.results import Outcome, Run
from benchmarks.scenarios import QUICK, SCENARIOS, Scenario
from benchmarks.threats import speed
from benchmarks.wires import FEWEST_EVENTS

_EXAMPLES = """\
examples:
  python -m benchmarks                             everything: about ten minutes, kept as results/latest.*
  python -m benchmarks --quick                     nginx and the gateway, in under a minute, not kept
  python -m benchmarks --scenarios whole,mix       only these loads
  python -m benchmarks --candidates nginx,sluice   only these candidates, in this order
  python -m benchmarks --scenarios tokens --streams 400 --pace-ms 40
                                                   as many events a second, over four times the streams
  python -m benchmarks scan                        looking for personal data, against the goals
  python -m benchmarks threats                     judging what a text wants of a model, against the goals
  python -m benchmarks guard                       a request's whole guard phase, against the goals
  python -m benchmarks output-guard                what rules on answers add to an event, against the goal
  python -m benchmarks micro                       the pure parts alone, in microseconds
  python -m benchmarks counts                      their processor instructions, against the recorded ones
  python -m benchmarks accuracy --data FILE        what is found in labelled text, and what Presidio finds

The same by make:  make bench ARGS="--scenarios whole"
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.parse_args(argv)
    console = Console(stderr=True)
    if arguments.what == "micro":
        _micro(console)
        return 0
    if arguments.what == "counts":
        return _counts(console, record=arguments.record)
    if arguments.what == "scan":
        _against_goals("Looking for personal data", scan.measure(), console)
        return 0
    if arguments.what == "threats":
        _against_goals("Judging what a text wants of a model", speed.measure(), console)
        return 0
    if arguments.what == "guard":
        _guard(console)
        return 0
    if arguments.what == "accuracy":
        return accuracy_report.run(arguments.data, arguments.presidio, console)
    if not sys.platform.startswith("linux"):
        parser.error("CPU time is read from /proc, so this runs on Linux only")
    if arguments.what == "output-guard":
        return _output_guard(console, arguments.rounds or 5)
    scenarios = _scenarios(arguments, parser)
    for name in sorted({name for each in scenarios for name in each.candidates}):
        if not CANDIDATES[name].is_here():
            console.print(f"Left out: {name} is not here ({CANDIDATES[name].missing}).", highlight=False)
            for each in scenarios:
                each.candidates = [it for it in each.candidates if it != name]
    outcomes = _measure([it for it in scenarios if it.candidates], console)
    run = Run(results.stamp(program("nginx")), outcomes, list(holding.measure()))
    for outcome in run.outcomes:
        for name, why in outcome.failed.items():
            console.print(f"[red]Failed:[/] {name} in {outcome.scenario.name}: {why}", highlight=False)
    text = report.render(run)
    disturbed = promises.is_disturbed(run)
    _keep(run, text, as_latest=arguments.is_full and not disturbed)
    if arguments.is_full and disturbed:
        console.print("Not kept as the latest, because the machine was busy with other work.")
    out = Console()
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        print(text, end="")
    return 1 if any(outcome.failed for outcome in run.outcomes) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures what a streamed token costs in this gateway, beside other proxies.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join(CANDIDATES)
    parser.add_argument(
        "what",
        nargs="?",
        choices=["proxies", "micro", "counts", "scan", "threats", "guard", "output-guard", "accuracy"],
        default="proxies",
    )
    parser.add_argument(
        "--data", type=Path, default=accuracy_report.DATA, metavar="FILE", help="labelled text, for accuracy"
    )
    parser.add_argument(
        "--presidio",
        action=argparse.BooleanOptionalAction,
        help="beside our rules, for accuracy (default: if it is installed)",
    )
    parser.add_argument("--record", action="store_true", help="keep what is counted, for counts")
    parser.add_argument("--quick", action="store_true", help="two short rounds of nginx and the gateway")
    parser.add_argument("--scenarios", metavar="NAMES", help=f"some of {', '.join(SCENARIOS)}, with commas")
    parser.add_argument("--candidates", metavar="NAMES", help=f"some of {names}, with commas")
    parser.add_argument("--streams", type=int, metavar="N", help="at the same time")
    parser.add_argument("--events", type=int, metavar="N", help="in each answer")
    parser.add_argument("--pace-ms", type=float, metavar="MS", help="between two events")
    parser.add_argument("--rounds", type=int, metavar="N", help="of every candidate")
    return parser


def _scenarios(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> list[Scenario]:
    """What to run, as the arguments change it. `is_full` is set if they change nothing."""
    asked = arguments.scenarios or ",".join(QUICK if arguments.quick else SCENARIOS)
    chosen = [_known(name, SCENARIOS, "scenario", parser) for name in asked.split(",")]
    given = {name: getattr(arguments, name) for name in ("streams", "events", "pace_ms", "rounds")}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        least = FEWEST_EVENTS if name == "events" else 1
        if value < least:
            parser.error(f"--{name.replace('_', '-')} is at least {least}")
    if arguments.candidates:
        names = arguments.candidates.split(",")
        for name in names:
            _known(name, CANDIDATES, "candidate", parser)
        given["candidates"] = list(dict.fromkeys(names))
    elif arguments.quick:
        given["candidates"] = ["direct", "nginx", "sluice"]
    if arguments.quick:
        given = {"rounds": 2, "window_s": 2.0, **given}
    # What is compared over the years is the whole set under the default load.
    arguments.is_full = not (given or arguments.scenarios or arguments.quick)
    return [replace(each, **given) for each in chosen]


T = TypeVar("T")


def _known(name: str, among: Mapping[str, T], noun: str, parser: argparse.ArgumentParser) -> T:
    if name not in among:
        parser.error(f"unknown {noun} {name!r}; there are {', '.join(among)}")
    return among[name]


def _measure(scenarios: Sequence[Scenario], console: Console) -> list[Outcome]:
    steps = sum(len(each.candidates) * (each.rounds + 1) for each in scenarios)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, refresh_per_second=2, transient=True) as bar:
        task = bar.add_task("starting", total=steps)
        done = -1

        def progress(description: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=description)

        return [rounds.run(each, progress) for each in scenarios]


def _keep(run: Run, text: str, *, as_latest: bool) -> None:
    data = msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n"
    name = f"{run.stamp.date.replace(':', '')}-{run.stamp.commit}"
    results.FOLDER.mkdir(exist_ok=True)
    (results.FOLDER / f"{name}.json").write_bytes(data)
    if as_latest:
        (results.FOLDER / "latest.json").write_bytes(data)
        (results.FOLDER / "latest.md").write_text(text)
        plots.draw(run, results.FOLDER / "latest.svg")


def _micro(console: Console) -> None:
    table = Table("part", "of a", title="The pure parts")
    table.add_column("µs", justify="right")
    with console.status("measuring") as status:
        for part, took_us in micro.measure():
            status.update(part.name)
            table.add_row(part.name, part.unit, f"{took_us:.2f}")
    Console().print(table)


def _counts(console: Console, *, record: bool) -> int:
    with console.status("counting instructions: a minute or two"):
        try:
            now = counts.count()
        except BenchmarkFailed as error:
            console.print(f"[red]Failed:[/] {error}", highlight=False)
            return 1
    recorded = now
    if record or not counts.FILE.exists():
        counts.FILE.write_bytes(msgspec.json.format(msgspec.json.encode(now), indent=1) + b"\n")
    else:
        recorded = msgspec.json.decode(counts.FILE.read_bytes(), type=counts.Counts)
    table = Table("part", title="Processor instructions")
    table.add_column("instructions", justify="right")
    table.add_column("× recorded", justify="right")
    for part, number in now.parts.items():
        before = f"{now.multiple(part) / recorded.multiple(part):.2f}" if part in recorded.parts else "new"
        table.add_row(part, f"{number:,}", before)
    Console().print(table)
    if not now.is_of_build(recorded):
        told = f"Recorded with another build of Python ({recorded.python}): only what stands out counts."
        console.print(told, highlight=False)
    dearer = counts.compare(now, recorded)
    for line in dearer:
        console.print(f"[red]Dearer:[/] {line}", highlight=False)
    return 1 if dearer else 0


def _against_goals(title: str, rows: Iterable[tuple[str, str, float, str]], console: Console) -> None:
    table = Table("what", "which", title=title)
    table.add_column("µs", justify="right")
    table.add_column("goal", justify="right")
    with console.status("measuring") as status:
        for what, which, took_us, goal in rows:
            status.update(what)
            table.add_row(what, which, f"{took_us:,.1f}", goal)
    Console().print(table)


def _guard(console: Console) -> None:
    table = Table("what", "which", title="The guard phase of a request")
    table.add_column("ms", justify="right")
    table.add_column("goal", justify="right")
    with console.status("measuring"):
        for what, which, took_ms, goal in guard.measure():
            table.add_row(what, which, f"{took_ms:,.3f}", goal)
    Console().print(table)


def _output_guard(console: Console, number: int) -> int:
    table = Table("rules on answers", title="A streamed event")
    table.add_column("CPU µs", justify="right")
    table.add_column(f"times none (goal {output_guard.GOAL})", justify="right")
    try:
        with console.status("measuring") as status:
            for name, took_us, times in output_guard.measure(status.update, number):
                table.add_row(name, f"{took_us:.1f}", f"{times:.2f}")
    except BenchmarkFailed as error:
        console.print(f"[red]Failed:[/] {error}", highlight=False)
        return 1
    Console().print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
