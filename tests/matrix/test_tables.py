"""docs/dialects.md says of each dialect what the code does."""

from __future__ import annotations

from tests.matrix.tables import PAGE, tables, written


def test_the_tables_of_the_documentation_are_what_the_code_does() -> None:
    """`python -m tests.matrix.tables` writes them anew."""
    page = PAGE.read_text()
    assert all(rows in page for rows in tables().values())
    assert written(page) == page
