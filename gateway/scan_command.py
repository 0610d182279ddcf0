"""`sluice scan`: text, files or JSON lines in; findings, or the text without what was found, out.

What a line or a table says is decided here; what is found, in `privacy.findings`. A value is shown only when
it is asked for.
"""

from __future__ import annotations

import argparse
import io
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, get_args

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.errors import SluiceError
from gateway.privacy import findings
from gateway.privacy.entities import ENTITIES, UnknownEntity
from gateway.privacy.rules import Rules, compile_rules
from gateway.privacy.search import STRETCH, Span
from gateway.privacy.vault import Format, Vault
from gateway.wire.jsontext import encode, load

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

# From so much on, a bar tells how far it is.
_MANY_FILES = 20
_MANY_BYTES = 4 << 20
_STDIN = "standard input"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class InputError(Exception):
    """What was given cannot be read. The message says what and where, and nothing of its content."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text", nargs="?", metavar="TEXT", help="the text; without it or as -, standard input"
    )
    parser.add_argument("--file", nargs="+", dest="files", metavar="FILE", help="read these files instead")
    parser.add_argument("--jsonl", action="store_true", help='the input is {"id","text"} a line')
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
    parser.add_argument(
        "--skip-errors", action="store_true", help="leave out what cannot be read, and go on behind it"
    )


def run(arguments: argparse.Namespace) -> int:
    """The exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file can be any bytes
    try:
        scan = _Scan(arguments)
        scan.run()
        sys.stdout.flush()
    except (InputError, UnknownEntity) as error:
        print(f"sluice scan: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough. What is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 1 if arguments.check and scan.found else 0


class _Line(Struct):
    """`id` is whatever JSON stands there; it comes back byte for byte."""

    id: msgspec.Raw
    text: str


_decode_line = msgspec.json.Decoder(_Line).decode


class _Scan:
    """One run: what was asked for, where the results go, and how much was found."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        if arguments.files and arguments.text is not None:
            raise InputError("a TEXT and --file do not go together")
        if arguments.jsonl and arguments.text not in (None, "-"):
            raise InputError("--jsonl reads standard input or --file, not a TEXT")
        if arguments.format and not arguments.redact:
            raise InputError("--format says how --redact writes a value: add --redact")
        if arguments.show and (arguments.redact or arguments.jsonl):
            raise InputError("--show goes with the list of findings, not with --redact or --jsonl")
        self.found = 0
        self._text: str | None = None if arguments.text == "-" else arguments.text
        if self._text is not None and not _is_utf8(self._text):
            raise InputError("the TEXT is not UTF-8")
        self._files: list[str] = arguments.files or []
        self._jsonl: bool = arguments.jsonl
        self._redact: bool = arguments.redact
        self._show: bool = arguments.show
        self._skip: bool = arguments.skip_errors
        self._format: Format = arguments.format or "token"
        self._key = secrets.token_bytes(32)
        rows = findings.HIDDEN if self._redact else ENTITIES
        if arguments.entities is not None:
            names = findings.names_of(filter(None, map(str.strip, arguments.entities.split(","))))
            if not names:
                raise InputError("--entities names none")
            rows = findings.rows_of(names)
        self._rules: Rules = compile_rules(rows)

    def run(self) -> None:
        with self._bar() as bar:
            work = self._lines if self._jsonl else self._whole
            if self._text is not None:
                self._answer("", self._text, lambda _: None)
            elif not self._files:
                self._tried(lambda: work(_STDIN, sys.stdin.buffer, lambda _: None))
            for name in self._files:
                self._tried(partial(self._file, name, work, bar))

    def _bar(self) -> Progress:
        """How far it is, in bytes; only where somebody looks, and there is something to wait for."""
        sizes = [path.stat().st_size for path in map(Path, self._files) if path.is_file()]
        is_long = len(sizes) >= _MANY_FILES or sum(sizes) >= _MANY_BYTES
        shown = sys.stdout.isatty()
        bar = Progress(
            TextColumn("scanning"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            # Findings are printed above the bar. A redirected output must not pass through it.
            redirect_stdout=shown,
            disable=not is_long or not sys.stderr.isatty() or (shown and (self._jsonl or self._redact)),
        )
        bar.add_task("scanning", total=sum(sizes))
        return bar

    def _file(self, name: str, work: _Work, bar: Progress) -> None:
        task = bar.tasks[0]
        before = task.completed
        try:
            with open(name, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                work(name, file, lambda done: bar.update(task.id, completed=before + min(done, size)))
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            hint = ": give the files in it" if isinstance(error, IsADirectoryError) else ""
            raise InputError(f"{name}: {error.strerror}{hint}") from None
        bar.update(task.id, completed=before + size)

    def _tried(self, read: Callable[[], None]) -> None:
        try:
            read()
        except InputError as error:
            self._fail(error)

    def _fail(self, error: InputError) -> None:
        if not self._skip:
            raise error
        print(f"sluice scan: left out: {error}", file=sys.stderr)

    # --- whole texts ---

    def _whole(self, name: str, file: BinaryIO, progress: _Report) -> None:
        try:
            text = file.read().decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}: not UTF-8 at byte {error.start}: convert it, or leave it out"
            ) from None
        self._answer("" if file is sys.stdin.buffer else name, text, progress)

    def _answer(self, name: str, text: str, progress: _Report) -> None:
        spans = self._spans(text, progress)
        if self._redact:
            _put(self._redacted(text, spans).encode())
            if self._text is not None:
                _put(b"\n")
        else:
            for row in _table(name, text, spans, self._show):
                print(row)

    def _spans(self, text: str, progress: _Report) -> list[Span]:
        steps = findings.find_all_in_steps(text, self._rules)
        done = 0
        while True:
            try:
                next(steps)
            except StopIteration as stopped:
                spans: list[Span] = stopped.value
                self.found += len(spans)
                return spans
            progress(done := done + STRETCH)

    def _redacted(self, text: str, spans: list[Span]) -> str:
        return findings.write(text, spans, Vault(self._format, key=self._key))

    # --- JSON lines ---

    def _lines(self, name: str, file: BinaryIO, progress: _Report) -> None:
        done = 0
        for number, raw in enumerate(file, 1):
            done += len(raw)
            if number == 1:
                raw = raw.removeprefix(_BYTE_ORDER_MARK)
            if raw.isspace():
                continue
            try:
                line = _read(raw)
            except InputError as error:
                self._fail(InputError(f"{name}, line {number}: {error}"))
                continue
            spans = findings.find_all(line.text, self._rules)
            self.found += len(spans)
            if self._redact:
                answer = b'"text":' + encode(self._redacted(line.text, spans))
            else:
                answer = b'"spans":' + encode([_as_json(span) for span in spans])
            _put(b'{"id":' + bytes(line.id) + b"," + answer + b"}\n")
            # Whoever wrote the line may wait for the answer before the next one.
            sys.stdout.buffer.flush()
            progress(done)


_Report = Callable[[int], None]
_Work = Callable[[str, BinaryIO, _Report], None]


def _as_json(span: Span) -> dict[str, object]:
    return {
        "start": span.start,
        "end": span.end,
        "entity": span.entity.name,
        "score": span.entity.score,
    }


def _read(raw: bytes) -> _Line:
    try:
        return _decode_line(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        tree = load(raw)  # half of a surrogate pair, which JSON can say and a strict decoder refuses
    except SluiceError:
        raise InputError("not valid JSON") from None
    if not isinstance(tree, dict) or "id" not in tree or not isinstance(tree.get("text"), str):
        raise InputError('not an object with "id" and "text", a string')
    return _Line(msgspec.Raw(encode(tree["id"])), tree["text"])


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


def _is_utf8(text: str) -> bool:
    """Bytes that are not arrive in arguments as halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _put(data: bytes) -> None:
    """To standard output, as it is: a text's line ends and characters are its own."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
