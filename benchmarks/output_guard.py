"""What rules on answers add to a stream: the gateway's CPU µs of an event, under each of three policies.

Three gateways run, with one provider and one load; each round measures all of them, so that a ratio is that
of one round, and the median of the ratios counts. Threats and what requests hold are looked at alike.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks import rounds
from benchmarks.candidates import Candidate, sluice
from benchmarks.results import Measurement, Settings

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
    WITHOUT: Candidate("no rule on answers", sluice("direct", _OFF)),
    "default policy": Candidate("what holds without a configuration", sluice("direct")),
    "blocking policy": Candidate("words, patterns, topics, secrets", sluice("direct", _GUARDED)),
}


def measure(progress: Callable[[str], None], number: int) -> list[tuple[str, float, float]]:
    """(policy, µs of an event, times that of an answer without rules), from so many rounds."""
    settings = Settings(list(CANDIDATES), rounds=number, window_s=3.0)
    found = rounds.run(settings, progress, CANDIDATES)

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
