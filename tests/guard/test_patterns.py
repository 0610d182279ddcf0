"""Every pattern of the detector takes twice the time for twice the text, whatever the text is."""

from __future__ import annotations

import re
import time
from types import ModuleType

import pytest

from gateway.guard import lexicon, model, normalise, rules, threats, views


def patterns(module: ModuleType) -> list[re.Pattern[str]]:
    """The compiled patterns of a module: names, and those inside its tables."""
    found = []
    for value in vars(module).values():
        if isinstance(value, re.Pattern):
            found.append(value)
        elif isinstance(value, tuple):
            for row in value:
                if isinstance(row, tuple):
                    found += [cell for cell in row if isinstance(cell, re.Pattern)]
    return found


PATTERNS = {
    pattern.pattern: pattern
    for module in (lexicon, model, normalise, rules, threats, views)
    for pattern in patterns(module)
}
# What a repeat could take in and then have to give back.
UNITS = [
    "a", "A", "1", "7f", "!", "a1", "a!", "a_", "a b ", "a  ", "a-", "12 ", "01010101", "0x41 ", "%41", "%4", "\\u0041",
    "\\x4", "&#65;", "&a", ".- ", "..", "= ", "a='b' ", "a='", "x=\"", "QUJD", "AB2=", "QUJD\n", "![a](", "![](http://x?",
    "<img src=http://x?a", "\u200b", "a\u200b", "\U000e0041", "\U0001f3f4\U000e0041", "\ufe01", "\u2066", "忽", "忽略", "é",
    "ABAB", "A.B.", "...", " ", "\n", "{[",
]  # fmt: skip
SHORT, LONG = 1000, 8000


def took_ns(pattern: re.Pattern[str], text: str, times: int) -> int:
    taken = []
    for _ in range(times):
        begin = time.process_time_ns()
        for _ in pattern.finditer(text):
            pass
        taken.append(time.process_time_ns() - begin)
    return min(taken)


@pytest.mark.parametrize("ending", ["_", "x", " "])
def test_no_pattern_backtracks_over_its_text(ending: str) -> None:
    """Eight times the text may take 30 times as long on a busy machine; a quadratic pattern takes 64 times."""
    slow = []
    for pattern in PATTERNS.values():
        for unit in UNITS:
            text = (unit * LONG)[:LONG] + ending
            if took_ns(pattern, text, 1) < 4_000_000:
                continue
            if took_ns(pattern, text, 5) > 30 * took_ns(pattern, text[-SHORT:], 5):
                slow.append((pattern.pattern[:60], unit))
    assert not slow


def test_a_quadratic_pattern_would_be_seen() -> None:
    quadratic = re.compile("a+b")
    assert took_ns(quadratic, "a" * LONG, 2) > 30 * took_ns(quadratic, "a" * SHORT, 5)
