"""The command line: help with examples, errors that say what to do, and a server that starts and stops."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import cli
from tests.conftest import ROOT
from tests.test_config import SMALLEST as FILE


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("sluice")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before
    logging.captureWarnings(False)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    path = tmp_path / "sluice.toml"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(
    "command",
    ["", "serve", "check", "demo", "scan", "guard", "keys", "audit verify"],
)
def test_help_has_examples_that_are_commands(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "--help"])
    assert ended.value.code == 0
    examples = capsys.readouterr().out.partition("examples:\n")[2]
    assert f"sluice {command}".strip() in examples


def test_help_on_serve_says_what_signals_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve", "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in ("HUP", "USR2"))


def test_check_says_what_a_file_amounts_to(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(file)]) == 0
    said = capsys.readouterr().out
    assert "http://127.0.0.1:8080" in said
    assert "One worker a core" in said
    assert "sk-test" not in said


def test_check_names_the_place_and_the_nearest_right_name(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(FILE.replace("base_url", "base_ulr"))
    assert cli.main(["check", str(file)]) == 2
    error = capsys.readouterr().err
    assert "providers[0].base_ulr" in error
    assert "base_url" in error


def test_without_a_file_or_a_key_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", {})
    assert cli.main(["serve"]) == 2
    assert "OPENAI_API_KEY" in capsys.readouterr().err


def test_a_taken_port_is_an_error_to_act_on(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(FILE.replace("8080", str(port)))
        assert cli.main(["serve", "--config", str(file)]) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_announces_itself_answers_and_stops_when_told(number: signal.Signals, file: Path) -> None:
    file.write_text(FILE.replace("8080", "0"))
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--config", str(file)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        assert url.startswith("http://127.0.0.1:")
        assert "this machine only" in process.stderr.readline()
        with urllib.request.urlopen(f"{url}/readyz") as response:
            assert json.load(response) == {"status": "ready"}
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/nowhere")
        assert json.load(refused.value)["error"]["type"] == "not_found_error"
        refused.value.close()
        process.send_signal(number)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()
