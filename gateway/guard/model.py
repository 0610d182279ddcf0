"""The linear model over hashed words and meanings, and the small layer over what it says.

In: a text, and weights as benchmarks/threats/train.py writes them. Out: how strongly each stretch of words
speaks for an attack, which rules are met, one score between 0 and 1. The score is the same on every
machine: the table holds small integers, and the layer is a few hundred multiplications in a fixed order.
Refuses to know about thresholds and verdicts.
"""

from __future__ import annotations

import math
import re
import struct
from array import array
from collections.abc import Sequence
from itertools import accumulate
from operator import add, itemgetter, mul, sub, xor
from typing import NamedTuple
from zlib import crc32

from gateway.errors import ConfigError
from gateway.guard.lexicon import FOREIGN, MEANINGS, WORDS, anglicise
from gateway.guard.normalise import Folded, fold, word_pattern, words
from gateway.guard.rules import BLANK, LITERAL, NEAR, RULES

MAGIC = b"sluice-threats-1"
CHANNELS = ("user", "document")  # What a person writes, and what a tool or a document says.
SLOTS = 1 << 16
WINDOWS = (6, 16, 40)  # Words: a phrase, a sentence, a paragraph.
SHAPES = 10  # Inputs that say how the text looks, after those of the windows and the whole.
INPUTS = len(WINDOWS) + 2 + SHAPES + len(RULES) + len(MEANINGS)

_MASK = SLOTS - 1
_DENSE = len(WINDOWS) + 2 + SHAPES
_LETTER = {word: chr(ord("A") + number) for word, number in WORDS.items()}
_MEANT = re.compile(r"[^.]")
_CODE = re.compile(r"[{}()=;<>\[\]_]")
_REACH = 12  # Words between two meanings that may still belong together: a sentence.


class Reading(NamedTuple):
    """A text made ready: its words (foreign ones by the English name of their meaning), a letter of meaning
    each.
    """

    folded: Folded
    known: list[str]
    meanings: str


def read(text: str) -> Reading:
    folded = fold(text)
    found = words(folded.text if folded.text.isascii() else anglicise(folded.text))
    return Reading(
        folded,
        [FOREIGN.get(word, word) for word in found],
        "".join([_LETTER.get(word, BLANK) for word in found]),
    )


class _Places(dict[str, int]):
    """The place of the table that a word has, or its first letters, found out when it is first met."""

    def __init__(self, mark: str, letters: int) -> None:
        self.mark, self.letters = mark, letters

    def __missing__(self, word: str) -> int:
        place = crc32((self.mark + word[: self.letters]).encode("utf-8", "surrogatepass")) & _MASK
        if len(word) <= _KEPT:
            if len(self) >= SLOTS:
                self.clear()
            self[word] = place
        return place


_KEPT = 24  # Letters: what is kept must not grow with what is sent.
_PLACES = _Places("", 1 << 20)
_AFTER = _Places(">", 1 << 20)
_STEMS = _Places("^", 5)  # A stem, a plural, a slip near the end, a cousin in another language.


def _word_slots(reading: Reading) -> tuple[list[int], ...]:
    """The places of each word, of its first letters, of it after the word before it, and after the one before
    that.
    """
    own = list(map(_PLACES.__getitem__, reading.known))
    before = [place >> 3 for place in own]
    return (
        own,
        list(map(_STEMS.__getitem__, reading.known)),
        list(map(xor, [7, *before], own)),
        list(map(xor, [7, 7, *before], map(_AFTER.__getitem__, reading.known))),
    )


def _meaning_slots(meanings: str) -> list[tuple[int, int]]:
    """(word, place of the table): each meaning with the one before it, and with the two before it."""
    found = []
    last = -_REACH - 1
    a = b = 0
    for match in _MEANT.finditer(meanings):
        place = match.start()
        c = ord(match[0]) - 64
        if place - last > _REACH:
            a = b = 0
        found.append((place, (b * 64 + c) * 2654435761 + (place - last > 3) * 40503 >> 7 & _MASK))
        found.append((place, ((a * 64 + b) * 64 + c) * 2246822519 >> 9 & _MASK))
        a, b, last = b, c, place
    return found


