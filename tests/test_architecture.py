"""The house stands as drawn: imports go down only, each module imports alone, no file has two nouns in it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

GATEWAY = ROOT / "gateway"
SOURCES = sorted(GATEWAY.rglob("*.py"))
LONGEST_FILE = 450


def module_name(path: Path, package: Path = GATEWAY) -> str:
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def modules() -> list[str]:
    return [module_name(path) for path in SOURCES]


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


def imports_of(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules that must be there before this one, of those that are known."""
    tree = ast.parse(path.read_text())
    inside = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in tree.body:  # what a function imports, or only a type checker, comes later or never
        wanted: list[str] = []
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            of = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            wanted = [of[each] if of[each] in known else node.module for each in of]
        for each in wanted:
            parts = each.split(".")
            packages = (".".join(parts[:end]) for end in range(1, len(parts)))
            # A package is run before what is in it, unless it is the one that is asking.
            yield from (up for up in packages if up in known and not f"{inside}.".startswith(f"{up}."))
            if each in known:
                yield each


def circle_in(folder: Path) -> list[str] | None:
    """Modules of which none can be imported first, or None."""
    paths = {module_name(path, folder): path for path in folder.rglob("*.py")}
    graph = {name: {*imports_of(name, path, paths)} - {name} for name, path in paths.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


def test_every_module_can_be_imported_alone() -> None:
    assert circle_in(GATEWAY) is None


@pytest.mark.parametrize(
    ("sources", "circle"),
    [
        ({"first": "from gateway.second import b", "second": "import gateway.first"}, True),
        ({"first": "from gateway.second import b", "second": "def late():\n import gateway.first"}, False),
        ({"room/__init__": "from gateway.room import a", "room/a": "from gateway.room import b"}, False),
        ({"room/__init__": "from gateway.room import a", "room/a": "from gateway.room import NAME"}, True),
        ({"room/__init__": "import gateway.room.a", "room/a": "import gateway.b", "b": "import gateway.room.c"}, True),
    ],
)  # fmt: skip
def test_a_circle_is_seen(tmp_path: Path, sources: dict[str, str], circle: bool) -> None:
    for name, source in {"__init__": "", "room/b": "", "room/c": "", **sources}.items():
        path = tmp_path / "gateway" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert (circle_in(tmp_path / "gateway") is not None) == circle


def import_all(names: list[str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", command, *names], cwd=folder, capture_output=True, text=True
    )


def test_imports_warn_of_nothing() -> None:
    outcome = import_all(modules())
    assert outcome.returncode == 0, outcome.stderr


def test_a_warning_is_seen(tmp_path: Path) -> None:
    (tmp_path / "warns.py").write_text("import warnings; warnings.warn('old', DeprecationWarning)")
    assert import_all(["warns"], tmp_path).returncode == 1


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
