"""What rules on answers add to a stream: the gateway's CPU µs of an event, under each of three policies.

Three gateways run, with one provider and one load; each round measures all of them, so that a ratio is that
of one round, and the median of the ratios counts. Threats and what requests hold are looked at alike.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks import rounds
from benchmarks.candidates import BenchmarkFailed, Candidate
from benchmarks.candidates.ours import sluice
from benchmarks.results import Measurement
from benchmarks.scenarios import Scenario

GOAL = 1.25
WITHOUT = "restoring only"
# What a policy may look for in answers: words, patterns, topics; secrets and cards that end the answer.
_GUARDED = """
[[policies]]
name = "default"
answer = { PROJECT = "block", STAFF_ID = "block", secret = "block", payment = "block" }
deny = { PROJECT = ["heron", "blue harvest", "tern", "project osprey", "kingfisher", "wintermute"] }
patterns = { STAFF_ID = 'EMP-\\d{6}' }

[[policies.topics.forbidden]]
name = "gambling"
words = ["poker", "roulette", "slot machine", "betting odds"]
threshold = 2
"""
_OFF = '[[policies]]\nname = "default"\nanswer = { "*" = "allow" }\n'
CANDIDATES = {
    WITHOUT: Candidate("no rule on answers", sluice(more=_OFF)),
    "default policy": Candidate("what holds without a configuration", sluice()),
    "blocking policy": Candidate("words, patterns, topics, secrets", sluice(more=_GUARDED)),
}


def measure(progress: Callable[[str], None], number: int) -> list[tuple[str, float, float]]:
    """(policy, µs of an event, times that of an answer without rules), from so many rounds."""
    scenario = Scenario("output guard", "rules on answers", list(CANDIDATES), rounds=number)
    outcome = rounds.run(scenario, progress, CANDIDATES)
    for name, why in outcome.failed.items():
        raise BenchmarkFailed(f"{name}: {why}")
    found = outcome.rounds

    def cost(measured: dict[str, Measurement], name: str) -> float:
        return measured[name].cpu_us_per_event or 0.0

    return [
        (
            name,
            min(cost(each, name) for each in found),
            median(cost(each, name) / cost(each, WITHOUT) for each in found),
        )
        for name in CANDIDATES
    ]
