"""Text as an attacker wrote it in, text as a model would read it out.

In: a piece of text. Out: the same text folded to plain lower case (`fold`), and its words (`words`). What it
says read in another way is found in `views`. Knows no threats: what is read here is judged elsewhere.

Folding goes character by character, so that any cut of the text folds alike and a place in the folded text
has one place in the original.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

# Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt), the blank Hangul fillers among them.
IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)

# Letters that look Latin and are not (Unicode confusables.txt, those that fonts draw alike), and the quotes
# and dashes that word processors put in.
_LOOKALIKES = dict(
    zip(
        "аеорсхуіјѕԁһԛԝӏɡոսօցαορνικτυχϲıɑℓƽʀɴʟɪᴏꜱᴀʙᴄᴅᴇꜰɢʜᴊᴋᴍᴘᴛᴜᴠᴡʏᴢøłđ’‘“”—–ʼ′",
        "aeopcxyijsdhqwlgnuogaopviktuxcialsrnliosabcdefghjkmptuvwyzold''\"\"--''",
        strict=True,
    )
)
_UNPLAIN = re.compile(r"[^\t-\r\x1c-~]+")  # Whatever folding does more to than make it lower case.
_PLAIN = bytes(code for code in range(128) if not _UNPLAIN.match(chr(code)))
_ACCENTS = re.compile("[\u0300-\u036f]")
_REGIONAL_A = 0x1F1E6  # REGIONAL INDICATOR SYMBOL LETTER A: two make a flag, many make a sentence.


def _fold_character(character: str) -> str:
    if IGNORABLE.match(character):
        return ""
    code = ord(character)
    if _REGIONAL_A <= code < _REGIONAL_A + 26:
        return chr(code - _REGIONAL_A + ord("a"))
    if unicodedata.category(character) == "Cc" and not character.isspace():
        return ""
    plain = unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", character)))
    plain = IGNORABLE.sub("", plain).casefold()
    plain = "".join(_LOOKALIKES.get(each, each) for each in plain)
    return plain if plain == character else "".join(map(_fold_character, plain))


class _Folding(dict[int, str]):
    """What each character folds to, found out when it is first met; at most one entry a code point."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


_FOLDING = _Folding()


class Folded(NamedTuple):
    """`text` is `original` folded. Both stay as they are, so places are only mapped when asked for."""

    text: str
    original: str

    def spans(self, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Where these ranges of the folded text stand in the original."""
        if not self.text:
            return [(0, len(self.original)) for _ in ranges]
        # After each character that does not fold to one: where the folded text is, and where the original.
        folded, original = [0], [0]
        for run in _UNPLAIN.finditer(self.original):
            at = folded[-1] + run.start() - original[-1]
            for place, character in enumerate(run[0], run.start() + 1):
                at += len(_FOLDING[ord(character)])
                folded.append(at)
                original.append(place)

        def place_of(at: int) -> int:
            last = bisect_right(folded, at) - 1
            place = original[last] + at - folded[last]
            return min(place, original[last + 1] - 1) if last + 1 < len(original) else place

        return [(place_of(start), place_of(max(start, end - 1)) + 1) for start, end in ranges]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters `start` to `end` of the folded text stand in the original."""
        return self.spans([(start, end)])[0]


def fold(text: str) -> Folded:
    """Lower case, compatibility forms and look-alikes made plain, accents and invisible characters gone."""
    if text.isascii() and not text.encode().translate(None, _PLAIN):  # ten times as quick as to search it
        return Folded(text.lower(), text)
    return Folded(_UNPLAIN.sub(lambda run: run[0].translate(_FOLDING), text).lower(), text)


# Scripts written without spaces: each character is a word (Thai, Lao, Khmer, Burmese, kana, Han, Hangul).
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z][a-z0-9]*)*")
_ANY_WORD = re.compile(rf"{_ASCII_WORD.pattern}|[{_UNSPACED}]|(?:[^\W_{_UNSPACED}]|[\u0900-\u0dff])+")
_APOSTROPHE = re.compile("'(?<=[a-z0-9]')(?=[a-z])")
_SPACED = b"'" + bytes(code if chr(code).isalnum() else ord(" ") for code in range(1, 128)) + bytes(128)


def word_pattern(folded: str) -> re.Pattern[str]:
    """What is one word in this folded text."""
    return _ASCII_WORD if folded.isascii() else _ANY_WORD


def words(folded: str) -> list[str]:
    """What `word_pattern` finds; for ASCII without a step per character."""
    return _spaced(folded).split() if folded.isascii() else _ANY_WORD.findall(folded)


def word_span(folded: str, start: int, end: int) -> tuple[int, int]:
    """Where the words `start` to `end` of an ASCII text stand, with the marks behind; no step per word."""
    rest = _spaced(folded).split(None, start)[-1]
    after = rest.split(None, end - start)[end - start :]
    return len(folded) - len(rest), len(folded) - sum(map(len, after))


def _spaced(folded: str) -> str:
    """Spaces for what is no word, each character in its place."""
    if "'" in folded:
        folded = _APOSTROPHE.sub("\0", folded)
    return folded.encode().translate(_SPACED).decode()
