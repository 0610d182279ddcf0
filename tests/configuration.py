"""docs/configuration.md, made from the configuration's types: `python -m tests.configuration` writes it anew.

A table's text is its docstring. What an option means is the comment that stands beside it in
docs/sluice.example.toml, which a test has show every option, else the sentence of the docstring that names
it, else the comment beside the table; its type and default are the struct's.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from gateway.config import Config, Secret
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / "docs" / "sluice.example.toml"
_TOP = """\
# Configuration

One TOML file: `sluice serve --config FILE`. `sluice check FILE` says what it amounts to, or what is wrong with it and
where. [sluice.example.toml](sluice.example.toml) shows every option in its place. Without a file, a provider's usual key
in the environment is enough.

A *secret* is written as `env:NAME` (an environment variable), `file:PATH` (a file that holds nothing else; a relative
path starts at the configuration's folder) or `credential:NAME` (what systemd's `LoadCredential=` gives the service).
An unknown option is an error.

This page is made from the code (`python -m tests.configuration`).
"""
_HEAD = re.compile(r"^\[{1,2}([a-z_.]+)\]{1,2}")
_OPTION = re.compile(r"^(?:# )?([a-z_]+) = ")
_COMMENT = re.compile(r"""^(?:"(?:\\.|[^"\\])*"|'[^']*'|[^"'#])*#\s*(.*)$""")
_IN_TOML = {
    str: "string",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Secret: "secret",
    datetime: "date and time",
}


def page() -> str:
    said = meanings()
    return "\n".join([_TOP, *(line for table in tables() for line in _written(*table, said))])


def tables(kind: Any = Config, place: str = "", is_list: bool = False) -> Iterator[tuple[str, str, Any]]:
    """(its place, as a TOML head, its struct) of every table, in the order of the structs."""
    if place:
        yield place, f"[[{place}]]" if is_list else f"[{place}]", kind
    for name, hint in get_type_hints(kind).items():
        for struct, many in _structs(hint):
            yield from tables(struct, f"{place}.{name}" if place else name, many)


def _structs(hint: Any, many: bool = False) -> Iterator[tuple[Any, bool]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint, many
    for each in get_args(hint):
        yield from _structs(each, many or get_origin(hint) is list)


def meanings() -> dict[str, str]:
    """What the example's comments say of each option, by its place; of a table, what stands beside its head."""
    said: dict[str, str] = {}
    place = ""
    for line in EXAMPLE.read_text().splitlines():
        comment = _COMMENT.match(line.removeprefix("# "))
        if head := _HEAD.match(line):
            place = head[1]
            if comment:
                said.setdefault(place, comment[1].strip())
        elif (option := _OPTION.match(line)) and comment:
            said.setdefault(f"{place}.{option[1]}", comment[1].strip())
    return said


def _written(place: str, head: str, struct: Any, said: dict[str, str]) -> Iterator[str]:
    yield f"## `{head}`\n"
    yield inspect.getdoc(struct) or ""
    yield ""
    rows = list(_rows(place, struct, said))
    if rows:
        yield "| option | type | default | meaning |"
        yield "|---|---|---|---|"
        yield from rows
        yield ""


def _rows(place: str, struct: Any, said: dict[str, str]) -> Iterator[str]:
    hints = get_type_hints(struct, include_extras=True)
    for option in msgspec.structs.fields(struct):
        hint = hints[option.name]
        if not any(True for _ in _structs(hint)):
            meaning = said.get(f"{place}.{option.name}") or _told(struct, option.name) or said.get(place, "")
            cells = f"`{option.name}`", type_of(hint), _default(option), meaning
            yield f"| {' | '.join(each.replace('|', '&#124;') for each in cells)} |"


def _told(struct: Any, option: str) -> str:
    """The sentences of a docstring that name the option."""
    sentences = re.split(r"(?<=\.)\s+", " ".join((inspect.getdoc(struct) or "").split()))
    return " ".join(each for each in sentences if f"`{option}`" in each)


def type_of(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return type_of(inner[0]) + "".join(
            _bounds(each) for each in inner[1:] if isinstance(each, msgspec.Meta)
        )
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in inner)
    if origin is list:
        return f"list of {_many(inner[0])}"
    if origin is dict:
        return f"table of {_many(inner[1])}"
    if NoneType in inner:
        return " or ".join(type_of(each) for each in inner if each is not NoneType)
    if inner:
        return " or ".join(type_of(each) for each in inner)
    return _IN_TOML[hint]


def _many(hint: Any) -> str:
    said = type_of(hint)
    return f"{said}s" if hint in _IN_TOML and hint is not bool else said


def _bounds(meta: msgspec.Meta) -> str:
    bounds = ((">", meta.gt), ("≥", meta.ge), ("<", meta.lt), ("≤", meta.le))
    said = ", ".join(f"{sign} {bound:,}" for sign, bound in bounds if bound is not None)
    return f" {said}" if said else ""


def _default(option: msgspec.structs.FieldInfo) -> str:
    if option.required:
        return "required"
    value = option.default
    if value is msgspec.NODEFAULT:
        assert option.default_factory is not msgspec.NODEFAULT
        value = option.default_factory()
    if value is None or value == "":
        return ""
    return f"`{msgspec.json.encode(value).decode()}`"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE}\n")
