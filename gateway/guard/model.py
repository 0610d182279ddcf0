"""The linear model over hashed words and meanings, and the layer over what it says.

In: a text, and weights as benchmarks/threats/train.py writes them. Out: how strongly each stretch of words
speaks for an attack, which rules are met, one score between 0 and 1. The score is the same on every
machine: the table holds small integers, and the layer is a hundred multiplications in a fixed order.
Refuses to know about thresholds and verdicts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, compress
from operator import sub, xor
from string import ascii_letters, ascii_uppercase, digits
from typing import NamedTuple, TypeVar
from zlib import crc32

from gateway.guard.lexicon import FOREIGN, MEANINGS, WORDS, anglicise
from gateway.guard.normalise import Folded, fold, word_pattern, word_span, words
from gateway.guard.rules import BLANK, LITERAL, NEAR, RULES

CHANNELS = ("user", "document")  # What a person writes, and what a tool or a document says.
SLOTS = 1 << 20
WINDOWS = (6, 16, 40)  # Words: a phrase, a sentence, a paragraph.
SHAPES = 11  # Inputs that say how the text looks, after those of the windows and the whole.
DENSE = len(WINDOWS) + 2 + SHAPES  # The inputs that are numbers; the others are 0 or 1.
INPUTS = DENSE + len(RULES) + len(MEANINGS)

_MASK = SLOTS - 1
_FIRST_MEANING = DENSE + len(RULES) - ord("A")  # The input of a letter, less its code.
_BLANK = ord(BLANK)
_FIRST = 7  # What stands for a word before the first.
_IS_MEANING = bytes(code != _BLANK for code in range(256))
_LETTER = {word: chr(ord("A") + number) for word, number in WORDS.items()}
_CODE = "{}()=;<>[]_"
_REACH = 12  # Words between two meanings that may still belong together: a sentence.

Of = TypeVar("Of")


class Word(NamedTuple):
    """What is known of a word, by sight: the word (a foreign one by the English name of its meaning), the
    same without its digits, the letter of its meaning, and the places in a table of it, and of it after a
    word that is skipped.
    """

    known: str
    plain: str
    letter: str
    own: int
    after: int


class Reading(NamedTuple):
    """A text made ready: its words, what is known of each, a letter of meaning each."""

    folded: Folded
    known: Sequence[str]
    plain: Sequence[str]
    meanings: str
    own: Sequence[int]
    after: Sequence[int]


def _place(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass")) & _MASK


def _plain(known: str) -> str:
    """Which number it is says nothing: an address, an amount and an account look alike. Nor does the code of
    a character: what codes spell is read by itself.
    """
    return NUMBER if _CODE_POINT.fullmatch(known) else _DIGITS.sub(NUMBER, known)


def _word_places(plain: str) -> tuple[int, int]:
    """The places of a word and of its stem: a plural, a slip near the end, a cousin in another language."""
    return _place(plain), _place("^" + plain[:5])


class _Kept(dict[str, Of]):
    """What is found out of a word when it is first met. What is kept does not grow with what is sent."""

    def keep(self, word: str, what: Of) -> Of:
        if len(word) <= _LONGEST_KEPT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[word] = what
        return what


class _Words(_Kept[Word]):
    """What is known of each word."""

    def __missing__(self, found: str) -> Word:
        known = FOREIGN.get(found, found)
        plain = _plain(known)
        return self.keep(
            found, Word(known, plain, _LETTER.get(found, BLANK), _place(plain), _place(">" + plain))
        )


class _WordSums(_Kept[int]):
    """What a table says of each word by itself."""

    def __init__(self, entries: Sequence[int]) -> None:
        self._entries = entries

    def __missing__(self, plain: str) -> int:
        return self.keep(plain, sum(map(self._entries.__getitem__, _word_places(plain))))


NUMBER = "000"
_DIGITS = re.compile("[0-9]{3,}")
_CODE_POINT = re.compile("[0-9]{2,}|[0-9][a-f]|[a-f][0-9]")
_LONGEST_KEPT = 24
_MOST_KEPT = 1 << 15
_WORDS = _Words()


def read(text: str) -> Reading:
    folded = fold(text)
    found = words(folded.text if folded.text.isascii() else anglicise(folded.text))
    if not found:
        return Reading(folded, (), (), "", (), ())
    known, plain, letters, own, after = zip(*map(_WORDS.__getitem__, found), strict=True)
    return Reading(folded, known, plain, "".join(letters), own, after)


def _pair_slots(reading: Reading) -> tuple[list[int], list[int]]:
    """The places of each word after the word before it, and after the one before that."""
    before = [place >> 3 for place in reading.own]
    pairs = list(map(xor, [_FIRST, *before], reading.own))
    return pairs, list(map(xor, [_FIRST, _FIRST, *before], reading.after))


def number_slots() -> set[int]:
    """The places of a number, alone and beside another one: a row of them says nothing."""
    own, stem = _word_places(NUMBER)
    return {own, stem, own >> 3 ^ own, own >> 3 ^ _WORDS[NUMBER].after}


def _path_places(path: int) -> tuple[int, int]:
    """The places of a meaning with the one before it, and with the two before it. `_paths` says what a path
    is.
    """
    far, c, b, a = path & 1, path >> 1 & 63, path >> 7 & 63, path >> 13
    return (
        (b * 64 + c) * 2654435761 + far * 40503 >> 7 & _MASK,
        ((a * 64 + b) * 64 + c) * 2246822519 >> 9 & _MASK,
    )


class _PathSums(dict[int, int]):
    """What a table says of each path of meanings: at most one entry for every three meanings, near or far."""

    def __init__(self, entries: Sequence[int]) -> None:
        self._entries = entries

    def __missing__(self, path: int) -> int:
        total = self[path] = sum(map(self._entries.__getitem__, _path_places(path)))
        return total


def _paths(meanings: str) -> Iterator[tuple[int, int]]:
    """(word, path) of each meaning: six bits for each of the two before it that are near, six for itself, and
    one if the last of them is not next to it.
    """
    last = -_REACH - 1
    path = 0
    codes = meanings.encode()
    for place in compress(range(len(codes)), codes.translate(_IS_MEANING)):
        if place - last > _REACH:
            path = 0
        path = (path << 6 | codes[place] - 64) & 0x3FFFF
        yield place, path << 1 | (place - last > 3)
        last = place


def slots(reading: Reading) -> list[list[int]]:
    """For each word, the places of the table that are added up: those of the word, of its first letters, of
    it after the words before it, and of its meaning with those before.
    """
    pairs, skips = _pair_slots(reading)
    words = {plain: _word_places(plain) for plain in set(reading.plain)}
    places = [
        [*words[plain], pair, skip] for plain, pair, skip in zip(reading.plain, pairs, skips, strict=True)
    ]
    for place, path in _paths(reading.meanings):
        places[place] += _path_places(path)
    return places


class Table:
    """The entries of a table, and the sums of them that come again and again: of a word, of meanings."""

    def __init__(self, entries: Sequence[int]) -> None:
        self.entries = entries
        self.words = _WordSums(entries)
        self.paths = _PathSums(entries)


def gains(reading: Reading, table: Table) -> list[int]:
    """What each word adds: the sum of the table over its `slots`."""
    entries, words = table.entries, table.words
    found: list[int] = []
    last = before = _FIRST
    # As `_pair_slots`, without its lists: with them, this takes 1.7 times as long.
    for plain, own, after in zip(reading.plain, reading.own, reading.after, strict=True):
        found.append(words[plain] + entries[last ^ own] + entries[before ^ after])
        before = last
        last = own >> 3
    for place, path in _paths(reading.meanings):
        found[place] += table.paths[path]
    return found


def hits(reading: Reading, start: int, end: int) -> list[int]:
    """The numbers of the rules that are met: paths between these words, and what is written one way only
    anywhere.
    """
    met = []
    meanings = reading.meanings[start:end]
    present = frozenset(meanings)
    for number, rule in enumerate(NEAR):
        for sign in rule.signs:
            if present.isdisjoint(sign):
                break
        else:
            if rule.pattern.search(meanings):
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
    else by its rarest character: a text without those need not be searched. The first and
    the last word of a string may be parts of words, unless the others are in every text.
    """
    keyed: dict[str, list[tuple[int, str, frozenset[str]]]] = {}
    marked: dict[str, list[tuple[int, str]]] = {}
    for number, rule in enumerate(LITERAL, len(NEAR)):
        for string in sorted(rule.signs[0]):
            every = [FOREIGN.get(word, word) for word in words(string)]
            behind = every[: len(every) - string[-1].isalnum()]
            whole = behind[string[0].isalnum() :] or behind
            if every and _SMALL.issuperset(whole):
                whole = every if len(every) > 1 else []
            if whole:
                keyed.setdefault(max(whole, key=len), []).append((number, string, frozenset(whole)))
            else:
                marked.setdefault(min(string, key=_COMMONEST.find), []).append((number, string))
    return keyed, marked


