"""What the gateway promises of its cost, and whether a run keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from benchmarks.results import (
    LATEST,
    P99,
    Outcome,
    Run,
    a_second,
    added_ms,
    cpu_ratio,
    late_ms,
    memory,
    others_share,
    worker_memory,
)

# Of the cores; with more work beside the run its figures say little.
MOST_OTHERS_SHARE = 0.02


class Promise(NamedTuple):
    """`figure` is at most (or at least) `goal`; None where the run does not tell."""

    scenario: str
    about: str
    figure: Callable[[Outcome], float | None]
    bound: Literal["at most", "at least"]
    goal: float
    digits: int = 2


def _ratio(name: str, to: str) -> Callable[[Outcome], float | None]:
    def figure(outcome: Outcome) -> float | None:
        found = cpu_ratio(outcome, name, to)
        return found.median if found else None

    return figure


def _added(kind: Literal["first_ms", "late_ms"], place: int) -> Callable[[Outcome], float | None]:
    def figure(outcome: Outcome) -> float | None:
        found = added_ms(outcome, "sluice", kind, place)
        return found.median if found else None

    return figure


def _latest(outcome: Outcome) -> float | None:
    found = late_ms(outcome, "sluice", LATEST)
    return found.greatest if found else None


def _rate(to: str | None) -> Callable[[Outcome], float | None]:
    def figure(outcome: Outcome) -> float | None:
        ours, theirs = a_second(outcome, "sluice"), a_second(outcome, to) if to else None
        if ours is None or (to and theirs is None):
            return None
        return ours.median / theirs.median if theirs else ours.median

    return figure


def _kib_a_stream(outcome: Outcome) -> float | None:
    found = memory(outcome, "sluice")
    return found[1] / (1 << 10) if found else None


def _mb_a_worker(outcome: Outcome) -> float | None:
    found = worker_memory(outcome, "sluice")
    return found / (1 << 20) if found else None


PROMISES = (
    Promise("tokens", "CPU per event, in nginx's", _ratio("sluice", "nginx"), "at most", 1.5),
    Promise("bursts", "the same, when events come in bursts", _ratio("sluice", "nginx"), "at most", 1.5),
    Promise("mix", "the same, on a mix of answers", _ratio("sluice", "nginx"), "at most", 1.8),
    Promise("tokens", "the same, translated", _ratio("sluice-translated", "nginx"), "at most", 2.0),
    Promise("tokens", "CPU per event, in Portkey's", _ratio("sluice", "portkey"), "at most", 0.2, 3),
    Promise("tokens", "CPU per event, in LiteLLM's", _ratio("sluice", "litellm"), "at most", 0.033, 3),
    Promise(
        "workers", "the same of two workers, in one worker's", _ratio("sluice-two", "sluice"), "at most", 1.05
    ),
    Promise("tokens", "ms added to the first token", _added("first_ms", 0), "at most", 1.0),
    Promise("tokens", "the same, 99th percentile", _added("first_ms", 1), "at most", 5.0),
    Promise(
        "crowd",
        "ms added to an event, 99th percentile, 1,000 streams",
        _added("late_ms", P99),
        "at most",
        10.0,
        1,
    ),
    Promise("crowd", "ms of the latest event of them", _latest, "at most", 100.0, 0),
    Promise("large crowd", "ms of the latest event of 2,000 streams", _latest, "at most", 100.0, 0),
    Promise("large crowd", "KiB for each open stream", _kib_a_stream, "at most", 20.0, 1),
    Promise("whole", "whole answers a second", _rate(None), "at least", 3000.0, 0),
    Promise("whole", "the same, in LiteLLM's", _rate("litellm"), "at least", 30.0, 0),
    Promise("whole", "the same, in Portkey's", _rate("portkey"), "at least", 3.0, 1),
    Promise("whole", "MB of a worker at rest", _mb_a_worker, "at most", 60.0, 0),
)


def verdicts(run: Run) -> Iterator[str]:
    """The promises as a list, kept or not, as far as the run tells."""
    if is_disturbed(run):
        yield (
            f"- Nothing is judged: other work took {others_share(run):.0%} of the cores. It spoils "
            "caches, which costs a gateway more than nginx; and where events wait and then come together, "
            "they cost less than they should."
        )
        return
    outcomes = {outcome.scenario.name: outcome for outcome in run.outcomes}
    for promise in PROMISES:
        outcome = outcomes.get(promise.scenario)
        figure = None if outcome is None else promise.figure(outcome)
        if figure is None:
            continue
        kept = figure <= promise.goal if promise.bound == "at most" else figure >= promise.goal
        said = f"{figure:,.{promise.digits}f}"
        yield (
            f"- {promise.about[0].upper()}{promise.about[1:]}: {said}, {promise.bound} "
            f"{promise.goal:,g} promised{'' if kept else ': **NOT KEPT**'}."
        )


def is_disturbed(run: Run) -> bool:
    return others_share(run) > MOST_OTHERS_SHARE
