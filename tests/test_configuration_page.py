"""docs/configuration.md says of each table and option what the code takes."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
import pytest

from gateway.config import Config, Secret
from tests.configuration import _COMMENT, PAGE, page, tables, type_of


def test_the_page_is_what_the_types_say() -> None:
    """`python -m tests.configuration` writes it anew."""
    assert PAGE.read_text() == page()


def test_every_table_is_explained() -> None:
    for _, head, struct in tables():
        assert struct.__doc__, f"{head}: a docstring must say what it is for"


def test_every_option_has_a_meaning() -> None:
    """Beside it in docs/sluice.example.toml, or in a sentence of the docstring that names it."""
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_table_and_option_is_there() -> None:
    text = page()
    heads = re.findall(r"^## `(.+)`$", text, re.MULTILINE)
    assert {"[server]", "[[providers]]", "[providers.timeouts]", "[[keys]]", "[audit]"} <= set(heads)
    assert len(heads) == len(set(heads))
    top = {re.split(r"[.\]]", head.strip("["))[0] for head in heads}
    assert top == set(Config.__struct_fields__)


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (str, "string"),
        (str | None, "string"),
        (Secret | None, "secret"),
        (list[str], "list of strings"),
        (dict[str, float], "table of numbers"),
        (dict[str, list[str]], "table of list of strings"),
        (Literal["a", "b"] | None, "`a`, `b`"),
        (Annotated[int, msgspec.Meta(ge=1, le=1024)], "whole number ≥ 1, ≤ 1,024"),
    ],
)
def test_a_type_is_said_in_tomls_words(hint: object, said: str) -> None:
    assert type_of(hint) == said


def test_a_comment_is_not_looked_for_inside_a_string() -> None:
    line = """patterns = { A = 'EMP-#', B = "x # y" } # what it is"""
    found = _COMMENT.match(line)
    assert found
    assert found[1] == "what it is"