def slots(reading: Reading) -> list[list[int]]:
    """For each word, the places of the table that are added up: those of the word and of its meaning with
    those before.
    """
    places = list(map(list, zip(*_word_slots(reading), strict=True)))
    for place, slot in _meaning_slots(reading.meanings):
        places[place].append(slot)
    return places


def gains(reading: Reading, table: Sequence[int]) -> list[int]:
    """What each word adds: the sum of the table over its `slots`."""
    if len(reading.known) < 2:  # `itemgetter` gives a single item as it is.
        return [sum(map(table.__getitem__, places)) for places in slots(reading)]
    own, stems, pairs, skips = (itemgetter(*places)(table) for places in _word_slots(reading))
    found = list(map(add, map(add, own, stems), map(add, pairs, skips)))
    for place, slot in _meaning_slots(reading.meanings):
        found[place] += table[slot]
    return found


def hits(reading: Reading) -> list[int]:
    """The numbers of the rules that are met somewhere."""
    met = []
    present = frozenset(reading.meanings)
    for number, rule in enumerate(NEAR):
        for sign in rule.signs:
            if present.isdisjoint(sign):
                break
        else:
            if rule.pattern.search(reading.meanings):
                met.append(number)
    plain = reading.folded.text
    seen = set()
    for mark, strings in _MARKED.items():
        if mark in plain:
            for number, string in strings:
                if number not in seen and string in plain:
                    seen.add(number)
    known = frozenset(reading.known)
    for word in _KEYED.keys() & known:
        for number, string, others in _KEYED[word]:
            if number not in seen and others <= known and string in plain:
                seen.add(number)
    for number in sorted(seen):
        if not RULES[number].shaped or RULES[number].pattern.search(plain):
            met.append(number)
    return met


def _signs() -> tuple[dict[str, list[tuple[int, str, frozenset[str]]]], dict[str, list[tuple[int, str]]]]:
    """The strings of the literal rules, by the longest whole word in each (and all of its whole words), or
    else by its rarest character: a text without those need not be searched.
    """
    keyed: dict[str, list[tuple[int, str, frozenset[str]]]] = {}
    marked: dict[str, list[tuple[int, str]]] = {}
    for number, rule in enumerate(LITERAL, len(NEAR)):
        for string in sorted(rule.signs[0]):
            whole = [FOREIGN.get(word, word) for word in words(string)]
            whole = (
                whole[string[0].isalnum() : len(whole) - string[-1].isalnum()]
                or whole[: len(whole) - string[-1].isalnum()]
            )
            if whole:
                keyed.setdefault(max(whole, key=len), []).append((number, string, frozenset(whole)))
            else:
                marked.setdefault(min(string, key=_COMMONEST.find), []).append((number, string))
    return keyed, marked


_COMMONEST = " etaoinsrhldcumfpgwybvkxjqz.,-'\":/=#)(_0123456789*;?[]<>!+|"[::-1]
_KEYED, _MARKED = _signs()


def shape(reading: Reading) -> list[float]:
    """How the text looks, whatever it says; each number about 0 to 3."""
    text = reading.folded.original
    length = len(text) or 1
    count = len(reading.known)
    return [
        math.log1p(count),
        min(sum(map(text.count, "\"`'")) / length, 0.1) * 20,
        min(text.count("?"), 5) / 2,
        min(len(_CODE.findall(text)) / length, 0.2) * 10,
        min(text.count("\n") / length, 0.05) * 20,
        0.0 if text.isascii() else min(len(text.encode("utf-8", "surrogatepass")) / length - 1, 2.0),
        (count - reading.meanings.count(BLANK)) / (count or 1) * 3,
        sum(map(str.isupper, reading.folded.original.split())) / (count or 1),
        min(text.count("!"), 4) / 2,
        min(text.count(":"), 6) / 3,
    ]


class Channel(NamedTuple):
    """The weights for one kind of text: the table and its unit, then the layer, a row an input."""

    table: Sequence[int]
    unit: float
    low: Sequence[float]
    high: Sequence[float]
    rows: Sequence[Sequence[float]]
    bias: Sequence[float]
    out: Sequence[float]
    out_bias: float


