"""The two-way map of one request: value to placeholder, placeholder to value.

It lives in memory and dies with the request. It has no useful repr, so that no log, traceback or debugger
line shows a value by accident.

Placeholders are `[EMAIL_1]`: typed, numbered by first appearance, terminated, ASCII. Numbering in order
makes them stable from turn to turn, because the client sends the restored history again; a stable prompt
keeps the provider's prompt cache warm. Each surface form has its own placeholder, so that restoring gives
back exactly what stood there. Numbers that the caller's own text already uses are skipped: what the
caller wrote as `[EMAIL_1]` stays literally that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote

import regex

# What models make of a placeholder, beside leaving it alone: another case, a space or an escaped
# underscore inside, Markdown-escaped or full-width brackets, percent-encoded brackets in a URL. Anything
# else is not a placeholder. At most 6 digits and one space either side keep it bounded.
# Escaped brackets count in pairs only: a backslash before an unescaped one is the caller's own.
_TOLERANT = (
    r"(?:[\[［] ?(?P<label>{labels})(?:\\?_|[ -])(?P<number>[0-9]{{1,6}}) ?[\]］]"
    r"|\\\[ ?(?P<label>{labels})(?:\\?_|[ -])(?P<number>[0-9]{{1,6}}) ?\\\]"
    r"|%5B(?P<label>{labels})(?:_|%5F|%20|\+)(?P<number>[0-9]{{1,6}})%5D)"
)
LONGEST_PLACEHOLDER = 64
_OPENINGS = ((r"\[",), ("［",), (r"\\", r"\["), ("%", "5", "[Bb]"))
_ANY_LABEL = r"[A-Z][A-Z_]{0,40}"


def placeholder_core(labels: Iterable[str]) -> str:
    """The tolerant grammar for these labels as a regular expression; match it ignoring case."""
    return _TOLERANT.format(labels="|".join(sorted(labels)))


_ANY = regex.compile(_TOLERANT.format(labels=_ANY_LABEL), regex.IGNORECASE)


class Grammar(NamedTuple):
    """How a request's placeholders are written, for whoever looks for them.

    `openings` are all the ways `core` can begin, each a sequence of regex atoms. `before` and `after` are
    classes of characters that must not stand beside a placeholder, empty for none.
    """

    core: str
    openings: tuple[tuple[str, ...], ...]
    before: str = ""
    after: str = ""
    ignore_case: bool = False


class Vault:
    """Values and placeholders of one request.

    `reserve` takes every raw text of the request first; `hide` then hands out placeholders; `reveal` gives
    values back, None for a placeholder that was never issued.
    """

    __slots__ = ("_next", "_placeholders", "_reserved", "_values", "hosts")

    def __init__(self) -> None:
        self._placeholders: dict[tuple[str, str], str] = {}
        self._values: dict[tuple[str, int], str] = {}
        self._reserved: set[tuple[str, int]] = set()
        self._next: dict[str, int] = {}
        self.hosts: set[str] = set()

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Vault of {len(self)}>"

    def __reduce__(self) -> str:
        raise TypeError("a vault is never written anywhere")

    @property
    def labels(self) -> frozenset[str]:
        """The labels of which at least one placeholder was issued."""
        return frozenset(self._next)

    def grammar(self) -> Grammar | None:
        """The grammar of the placeholders that were issued; None if none was."""
        if not self._next:
            return None
        return Grammar(placeholder_core(self._next), _OPENINGS, ignore_case=True)

    def reserve(self, text: str) -> None:
        """Keep numbers that stand in the caller's raw text from being issued."""
        if "[" not in text and "%" not in text and "［" not in text:
            return
        for found in _ANY.finditer(text):
            self._reserved.add((found["label"].upper(), int(found["number"])))

    def hide(self, label: str, value: str) -> str:
        """The placeholder of a value: the one it has, or the label's next free number."""
        placeholder = self._placeholders.get((label, value))
        if placeholder is None:
            number = self._next.get(label, 0) + 1
            while (label, number) in self._reserved:
                number += 1
            self._next[label] = number
            placeholder = f"[{label}_{number}]"
            self._placeholders[label, value] = placeholder
            self._values[label, number] = value
        return placeholder

    def reveal(self, found: regex.Match[str]) -> str | None:
        """The value for a match of `placeholder_core`, percent-encoded where the placeholder was."""
        value = self._values.get((found["label"].upper(), int(found["number"])))
        if value is not None and found[0][0] == "%":
            return quote(value, safe="")
        return value
