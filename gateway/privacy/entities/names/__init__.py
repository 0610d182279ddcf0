"""What is known about a word as part of a name: in goes a word, out come its marks.

The lists are data beside this file, each with its source in its head. Words are kept folded: lower case,
without accents, so that "José", "JOSE" and "Jose" are one.
"""

from __future__ import annotations

import unicodedata
from enum import IntFlag
from importlib.resources import files

_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "ß": "ss", "æ": "ae", "đ": "d", "þ": "th", "ð": "d", "ı": "i", "œ": "oe", "ə": "e"}
)


class Mark(IntFlag):
    """GIVEN carries a surname nobody knows; ALONE needs none; DOUBTFUL is a word or a place as well.

    SURNAME is one behind a given name; SURNAME_ALONE is hardly ever anything else. WORD begins sentences and
    headlines, PLACE is a place or people's adjective, BODY ends the name of an organisation, street or thing.
    """

    GIVEN = 1
    ALONE = 2
    DOUBTFUL = 4
    SURNAME = 8
    SURNAME_ALONE = 16
    WORD = 32
    PLACE = 64
    BODY = 128
    COMMON = 256


def fold(word: str) -> str:
    """Lower case without accents."""
    word = word.lower()
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFD", word.translate(_UNDECOMPOSED).replace("’", "'"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _load() -> dict[str, int]:
    marks: dict[str, int] = {}
    for name in ("given", "surnames", "words"):
        mark = 0
        for line in files(__package__).joinpath(f"{name}.txt").read_text("utf-8").splitlines():
            if line.startswith("["):
                mark = sum(Mark[word] for word in line[1:-1].split())
            elif not line.startswith("#"):
                for word in line.split():
                    marks[word] = marks.get(word, 0) | mark
    return marks


MARKS = _load()
