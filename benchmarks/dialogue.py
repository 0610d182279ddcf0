"""What is asked and what is answered, known to both ends of a benchmark.

In go a client's number, the turn and the shape of the answer; out come the values a request holds, its text
and the pieces of the answer's text, cut as models cut them. In which dialect either is written is `wires`.

A request names a person, an e-mail address and a payment card; the answer repeats them. The provider repeats
whatever stands in those places, values or placeholders. No two requests of a run are alike, so that no
candidate can answer from what it remembers of the last one.
"""

from __future__ import annotations

import re
from itertools import cycle, islice
from typing import Literal, NamedTuple, get_args

Shape = Literal["prose", "code", "numbers", "placeholders"]
SHAPES: tuple[Shape, ...] = get_args(Shape)

FEWEST_TOKENS = 1
_PIECES = 5
_ROOMY_TOKENS = 30  # from here on mentions are cut into pieces
_CUT = r" ?[A-Za-z_]{1,9}|\d{1,3}|\s+|."

_SAID: dict[Shape, list[str]] = {
    "prose": re.findall(
        _CUT,
        "The account was opened in 1998 and has been in good standing ever since. There were two letters "
        "last spring about a late delivery; both were answered within a week, and the matter is closed. A "
        "short, friendly reply is enough: thank them for their patience, say what happens next, and offer a "
        "call on Monday. It's best to keep the tone warm and to leave the rest of the history out of it.",
    ),
    "code": re.findall(
        _CUT,
        "```python\ndef settle(orders: list[Order], *, rate: float = 0.19) -> dict[str, Decimal]:\n"
        '    """Sum what is open by customer."""\n    totals = defaultdict(Decimal)\n'
        "    for order in orders:\n        if order.paid_at is None and order.total > 0:\n"
        "            totals[order.customer] += round(order.total * (1 + rate), 2)\n"
        "    return {name: sum_ for name, sum_ in totals.items() if sum_ >= LIMITS['open']}\n```\n",
    ),
    "numbers": re.findall(
        _CUT,
        "1. January: 1,204 parcels, 31 late, 2.57 %\n2. February: 987 parcels, 12 late, 1.22 %\n"
        "3. March: 1,377 parcels, 40 late, 2.90 %\n4. April: 1,118 parcels, 8 late, 0.72 %\n"
        "Total: 4,686 parcels, 91 late; the mean is 1.94 % at 22.75 a month.\n",
    ),
}
_SAID["placeholders"] = _SAID["prose"]
_MENTIONS: dict[Shape, int] = {"prose": 1, "code": 0, "numbers": 0, "placeholders": 3}

SYSTEM = (
    "You are the assistant of a customer service team. Answer in the customer's language, briefly and "
    "politely. Use the customer's own details when they help. Never invent an order, a date or a price; "
    "if something is missing, say what you need."
)
_ASKED = re.compile(
    r"about (.+?), who writes from (\S+) and pays with card (.+?)\. They.*? in the form of ([a-z]+)"
)
_CARDS = ("4111 1111 1111 1111", "5555 5555 5555 4444", "4012 8888 8888 1881", "3782 822463 10005")
_NAMES = ("John Smith", "Grace Hopper", "Alan Turing", "Mary Jackson", "Edith Clarke")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_GOODS = ("kettle", "lamp", "chair", "keyboard", "bicycle", "coat", "radio")


class Values(NamedTuple):
    """What must never reach the provider, or what stands in its place."""

    name: str
    email: str
    card: str


class Asked(NamedTuple):
    """What the provider reads in a request."""

    values: Values
    shape: Shape


def values(client: int) -> Values:
    """Each client has its own, so that an answer that goes to the wrong one is seen."""
    name = _NAMES[client % len(_NAMES)]
    email = f"{name.lower().replace(' ', '.')}.{client}@example.com"
    return Values(name, email, _CARDS[client % len(_CARDS)])


def question(asked: Asked, turn: int) -> str:
    name, email, card = asked.values
    day, goods = _WEEKDAYS[turn % len(_WEEKDAYS)], _GOODS[turn % len(_GOODS)]
    return (
        f"Draft a reply to a customer. It is about {name}, who writes from {email} and pays with "
        f"card {card}. They ask why last {day}'s delivery of a {goods} came late and whether the next one, "
        f"of {turn} more, can come a day earlier. Mention the address we answer to and the card we charge. "
        f"Write it in the form of {asked.shape}."
    )


def find(request: str) -> Asked | None:
    """What stands where the values stood; None for another request than ours."""
    found = _ASKED.search(request)
    if found is None:
        return None
    shape = next((each for each in SHAPES if each == found[4]), None)
    return shape and Asked(Values(*found.groups()[:3]), shape)


def in_clear(found: Values) -> bool:
    return "@" in found.email


def tokens(asked: Asked, count: int) -> list[str]:
    """The answer's text in pieces: what the shape says, and its mentions of the values, evenly spread."""
    if count < FEWEST_TOKENS:
        raise ValueError(f"an answer has at least {FEWEST_TOKENS} token")
    parts = _PIECES if count >= _ROOMY_TOKENS else 1
    repeated = (asked.values * _MENTIONS[asked.shape])[: count // parts]
    mentions = [_cut(f" {value}", parts) for value in repeated]
    others = count - sum(map(len, mentions))
    said = list(islice(cycle(_SAID[asked.shape]), others))
    for at, mention in reversed(list(enumerate(mentions, 1))):
        place = others * at // (len(mentions) + 1)
        said[place:place] = mention
    return said


def _cut(text: str, parts: int) -> list[str]:
    return [text[len(text) * at // parts : len(text) * (at + 1) // parts] for at in range(parts)]


def holds_placeholder(text: str) -> bool:
    return re.search(r"\[[A-Z_]+_\d+\]", text) is not None
