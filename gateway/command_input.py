"""What `scan` and `guard` read: a text of the command line, files, standard input, JSON lines.

In: the parsed arguments. Out: each text, given to whoever looks at it, with a bar for what takes long. What
cannot be read is an `InputError`; what is made of a text is the command's business.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from msgspec import Struct

from gateway.errors import SluiceError
from gateway.wire.jsontext import encode, load

if TYPE_CHECKING:
    from rich.progress import Progress

# From so much on, a bar tells how far it is.
_MANY_FILES = 20
_MANY_BYTES = 4 << 20
_STDIN = "standard input"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Report = Callable[[int], None]
_Work = Callable[[str, BinaryIO, Report], None]


class InputError(Exception):
    """What was given cannot be read. The message says what and where, and nothing of its content."""


class Line(Struct):
    """`id` is whatever JSON stands there; it comes back byte for byte."""

    id: msgspec.Raw
    text: str


_decode_line = msgspec.json.Decoder(Line).decode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text", nargs="?", metavar="TEXT", help="the text; without it or as -, standard input"
    )
    parser.add_argument("--file", nargs="+", dest="files", metavar="FILE", help="read these files instead")
    parser.add_argument("--jsonl", action="store_true", help='the input is {"id","text"} a line')
    parser.add_argument(
        "--skip-errors", action="store_true", help="leave out what cannot be read, and go on behind it"
    )


class Inputs:
    """The texts of one run.

    `whole` is given a text with its file's name, empty for no file, and a function to tell how many of its
    bytes are done. `line` makes the rest of the answer to a JSON line, behind its id. `in_pipe` says that
    what is written is meant for another program, so that no bar may come between.
    """

    def __init__(
        self,
        command: str,
        arguments: argparse.Namespace,
        whole: Callable[[str, str, Report], None],
        line: Callable[[str], bytes],
        in_pipe: bool = False,
    ) -> None:
        if arguments.files and arguments.text is not None:
            raise InputError("a TEXT and --file do not go together")
        if arguments.jsonl and arguments.text not in (None, "-"):
            raise InputError("--jsonl reads standard input or --file, not a TEXT")
        self.text: str | None = None if arguments.text == "-" else arguments.text
        if self.text is not None and not _is_utf8(self.text):
            raise InputError("the TEXT is not UTF-8")
        self._command = command
        self._files: list[str] = arguments.files or []
        self._jsonl: bool = arguments.jsonl
        self._skip: bool = arguments.skip_errors
        self._on_whole, self._on_line = whole, line
        self._in_pipe = in_pipe

    def read(self) -> None:
        with self._bar() as bar:
            work = self._lines if self._jsonl else self._whole
            if self.text is not None:
                self._on_whole("", self.text, lambda _: None)
            elif not self._files:
                self._tried(lambda: work(_STDIN, sys.stdin.buffer, lambda _: None))
            for name in self._files:
                self._tried(partial(self._file, name, work, bar))

    def _bar(self) -> Progress:
        """How far it is, in bytes; only where somebody looks, and there is something to wait for."""
        # `serve` reads these arguments too, and would have what draws bars in each of its processes (2 MB).
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        sizes = [path.stat().st_size for path in map(Path, self._files) if path.is_file()]
        is_long = len(sizes) >= _MANY_FILES or sum(sizes) >= _MANY_BYTES
        shown = sys.stdout.isatty()
        bar = Progress(
            TextColumn("scanning" if self._command == "scan" else "judging"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            # Findings are printed above the bar. A redirected output must not pass through it.
            redirect_stdout=shown,
            disable=not is_long or not sys.stderr.isatty() or (shown and (self._jsonl or self._in_pipe)),
        )
        bar.add_task("", total=sum(sizes))
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
        print(f"sluice {self._command}: left out: {error}", file=sys.stderr)

    def _whole(self, name: str, file: BinaryIO, progress: Report) -> None:
        try:
            text = file.read().decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}: not UTF-8 at byte {error.start}: convert it, or leave it out"
            ) from None
        self._on_whole("" if file is sys.stdin.buffer else name, text, progress)

    def _lines(self, name: str, file: BinaryIO, progress: Report) -> None:
        done = 0
        for number, raw in enumerate(file, 1):
            done += len(raw)
            if number == 1:
                raw = raw.removeprefix(_BYTE_ORDER_MARK)
            if raw.isspace():
                continue
            try:
                line = read_line(raw)
            except InputError as error:
                self._fail(InputError(f"{name}, line {number}: {error}"))
                continue
            put(b'{"id":' + bytes(line.id) + b"," + self._on_line(line.text) + b"}\n")
            # Whoever wrote the line may wait for the answer before the next one.
            sys.stdout.buffer.flush()
            progress(done)


def told(command: str, work: Callable[[], int]) -> int:
    """The exit status of a command's work, with what is wrong with its input said."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file can be any bytes
    try:
        status = work()
        sys.stdout.flush()
    except InputError as error:
        print(f"sluice {command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough. What is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def read_line(raw: bytes) -> Line:
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
    return Line(msgspec.Raw(encode(tree["id"])), tree["text"])


def put(data: bytes) -> None:
    """To standard output, as it is: a text's line ends and characters are its own."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def _is_utf8(text: str) -> bool:
    """Bytes that are not arrive in arguments as halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
