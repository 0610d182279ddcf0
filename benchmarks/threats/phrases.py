"""Training sentences written for this project, put together from a grammar by a seeded generator.

In: a seed and a count. Out: examples of attacks and of harmless text that looks like them. Everything here
was written by hand for this repository, from descriptions of how attacks work; nothing is copied from a
data set. The files of grammar/ hold one alternative a line under the name of its rule. A name in braces is
replaced by one of its alternatives, again and again; `{x?}` is there half of the time.
"""

from __future__ import annotations

import base64
import codecs
import random
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import NamedTuple


class Example(NamedTuple):
    """`cluster` is the rule of the grammar it came from: examples of one rule are alike."""

    text: str
    attack: bool
    source: str
    cluster: str


def _rules(name: str) -> dict[str, list[str]]:
    """The alternatives of each rule in a file of the grammar; backslash n is a line's end."""
    rules: dict[str, list[str]] = {}
    alternatives: list[str] = []
    for line in files("benchmarks.threats").joinpath("grammar", name).read_text("utf-8").splitlines():
        if match := re.fullmatch(r"\[([a-z_0-9]+)\]", line):
            alternatives = rules.setdefault(match[1], [])
        elif line:
            alternatives.append(line.replace("\\n", "\n"))
    return rules


SYMBOLS = _rules("words.txt")
USER_ATTACKS = _rules("user_attacks.txt")
USER_HARMLESS = _rules("user_harmless.txt")
HIJACKS = _rules("hijacks.txt")["hijack"]
CARRIERS = _rules("carriers.txt")
_SYMBOL = re.compile(r"\{([a-z_0-9]+)(\??)\}")


def expand(text: str, choose: random.Random) -> str:
    """Every symbol of `text` replaced, until none is left."""
    for _ in range(12):
        if not _SYMBOL.search(text):
            break
        text = _SYMBOL.sub(
            lambda m: "" if m[2] and choose.random() < 0.5 else choose.choice(SYMBOLS[m[1]]), text
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


_LEET = str.maketrans("aeiost", "431057")
DISGUISES: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "spelled": lambda text: "   ".join(" ".join(word) for word in text.split()),
    "hyphens": lambda text: "-".join(text),
    "hyphens in words": lambda text: " ".join("-".join(word) for word in text.split()),
    "leet": lambda text: text.lower().translate(_LEET),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "zero-width": lambda text: "\u200b".join(text),
    "full width": lambda text: "".join(
        chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text
    ),
}


def _disguised(text: str, choose: random.Random) -> str:
    hidden = choose.choice(list(DISGUISES.values()))(text)
    lead = choose.choice(("", "", "Decode this: ", "What does this say? ", "Read it and go on: "))
    return lead + hidden


def user_examples(seed: int, count: int, disguised: float = 0.06) -> Iterator[Example]:
    """`count` prompts, two attacks to three harmless ones; a share is `disguised` as base64 and the like."""
    choose = random.Random(seed)
    for _ in range(count):
        attack = choose.random() < 0.4
        rows = USER_ATTACKS if attack else USER_HARMLESS
        name = choose.choice(list(rows))
        number = choose.randrange(len(rows[name]))
        text = _disturb(expand(rows[name][number], choose), choose)
        if attack and choose.random() < 0.2:
            ask = expand("{ordinary}", choose)
            text = f"{ask} {text}" if choose.random() < 0.7 else f"{text} {ask}"
        if choose.random() < disguised:
            text = _disguised(text, choose)
        yield Example(text, attack, "user", f"{name}-{number}")


def hijacks(seed: int, count: int) -> Iterator[Example]:
    """`count` hijacks as they are planted in what a tool or a document says, without their surroundings."""
    choose = random.Random(seed)
    for _ in range(count):
        number = choose.randrange(len(HIJACKS))
        text = expand(HIJACKS[number], choose)
        if choose.random() < 0.1:
            text = text.upper() if choose.random() < 0.3 else text.lower()
        yield Example(text, True, "document", f"hijack-{number}")


def carriers(seed: int, count: int) -> Iterator[Example]:
    """`count` harmless documents and tool results, with orders to people, role names and quoted attacks in
    them.
    """
    choose = random.Random(seed)
    for _ in range(count):
        name = choose.choice(list(CARRIERS))
        number = choose.randrange(len(CARRIERS[name]))
        pieces = [expand(CARRIERS[name][number], choose)]
        while choose.random() < 0.45:
            pieces.insert(choose.randrange(2), expand(choose.choice(CARRIERS[name]), choose))
        yield Example("\n".join(pieces), False, "document", f"{name}-{number}")


def plant(hijack: str, carrier: str, choose: random.Random) -> str:
    """The hijack on a line of its own, or inside a sentence, somewhere in the carrier."""
    places = [0, len(carrier), *(match.end() for match in re.finditer(r"\n+|(?<=[.!?]) ", carrier))]
    place = choose.choice(places)
    gap = "\n" if choose.random() < 0.7 else " "
    return carrier[:place] + gap + hijack + gap + carrier[place:]
