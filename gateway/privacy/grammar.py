r"""What counts as a placeholder in an answer.

In: text. Out: what in it looks like a placeholder, whatever its label, and of each its name as it would have
been issued (`EMAIL_1`) and how a value is to be written in its place. Which of them were issued is the
vault's to say: so there is one pattern for all requests. This module knows no values.

A placeholder is `[EMAIL_1]`: the label, an underscore, a number of one to seven digits or a keyed id (`k` and
six characters of base 32). Whatever was issued is recognised exactly; beside that, what models make of it,
in either case:

    written as      brackets                  between words and number              the value is written
    plain           [ ]  ［ ］  【 】         _  \_  -  a blank, full-width _       as it is
    Markdown        \[ \]                     the same                              as it is
    URL             %5B %5D                   _  %5F  %20  +  -                     percent-encoded
    HTML            &#91; &#93; &lsqb; …      _  &#95;  &lowbar;  -  a space        HTML-escaped
    JSON            \u005b \u005d             _  \u005f  -  a space                 JSON-escaped

In the first two at most two blanks (line breaks and no-break spaces too) or zero-width characters may stand
inside the brackets and around what joins the words, digits may be full-width, and a possessive `'s` before
the closing bracket is kept. Brackets go in pairs of one row: a backslash before an unescaped placeholder is
the text's own. Bold, quotes and links around it are text.

Everything else is text as well and goes out as it stands. So does a bare `EMAIL_1`: in code it is a name,
and putting a value there would be a guess. So do a translated label (`[PERSONNE_1]`), a placeholder that
was cut off, one spelled out or encoded in base64, and a number that was never issued.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import regex

from gateway.privacy.beginnings import Opening

# None that is issued is longer, in characters, however it is written.
LONGEST_PLACEHOLDER = 160

_BLANKS = " \\t\\n\\r\u00a0\u2007\u202f\u3000"
_GAP = f"[{_BLANKS}\u00ad\u200b-\u200d\u2060\ufeff]{{0,2}}"
# Nothing but letters and digits stands beside a joint, so it is as long as it can be: nothing is tried twice.
_JOINT = rf"(?>{_GAP}(?:\\?[_＿]|[-\u2010\u2011]|[{_BLANKS}]){_GAP})"
_NUMBER = "[0-9０-９]{1,7}+"
_KEYED = "k[a-z2-7]{6}"
_LABEL = "[A-Z]{1,32}+(?:{joint}[A-Z]{1,32}+){0,4}"
# What joins the words of a label, or begins to.
_BETWEEN = re.compile(
    r"(?:%(?:5F?|20?)?|&(?:#(?:95?)?|l\w*)?;?|\\(?:u0{0,2}5?F?)?|[^A-Z0-9０-９])+", re.IGNORECASE
)
_OPENING = re.compile(r"\\?\[|[［【]|%5B|&[^;]*;|\\u005B", re.IGNORECASE)
# All the ways a placeholder can begin, as in an entity's row. The gate has no flag for their case.
OPENINGS: tuple[Opening, ...] = (
    (r"\[",),
    ("［",),
    ("【",),
    (r"\\", r"\["),
    ("%", "5", "[Bb]"),
    ("&", "#", "9", "1"),
    ("&", "#", "[Xx]", "5", "[Bb]"),
    ("&", "[Ll]", "[SsBb]"),
    (r"\\", "[Uu]", "0", "0", "5", "[Bb]"),
)
# Searching for one character is quicker than anything; only behind it the rest is looked for.
_MAY_OPEN = {
    "[": ("[",),
    "%": ("%5B", "%5b"),
    "&": ("&#", "&l", "&L"),
    "\\": ("\\u005", "\\U005"),
    "［": ("［",),
    "【": ("【",),
}
_JSON_ESCAPE = regex.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", regex.DOTALL)
_DEEPEST = 8


def spelt(label: str, number: str) -> str:
    """The table above, as a pattern; a label holds `{joint}` where words are joined."""

    def form(opening: str, joint: str, closing: str, gap: str = "", suffix: str = "") -> str:
        name = label.replace("{joint}", joint)
        return f"{opening}{gap}(?P<label>{name}){joint}(?P<id>{number}){suffix}{gap}{closing}"

    possessive = "(?P<suffix>['’]s)?"
    return "|".join(
        (
            form(r"[\[［【]", _JOINT, r"[\]］】]", _GAP, possessive),
            form(r"\\\[", _JOINT, r"\\\]", _GAP, possessive),
            form("%5B", r"(?:_|%5F|%20|\+|-)", "%5D"),
            form("&(?:#91|#x5B|lsqb|lbrack);", "(?:_|&#95;|&lowbar;|-| )", "&(?:#93|#x5D|rsqb|rbrack);"),
            form(r"\\u005B", r"(?:_|\\u005F|-| )", r"\\u005D"),
        )
    )


PLACEHOLDER = regex.compile(spelt(_LABEL, f"{_NUMBER}|{_KEYED}"), regex.IGNORECASE)


def issued(found: regex.Match[str]) -> tuple[str, str]:
    """The label and the number or keyed id of a match, as they would have been issued."""
    said = found["id"]
    return _issued(found["label"]), said.lower() if said[0] in "kK\u212a" else str(int(said))


def begun(text: str) -> str:
    r"""The same of a placeholder that is cut off, as far as it goes: `CREDIT_CARD_` of `\[Credit card `."""
    opening = _OPENING.match(text)
    return "" if opening is None else _issued(text[opening.end() :]).lstrip("_")


def _issued(label: str) -> str:
    return _BETWEEN.sub("_", label).casefold().upper()


def written_like(found: regex.Match[str], value: str) -> str:
    """The value as it belongs where the match stands."""
    opening = found[0][0]
    if opening == "%":
        return quote(value, safe="", errors="surrogatepass")
    if opening == "&":
        return html.escape(value)
    if opening == "\\" and found[0][1] != "[":
        return json.dumps(value, ensure_ascii=False)[1:-1]
    suffix = found["suffix"]
    return value + suffix if suffix else value


def _may_open(text: str) -> bool:
    return any(c in text and any(sign in text for sign in signs) for c, signs in _MAY_OPEN.items())


def lookalikes(text: str) -> Iterator[str]:
    """The names of all that looks like a placeholder, as they would have been issued: `EMAIL_1`.

    Those behind JSON escapes count too: a string may be looked at decoded, or decoded twice.
    """
    if not _may_open(text) and "\\u" not in text:
        return
    for view in views(text):
        if _may_open(view):
            for found in PLACEHOLDER.finditer(view):
                yield "_".join(issued(found))


def views(text: str) -> Iterator[str]:
    """The text, and what stands in it once its JSON escapes are undone, as deep as JSON is nested in JSON."""
    yield text
    for _ in range(_DEEPEST):
        if "\\" not in text:
            return
        text = _JSON_ESCAPE.sub(_unescape, text)
        yield text


def _unescape(found: regex.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return {"n": "\n", "r": "\r", "t": "\t"}.get(found[2], found[2])
