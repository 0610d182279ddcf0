"""A run as a picture: an SVG with a panel for each question, drawn from the JSON alone."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from benchmarks.results import SHARES, Outcome, Run, a_second, cpu, first_ms, late_ms, memory

_OURS, _OTHERS = "#b3541e", "#8a8f98"


def draw(run: Run, file: Path) -> None:
    """Write the picture. Panels of scenarios that the run has not are left empty."""
    outcomes = {outcome.scenario.name: outcome for outcome in run.outcomes}
    # Without these every drawing of the same figures is another file.
    with mpl.rc_context({"svg.hashsalt": "sluice", "font.size": 9, "axes.spines.top": False}):
        figure, panels = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
        for panel, (name, plot) in zip(panels.flat, _PANELS, strict=True):
            if name in outcomes:
                plot(panel, outcomes[name])
            else:
                panel.set_axis_off()
        figure.savefig(file, metadata={"Date": None})
        pyplot.close(figure)


def _colour(name: str) -> str:
    return _OURS if name.startswith("sluice") else _OTHERS


def _processor(panel: Axes, outcome: Outcome) -> None:
    found = {name: it for name in reversed(outcome.scenario.candidates) if (it := cpu(outcome, name))}
    panel.barh(list(found), [it.median for it in found.values()], color=[_colour(name) for name in found])
    panel.set_xscale("log")
    panel.set_xlabel("µs of CPU per streamed event (log)")
    panel.set_title("What an event costs")


def _lateness(panel: Axes, outcome: Outcome) -> None:
    for name in outcome.scenario.candidates:
        found = [late_ms(outcome, name, at) for at in range(len(SHARES))]
        if found[0] is not None:
            panel.plot(
                [it.median for it in found if it],
                [share * 100 for share in SHARES],
                label=name,
                color=_OURS if name == "sluice" else None if name == "nginx" else _OTHERS,
                linestyle="-" if name == "sluice" else "--",
            )
    panel.set_xscale("log")
    panel.set_xlabel("ms behind the provider's pace (log)")
    panel.set_ylabel("% of events")
    panel.set_title(f"How late events come: {outcome.scenario.about}")
    panel.legend(frameon=False)


def _throughput(panel: Axes, outcome: Outcome) -> None:
    for name in outcome.scenario.candidates:
        rate = a_second(outcome, name)
        took = first_ms(outcome, name, 0)
        if rate and took:
            panel.scatter(rate.median, took.median, color=_colour(name))
            panel.annotate(name, (rate.median, took.median), xytext=(4, 4), textcoords="offset points")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("answers a second (log)")
    panel.set_ylabel("median ms (log)")
    panel.set_title("Answers in one piece")


def _memory(panel: Axes, outcome: Outcome) -> None:
    found = {name: it for name in reversed(outcome.scenario.candidates) if (it := memory(outcome, name))}
    kib = [a_stream / 1024 for _, a_stream in found.values()]
    panel.barh(list(found), kib, color=[_colour(name) for name in found])
    panel.set_xlabel("KiB for each open stream")
    panel.set_title("Memory")


_PANELS = (
    ("tokens", _processor),
    ("crowd", _lateness),
    ("whole", _throughput),
    ("large crowd", _memory),
)
