"""`python -m benchmarks`: measures, shows how far it is, leaves JSON and a Markdown table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks import accuracy_report, micro, report, results, rounds, scan
from benchmarks.candidates import CANDIDATES, BenchmarkFailed, program
from benchmarks.dialogue import FEWEST_EVENTS
from benchmarks.results import Run, Settings
from benchmarks.threats import speed

_EXAMPLES = """\
examples:
  python -m benchmarks                             everything: about three minutes, kept as results/latest.*
  python -m benchmarks --quick                     less of it, in under a minute, and not kept as the latest
  python -m benchmarks --candidates nginx,sluice   only these, in this order
  python -m benchmarks --streams 400 --pace-ms 40  as many events a second, over four times the streams
  python -m benchmarks scan                        looking for personal data, against the goals
  python -m benchmarks threats                     judging what a text wants of a model, against the goals
  python -m benchmarks micro                       the pure parts alone, in microseconds
  python -m benchmarks accuracy --data FILE        what is found in labelled text, and what Presidio finds

The same by make:  make bench ARGS=--quick
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.parse_args(argv)
    console = Console(stderr=True)
    if arguments.what == "micro":
        _micro(console)
        return 0
    if arguments.what == "scan":
        _against_goals("Looking for personal data", scan.measure(), console)
        return 0
    if arguments.what == "threats":
        _against_goals("Judging what a text wants of a model", speed.measure(), console)
        return 0
    if arguments.what == "accuracy":
        return accuracy_report.run(arguments.data, arguments.presidio, console)
    if not sys.platform.startswith("linux"):
        parser.error("CPU time is read from /proc, so this runs on Linux only")
    settings = _settings(arguments, parser)
    for name in [name for name in settings.candidates if not CANDIDATES[name].is_here()]:
        console.print(f"Left out: {name} is not installed here.")
        settings.candidates.remove(name)
    try:
        run = Run(results.stamp(program("nginx")), settings, _measure(settings, console))
    except BenchmarkFailed as error:
        console.print(f"[red]Failed:[/] {error}", highlight=False)
        return 1
    text = report.render(run)
    disturbed = report.is_disturbed(run)
    _keep(run, text, as_latest=arguments.is_full and not disturbed)
    if arguments.is_full and disturbed:
        console.print("Not kept as the latest, because the machine was busy with other work.")
    out = Console()
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        print(text, end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures what a streamed token costs in this gateway, beside other proxies.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join(CANDIDATES)
    parser.add_argument(
        "what", nargs="?", choices=["proxies", "micro", "scan", "threats", "accuracy"], default="proxies"
    )
    parser.add_argument(
        "--data", type=Path, default=accuracy_report.DATA, metavar="FILE", help="labelled text, for accuracy"
    )
    parser.add_argument(
        "--presidio",
        action=argparse.BooleanOptionalAction,
        help="beside our rules, for accuracy (default: if it is installed)",
    )
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--candidates", metavar="NAMES", help=f"some of {names}, with commas")
    parser.add_argument("--streams", type=int, metavar="N", help="at the same time (default: 100)")
    parser.add_argument("--events", type=int, metavar="N", help="in each answer (default: 101)")
    parser.add_argument("--pace-ms", type=float, metavar="MS", help="between two events (default: 10)")
    parser.add_argument(
        "--together", action="store_true", help="start all streams at once: events come in bursts"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="of every candidate (default: 5, quick: 2)")
    return parser


def _settings(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> Settings:
    names = arguments.candidates.split(",") if arguments.candidates else list(CANDIDATES)
    if unknown := [name for name in names if name not in CANDIDATES]:
        parser.error(f"unknown candidate {unknown[0]!r}; there are {', '.join(CANDIDATES)}")
    settings = Settings(list(dict.fromkeys(names)))
    if arguments.quick:
        settings.rounds, settings.window_s = 2, 2.0
    given = {name: getattr(arguments, name) for name in ("streams", "events", "pace_ms", "rounds")}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        least = FEWEST_EVENTS if name == "events" else 1
        if value < least:
            parser.error(f"--{name.replace('_', '-')} is at least {least}")
        setattr(settings, name, value)
    # What is compared over the years is the whole set under the default load.
    settings.together = arguments.together
    arguments.is_full = not (arguments.quick or given or arguments.candidates or arguments.together)
    return settings


def _measure(settings: Settings, console: Console) -> list[dict[str, results.Measurement]]:
    steps = len(settings.candidates) * (settings.rounds + 1)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, refresh_per_second=2, transient=True) as bar:
        task = bar.add_task("starting", total=steps)
        done = -1

        def progress(description: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=description)

        return rounds.run(settings, progress)


def _keep(run: Run, text: str, *, as_latest: bool) -> None:
    data = msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n"
    name = f"{run.stamp.date.replace(':', '')}-{run.stamp.commit}"
    results.FOLDER.mkdir(exist_ok=True)
    (results.FOLDER / f"{name}.json").write_bytes(data)
    if as_latest:
        (results.FOLDER / "latest.json").write_bytes(data)
        (results.FOLDER / "latest.md").write_text(text)


def _micro(console: Console) -> None:
    table = Table("part", "of a", title="The pure parts")
    table.add_column("µs", justify="right")
    with console.status("measuring") as status:
        for part, unit, took_us in micro.measure():
            status.update(part)
            table.add_row(part, unit, f"{took_us:.2f}")
    Console().print(table)


def _against_goals(title: str, rows: Iterable[tuple[str, str, float, str]], console: Console) -> None:
    table = Table("what", "which", title=title)
    table.add_column("µs", justify="right")
    table.add_column("goal", justify="right")
    with console.status("measuring") as status:
        for what, which, took_us, goal in rows:
            status.update(what)
            table.add_row(what, which, f"{took_us:,.1f}", goal)
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
