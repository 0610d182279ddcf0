"""How a keyword leads to the value that it names.

Keywords in, the left context and the words of a row out. A keyword is written as people write it, in lower
case: "tax file number". It is found in any case, with spaces, hyphens or underscores between its parts or
nothing, and with what is commonly stuck to it ("pesels", "peselNumber", "bsn_nr"); an accent may be missing.
Nothing here knows an entity.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

_SUFFIXES = ("", "s", "no", "nr", "num", "number", "numbers", "nummer", "id")
_FILLERS = (
    r"numbers?|nos?|nr?|num|numer|nummer|n[uú]mero|num[eé]ro|ids?|code|card|value|field|and|or|the|of|for|to|"
    r"is|are|was|as|es|ist|lautet|est|[eè]|é|jest|[aä]r|on|er|og|und|et|y|&"
)
# Between a keyword and its value. A value that proves itself by a checksum may stand a few words or another
# value away; one that is only a shape must follow at once.
_NEAR = r"(?:[\W_]{1,8}[^\W_]{1,16}){0,4}[\W_]{1,24}"
_NEXT = rf"(?:[\W_]{{1,4}}(?:{_FILLERS})){{0,3}}[\W_]{{1,24}}"
# Scripts without spaces: particles stick to the keyword, the value to them.
_STUCK = r"[^\x00-\x7f]{0,12}[\W_]{0,12}"

# The scripts of such keywords: Greek, Cyrillic, Hebrew, Devanagari, Thai, Chinese, Japanese, Korean.
NATIVE_SCRIPT = "[Ͱ-ӿ֐-׿ऀ-ॿ฀-๿぀-ヿ一-鿿가-힣]"

_RUN = re.compile("[a-z]+")
# Too common to say that a row is worth trying, where the keyword has another word.
_COMMON = frozenset(
    "my id ids no nr ni org number numero card code identification identity national account personal social "
    "security insurance registration health bank medical document license licence".split()
)


def words(keywords: Iterable[str]) -> frozenset[str]:
    """Of every text with one of the keywords, a word that it holds, with the one before it in the keyword."""
    found = set()
    for keyword in _spellings(keywords):
        for form in (keyword, keyword.replace(" ", "")):
            for suffix in _SUFFIXES:
                if runs := _RUN.findall(form + suffix):
                    at = max(range(len(runs)), key=lambda each: (runs[each] not in _COMMON, len(runs[each])))
                    found.add(" ".join(runs[max(0, at - 1) : at + 1]))
    return frozenset(found)


def cue(keywords: Iterable[str], near: bool) -> str:
    """The left context in which a keyword names what follows; `near`: a few words may stand between."""
    forms = "|".join(sorted({_pattern(keyword) for keyword in _spellings(keywords)}))
    return rf"(?i:(?<![^\W\d_])(?:{forms})(?:{'|'.join(filter(None, _SUFFIXES))})?{_NEAR if near else _NEXT})"


def _spellings(keywords: Iterable[str]) -> Iterator[str]:
    for keyword in keywords:
        yield keyword
        yield "".join(c for c in unicodedata.normalize("NFKD", keyword) if not unicodedata.combining(c))


def _pattern(keyword: str) -> str:
    parts = [re.escape(part) for part in keyword.split()]
    return "|".join(dict.fromkeys((r"[\W_]{1,3}".join(parts), "".join(parts))))


def is_native(keyword: str) -> bool:
    """Written without a Latin letter, so that no word of ASCII letters stands for it."""
    return not re.search("[A-Za-zÀ-ɏ]", keyword)


def native_cue(keywords: Iterable[str]) -> str:
    """The same for keywords of scripts without Latin letters."""
    return rf"(?i:(?:{'|'.join(keywords)}){_STUCK})"
