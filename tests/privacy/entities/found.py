"""What the whole table finds in a text, as (name, value) pairs."""

from __future__ import annotations

from gateway.privacy.entities import ENTITIES
from gateway.privacy.scanner import compile_rules, find

_RULES = compile_rules(ENTITIES)


def found(text: str, *names: str) -> list[tuple[str, str]]:
    """Every finding, or only those of these names."""
    spans = find(text, _RULES)
    return [(s.entity.name, text[s.start : s.end]) for s in spans if not names or s.entity.name in names]


def values(text: str, name: str) -> list[str]:
    return [value for _, value in found(text, name)]
