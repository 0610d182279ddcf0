"""How to tell which rows may match in a text full of digits: by patterns, by strings, or by its tokens.

Most rows that need no keyword are a certain arrangement of digits and capitals. In the shape of a text (a 0
for every digit, an A for every capital) that is a few fixed strings; tokens of shapes come again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from benchmarks.decisions import show
from benchmarks.scan import of_four_kinds
from gateway.privacy.redact import in_requests
from gateway.privacy.shapes import shape
from gateway.privacy.sighted import Tokens

TEXT = of_four_kinds()["logs"][:200]
_RULES = in_requests().acting
_MEMBERS = _RULES.by_token.members
_CORES = [re.compile(rule.entity.core) for each in _MEMBERS for rule in each.probe.rules]
_DIGITS = str.maketrans("123456789", "0" * 9)


def by_patterns() -> int:
    return sum(core.search(TEXT) is not None for core in _CORES)


def by_strings(shapes: Callable[[str], str]) -> int:
    seen = shapes(TEXT)
    return sum(any(string in seen for string in each.strings) for each in _MEMBERS)


def by_tokens(tokens: Tokens) -> int:
    return sum(len(tokens[token[0], 0].places) for token in Tokens.find(shape(TEXT)))


def main() -> None:
    kept = Tokens(_MEMBERS)
    show(
        f"{len(_CORES)} rows in {len(TEXT)} characters of logs",
        {
            "a pattern a row": by_patterns,
            "strings in the shape, by str.translate of a dict": lambda: by_strings(
                lambda text: text.translate(_DIGITS)
            ),
            "strings in the shape, by bytes.translate": lambda: by_strings(shape),
            "tokens of the shape, remembered (chosen)": lambda: by_tokens(kept),
            "tokens of the shape, all new": lambda: by_tokens(Tokens(_MEMBERS)),
        },
        1,
    )


if __name__ == "__main__":
    main()