_SMALL = frozenset("the to in for you are this that with and all an is a of on".split())
_COMMONEST = " etaoinsrhldcumfpgwybvkxjqz.,-'\":/=#)(_0123456789*;?[]<>!+|"[::-1]
_KEYED, _MARKED = _signs()


_NO_MARKS = (ascii_letters + digits + " ").encode()
_CASES = bytes(
    ord("A") if chr(c) in ascii_uppercase else ord("a") if chr(c) in ascii_letters else c for c in range(256)
)
_NO_LETTERS = bytes(c for c in range(128) if not chr(c).isalpha() and not chr(c).isspace())
_CAPITALS = re.compile(r"A(?<![Aa]A)A*(?![Aa])")


def _marks_in(text: str) -> str:
    """Where in a text to look for a mark: of ASCII, what is left without letters, digits and spaces."""
    return text.encode().translate(None, _NO_MARKS).decode() if text.isascii() else text


def _in_capitals(text: str) -> int:
    """How many of the runs between white space have letters and no small one."""
    if not text.isascii():
        return sum(map(str.isupper, text.split()))
    return len(_CAPITALS.findall(text.encode().translate(_CASES, _NO_LETTERS).decode()))


def shape(reading: Reading, beside: int = 0) -> list[float]:
    """How the text looks, whatever it says; each number about 0 to 3. `beside` words it was cut out from."""
    text = reading.folded.original
    length = len(text) or 1
    count = len(reading.known)
    marks = _marks_in(text)
    return [
        math.log1p(count),
        min(sum(map(marks.count, "\"`'")) / length, 0.1) * 20,
        min(marks.count("?"), 5) / 2,
        min(sum(map(marks.count, _CODE)) / length, 0.2) * 10,
        min(marks.count("\n") / length, 0.05) * 20,
        0.0 if text.isascii() else min(len(text.encode("utf-8", "surrogatepass")) / length - 1, 2.0),
        (count - reading.meanings.count(BLANK)) / (count or 1) * 3,
        _in_capitals(text) / (count or 1),
        min(marks.count("!"), 4) / 2,
        min(marks.count(":"), 6) / 3,
        math.log1p(beside),
    ]


