"""A text in, what it says read in another way out.

Decoded base64, hex and escapes, rotated or reversed letters, letters spelled out, what stands in invisible
characters. Each reading says from which characters of the original it came, and is looked for only where a
cheap sign of it was seen. Knows no threats: what is read here is judged elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from gateway.guard.normalise import Folded


class View(NamedTuple):
    """Another reading: `text` is what the characters `start` to `end` of the original say in `kind`."""

    kind: str
    start: int
    end: int
    text: str


_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}")
_BASE32 = re.compile(r"\b[A-Z2-7]{16,}={0,6}")
HEX = re.compile(r"(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[\s:,]{0,2}){8,}")
_HEX_SHAPE = bytes(ord("x" if re.match(r"[0-9A-Fa-fx\\\s:,]", chr(code)) else "-") for code in range(256))
_SHORTEST_HEX = b"x" * 16
_BINARY = re.compile(r"(?:[01]{8}[\s,]{0,2}){4,}")
_DECIMAL = re.compile(r"(?:[1-9][0-9]{1,2}[\s,;]{1,2}){7,}[0-9]{2,3}\b")
_UP_TO_11 = bytes(range(12))
_ALIKE = bytes.maketrans(b"\x02", b"\x03")  # How long the codes of characters are.
_PERCENT = re.compile(r"(?:[^\s%]{0,8}%[0-9A-Fa-f]{2}){4,}[^\s%]{0,40}")
_ESCAPES = re.compile(
    r"(?:\\{1,4}u[0-9A-Fa-f]{4})+|(?:\\{1,4}x[0-9A-Fa-f]{2})+"
)  # JSON in JSON doubles them.
_BESIDE = 200  # Characters left and right of what is escaped: four signs in source code are no message.
_ENTITY = re.compile(
    r"(?:[^\s&]{0,8}&(?:#[0-9]{2,7}|#x[0-9A-Fa-f]{1,6}|[a-z]{2,8});[ ]{0,2}){4,}[^\s&]{0,40}"
)
_MORSE = re.compile(r"(?:[.-]{1,5}[ /|]{1,3}){7,}[.-]{1,5}")
_TOKEN = re.compile(r"[\w@$!|]+")
# Any character and what separates it from the next, again and again: i-g-n-o-r-e, i g n o r e, i, g, n, o. In
# scripts with vowel signs each sign stands alone, and where all is separated so are the spaces and the stops.
# Where a word ends two spaces may follow, or a short word without a mark.
_SPELLED = re.compile(
    r"(?<![^\W_])[^\W_]([ ]?[-_.*~+|/,][ ]?|[ \t])(?:.\1){2,}+(?:(?:\S{0,2}\s{1,3}){0,2}.\1)*+\S?", re.DOTALL
)
_ASSIGNED = re.compile(r"[=:]\s{0,3}(?:\"([^\"\n]{1,200})\"|'([^'\n]{1,200})')")
_TAGS = re.compile("[\U000e0020-\U000e007e]{4,}")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_LETTERS = re.compile(r"[^\W\d_]")
_LEET = str.maketrans("01345780@$!|", "oleastboasil")
_LEET_TO_I = _LEET | str.maketrans("1", "i")
_MORSE_LETTERS = dict(
    zip(
        (
            ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. "
            "--.- .-. ... - ..- ...- .-- -..- -.-- --.."
        ).split(),
        "abcdefghijklmnopqrstuvwxyz",
        strict=True,
    )
)  # fmt: skip

# Words that say a text is English, or German; turned round they say that it is turned round.
_COMMON = frozenset(
    (
        "the and you your are that this with for all what from have not ignore forget previous above "
        "instructions system prompt rules reveal print tell now must password und der die das ist nicht "
        "everything anything instruction directions respond prompts secret please answer question questions "
        "write never always without before after other would could should about there their which were was "
        "will then them they been only said like make just over also into some more every act pretend mode "
        "model assistant safety filters limits restrictions guidelines unfiltered developer disregard "
        "override can how who why when where does did has had but out any new one two his she her him our "
        "get give show say want need know think help work time people information following text word words "
        "sentence list first last next start begin follow order orders task tasks translate explain "
        "describe create provide repeat story poem code data file user chat message email name true hello "
        "great good well done stop wait instead again because between through against during while under "
        "still being made way use ein eine einen einem einer alle alles bitte schreibe sage sagen antworte "
        "vergiss vergesse ignoriere vorherigen vorangehenden anweisungen befehle aufgaben aufgabe jetzt nur "
        "wie wer wo warum auf von den dem ich mir mich dein deine deinen gib neue passwort frage kannst "
        "sind wird haben auch noch aber oder wenn dass sich sie wir ihr kein keine mehr sehr gut gute heute "
        "morgen leute nach zum zur beim"
    ).split()
)
_ROMANCE = frozenset(
    (
        "les des que qui pour dans est une vous votre vos avec pas sur tous toutes ignorez oubliez mot "
        "passe quel  quelle nous sont comment los las una para con por todo todas olvida ignora cual como "
        "tus sin dame dime  che sono tutte tutto dimentica qual quale tua uma nao sua seu todos esqueca "
        "senha voce isso mas"
    ).split()
)
_LONG = re.compile(r"[a-z]{18,}")
_KNOWN = re.compile("|".join(sorted((word for word in _COMMON if len(word) > 2), key=len, reverse=True)))
_DIRECT = _COMMON | _ROMANCE
_ROTATED = frozenset(codecs.encode(word, "rot13") for word in _DIRECT) - _DIRECT - {"fur", "bar", "ure"}
_REAL = (
    "saw won era ton mood nor red run nie eis ned med rim eid evil pots pets trap tub deen rot toor tim sol "
    "sal sel sed aus"
)
_REVERSED = frozenset(word[::-1] for word in _DIRECT if len(word) > 2) - _DIRECT - set(_REAL.split())
_ATBASH = str.maketrans("abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba")
_MIRRORED = frozenset(word.translate(_ATBASH) for word in _COMMON)
_TURNED = _ROTATED | _REVERSED | _MIRRORED  # Few texts have any.


_SHORT = 400
_JOINING = (" + ", "+b", "+ b", "concat", "combin", "together", "join")


def _printable(data: bytes) -> str:
    """The text in `data`, or nothing if it is not text."""
    if data.count(b"\0") * 3 > len(data):
        data = data.replace(b"\0", b"")  # UTF-16, as PowerShell encodes commands.
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if error.start < max(8, len(data) - 4):
            return ""
        text = data[: error.start].decode()
    odd = sum(not (character.isprintable() or character.isspace()) for character in text)
    return text if len(text) >= 6 and odd * 20 <= len(text) else ""


def _base64(run: str) -> str:
    compact = "".join(run.split()).rstrip("=").replace("-", "+").replace("_", "/")
    if compact.isdigit() or (compact.isalpha() and (compact.islower() or compact.isupper())):
        return ""  # A number or a word: 16 letters of base64 are nearly never all of one case.
    try:
        text = _printable(base64.b64decode(compact[: len(compact) - (len(compact) % 4 == 1)] + "=="))
    except binascii.Error:
        return ""
    letters = sum(character.isalpha() or character > "\u02ff" for character in text)
    return text if text.isascii() or letters * 2 > len(text) else ""


def _base32(run: str) -> str:
    compact = run.rstrip("=")
    try:
        return _printable(base64.b32decode(compact + "=" * (-len(compact) % 8)))
    except binascii.Error:
        return ""


def hex_runs(text: str) -> Iterator[re.Match[str]]:
    """The matches of `HEX`, which takes 1 µs to pass a character: most of a text need not be passed."""
    if not text.isascii():
        yield from HEX.finditer(text)
        return
    shape = text.encode().translate(_HEX_SHAPE)
    start = shape.find(_SHORTEST_HEX)
    while start >= 0:
        end = shape.find(b"-", start)
        end = end if end >= 0 else len(text)
        yield from HEX.finditer(text, start, end)
        start = shape.find(_SHORTEST_HEX, end)


def _hex(run: str) -> str:
    digits = re.sub(r"0x|\\x|[^0-9A-Fa-f]", "", run)
    return _printable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _binary(run: str) -> str:
    bits = re.sub("[^01]", "", run)
    return _printable(int(bits[: len(bits) // 8 * 8], 2).to_bytes(len(bits) // 8, "big"))


def _decimal(run: str) -> str:
    codes = [int(code) for code in re.findall("[0-9]+", run)]
    return _printable(bytes(codes)) if max(codes) < 127 else ""


def _percent(run: str) -> str:
    return _printable(unquote_to_bytes(run.encode("utf-8", "surrogatepass")))


def _escaped(text: str) -> Iterator[View]:
    """What is escaped, as it reads where it stands: a word, a table of code points, or a whole message."""
    runs = list(_ESCAPES.finditer(text))
    if runs:
        start, end = max(0, runs[0].start() - _BESIDE), min(runs[-1].end() + _BESIDE, len(text))
        yield View("escapes", start, end, _ESCAPES.sub(_unescape, text[start:end]))


def _unescape(run: re.Match[str]) -> str:
    codes = run[0].replace("\\", "")
    if codes[0] == "u":
        return bytes.fromhex(codes.replace("u", "")).decode("utf-16-be", "replace")
    data = bytes.fromhex(codes.replace("x", ""))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _morse(run: str) -> str:
    return "".join(
        "".join(_MORSE_LETTERS.get(sign, "") for sign in word.split()) + " "
        for word in re.split(r"[/|]|\s{2,}", run)
    )


def _spelled(run: str, separator: str) -> str:
    """Letters joined to words: every other character is the separator, also before a space or a stop."""
    joined = re.sub(f"(.){re.escape(separator)}", r"\1", run, flags=re.DOTALL).lower()
    return _LONG.sub(lambda match: _KNOWN.sub(r" \g<0> ", match[0]), joined)


def _leet_word(word: str) -> str:
    """Digits read as the letters they look like; a 1 is an l where that makes a word we know, else an i."""
    other = word.translate(_LEET)
    return other if other in _COMMON else word.translate(_LEET_TO_I)


def _leet_token(match: re.Match[str]) -> str:
    """A token of letters and what looks like letters; a number, or a row of marks, is left alone."""
    token = match[0]
    mixed = not token.isalpha() and _LETTERS.search(token)
    return _leet_word(token) if mixed else token


def views(text: str, folded: Folded, found: Sequence[str]) -> Iterator[View]:
    """The other readings of `text`. `folded` is it folded, `found` are its words."""
    try:
        lengths = bytes(map(len, found))
    except ValueError:
        lengths = bytes(map(min, map(len, found), repeat(255)))
    if text.count(".") + text.count("-") > len(text) // 3:
        yield from _runs("morse", _MORSE.finditer, _morse, text)
    if not lengths:
        yield from _invisible(text)
        return
    long_ones = lengths.translate(None, _UP_TO_11)
    if long_ones:
        runs = [run for run in text.split() if len(run) > 15]
        if any(_base64(match[0]) for run in runs for match in _BASE64.finditer(run)):
            yield from _runs("base64", _BASE64.finditer, _base64, text)
    if long_ones and max(long_ones) > 15:
        long = [word for word in found if len(word) > 15]
        if any(not word.strip("abcdefghijklmnopqrstuvwxyz234567") for word in long):
            yield from _runs("base32", _BASE32.finditer, _base32, text)
        if any(not word.strip("0123456789abcdefx") for word in long):
            yield from _runs("hex", hex_runs, _hex, text)
            yield from _runs("binary", _BINARY.finditer, _binary, text)
    if b"\x02\x02\x02\x02\x02\x02\x02\x02" in lengths or b"\x04\x04\x04\x04\x04\x04\x04\x04" in lengths:
        yield from _runs("hex", hex_runs, _hex, text)
    if b"\x08\x08\x08\x08" in lengths:
        yield from _runs("binary", _BINARY.finditer, _binary, text)
    if text.count("%") >= 4:
        yield from _runs("percent", _PERCENT.finditer, _percent, text)
    if text.count("\\u") + text.count("\\x") >= 4:
        yield from _escaped(text)
    if text.count("&#") >= 4 or text.count("&") >= 12:
        yield from _runs("entities", _ENTITY.finditer, html.unescape, text)
    if not text.isascii():
        yield from _invisible(text)
    yield from _respelled(text, folded, found, lengths)


def _respelled(text: str, folded: Folded, found: Sequence[str], lengths: bytes) -> Iterator[View]:
    """Readings of the letters themselves: spelled out, as digits, rotated, mirrored, from the end, joined."""
    plain = folded.text
    if b"\x01\x01\x01\x01" in lengths:
        yield from _spelled_out(text, folded)
    seen = frozenset(found)
    marked = [word for word in seen if not word.isalpha()]
    mixed = [word for word in marked if word.isalnum() and not (word.isnumeric() or word[:-2].isalpha())]
    if mixed and any(_leet_word(word) in _COMMON for word in mixed):
        yield View("leet", 0, len(text), _TOKEN.sub(_leet_token, plain))
    if marked and b"\x03\x03\x03\x03\x03\x03" in lengths.translate(_ALIKE):
        yield from _runs("decimal", _DECIMAL.finditer, _decimal, text)
    common = len(_DIRECT & seen)
    turned_words = seen & _TURNED
    rotated = len(_ROTATED & turned_words)
    if rotated > common or (rotated > 1 and rotated * 12 > len(seen) ** 0.5):
        yield View("rot13", 0, len(text), codecs.encode(plain, "rot13"))
    turned = len(_REVERSED & turned_words)
    strange = not common and len(plain) < _SHORT and not plain.isascii()  # No words to know it by.
    if turned > common or (turned > 1 and turned * 3 > common) or strange:
        yield View("reversed", 0, len(text), plain[::-1])
    if len(_MIRRORED & turned_words) > 1:
        yield View("atbash", 0, len(text), plain.translate(_ATBASH))
    if ("=" in text or ":" in text) and any(sign in plain for sign in _JOINING):
        parts = [(match, match[1] or match[2]) for match in _ASSIGNED.finditer(text)]
        if 1 < len(parts) < 12:
            yield View("joined", parts[0][0].start(), parts[-1][0].end(), "".join(part for _, part in parts))


def _spelled_out(text: str, folded: Folded) -> Iterator[View]:
    """As written, since folding drops accents that were separated from their letters; else as folded."""
    written = _spelled_runs(text)
    runs = written or _spelled_runs(folded.text)
    if not runs:
        return
    spans = [run.span() for run in runs]
    if 2 * sum(end - start for start, end in spans) >= spans[-1][1] - spans[0][0]:
        spans = [(spans[0][0], spans[-1][1])]  # What stands between them is one letter, or a mark.
    whole, places = (text, spans) if written else (folded.text, folded.spans(spans))
    for (start, end), place, run in zip(spans, places, runs, strict=False):
        yield View("spelled", *place, _spelled(whole[start:end], run[1]))


def _spelled_runs(text: str) -> list[re.Match[str]]:
    """Of four letters at least: U.S.A. is a name."""
    return [run for run in _SPELLED.finditer(text) if len(run[0]) >= 4 + 3 * len(run[1])]


def _invisible(text: str) -> Iterator[View]:
    for match in _TAGS.finditer(text):
        yield View("tags", *match.span(), "".join(chr(ord(tag) - 0xE0000) for tag in match[0]))
    for match in _SELECTORS.finditer(text):
        codes = (ord(selector) for selector in match[0])
        data = bytes(code - 0xFE00 if code < 0xE0000 else code - 0xE0100 + 16 for code in codes)
        if hidden := _printable(data):
            yield View("selectors", *match.span(), hidden)


def _runs(
    kind: str, find: Callable[[str], Iterable[re.Match[str]]], decode: Callable[[str], str], text: str
) -> Iterator[View]:
    for match in find(text):
        if reading := decode(match[0]):
            yield View(kind, *match.span(), reading)
