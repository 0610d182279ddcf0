"""What load is put on which candidates. A new one is a row in `SCENARIOS`."""

from __future__ import annotations

from msgspec import Struct

from benchmarks.dialogue import SHAPES, Shape


class Scenario(Struct):
    """`streams` clients ask, read the answer to its end and ask again; `answers` come in `events`, one every
    `pace_ms`, or without `stream` in one piece at once. `shapes` are what answers look like, by client in
    turn. Their starts are spread over the length of an answer; `together`, all start at once.
    """

    name: str
    about: str
    candidates: list[str]
    streams: int = 100
    events: int = 101
    pace_ms: float = 10.0
    together: bool = False
    stream: bool = True
    shapes: tuple[Shape, ...] = ("prose",)
    rounds: int = 5
    window_s: float = 2.0


_NOBODY_ELSE = ["direct", "nginx", "sluice"]

SCENARIOS: dict[str, Scenario] = {
    each.name: each
    for each in (
        Scenario(
            "tokens",
            "what a streamed event costs: 100 streams of prose, each at another place of its answer",
            [
                "direct",
                "nginx",
                "haproxy",
                "sluice-pass",
                "sluice-redact",
                "sluice",
                "sluice-translated",
                "portkey",
                "litellm",
                "litellm-guard",
            ],
        ),
        Scenario(
            "bursts",
            "the same, all started at once: events come in bursts",
            ["nginx", "sluice"],
            together=True,
        ),
        Scenario(
            "mix",
            "the same, of prose, code, lists of numbers, and prose that repeats each value three times",
            ["nginx", "sluice"],
            shapes=SHAPES,
        ),
        Scenario(
            "workers", "the first load again, on two workers that share a core", ["sluice", "sluice-two"]
        ),
        Scenario(
            "crowd",
            "1,000 streams at 20 events a second",
            _NOBODY_ELSE,
            streams=1000,
            pace_ms=50.0,
            shapes=SHAPES,
            rounds=1,
            window_s=5.0,
        ),
        Scenario(
            "large crowd",
            "2,000 streams at 10 events a second",
            _NOBODY_ELSE,
            streams=2000,
            pace_ms=100.0,
            shapes=SHAPES,
            rounds=1,
            window_s=5.0,
        ),
        Scenario(
            "whole",
            "answers in one piece, 32 clients that ask again at once",
            ["nginx", "sluice-pass", "sluice", "portkey", "litellm"],
            streams=32,
            pace_ms=0.0,
            stream=False,
        ),
    )
}
QUICK = ("tokens", "whole")
