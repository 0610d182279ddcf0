"""Does a value look like a secret, or like a name, a word, a placeholder?

In: the value alone. Out: a judgement of its shape. What stood before it is the cue's business.

Entropy per character is no help below some thirty characters: `handleSubmitButton` has more of it than
many keys. What tells a key from a name is that names are made of words, and words of the letter pairs that
English is made of, and that people write digits at the end of a word and not all through it.
"""

from __future__ import annotations

import re

# The 228 letter pairs that make up 90 % of the pairs in words and identifiers; random letters reach 34 %.
_PAIRS = frozenset(
    """
    ab ac ad ag ai ak al am an ap ar as at au av ay ba be bi bl bo br bu ca cc ce ch ci ck cl co cr ct cu da
    dd de di dl do dr ds du ea eb ec ed ee ef eg ei el em en ep er es et ev ew ex fa fe ff fi fl fo fr fu ga
    ge gh gi gn go gr gs gu ha he hi ho ht ia ib ic id ie if ig il im in io ip ir is it iv iz ke ki la ld le
    li ll lo ls lt lu ly ma mb me mi mm mo mp mu na nc nd ne nf ng ni nn no ns nt nu nv oa ob oc od og oi ok
    ol om on oo op or os ot ou ov ow pa pe ph pi pl po pp pr ps pt pu py qu ra rc rd re rg ri rk rl rm rn ro
    rr rs rt ru ry sa sc se sh si sl so sp ss st su sy ta tc te th ti tl to tr ts tt tu ty ua ub uc ue ui ul
    um un up ur us ut va ve vi wa we wi wo xe xp xt yp ze
    """.split()
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DIGIT_BORDER = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])")
_CASE_BORDER = re.compile(r"[a-z](?=[A-Z])")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# A version, a date, an address: digits with signs between them.
_NUMBERS = re.compile(r"v?[0-9]+(?:[.:/TZ+-]+[0-9]+)+Z?")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.\-/: ]")

# What people write where a secret would stand, as a word of the value in any case.
_PLACEHOLDER_WORDS = frozenset(
    """
    your yours mine here example examples sample dummy mock fake placeholder changeme changeit replace
    replaceme insert todo redacted removed hidden masked omitted censored secret secrets password passwords
    passwd passphrase token tokens apikey username foobar none null undefined true false required optional
    invalid valid string text value values default empty unset missing enter something whatever
    """.split()
)
# Shorter ones turn up in random letters too: they count between separators only.
_PLACEHOLDER_PARTS = frozenset("my foo bar baz tbd nil str env any fake key api pass pwd user".split())
_PARTS = re.compile(r"[^A-Za-z0-9]+")
_TEST = re.compile(r"(?i)(?:test|testing|demo|dev|local)[0-9!]{0,4}")
_CROSSED_OUT = re.compile(r"([xX*•.#?_\-])\1{3}|\.\.\.|…")
_REPEATED = re.compile(r"([A-Za-z0-9])\1{5}")
_RUNS = ("0123456789", "1234567890", "abcdef123456", "qwertyuiop")
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz"[i : i + 8] for i in range(19))
# A template's hole, a variable, a format's directive, a regular expression.
_TEMPLATE = re.compile(
    r"\[[^\]]*[a-z0-9]-[a-z0-9]|\{[0-9]+,?[0-9]*\}|\[:|\(\?|"
    r"\$\{|\{\{|\$\(|<%|%\(|#\{|\{[A-Za-z_][\w.]*\}|\A\{\d*\}\Z|\A[$@%&!]?[<\[(].*|"
    r"\A\*\w+\Z|\A\$[A-Za-z_]\w*\Z|\A\$[0-9]\Z|\A%\w+%?\Z|\A@[A-Za-z_]+@?\Z|\A:\w+\Z|\A!\w+\Z"
)
_LOCATION = re.compile(
    r"\A(?:[A-Za-z][A-Za-z0-9+.-]{1,20}://|[~.]{0,2}/|[A-Za-z]:\\|arn:|data:|projects/|urn:)"
)


def stand_in(value: str) -> bool:
    """Crossed out, or in so many words: `xxxx`, `YOUR_KEY`, `<token>`."""
    if _CROSSED_OUT.search(value) or _TEMPLATE.search(value):
        return True
    return any(word.lower() in _PLACEHOLDER_WORDS for word in _WORD.findall(value))


def placeholder(value: str) -> bool:
    """Does it only hold the place of a secret? Stricter than `stand_in`: no prefix vouches for the value."""
    if _UUID.fullmatch(value):
        return len(set(value)) < 5
    if stand_in(value) or _REPEATED.search(value):
        return True
    lower = value.lower()
    if len(value) < 40 and any(run in lower for run in _RUNS):
        return True
    return not _PLACEHOLDER_PARTS.isdisjoint(_PARTS.split(lower)) or _TEST.fullmatch(value) is not None


def location(value: str) -> bool:
    """A path or an address says where a secret is, and is none."""
    return _LOCATION.match(value) is not None


def wordiness(value: str) -> float:
    """The share of its letter pairs that words are made of, 0 to 1; pairs count within a word only."""
    pairs = common = 0
    for word in _WORD.findall(value):
        lower = word.lower()
        for i in range(len(lower) - 1):
            pairs += 1
            common += lower[i : i + 2] in _PAIRS
    return common / pairs if pairs else 0.0


def random_looking(value: str) -> bool:
    """Letters and digits mixed as no name mixes them, or letters that make no words."""
    if len(set(value)) < 5 or any(run in value.lower() for run in _ALPHABET):
        return False
    letters = sum(c.isalpha() for c in value)
    digits = sum(c.isdigit() for c in value)
    if _UUID.fullmatch(value):
        return True
    if not letters:
        return False
    if not digits:
        return letters >= 12 and wordiness(value) < 0.6 and len(_CASE_BORDER.findall(value)) * 2 < letters
    borders = len(_DIGIT_BORDER.findall(value))
    if borders >= 4:
        return True
    wordy = wordiness(value)
    if borders >= 2 and wordy < 0.75 and len(value) >= 10:
        return True
    return wordy < 0.55 and letters + digits >= 12


def token(value: str) -> bool:
    """Is this what a machine made up: at least eight characters, random, neither a name nor a place?"""
    if len(value) < 8 or placeholder(value) or location(value) or _NUMBERS.fullmatch(value):
        return False
    if value.isdigit():
        return len(value) >= 15 and len(set(value)) > 4
    return random_looking(value)


def password(value: str) -> bool:
    """Is this what a person made up: letters with digits or signs among them, and no name of something?"""
    if len(value) < 5 or placeholder(value) or location(value) or _NUMBERS.fullmatch(value):
        return False
    if _NOT_PLAIN.search(value):
        return len(set(value)) >= 5
    digits = sum(c.isdigit() for c in value)
    if digits == len(value):
        return len(value) >= 6
    if not digits:
        return random_looking(value)
    return True
