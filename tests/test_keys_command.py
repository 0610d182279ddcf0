"""`sluice keys`: a secret is shown once and kept as a digest, and what was asked for stands in the record."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway import cli
from gateway.access.keys import PREFIX, digest_of

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "sluice"


def done(capture: Capture, *arguments: str) -> str:
    assert cli.main(["keys", *arguments]) == 0, capture.readouterr().err
    return capture.readouterr().out


def refused(capture: Capture, *arguments: str) -> str:
    assert cli.main(["keys", *arguments]) == 1
    return capture.readouterr().err


def listed(capture: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done(capture, "list", "--json").splitlines()]


def test_a_secret_is_shown_once_and_its_digest_kept(home: Path, capsys: Capture) -> None:
    assert cli.main(["keys", "create", "app"]) == 0
    shown = capsys.readouterr()
    secret = shown.out.strip()
    assert secret.startswith(PREFIX)
    assert len(secret) > 50
    assert "once" in shown.err
    kept = b"".join(path.read_bytes() for path in home.iterdir())
    assert secret.encode() not in kept
    assert digest_of(secret).hex().encode() in kept
    assert secret not in done(capsys, "list")
    assert secret not in done(capsys, "list", "--json")


def test_what_was_asked_for_stands_in_the_record(home: Path, capsys: Capture) -> None:
    done(
        capsys,
        *("create", "batch", "--models", "gpt-*, local/*", "--providers", "openai", "--policies", "a,b"),
        *("--may-loosen", "--expires", "2035-01-31", "--requests-per-minute", "60", "--tokens-per-minute", "9_000"),
        *("--concurrent", "2", "--budget-usd", "1.5", "--budget-tokens", "1000", "--per", "day"),
    )  # fmt: skip
    (key,) = listed(capsys)
    assert key.pop("created_ms") > 0
    assert key == {
        "name": "batch",
        "models": ["gpt-*", "local/*"],
        "providers": ["openai"],
        "policies": ["a", "b"],
        "may_loosen": True,
        "expires_ms": 2_053_814_400_000,
        "limits": {"requests_per_minute": 60, "tokens_per_minute": 9000, "concurrent": 2},
        "budget": {"usd": 1.5, "tokens": 1000, "per": "day"},
        "state": "until 2035-01-31 00:00 UTC",
        "spent": {"usd": 0.0, "tokens": 0},
    }
    table = done(capsys, "list")
    for word in ("batch", "60", "$1.5"):
        assert word in table


def test_a_name_is_given_once_even_after_it_was_revoked(home: Path, capsys: Capture) -> None:
    done(capsys, "create", "app")
    assert "is there" in refused(capsys, "create", "app")
    done(capsys, "revoke", "app")
    assert listed(capsys)[0]["state"] == "revoked"
    assert "was revoked" in refused(capsys, "create", "app")
    assert "was revoked" in refused(capsys, "rotate", "app")
    assert "no key named other" in refused(capsys, "revoke", "other")


def test_rotating_gives_a_new_secret_and_may_keep_the_old(home: Path, capsys: Capture) -> None:
    first = done(capsys, "create", "app").strip()
    assert cli.main(["keys", "rotate", "app", "--keep-old", "24h"]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() not in ("", first)
    assert "good until" in shown.err
    assert cli.main(["keys", "rotate", "app"]) == 0
    assert "The old secret is void." in capsys.readouterr().err


def test_the_configuration_says_where_and_which_names_are_taken(
    home: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "sluice.toml"
    # Secrets of the rest of the file need not be at hand.
    path.write_text(
        '[state]\npath = "here"\n[[providers]]\nname = "a"\napi_key = "env:UNSET"\n'
        '[[keys]]\nname = "taken"\nsecret = "env:UNSET"\n'
    )
    done(capsys, "create", "app", "--config", str(path))
    assert (tmp_path / "here").is_dir()
    assert not home.exists()
    assert "in the configuration" in refused(capsys, "create", "taken", "--config", str(path))


def test_the_services_own_folder_comes_first(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path / 'service'}:{tmp_path / 'other'}")
    done(capsys, "create", "app")
    assert (tmp_path / "service").is_dir()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--expires", "soon"],
        ["--expires", "30"],
        ["--concurrent", "0"],
        ["--concurrent", "9" * 30],
        ["--requests-per-minute", "many"],
        ["--per", "year"],
        ["--models", ""],  # as a shell writes a variable that is not set
        ["--providers", " , "],
        ["--policies", ""],
    ],
)
def test_what_makes_no_sense_is_refused(home: Path, capsys: Capture, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["keys", "create", "app", *arguments])
    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert f"argument {arguments[0]}" in told
    assert "_" not in told.partition(arguments[0])[2], "the name of a function is no help"
    assert not home.exists()


@pytest.mark.parametrize(
    "arguments", [["--budget-usd", "0"], ["--budget-usd", "nan"], ["--budget-usd", "1e9"]]
)
def test_a_budget_that_is_none_is_refused(home: Path, capsys: Capture, arguments: list[str]) -> None:
    assert "budget" in refused(capsys, "create", "app", *arguments)
    assert "printable" in refused(capsys, "create", "a\nb")


def test_a_folder_that_cannot_be_used_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "environ", {"STATE_DIRECTORY": str(tmp_path / "file")})
    assert cli.main(["keys", "list"]) == 2
    assert "state.path" in capsys.readouterr().err


def test_help_has_examples(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        cli.main(["keys", "--help"])
    assert "sluice keys rotate chat-app --keep-old 24h" in capsys.readouterr().out
