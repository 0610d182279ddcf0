"""What the documentation shows is run: Python programs, the configuration file, the commands."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway import cli, config, simulator
from gateway.config import Config, Provider, Proxies, Secret, Server
from gateway.errors import ConfigError, SluiceError
from gateway.server import serving
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def blocks(language: str) -> list[object]:
    return [
        pytest.param(code, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, (found, code) in enumerate(FENCE.findall(page.read_text()))
        if found == language
    ]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    provider = await simulator.start("127.0.0.1", 0, simulator.Settings())
    behind = Provider(name="openai", base_url=provider.url, api_key=Secret("sk-test"))
    runner, port = await serving.start(Config(server=Server(port=0), providers=[behind]), Proxies())
    yield f"http://127.0.0.1:{port}/v1"
    await runner.cleanup()
    await provider.close()


async def run(command: list[str], **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out.decode()


def here(code: str, url: str) -> str:
    """The program with the test's gateway and a model that repeats what it was sent."""
    return code.replace("http://127.0.0.1:8080/v1", url).replace("gpt-4o-mini", "sim:echo")


@pytest.mark.parametrize("code", blocks("python"))
async def test_python_programs_print_the_restored_answer(code: str, url: str) -> None:
    out = await run([sys.executable, "-c", here(code, url)], OPENAI_API_KEY="sk-test")
    assert "john@example.com" in out


@pytest.mark.parametrize("code", blocks("sh"))
async def test_shell_commands_work(code: str, url: str) -> None:
    out = await run(["bash", "-c", here(code, url)])
    said = [json.loads(line[6:]) for line in out.splitlines() if line.startswith("data: {")]
    text = "".join(choice["delta"].get("content") or "" for chunk in said for choice in chunk["choices"])
    assert "john@example.com" in text


@pytest.mark.parametrize("code", blocks("console"))
async def test_shown_commands_print_what_is_shown(code: str, url: str, tmp_path: Path) -> None:
    """What stands behind each `$`; `…` is anything."""
    commands = [line[2:] for line in code.splitlines() if line.startswith("$ ")]
    shown = [line for line in code.splitlines() if not line.startswith("$ ")]
    sluice = f'sluice() {{ {shlex.quote(sys.executable)} -m gateway "$@"; }}'
    script = "\n".join(["set -e", f"cd {shlex.quote(str(tmp_path))}", sluice, *commands])
    out = await run(
        ["bash", "-c", here(script, url)], PYTHONPATH=str(ROOT), XDG_STATE_HOME=str(tmp_path / "state")
    )
    for line, pattern in zip(out.splitlines(), shown, strict=True):
        assert re.fullmatch(re.escape(pattern).replace("…", ".*"), line), (line, pattern)


@pytest.mark.parametrize("code", blocks("toml"))
def test_configuration_files_load(code: str, tmp_path: Path) -> None:
    path = tmp_path / "sluice.toml"
    path.write_text(code)
    names = ("OPENAI_API_KEY", "OPENAI_API_KEY_2", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY")
    env = dict.fromkeys(names, "sk-test")
    env |= {"SLUICE_REDIS": "redis://localhost:6379/0", "HOME": str(tmp_path)}
    assert config.load(path, env).providers


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_sluice_command_is_one(page: Path) -> None:
    for line in re.findall(r"^(?:\w+=\S+ )?sluice (.*?)(?:\s+#.*)?$", page.read_text(), re.MULTILINE):
        cli._parser().parse_args(shlex.split(line))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def errors(of: type[SluiceError]) -> Iterator[type[SluiceError]]:
    yield of
    for each in of.__subclasses__():
        yield from errors(each)


def test_the_page_for_clients_lists_every_type_of_error() -> None:
    table = (ROOT / "docs" / "clients.md").read_text().partition("| `type` | status |")[2]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| `")]
    told = {name: row[2] for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    for error in errors(SluiceError):
        if error is not ConfigError:
            assert error.type in told, error
            assert str(error.status) in told[error.type] or "its own" in told[error.type], error
