"""What a model is given to read: a text, or the strings of a JSON text, cut where a reader would pause.

Text in, piece by piece; pieces of it out, each with where its characters stand in the whole. A cut depends
on what is before it only, never on how the text came. Of JSON the values that are strings are read, decoded;
keys are not: a name that a tool expects must not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import regex

from gateway.chat import Nature
from gateway.privacy.json_run import STEP, awaits_low_surrogate, looks_like_json, unescape

# A sentence that is longer is cut at white space, so that an answer is not held for long.
LONGEST_SENTENCE = 400
# A page of a request: enough context for any model, and no more than one can do at a time.
LONGEST_PAGE = 4000

_SENTENCE_END = regex.compile(
    r"(?<!\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr)\.)(?<=[.!?][\"')\]]?)\s|[\n。！？]"
)
_SPACE_BEHIND = regex.compile(r"(?r)\s")
_PARAGRAPH_BEHIND = regex.compile(r"(?r)\n")
_LETTER = regex.compile(r"\p{L}")


class Piece(NamedTuple):
    """`places` say where each character, and the end, stand in the whole."""

    text: str
    places: Sequence[int]

    @property
    def start(self) -> int:
        return self.places[0]

    @property
    def end(self) -> int:
        return self.places[-1]

    @property
    def says_something(self) -> bool:
        return _LETTER.search(self.text) is not None


Cut = Callable[[str], int]


def sentence(text: str) -> int:
    """Where the first sentence ends, 0 while that is not known."""
    if found := _SENTENCE_END.search(text, 0, LONGEST_SENTENCE):
        return int(found.end())
    return _last_space(text, LONGEST_SENTENCE)


def page(text: str) -> int:
    """Where a page ends, 0 while the text is shorter than one."""
    if len(text) >= LONGEST_PAGE and (
        found := _PARAGRAPH_BEHIND.search(text, LONGEST_PAGE // 2, LONGEST_PAGE)
    ):
        return int(found.end())
    return _last_space(text, LONGEST_PAGE)


def _last_space(text: str, longest: int) -> int:
    if len(text) < longest:
        return 0
    found = _SPACE_BEHIND.search(text, longest // 2, longest)
    return int(found.end()) if found else longest


class TextPieces:
    """The pieces of a text. `since` is where the piece begins that is not complete."""

    __slots__ = ("_cut", "_rest", "since")

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._rest = ""
        self.since = 0

    def feed(self, text: str) -> Iterator[Piece]:
        rest = self._rest + text
        at = 0
        # A slice no longer than any piece: the rest of a long text is not copied for each.
        while end := self._cut(rest[at : at + LONGEST_PAGE]):
            yield self._take(rest[at : at + end])
            at += end
        self._rest = rest[at:]

    def flush(self) -> Iterator[Piece]:
        rest, self._rest = self._rest, ""
        if rest:
            yield self._take(rest)

    def _take(self, text: str) -> Piece:
        start, self.since = self.since, self.since + len(text)
        return Piece(text, range(start, start + len(text) + 1))


class JsonPieces:
    """The pieces of the strings in a JSON text that are values. The text need not be valid."""

    __slots__ = ("_at", "_cut", "_in_string", "_is_value", "_last", "_nested", "_places", "_said", "_tail")

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._at = 0
        self._tail = ""  # the beginning of an escape
        self._in_string = False
        self._is_value = False
        self._nested: list[str] = []
        self._last = ""  # the last visible character outside strings
        self._said = ""
        self._places: list[int] = []

    @property
    def since(self) -> int:
        return self._places[0] if self._places else self._at

    def feed(self, text: str) -> Iterator[Piece]:
        return self._advance(self._tail + text, final=False)

    def flush(self) -> Iterator[Piece]:
        yield from self._advance(self._tail, final=True)
        yield from self._close()

    def _advance(self, raw: str, final: bool) -> Iterator[Piece]:
        i = 0
        base = self._at
        while i < len(raw):
            if not self._in_string:
                quote = raw.find('"', i)
                stop = len(raw) if quote < 0 else quote
                self._outside(raw[i:stop])
                i = stop
                if quote >= 0:
                    self._in_string = True
                    i += 1
                self._at = base + i
                continue
            step = STEP.match(raw, i)
            if not final and (step is None or awaits_low_surrogate(step, raw)):
                break
            if step is not None and step.lastgroup == "quote":
                yield from self._close()
                self._in_string = False
                i = step.end()
            elif step is None or step.lastgroup == "literal":
                text = raw[i:] if step is None else step[0]
                for start in range(0, len(text), LONGEST_PAGE):  # each cut copies what is behind it
                    part = text[start : start + LONGEST_PAGE]
                    at = base + i + start
                    yield from self._say(part, range(at, at + len(part)), at + len(part))
                i += len(text)
            else:
                yield from self._say(unescape(step[0]), (base + i,), base + step.end())
                i = step.end()
            self._at = base + i
        self._tail = raw[i:]

    def _outside(self, text: str) -> None:
        for character in text:
            if character in "{[":
                self._nested.append(character)
            elif character in "}]" and self._nested:
                self._nested.pop()
            if not character.isspace():
                self._last = character
        in_list = not self._nested or self._nested[-1] == "["
        self._is_value = self._last == ":" or (in_list and self._last != "{")

    def _say(self, text: str, places: Sequence[int], behind: int) -> Iterator[Piece]:
        if not self._is_value:
            return
        self._said += text
        self._places += places
        while end := self._cut(self._said):
            stop = self._places[end] if end < len(self._places) else behind
            yield Piece(self._said[:end], (*self._places[:end], stop))
            self._said = self._said[end:]
            del self._places[:end]

    def _close(self) -> Iterator[Piece]:
        if self._said:
            yield Piece(self._said, (*self._places, self._at))
        self._said = ""
        self._places = []


class SniffedPieces:
    """The pieces of what is JSON or plain text; which of them shows with its first characters."""

    __slots__ = ("_cut", "_lead", "_pieces")

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._lead = ""
        self._pieces: TextPieces | JsonPieces | None = None

    @property
    def since(self) -> int:
        return 0 if self._pieces is None else self._pieces.since

    def feed(self, text: str, final: bool = False) -> Iterator[Piece]:
        if self._pieces is None:
            self._lead += text
            is_json = looks_like_json(self._lead, final)
            if is_json is None:
                return
            self._pieces = (JsonPieces if is_json else TextPieces)(self._cut)
            text = self._lead
        yield from self._pieces.feed(text)

    def flush(self) -> Iterator[Piece]:
        yield from self.feed("", final=True)
        assert self._pieces is not None
        yield from self._pieces.flush()


Pieces = TextPieces | JsonPieces | SniffedPieces


def pieces_for(nature: Nature, cut: Cut) -> Pieces:
    if nature == "text":
        return TextPieces(cut)
    return JsonPieces(cut) if nature == "json" else SniffedPieces(cut)


def pieces(text: str, nature: Nature, cut: Cut) -> list[Piece]:
    """The pieces of a whole text that say something."""
    cutter = pieces_for(nature, cut)
    return [each for each in (*cutter.feed(text), *cutter.flush()) if each.says_something]
