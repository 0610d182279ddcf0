"""`sluice scan`: text, files or JSON lines in; findings, or the text without what was found, out.

What a line or a table says is decided here; what is found, in `privacy.findings`. A value is shown only when
it is asked for.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterator
from typing import get_args

from gateway.command_input import InputError, Inputs, Report, put, told
from gateway.command_input import add_arguments as add_input_arguments
from gateway.privacy import findings
from gateway.privacy.entities import ENTITIES, UnknownEntity
from gateway.privacy.rules import Rules, compile_rules
from gateway.privacy.search import Span
from gateway.privacy.vault import Format, Vault
from gateway.wire.jsontext import encode

DESCRIPTION = """\
Find personal data and secrets in a text, in files or in JSON lines, or write the text without them.
Offsets count code points, lines and columns from 1. A value is never shown without --show."""

EXAMPLES = """\
examples:
  sluice scan "Mail jane@example.com"               one finding a line: where, what, how sure, by which rule
  sluice scan --redact < letter.txt                 the text, with [EMAIL_1] and the like in it
  sluice scan --entities phone,secret --file a b    only these; names of other products do as well
  sluice scan --jsonl < texts.jsonl > spans.jsonl   {"id","text"} a line in, {"id","spans"} a line out
  sluice scan --check --entities secret --file a b  for a hook before each commit

exit status: 0, with --check 1 when anything was found, 2 when something could not be read
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_input_arguments(parser)
    parser.add_argument("--redact", action="store_true", help="write the text without what was found")
    parser.add_argument(
        "--format",
        choices=get_args(Format),
        help="how --redact writes a value (default: token); a hash is the same for the same value in one run",
    )
    parser.add_argument(
        "--entities",
        metavar="A,B",
        help="names, other products' names, or kinds such as secret (default: all; with --redact, all but "
        "dates, links and the like)",
    )
    parser.add_argument("--show", action="store_true", help="show the values that were found")
    parser.add_argument("--check", action="store_true", help="end with status 1 when anything was found")


def run(arguments: argparse.Namespace) -> int:
    """The exit status."""

    def work() -> int:
        try:
            scan = _Scan(arguments)
        except UnknownEntity as error:
            raise InputError(str(error)) from None
        scan.inputs.read()
        return 1 if arguments.check and scan.found else 0

    return told("scan", work)


class _Scan:
    """One run: what was asked for, where the results go, and how much was found."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.inputs = Inputs("scan", arguments, self._answer, self._line, in_pipe=arguments.redact)
        if arguments.format and not arguments.redact:
            raise InputError("--format says how --redact writes a value: add --redact")
        if arguments.show and (arguments.redact or arguments.jsonl):
            raise InputError("--show goes with the list of findings, not with --redact or --jsonl")
        self.found = 0
        self._redact: bool = arguments.redact
        self._show: bool = arguments.show
        self._format: Format = arguments.format or "token"
        self._key = secrets.token_bytes(32)
        rows = findings.HIDDEN if self._redact else ENTITIES
        if arguments.entities is not None:
            names = findings.names_of(filter(None, map(str.strip, arguments.entities.split(","))))
            if not names:
                raise InputError("--entities names none")
            rows = findings.rows_of(names)
        self._rules: Rules = compile_rules(rows)

    def _answer(self, name: str, text: str, progress: Report) -> None:
        spans = self._spans(text, progress)
        if self._redact:
            put(self._redacted(text, spans).encode())
            if self.inputs.text is not None:
                put(b"\n")
        else:
            for row in _table(name, text, spans, self._show):
                print(row)

    def _spans(self, text: str, progress: Report) -> list[Span]:
        steps = findings.find_all_in_steps(text, self._rules)
        while True:
            try:
                done = next(steps)
            except StopIteration as stopped:
                spans: list[Span] = stopped.value
                self.found += len(spans)
                return spans
            if done is not None:
                progress(done)

    def _redacted(self, text: str, spans: list[Span]) -> str:
        return findings.write(text, spans, Vault(self._format, key=self._key))

    def _line(self, text: str) -> bytes:
        spans = findings.find_all(text, self._rules)
        self.found += len(spans)
        if self._redact:
            return b'"text":' + encode(self._redacted(text, spans))
        return b'"spans":' + encode([_as_json(span) for span in spans])


def _as_json(span: Span) -> dict[str, object]:
    return {
        "start": span.start,
        "end": span.end,
        "entity": span.entity.name,
        "score": span.entity.score,
    }


def _table(name: str, text: str, spans: list[Span], show: bool) -> Iterator[str]:
    """A line a finding, in columns: place, entity, score, rule and, if asked for, the value."""
    rows: list[tuple[str, ...]] = []
    line = 1
    counted = 0
    for span in spans:
        line += text.count("\n", counted, span.start)
        counted = span.start
        column = span.start - text.rfind("\n", 0, span.start)
        entity = span.entity
        place = f"{name}:{line}:{column}" if name else f"{line}:{column}"
        value = (repr(text[span.start : span.end]),) if show else ()
        rows.append((place, entity.name, f"{entity.score:.2f}", entity.rule, *value))
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
