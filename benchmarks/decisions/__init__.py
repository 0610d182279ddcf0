"""Choices that were measured, each a script: `python -m benchmarks.decisions.NAME` prints its variants.

`show` takes the variants, each a call that handles a whole stream, and prints the microseconds of an event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.console import Console
from rich.table import Table

from benchmarks import wires
from benchmarks.clock import per_call_us
from benchmarks.dialogue import Asked, Values

EVENTS = 101
_HIDDEN = Asked(Values("[PERSON_1]", "[EMAIL_1]", "[CREDIT_CARD_1]"), "prose")
ANSWER = wires.frames("openai", _HIDDEN, EVENTS)


def show(question: str, variants: Mapping[str, Callable[[], object]], calls: int) -> None:
    table = Table("variant", title=question)
    table.add_column("µs", justify="right")
    table.add_column("×", justify="right")
    taken = {name: per_call_us(variant, calls) for name, variant in variants.items()}
    least = min(taken.values())
    for name, took_us in taken.items():
        table.add_row(name, f"{took_us:.2f}", f"{took_us / least:.1f}")
    Console().print(table)