class Judged(NamedTuple):
    """`inputs` are what the layer saw; `start` and `end` the strongest stretch, in words."""

    score: float
    inputs: list[float]
    met: list[int]
    start: int
    end: int


def _table_inputs(sums: Sequence[int], unit: float) -> list[float]:
    count = len(sums) - 1
    strongest = [max(map(sub, sums[width:], sums)) if count > width else sums[-1] for width in WINDOWS]
    total = sums[-1]
    return [value * unit for value in (*strongest, total / math.sqrt(count + 1), total * 4 / (count + 5))]


def inputs(reading: Reading, table: Sequence[int], unit: float) -> tuple[list[float], list[int], list[int]]:
    """What the layer looks at; the rules met; the running sum of the table over the words."""
    sums = [0, *accumulate(gains(reading, table))]
    met = hits(reading)
    flags = [0.0] * (len(RULES) + len(MEANINGS))
    for number in met:
        flags[number] = 1.0
    for letter in set(reading.meanings):
        if letter != BLANK:
            flags[len(RULES) + ord(letter) - ord("A")] = 1.0
    return [*_table_inputs(sums, unit), *shape(reading), *flags], met, sums


def judge(reading: Reading, channel: Channel) -> Judged:
    given, met, sums = inputs(reading, channel.table, channel.unit)
    active = [number for number, value in enumerate(given) if value or number < _DENSE]
    values = [min(max(given[number], channel.low[number]), channel.high[number]) for number in active]
    columns = zip(*[channel.rows[number] for number in active], strict=True)
    total = channel.out_bias
    for bias, column, out in zip(channel.bias, columns, channel.out, strict=True):
        have = bias + sum(map(mul, values, column))
        if have > 0:
            total += have * out
    width = min(WINDOWS[1], len(sums) - 1)
    stretches = list(map(sub, sums[width:], sums))
    start = stretches.index(max(stretches))
    return Judged(1 / (1 + math.exp(-max(-60.0, min(60.0, total)))), given, met, start, start + width)


def word_spans(reading: Reading) -> list[tuple[int, int]]:
    """Where each word of the folded text stands, if no stem was put into English; else nothing."""
    spans = [match.span() for match in word_pattern(reading.folded.text).finditer(reading.folded.text)]
    return spans if len(spans) == len(reading.known) else []


# --- the file of weights ---------------------------------------------------------------------------

_HEAD = struct.Struct("<fHH")


def encode(channels: Sequence[Channel]) -> bytes:
    data = [MAGIC]
    for channel in channels:
        data.append(_HEAD.pack(channel.unit, len(channel.rows), len(channel.bias)))
        data.append(array("b", channel.table).tobytes())
        weights = [weight for row in channel.rows for weight in row]
        data.append(struct.pack(f"<{len(weights)}e", *weights))
        numbers = [*channel.low, *channel.high, *channel.bias, *channel.out, channel.out_bias]
        data.append(struct.pack(f"<{len(numbers)}f", *numbers))
    return b"".join(data)


def decode(data: bytes) -> tuple[Channel, ...]:
    """Raises ConfigError if the weights are not those of this version of the rules and meanings."""
    if not data.startswith(MAGIC):
        raise ConfigError("these are not threat weights of this version")
    channels = []
    at = len(MAGIC)
    try:
        for _ in CHANNELS:
            unit, size, width = _HEAD.unpack_from(data, at)
            if size != INPUTS:
                raise ConfigError(f"the threat weights are for {size} inputs, not {INPUTS}: train them again")
            table = array("b", data[at + _HEAD.size : at + _HEAD.size + SLOTS]).tolist()
            at += _HEAD.size + SLOTS
            weights = struct.unpack_from(f"<{size * width}e", data, at)
            at += size * width * 2
            numbers = struct.unpack_from(f"<{2 * size + 2 * width + 1}f", data, at)
            at += len(numbers) * 4
            rows = [weights[row * width : (row + 1) * width] for row in range(size)]
            low, high = numbers[:size], numbers[size : size * 2]
            bias, out = numbers[size * 2 : size * 2 + width], numbers[size * 2 + width : -1]
            channels.append(Channel(table, unit, low, high, rows, bias, out, numbers[-1]))
    except struct.error:
        raise ConfigError("the threat weights are cut off") from None
    return tuple(channels)
