"""What is installed: the units are valid and hardened, the program runs from where it was put."""

from __future__ import annotations

import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import config
from gateway.server.children import SIGNALS
from tests.conftest import ROOT

UNITS = ROOT / "systemd"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here"
)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(each) for each in command], cwd=ROOT, capture_output=True, text=True)


def make(target: str, **variables: object) -> None:
    """As an operator runs it, less the packages that the gateway needs: they are here already."""
    here = {
        "BIN": Path(sys.executable).parent,
        "INTERPRETER": sys.executable,
        "RUNTIME": "",
        "REQUIREMENTS": "",
    }
    outcome = run("make", target, *(f"{name}={value}" for name, value in {**here, **variables}.items()))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix with everything in it."""
    prefix = tmp_path_factory.mktemp("prefix")
    make("install", PREFIX=prefix, SYSCONFDIR=prefix / "etc")
    return prefix


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if "lib/sluice" not in str(path)}


def test_the_program_runs_from_where_it_was_put(installed: Path) -> None:
    outcome = run(installed / "bin" / "sluice", "check", installed / "etc" / "sluice" / "sluice.toml")
    assert outcome.returncode == 0, outcome.stderr
    assert "openai: https://api.openai.com/v1" in outcome.stdout
    code = f"import sys; sys.path.insert(0, {str(installed / 'lib' / 'sluice')!r}); import gateway; print(gateway.__file__)"
    assert str(installed) in run(sys.executable, "-P", "-c", code).stdout


def test_secrets_are_for_root_alone(installed: Path) -> None:
    etc = installed / "etc" / "sluice"
    assert stat.S_IMODE((etc / "credentials").stat().st_mode) == 0o700
    assert stat.S_IMODE((etc / "sluice.env").stat().st_mode) == 0o600


@needs_systemd
def test_the_units_are_valid(installed: Path) -> None:
    units = installed / "lib" / "systemd" / "system"
    outcome = run("systemd-analyze", "verify", "--man=no", units / "sluice.service", units / "sluice.socket")
    assert (outcome.returncode, outcome.stderr) == (0, "")


@needs_systemd
def test_the_service_is_hardened() -> None:
    # The scale has one decimal, the threshold none: 15 is 1.5.
    outcome = run("systemd-analyze", "security", "--offline=true", "--threshold=15", UNITS / "sluice.service")
    assert outcome.returncode == 0, outcome.stdout


def test_what_the_operator_changed_stays_and_the_rest_goes(tmp_path: Path) -> None:
    where = {"DESTDIR": tmp_path, "PREFIX": "/usr"}
    file = tmp_path / "etc" / "sluice" / "sluice.toml"
    file.parent.mkdir(parents=True)
    file.write_text("# mine")
    make("install", **where)
    assert file.read_text() == "# mine"
    assert "PYTHONPATH=/usr/lib/sluice" in (tmp_path / "usr" / "bin" / "sluice").read_text()
    unit = (tmp_path / "usr" / "lib" / "systemd" / "system" / "sluice.service").read_text()
    assert "ExecStart=/usr/bin/sluice serve --config /etc/sluice/sluice.toml" in unit
    make("uninstall", **where)
    kept = {f"etc/sluice/{name}" for name in ("sluice.toml", "sluice.env", "sluice.example.toml")}
    assert files(tmp_path) == kept
    assert not (tmp_path / "usr" / "lib" / "sluice").exists()


def test_the_first_configuration_is_sound() -> None:
    first = config.load(UNITS / "sluice.toml", {})
    assert first.server.host == "127.0.0.1"
    assert "ListenStream=127.0.0.1:8080" in (UNITS / "sluice.socket").read_text()


def test_the_documented_commands_are_there() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    for target in set(re.findall(r"^make (\w+)", page, re.MULTILINE)):
        assert run("make", "-n", target, "RUNTIME=").returncode == 0, target
    for unit in set(re.findall(r"sluice\.(?:service|socket)", page)):
        assert (UNITS / unit).exists(), unit
    for path in set(re.findall(r"/etc/sluice/[\w.]+", page)):
        assert path in (ROOT / "Makefile").read_text() + (UNITS / "sluice.service").read_text(), path
    for name in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE):
        for each in re.findall(r"\w+", name):
            assert getattr(signal, f"SIG{each}") in SIGNALS


def test_the_container_has_what_the_package_needs() -> None:
    lines = (ROOT / "Containerfile").read_text().splitlines()
    copied = {
        word
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    allowed = {line.removeprefix("!") for line in (ROOT / ".containerignore").read_text().splitlines()}
    assert copied <= allowed
    assert all((ROOT / name).exists() for name in copied)
