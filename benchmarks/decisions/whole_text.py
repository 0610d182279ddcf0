"""How to look for all rows in a whole text: one search a row, rows together, or near their words only.

A row that waits for a cue word has nothing to look for where the word is not. `re` skips ahead in C to a
class of characters that a pattern begins with, but not behind a look-behind: the pattern has to take a
character first and look back from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import regex

from benchmarks import dialogue
from benchmarks.decisions import show
from gateway.privacy.actions import every_rule
from gateway.privacy.search import find

_SAID = "".join(dialogue.tokens(dialogue.Asked(dialogue.values(0), "prose"), 101))
TEXT = (_SAID * 3)[:200]
_CORES = [
    f"(?<!{r.entity.before or '^'})(?:{r.entity.core})(?!{r.entity.after or '^'})" for r in every_rule()
]
_BY_REGEX = [regex.compile(core) for core in _CORES]
_PLAIN = [re.compile(core) for core in _CORES]
_SKIPPING = [re.compile(f"[{rule.first}](?<=(?:{rule.lead + rule.rest})(?s:.))") for rule in every_rule()]
_ALTERNATION = regex.compile("|".join(f"(?:{core})" for core in _CORES))


def each(patterns: list[re.Pattern[str]] | list[regex.Pattern[str]]) -> None:
    for pattern in patterns:
        for _ in pattern.finditer(TEXT):
            pass


def main() -> None:
    variants: dict[str, Callable[[], object]] = {
        "regex, one alternation": partial(each, [_ALTERNATION]),
        "regex, a search a row": partial(each, _BY_REGEX),
        "re, a search a row": partial(each, _PLAIN),
        "re, a search a row, from its first character": partial(each, _SKIPPING),
        "find: rows together, and near their words (chosen)": lambda: find(TEXT, every_rule()),
    }
    show(
        f"{len(every_rule())} rows in {len(TEXT)} characters (cues not looked at, but by find)",
        variants,
        1,
    )


if __name__ == "__main__":
    main()