class Layer(NamedTuple):
    """A weight for each input, and between which bounds the numbers among the inputs count."""

    low: Sequence[float]
    high: Sequence[float]
    weights: Sequence[float]
    bias: float


class Channel(NamedTuple):
    """The weights for one kind of text: the table and its unit, the layer for a text as a whole, and the one
    for the strongest stretch of a longer text, if the table says at least `loud` of it.
    """

    table: Table
    unit: float
    whole: Layer
    stretch: Layer
    loud: float


class Seen(NamedTuple):
    """What the layer sees: some numbers, and which of the other inputs are 1. `met` are the numbers of the
    rules. `strongest` is where the table speaks most for an attack, `stretch` the same of more words,
    `around` where rules were looked for: the first word and the one behind the last.
    """

    dense: list[float]
    flags: list[int]
    met: list[int]
    strongest: tuple[int, int]
    stretch: tuple[int, int]
    around: tuple[int, int]


class Judged(NamedTuple):
    score: float
    seen: Seen


def see(reading: Reading, table: Table, unit: float, beside: int = 0) -> Seen:
    sums = [0, *accumulate(gains(reading, table))]
    count = len(reading.known)
    total = sums[-1]
    best, starts = [], []
    for width in WINDOWS:
        gained = list(map(sub, sums[width:], sums)) if count > width else [total]
        best.append(max(gained))
        starts.append(gained.index(best[-1]))
    # Of a page of words only those around the strongest: a path through the others would be met by chance.
    start = max(0, starts[-1] - _REACH)
    end = min(count, starts[-1] + WINDOWS[-1] + _REACH)
    met = hits(reading, start, end)
    meanings = [_FIRST_MEANING + code for code in set(reading.meanings.encode()) if code != _BLANK]
    flags = [DENSE + number for number in met] + sorted(meanings)
    spoken = (*best, total / math.sqrt(count + 1), total * 4 / (count + 5))
    numbers = [*(each * unit for each in spoken), *shape(reading, beside)]
    sentence, stretch = (
        (at, min(count, at + width)) for at, width in zip(starts[1:], WINDOWS[1:], strict=True)
    )
    return Seen(numbers, flags, met, sentence, stretch, (start, end))


