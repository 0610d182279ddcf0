r"""A run of JSON text, in pieces: tool arguments, JSON output, and JSON inside JSON strings.

Each string is scanned as its decoded value, a run of its own with its key as left context, so that
`[EMAIL_1]` and `\u005bEMAIL_1\u005d` are the same; what is put in is escaped for its place. A string that
itself begins like JSON is a `JsonRun` again, one escape level deeper. What stands outside strings is one run
from string to string; what is put in there becomes a string: a redacted number, a bare placeholder.

Nothing requires the text to be valid or complete: a model may cut its arguments anywhere, and what is no
JSON passes like text. The interface is `TextRun`'s, offsets count characters of the raw JSON.
"""

from __future__ import annotations

import json
from bisect import bisect_right

import regex

from gateway.privacy.scanner import Blocked, Edit, Scan, TextRun

# One step inside a string: literal text, an escape (a surrogate pair is one), the closing quote. What
# matches none of these is an escape that is not all there yet.
STEP = regex.compile(
    r'(?P<literal>[^"\\]+)'
    r"|(?P<escape>\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^u]))"
    r'|(?P<quote>")'
)
_HIGH_SURROGATE = regex.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}")
_LOW_SURROGATE = regex.compile(r"\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_ESCAPE = regex.compile(r"(?:\\u[dD][89abAB][0-9a-fA-F]{2})?\\(?:u[0-9a-fA-F]{4}|[^u])")
_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# `{` alone is no JSON yet (a template says "{name}"), nor is `[` (a placeholder says "[EMAIL_1]", a citation
# "[1] ", a link "[[1]](…)").
_JSON_START = regex.compile(
    r"\s{0,32}(?:\[\s{0,32}){0,8}(?:\{\s{0,32}[\"}]|(?<=\[\s{0,32})"
    r"(?:\"|\]|(?:-?[0-9][0-9.eE+-]{0,40}|true|false|null)\s{0,32},))"
)
_BEFORE_A_VALUE = (":", ",", "[")
_KEY_REACH = 48


def escape(text: str) -> str:
    """The text as it stands between the quotes of a JSON string (RFC 8259 section 7)."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def unescape(raw: str) -> str:
    if raw[1] != "u":
        return _SIMPLE.get(raw[1], raw[1])
    if len(raw) == 6:
        return chr(int(raw[2:], 16))
    return chr(0x10000 + ((int(raw[2:6], 16) & 0x3FF) << 10) + (int(raw[8:], 16) & 0x3FF))


def decoded(raw: str) -> str:
    """A stretch of a JSON string as it reads."""
    return _ESCAPE.sub(lambda found: unescape(found[0]), raw) if "\\" in raw else raw


def looks_like_json(text: str, final: bool) -> bool | None:
    """Does a run that begins like this hold JSON? None while that cannot be told."""
    if _JSON_START.match(text):
        return True
    return None if not final and _JSON_START.fullmatch(text, partial=True) else False


class SniffRun:
    """A run that is JSON or plain text; which of them shows with its first characters."""

    __slots__ = ("_context", "_lead", "_run", "_scan", "edits")

    def __init__(self, scan: Scan, context: str = "") -> None:
        self._scan = scan
        self._context = context
        self._lead = ""
        self._run: TextRun | JsonRun | None = None
        self.edits: list[Edit] = []

    def feed(self, piece: str) -> int:
        if self._run is None:
            self._lead += piece
            return self._choose(final=False)
        return self._run.feed(piece)

    def flush(self) -> int:
        if self._run is None:
            self._choose(final=True)
        assert self._run is not None
        return self._run.flush()

    def _choose(self, final: bool) -> int:
        is_json = looks_like_json(self._lead, final)
        if is_json is None:
            return 0
        run = self._run = (JsonRun if is_json else TextRun)(self._scan, self._context)
        run.edits = self.edits
        lead, self._lead = self._lead, ""
        return run.feed(lead)


class JsonRun:
    """See the module. `context` is the left context of what stands before the first string."""

    __slots__ = (
        "_at",
        "_decided",
        "_fed",
        "_in_string",
        "_inner",
        "_key",
        "_marks",
        "_said",
        "_scan",
        "_tail",
        "edits",
    )

    def __init__(self, scan: Scan, context: str = "") -> None:
        self._scan = scan
        self._tail = ""  # the beginning of an escape
        self._at = 0  # our offset behind everything that was pushed into the inner run
        self._fed = 0  # the inner run's offset of the same place
        self._decided = 0
        self._in_string = False
        self._inner: TextRun | SniffRun = TextRun(scan, context)
        self._marks: tuple[list[int], list[int]] = ([0], [0])  # the inner run's offsets -> ours
        self._said = ""  # the beginning of the last string: a key, if a colon follows
        self._key = context
        self.edits: list[Edit] = []

    def feed(self, piece: str) -> int:
        if self._scan.blocked is None:
            self._advance(self._tail + piece, final=False)
        return self._decided

    def flush(self) -> int:
        if self._scan.blocked is None:
            self._advance(self._tail, final=True)
        if self._scan.blocked is None:
            self._settle(self._inner.flush())
        return self._decided

    def _advance(self, raw: str, final: bool) -> None:
        i = 0
        while i < len(raw) and self._scan.blocked is None:
            if not self._in_string:
                quote = raw.find('"', i)
                stop = len(raw) if quote < 0 else quote
                outside = raw[i:stop]
                if ":" in outside:
                    self._key = self._said + ": "
                self._push(outside, len(outside))
                i = stop
                if quote >= 0:
                    self._cross_quote()
                    i += 1
                continue
            step = STEP.match(raw, i)
            if step is None or awaits_low_surrogate(step, raw):
                if not final:
                    break
                self._push(raw[i:], len(raw) - i)
                i = len(raw)
            elif step.lastgroup == "quote":
                self._cross_quote()
                i = step.end()
            else:
                text = step[0] if step.lastgroup == "literal" else unescape(step[0])
                self._said += text[: _KEY_REACH - len(self._said)]
                self._push(text, len(step[0]))
                i = step.end()
        self._tail = raw[i:]

    def _push(self, text: str, raw_length: int) -> None:
        """The inner run's next piece, which takes `raw_length` characters of ours."""
        self._at += raw_length
        self._fed += len(text)
        if len(text) != raw_length:
            self._marks[0].append(self._fed)
            self._marks[1].append(self._at)
        self._settle(self._inner.feed(text))

    def _settle(self, inner_decided: int) -> None:
        """Take over what the inner run has decided: its edits in our offsets, written for their place."""
        for start, end, text, lead in self._inner.edits:
            if self._in_string:
                text = escape(text)
            elif text and lead in _BEFORE_A_VALUE:
                text = f'"{escape(text)}"'
            self.edits.append(Edit(self._ours(start), self._ours(end), text, lead))
        self._inner.edits.clear()
        self._decided = self._ours(inner_decided)
        if (blocked := self._scan.blocked) is not None:
            start, end = self._ours(blocked.start), self._ours(blocked.end)
            self._scan.blocked = Blocked(blocked.entity, start, end)

    def _ours(self, offset: int) -> int:
        theirs, ours = self._marks
        mark = bisect_right(theirs, offset) - 1
        return ours[mark] + offset - theirs[mark]

    def _cross_quote(self) -> None:
        """The inner run ends at a quote and the next one begins behind it."""
        if self._scan.blocked is not None:
            return
        self._settle(self._inner.flush())
        if self._scan.blocked is not None:
            return
        self._in_string = not self._in_string
        self._at += 1
        self._fed = 0
        self._marks = ([0], [self._at])
        if self._in_string:
            self._said = ""
            self._inner = SniffRun(self._scan, self._key)
        else:
            self._inner = TextRun(self._scan, self._said)
        self._decided = self._at


def awaits_low_surrogate(step: regex.Match[str], raw: str) -> bool:
    """A high surrogate's escape whose other half may still come."""
    return (
        len(step[0]) == 6
        and _HIGH_SURROGATE.match(step[0]) is not None
        and _LOW_SURROGATE.fullmatch(raw, step.end(), partial=True) is not None
    )
