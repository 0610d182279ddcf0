"""`sluice scan`: what goes in by which way, what comes out, and what is said when it cannot."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import cli, command_input
from gateway.privacy import findings
from gateway.privacy.actions import every_rule
from tests.conftest import ROOT

MAIL = "jane@example.com"
SOME = ("--entities", "email,credit_card")  # few rules are put together quickly


class Said(NamedTuple):
    status: int
    out: str
    error: str


class Scan(Protocol):
    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Said: ...


@pytest.fixture
def scan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scan:
    def scanned(*arguments: str, stdin: str | bytes = b"") -> Said:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        status = cli.main(["scan", *SOME, *arguments])
        return Said(status, *capsys.readouterr())

    return scanned


def lines(*texts: Any) -> str:
    return "".join(json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(texts))


# --- texts and files ----------------------------------------------------------------------------------------


def test_a_finding_has_its_place_and_no_value(scan: Scan) -> None:
    text = f"é\n\n  mail {MAIL}, 4111 1111 1111 1111"
    for said in (scan(text), scan(stdin=text), scan("-", stdin=text)):
        assert said == (0, "3:8   EMAIL_ADDRESS  0.85\n3:26  CREDIT_CARD    0.85\n", "")


def test_values_are_shown_when_asked_for_and_cannot_steer_a_terminal(scan: Scan) -> None:
    said = scan("--show", f"{MAIL} jane\u200b@example.com")
    assert repr(MAIL) in said.out
    assert "\\u200b" in said.out
    assert all(line.isprintable() for line in said.out.splitlines())


def test_files_are_told_apart(scan: Scan, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text(f"{MAIL}\r\n")
    second.write_text("nothing")
    assert scan("--file", str(first), str(second)).out == f"{first}:1:1  EMAIL_ADDRESS  0.85\n"


def test_nothing_found_says_nothing(scan: Scan) -> None:
    assert scan("Hello") == scan(stdin="") == (0, "", "")


def test_redacting_leaves_every_other_character(scan: Scan) -> None:
    text = f"\ufeffDear\r\n{MAIL}\tand\r {MAIL} b@x.io\n\n"
    assert scan("--redact", stdin=text).out == text.replace(MAIL, "[EMAIL_1]").replace("b@x.io", "[EMAIL_2]")


def test_a_text_given_as_an_argument_ends_its_line(scan: Scan) -> None:
    assert scan("--redact", MAIL).out == "[EMAIL_1]\n"


@pytest.mark.parametrize(
    ("format", "written"),
    [("mask", "j***@***.com"), ("redact", "[EMAIL]"), ("token", "[EMAIL_1]"), ("synthetic", "@example.com")],
)
def test_formats(scan: Scan, format: str, written: str) -> None:
    said = scan("--redact", "--format", format, MAIL)
    assert written in said.out
    assert MAIL not in said.out


def test_a_hash_is_the_same_within_a_run(scan: Scan) -> None:
    said = scan("--redact", "--format", "hash", "--jsonl", stdin=lines(MAIL, MAIL, "b@x.io"))
    first, second, third = (json.loads(line)["text"] for line in said.out.splitlines())
    assert first == second != third
    assert first.startswith("[EMAIL_#")


def test_check_fails_when_something_is_found(scan: Scan) -> None:
    assert scan("--check", MAIL).status == 1
    assert scan("--check", "Hello").status == 0
    assert scan("--check", "--jsonl", stdin=lines("Hello", MAIL)).status == 1
    assert scan(MAIL).status == 0


def test_what_is_ordinary_is_found_and_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["scan", "see https://example.com/a"]) == 0
    assert "URL" in capsys.readouterr().out
    assert cli.main(["scan", "--redact", f"see https://example.com/a {MAIL}"]) == 0
    assert capsys.readouterr().out == "see https://example.com/a [EMAIL_1]\n"


# --- JSON lines ---------------------------------------------------------------------------------------------


def test_json_lines_keep_order_and_ids_to_the_byte(scan: Scan) -> None:
    ids = ["7", "1.50", '"a\\u00e9"', "null", "12345678901234567890123", '{"a": [1]}', '"7"']
    stdin = "".join(f'{{"text": "é😀 {MAIL}", "more": 1, "id": {each}}}\n' for each in ids)
    span = f'{{"start":3,"end":{3 + len(MAIL)},"entity":"EMAIL_ADDRESS","score":0.85}}'
    assert scan("--jsonl", stdin=stdin).out.splitlines() == [
        f'{{"id":{each},"spans":[{span}]}}' for each in ids
    ]


def test_blank_lines_a_byte_order_mark_and_a_missing_last_line_end_are_fine(scan: Scan) -> None:
    said = scan("--jsonl", stdin="\ufeff" + lines("a") + "\n \r\n" + lines("b").rstrip())
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == [0, 0]


def test_half_a_surrogate_pair_is_one_code_point(scan: Scan) -> None:
    line = f'{{"id": "\\ud800", "text": "\\ud83d {MAIL}"}}\n'
    (span,) = json.loads(scan("--jsonl", stdin=line).out)["spans"]
    assert span["start"] == 2
    redacted = json.loads(scan("--jsonl", "--redact", stdin=line).out)
    assert redacted == {"id": "\ud800", "text": "\ud83d [EMAIL_1]"}


def test_json_lines_come_from_files_too(scan: Scan, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(lines("a", "b"))
    assert len(scan("--jsonl", "--file", str(path), str(path)).out.splitlines()) == 4


BAD = [
    "{",
    "[]",
    "7",
    '{"id": 1}',
    '{"text": "a"}',
    '{"id": 1, "text": 7}',
    "\x00",
    '{"id": 1, "text": "a"} x',
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_an_error_with_its_number(scan: Scan, bad: str) -> None:
    stdin = lines("a", "b") + bad + "\n" + lines("c")
    said = scan("--jsonl", stdin=stdin)
    assert said.status == 2
    assert len(said.out.splitlines()) == 2
    assert said.error.startswith("sluice scan: standard input, line 3: not ")
    skipped = scan("--jsonl", "--skip-errors", stdin=stdin)
    assert skipped.status == 0
    assert len(skipped.out.splitlines()) == 3
    assert "left out: standard input, line 3" in skipped.error


def test_a_line_that_is_not_utf8_is_a_bad_line(scan: Scan) -> None:
    said = scan("--jsonl", stdin=b'{"id": 1, "text": "\xff"}\n')
    assert said.status == 2
    assert "line 1" in said.error


def test_an_answer_comes_before_the_next_line_is_sent() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "scan", "--jsonl", *SOME],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text in ("Hello", MAIL):
            process.stdin.write(lines(text))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == 0
        process.stdin.close()
        assert process.wait(10) == 0


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_line_has_the_spans_of_its_text(text: str) -> None:
    line = command_input.read_line(json.dumps({"id": 1, "text": text}).encode())
    assert line.text == text
    for span in findings.find_all(text, every_rule()):
        assert text[span.start : span.end]


# --- what goes wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--file", "nowhere.txt"], "nowhere.txt: No such file"),
        (["--file", "."], "give the files in it"),
        (["--entities", "EMAIL_ADRESS", "a"], "did you mean EMAIL_ADDRESS"),
        (["--entities", " ,", "a"], "names none"),
        (["--format", "mask", "a"], "add --redact"),
        (["--jsonl", "a"], "standard input or --file"),
        (["a", "--file", "b"], "do not go together"),
        (["--show", "--redact", "a"], "--show goes with"),
        (["\udcff"], "not UTF-8"),
    ],
)
def test_mistakes_say_what_would_be_right(scan: Scan, arguments: list[str], said: str) -> None:
    outcome = scan(*arguments)
    assert outcome.status == 2
    assert outcome.out == ""
    assert said in outcome.error


def test_a_file_that_is_not_utf8_is_named_or_left_out(scan: Scan, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.write_bytes(b"ab\xff" + MAIL.encode())
    good.write_text(MAIL)
    said = scan("--file", str(bad), str(good))
    assert said == (2, "", f"sluice scan: {bad}: not UTF-8 at byte 2: convert it, or leave it out\n")
    said = scan("--skip-errors", "--file", str(bad), str(good))
    assert said.status == 0
    assert str(good) in said.out
    assert f"left out: {bad}" in said.error


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m gateway scan --jsonl {' '.join(SOME)} | head -n 1"
    outcome = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=ROOT,
        env={**os.environ},
        input=lines(*[MAIL] * 5000),
        capture_output=True,
        text=True,
    )
    assert outcome.stderr == ""
    assert len(outcome.stdout.splitlines()) == 1


def test_help_has_examples_and_says_what_the_status_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["scan", "--help"])
    said = capsys.readouterr().out
    assert "sluice scan --jsonl" in said
    assert "exit status" in said
