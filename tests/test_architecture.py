"""The house stands as drawn: imports go down only, each module imports alone, no file has two nouns in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

GATEWAY = ROOT / "gateway"
SOURCES = sorted(GATEWAY.rglob("*.py"))
LONGEST_FILE = 450


def modules() -> list[str]:
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES)
    return [name.removesuffix(".__init__") for name in names]


CHECK_CONTRACTS = """
from importlinter.cli import lint_imports
raise SystemExit(lint_imports(no_cache=True, no_logo=True))
"""


def check_contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", CHECK_CONTRACTS], cwd=folder, capture_output=True, text=True)


def test_imports_keep_the_contracts() -> None:
    outcome = check_contracts(ROOT)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.fixture
def small_house(tmp_path: Path) -> Path:
    """A house with every room, each empty, under the real contracts."""
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for folder in "access dialects guard privacy providers server simulator store wire".split():
        (tmp_path / "gateway" / folder).mkdir(parents=True)
        (tmp_path / "gateway" / folder / "__init__.py").touch()
    for module in "__init__ chat cli config conversation errors stream".split():
        (tmp_path / "gateway" / f"{module}.py").touch()
    return tmp_path


ALLOWED = [
    ("cli.py", "import gateway.simulator, gateway.server, asyncio, pathlib"),
    ("server/app.py", "import gateway.stream, gateway.store, aiohttp, os, time"),
    ("store/local.py", "import asyncio, time"),
    ("simulator/server.py", "import asyncio, socket, time, aiohttp.web"),
    ("config.py", "import gateway.providers, os, pathlib"),
    ("stream.py", "import gateway.config, gateway.dialects, gateway.privacy, gateway.wire"),
    ("privacy/redact.py", "import gateway.chat, gateway.errors, regex"),
]
FORBIDDEN = [
    ("errors.py", "import gateway.wire"),
    ("wire/sse.py", "import gateway.dialects"),
    ("dialects/gemini.py", "from gateway import privacy"),
    ("privacy/redact.py", "def later(): import gateway.guard"),
    ("providers/catalog.py", "import gateway.config"),
    ("stream.py", "import gateway.server"),
    ("server/app.py", "import gateway.simulator"),
    ("simulator/server.py", "import gateway.server"),
    ("simulator/writes.py", "import gateway.dialects"),
    ("wire/http1.py", "import asyncio"),
    ("access/limits.py", "import time"),
    ("guard/threats.py", "import logging"),
    ("config.py", "import ssl"),
    ("stream.py", "from os import environ"),
    ("privacy/names.py", "import pathlib"),
    ("helpers.py", ""),
]


@pytest.mark.parametrize(("file", "source"), ALLOWED)
def test_the_contracts_allow(small_house: Path, file: str, source: str) -> None:
    (small_house / "gateway" / file).write_text(source)
    outcome = check_contracts(small_house)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize(("file", "source"), FORBIDDEN)
def test_the_contracts_catch(small_house: Path, file: str, source: str) -> None:
    (small_house / "gateway" / file).write_text(source)
    outcome = check_contracts(small_house)
    assert outcome.returncode == 1
    assert " BROKEN" in outcome.stdout
    assert f"gateway.{file.removesuffix('.py').replace('/', '.')}" in outcome.stdout


def test_every_folder_is_a_package() -> None:
    # The contracts see only packages: a folder without __init__.py would escape them.
    assert not [path.parent for path in SOURCES if not (path.parent / "__init__.py").exists()]


# Each module is imported in a fork of an interpreter that has imported nothing of ours yet. What is not ours
# is there already, or importing it again and again would take minutes; a first child says what that is.
IMPORT_EACH_ALONE = """
import importlib, os, sys, traceback

def not_ours(names):
    read, write = os.pipe()
    if not os.fork():
        for name in names:
            try:
                importlib.import_module(name)
            except Exception:
                pass
        known = {name.partition(".")[0] for name in names}
        os.write(write, " ".join(each for each in sys.modules if each.partition(".")[0] not in known).encode())
        os._exit(0)
    os.close(write)
    with open(read) as said:
        return said.read().split()

for name in not_ours(sys.argv[1:]):
    if name not in sys.modules:
        try:
            importlib.import_module(name)
        except Exception:
            pass  # the module of ours that needs it will say so
failed = False
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            importlib.import_module(name)
        except BaseException:
            print(name, flush=True)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    failed |= os.waitpid(child, 0)[1] != 0
sys.exit(failed)
"""


def import_each_alone(names: list[str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_EACH_ALONE, *names],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.timeout(300)  # a process for each of some 150 modules
def test_every_module_imports_alone_and_without_warnings() -> None:
    outcome = import_each_alone(modules())
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_importing_alone_catches_a_circle_and_a_warning(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text("from second import b\na = 1")
    (tmp_path / "second.py").write_text("from first import a\nb = 1")
    (tmp_path / "warns.py").write_text("import warnings; warnings.warn('old', DeprecationWarning)")
    (tmp_path / "sound.py").touch()
    outcome = import_each_alone(["first", "second", "warns", "sound"], tmp_path)
    assert outcome.returncode == 1
    assert outcome.stdout.split() == ["first", "second", "warns"]


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    too_long = {path: length for path, length in lengths.items() if length > LONGEST_FILE}
    assert not too_long, "look for the second noun in each"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_locked_requirements_are_hashed_and_name_no_place(name: str) -> None:
    text = (ROOT / name).read_text()
    requirements = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert requirements
    assert all("==" in line and line.endswith("\\") for line in requirements)
    assert not [line for line in text.splitlines() if "://" in line or " @ " in line or line.startswith("-")]
