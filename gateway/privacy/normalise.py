r"""Text that hides its characters in, plain text out, and the way back to the original offsets.

People and programs write `john&#64;x.io`, `john (at) x.io`, `x\u0040y.io`, `john%40x.io`, full-width digits,
no-break spaces and hyphens inside numbers, zero-width characters, Cyrillic letters among Latin ones. What is
found in the plain text is cut out of the original, so that the original form is what is kept and comes back.

A quick sign comes first: without one the answer is None, and plain English costs a few searches for a
character.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Generator
from functools import lru_cache
from typing import NamedTuple

import regex

# So much is looked at in one step, and so far behind it: beyond that nothing says what a character hides.
STRETCH = 2048
_REACH = 256
_INVISIBLE = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
# Digits of other scripts, full-width and mathematical letters and digits, full-width + - . @ _
_OTHER_FORMS = (
    "\uff0b\uff0d\uff0e\uff10-\uff19\uff20-\uff3a\uff3f\uff41-\uff5a\U0001d400-\U0001d7ff"
    "\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0e50-\u0e59"
)
_SPACES = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_HYPHENS = "\u2010-\u2015\u2212\ufe58\ufe63"
_LOOKALIKES = dict(
    zip(
        "АВЕЅІЈКМНОРСТХУавеѕіјкмнорстхуһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαιρν",
        "ABESIJKMHOPCTXYabesijkmhopctxyhdqwABEZHIKMNOPTYXoaipv",
        strict=True,
    )
)
_LOOKALIKE = "".join(_LOOKALIKES)

# Searching for one character is quicker than anything; only behind it a sign is looked for.
_ASCII_SIGNS = {
    "&": ("&#", "&commat;", "&period;", "&nbsp;"),
    "%": ("%40",),
    "\\": ("\\u00", "\\x", "\\_"),
    "*": ("**",),
    "(": ("(at", "( at", "(AT"),
    "[": ("[at", "[ at", "[AT"),
    "{": ("{at", "{AT"),
    " dot ": (" dot ",),
    " DOT ": (" DOT ",),
}


def _members(of_class: str) -> frozenset[str]:
    """The characters of a class that is written without escapes."""
    members = set()
    for found in re.finditer("(.)-(.)|.", of_class, re.DOTALL):
        members |= {chr(c) for c in range(ord(found[1]), ord(found[2]) + 1)} if found[1] else {found[0]}
    return frozenset(members)


_IN_ITSELF = _members(_INVISIBLE + _OTHER_FORMS)
_BESIDE_OTHERS = _members(_SPACES + _HYPHENS + _LOOKALIKE)
_BESIDE = re.compile(
    rf"(?<=[0-9)])[{_SPACES}{_HYPHENS}][0-9(]|(?<=[A-Za-z0-9@])[{_LOOKALIKE}]|[{_LOOKALIKE}](?=[A-Za-z0-9@])"
)
_DOT_WORD = "[A-Za-z0-9-]{1,63} [dD][oO][tT] [A-Za-z]"
# What is replaced, leftmost first. A run of other forms or lookalikes is replaced character by character.
_HIDDEN = regex.compile(
    rf"(?P<gone>[{_INVISIBLE}]+|(?<=[A-Za-z0-9@.])\*\*(?=[A-Za-z0-9@.]))"
    rf"|(?P<other>[{_OTHER_FORMS}]+)|(?P<space>[{_SPACES}])|(?P<hyphen>[{_HYPHENS}])"
    rf"|(?P<lookalike>(?<=[A-Za-z0-9@._-])[{_LOOKALIKE}]{{1,64}}|[{_LOOKALIKE}]{{1,64}}(?=[A-Za-z0-9@]))"
    r"|(?P<html>&(?:#[0-9]{2,7}|#[xX][0-9a-fA-F]{2,6}|commat|period|lowbar|plus|hyphen|nbsp);)"
    r"|(?:%|\\u00|\\x)(?P<code>[2-7][0-9A-Fa-f])"
    r"|\\(?P<markdown>[_.@+-])"
    rf"|(?P<at> ?[(\[{{] ?[aA][tT] ?[)\]}}] ?|(?<=[A-Za-z0-9]) [aA][tT] (?={_DOT_WORD}))"
    r"|(?P<dot> ?[(\[{] ?[dD][oO][tT] ?[)\]}] ?|(?<=[A-Za-z0-9]) [dD][oO][tT] (?=[A-Za-z]))"
)


class Normalised(NamedTuple):
    """The plain text, and where its pieces stood: their offsets here and there, ascending.

    A piece is text that was left alone, or something replaced: by nothing, by one character, or by as many as
    it had.
    """

    text: str
    here: list[int]
    there: list[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The original's span for a span of the plain text, which is not empty."""
        first = bisect_right(self.here, start) - 1
        last = bisect_right(self.here, end - 1) - 1
        stop = self.there[last] + end - self.here[last]
        if last + 1 < len(self.here) and self.here[last + 1] == end:
            stop = self.there[last + 1]
        return self.there[first] + start - self.here[first], stop


def normalise(text: str) -> Normalised | None:
    """The text with its hidden characters plain, None if nothing in it hides."""
    steps = normalise_in_steps(text)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            made: Normalised | None = done.value
            return made


def normalise_in_steps(text: str) -> Generator[None, None, Normalised | None]:
    """As `normalise`, with a stop after each stretch of the text."""
    for stop in range(STRETCH, len(text) + STRETCH, STRETCH):
        if _may_hide(text[max(0, stop - STRETCH - _REACH) : stop]):
            break
        yield
    else:
        return None
    pieces: list[str] = []
    here, there = [0], [0]
    at = length = resume = 0
    for stop in range(STRETCH, len(text) + STRETCH, STRETCH):
        for found in _HIDDEN.finditer(text, resume, stop + _REACH):
            if found.start() >= stop:
                break
            resume = found.end()
            plain = _plain(found)
            if plain == found[0]:
                continue
            pieces += text[at : found.start()], plain
            length += found.start() - at
            here += length, length + len(plain)
            there += found.span()
            length += len(plain)
            at = found.end()
        resume = max(resume, stop)
        yield
    pieces.append(text[at:])
    return Normalised("".join(pieces), here, there) if at else None


def _may_hide(text: str) -> bool:
    """A quick sign."""
    if any(c in text and any(sign in text for sign in signs) for c, signs in _ASCII_SIGNS.items()):
        return True
    return not text.isascii() and _hides(set(text), text)


def _hides(characters: set[str], text: str) -> bool:
    """Is there a character that hides, in itself or by what it stands beside?"""
    if not characters.isdisjoint(_IN_ITSELF):
        return True
    return not characters.isdisjoint(_BESIDE_OTHERS) and _BESIDE.search(text) is not None


def _plain(found: regex.Match[str]) -> str:
    match found.lastgroup:
        case "gone":
            return ""
        case "other":
            return "".join(map(_ascii, found[0]))
        case "lookalike":
            return "".join(map(_LOOKALIKES.__getitem__, found[0]))
        case "html":
            return _ascii(html.unescape(found[0]))
        case "code":
            return chr(int(found["code"], 16))
        case "markdown":
            return str(found["markdown"])
        case "space":
            return " "
        case "hyphen":
            return "-"
        case "at":
            return "@"
        case _:
            return "."


@lru_cache(maxsize=1024)
def _ascii(character: str) -> str:
    """One character of another form as ASCII, a space for a no-break one; itself if it has none."""
    if len(character) != 1:
        return character
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    made = unicodedata.normalize("NFKC", character)
    return made if made.isascii() and len(made) == 1 else character
