"""Training sentences written for this project, put together from a grammar by a seeded generator.

In: a seed and a count. Out: examples of attacks and of harmless text that looks like them. Everything here
was written by hand for this repository, from descriptions of how attacks work; nothing is copied from a
data set. A symbol in braces is replaced by one of its alternatives, again and again; `{x?}` is there half
of the time.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.threats import grammar


class Example(NamedTuple):
    """`cluster` is the rule of the grammar it came from: examples of one rule are alike."""

    text: str
    attack: bool
    source: str
    cluster: str


_SYMBOL = re.compile(r"\{([a-z_0-9]+)(\??)\}")


def expand(text: str, choose: random.Random) -> str:
    """Every symbol of `text` replaced, until none is left."""
    for _ in range(12):
        if not _SYMBOL.search(text):
            break
        text = _SYMBOL.sub(
            lambda m: "" if m[2] and choose.random() < 0.5 else choose.choice(grammar.SYMBOLS[m[1]]), text
        )
    return re.sub(r" {2,}", " ", text).replace(" .", ".").replace(" ,", ",").strip(" ")


def _disturb(text: str, choose: random.Random) -> str:
    """As people type: case, stops and a few slips."""
    roll = choose.random()
    if roll < 0.12:
        text = text.lower()
    elif roll < 0.17:
        text = text.upper()
    if choose.random() < 0.15:
        text = text.rstrip(".!?:")
    if choose.random() < 0.1 and len(text) > 20:
        for _ in range(1 + len(text) // 80):
            at = choose.randrange(1, len(text) - 2)
            slip = choose.randrange(3)
            pair = (
                text[at + 1] + text[at]
                if slip == 0
                else text[at]
                if slip == 1
                else text[at] * 2 + text[at + 1]
            )
            text = text[:at] + pair + text[at + 2 :]
    return text


def user_examples(seed: int, count: int) -> Iterator[Example]:
    """`count` prompts, two attacks to three harmless ones."""
    choose = random.Random(seed)
    for _ in range(count):
        attack = choose.random() < 0.4
        rows = grammar.USER_ATTACKS if attack else grammar.USER_HARMLESS
        name = choose.choice(list(rows))
        number = choose.randrange(len(rows[name]))
        text = _disturb(expand(rows[name][number], choose), choose)
        if attack and choose.random() < 0.2:
            ask = expand("{ordinary}", choose)
            text = f"{ask} {text}" if choose.random() < 0.7 else f"{text} {ask}"
        yield Example(text, attack, "user", f"{name}-{number}")


def hijacks(seed: int, count: int) -> Iterator[Example]:
    """`count` hijacks as they are planted in what a tool or a document says, without their surroundings."""
    choose = random.Random(seed)
    for _ in range(count):
        number = choose.randrange(len(grammar.HIJACKS))
        text = expand(grammar.HIJACKS[number], choose)
        if choose.random() < 0.1:
            text = text.upper() if choose.random() < 0.3 else text.lower()
        yield Example(text, True, "document", f"hijack-{number}")


def carriers(seed: int, count: int) -> Iterator[Example]:
    """`count` harmless documents and tool results, with orders to people, role names and quoted attacks in
    them.
    """
    choose = random.Random(seed)
    for _ in range(count):
        name = choose.choice(list(grammar.CARRIERS))
        number = choose.randrange(len(grammar.CARRIERS[name]))
        pieces = [expand(grammar.CARRIERS[name][number], choose)]
        while choose.random() < 0.45:
            pieces.insert(choose.randrange(2), expand(choose.choice(grammar.CARRIERS[name]), choose))
        yield Example("\n".join(pieces), False, "document", f"{name}-{number}")


def plant(hijack: str, carrier: str, choose: random.Random) -> str:
    """The hijack on a line of its own, or inside a sentence, somewhere in the carrier."""
    places = [0, len(carrier), *(match.end() for match in re.finditer(r"\n+|(?<=[.!?]) ", carrier))]
    place = choose.choice(places)
    gap = "\n" if choose.random() < 0.7 else " "
    return carrier[:place] + gap + hijack + gap + carrier[place:]