def strongest(reading: Reading, seen: Seen, loud: float) -> Reading | None:
    """The strongest stretch as a text of its own, if there is more than that and it is `loud`: around it may
    stand a page of ordinary words, and none of them speaks for it.
    """
    start, end = seen.stretch
    if end - start == len(reading.known) or seen.dense[len(WINDOWS) - 1] < loud:
        return None
    text, count = reading.folded.text, len(reading.known)
    if text.isascii():
        place = word_span(text, start, end)
    elif spans := word_spans(reading):
        place = (spans[start][0], spans[end - 1][1])
    else:  # Stems were put into English, so that words do not stand where they stood.
        place = (start * len(text) // count, end * len(text) // count)
    ((first, behind),) = reading.folded.spans([place])
    folded = Folded(text[slice(*place)], reading.folded.original[first:behind])
    cut = slice(start, end)
    return Reading(
        folded,
        reading.known[cut],
        reading.plain[cut],
        reading.meanings[cut],
        reading.own[cut],
        reading.after[cut],
    )


def inputs(reading: Reading, table: Table, unit: float) -> list[list[float]]:
    """All that the layer sees, of the text and of its strongest stretch, a row each."""
    seen = see(reading, table, unit)
    found = [seen]
    if part := strongest(reading, seen, 0.0):
        found.append(see(part, table, unit, len(reading.known) - len(part.known)))
    rows = []
    for each in found:
        row = [*each.dense, *[0.0] * (INPUTS - DENSE)]
        for number in each.flags:
            row[number] = 1.0
        rows.append(row)
    return rows


def judge(reading: Reading, channel: Channel) -> Judged:
    """The higher score, of the text or of its strongest stretch; what was seen is of the text."""
    seen = see(reading, channel.table, channel.unit)
    total = _sum(seen, channel.whole)
    if part := strongest(reading, seen, channel.loud):
        beside = len(reading.known) - len(part.known)
        total = max(total, _sum(see(part, channel.table, channel.unit, beside), channel.stretch))
    return Judged(1 / (1 + math.exp(-max(-60.0, min(60.0, total)))), seen)


def _sum(seen: Seen, layer: Layer) -> float:
    weights = layer.weights
    total = layer.bias + sum([weights[number] for number in seen.flags])
    for value, low, high, weight in zip(seen.dense, layer.low, layer.high, weights, strict=False):
        total += (low if value < low else high if value > high else value) * weight
    return total


def word_spans(reading: Reading) -> list[tuple[int, int]]:
    """Where each word of the folded text stands, if no stem was put into English; else nothing."""
    spans = [match.span() for match in word_pattern(reading.folded.text).finditer(reading.folded.text)]
    return spans if len(spans) == len(reading.known) else []
