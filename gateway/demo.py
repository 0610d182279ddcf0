"""The demo: an application, the gateway, and a provider in a process of its own, over real HTTP.

It shows side by side what the application sent, what the provider saw and the answer as it arrives, and it
judges itself: it succeeds only if the bytes that the provider's process recorded hold nothing of the
original values, and the application's text holds them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.config import Config, Provider, Proxies, Secret, Server
from gateway.server import serving

_PACE_MS = 45
_SECRETS = ("John Smith", "john@example.com")
_PROMPT = f"Tell me about {_SECRETS[0]} at {_SECRETS[1]}"
_TOOL = {
    "type": "function",
    "function": {
        "name": "send_invitation",
        "description": "Send an invitation by e-mail",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "email": {"type": "string"}},
        },
    },
}
_SCENES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("A question", {"model": f"sim:say?pace_ms={_PACE_MS}&delta=3&seed=1", "prompt": _PROMPT}),
    (
        "A tool call",
        {
            "model": f"sim:tool?pace_ms={_PACE_MS}&delta=3&seed=1",
            "prompt": f"Please invite the customer {_SECRETS[0]}, {_SECRETS[1]}",
            "tools": [_TOOL],
        },
    ),
)


async def run(serve_port: int | None) -> int:
    """Show it, and keep serving if a port is given. 0 if nothing leaked and everything came back."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "provider-saw.jsonl"
        async with _provider(record) as provider_url:
            server = Server(port=serve_port or 0)
            provider = Provider(name="demo", base_url=provider_url, api_key=Secret("sk-demo"))
            runner, port = await serving.start(Config(server=server, providers=[provider]), Proxies())
            try:
                url = f"http://127.0.0.1:{port}/v1"
                console.print(
                    f"Sluice listens on [bold]{url}[/]; its provider is another process, {provider_url}\n"
                )
                answers = [await _scene(console, url, record, title, scene) for title, scene in _SCENES]
                fine = _judge(console, record.read_bytes(), answers)
                _explain(console, url, serving=serve_port is not None)
                if serve_port is not None:
                    await asyncio.Event().wait()
            finally:
                await runner.cleanup()
    return 0 if fine else 1


@contextlib.asynccontextmanager
async def _provider(record: Path) -> AsyncIterator[str]:
    """The simulator in a process of its own; its URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.simulator", "--port", "0", "--record", str(record)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        start = line.find("http://")
        if start < 0:
            raise RuntimeError("the simulator did not start")
        yield line[start:].split()[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _scene(console: Console, url: str, record: Path, title: str, scene: dict[str, Any]) -> str:
    """Play one request; the restored answer."""
    body = {
        "model": scene["model"],
        "stream": True,
        "messages": [{"role": "user", "content": scene["prompt"]}],
    }
    if tools := scene.get("tools"):
        body["tools"] = tools
    console.rule(f"[bold]{title}", align="left")
    answer = ""
    with _screen(console) as live:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/chat/completions", json=body) as response,
        ):
            response.raise_for_status()
            saw = _last_prompt(record)
            async for line in response.content:
                answer += _text_in(line)
                if live:
                    live.update(_side_by_side(scene["prompt"], saw, answer))
    if not live:
        for who, text in (
            ("application sent", scene["prompt"]),
            ("provider saw", saw),
            ("application got", answer),
        ):
            console.print(f"the {who + ':':19}{text}", markup=False, soft_wrap=True)
    console.print()
    return answer


@contextlib.contextmanager
def _screen(console: Console) -> Any:
    """A live table on a terminal, nothing elsewhere."""
    if not console.is_terminal:
        yield None
        return
    with Live(console=console, refresh_per_second=30) as live:
        yield live


def _side_by_side(prompt: str, saw: str, answer: str) -> Table:
    table = Table(expand=True, show_lines=False)
    for title, style in (
        ("Your application sent", "green"),
        ("The provider saw", "red"),
        ("Your application gets", "green"),
    ):
        table.add_column(title, header_style=f"bold {style}", ratio=1)
    table.add_row(_marked(prompt), Text(saw), _marked(answer))
    return table


def _marked(text: str) -> Text:
    marked = Text(text)
    marked.highlight_words(_SECRETS, style="bold yellow")
    return marked


def _text_in(line: bytes) -> str:
    """What a line of the event stream adds to the answer."""
    if not line.startswith(b"data: {"):
        return ""
    said = ""
    for choice in json.loads(line[6:]).get("choices") or ():
        delta = choice["delta"]
        said += delta.get("content") or ""
        for call in delta.get("tool_calls") or ():
            function = call.get("function") or {}
            said += f"{name} " if (name := function.get("name")) else ""
            said += function.get("arguments") or ""
    return said


def _last_prompt(record: Path) -> str:
    """The prompt in the last request that the provider's process wrote down."""
    request = json.loads(record.read_text("utf-8").splitlines()[-1])
    prompt: str = json.loads(request["body"])["messages"][-1]["content"]
    return prompt


def _judge(console: Console, recorded: bytes, answers: list[str]) -> bool:
    leaked = [value for value in _SECRETS if value.encode() in recorded]
    missing = [value for value in _SECRETS if not all(value in answer for answer in answers)]
    if leaked:
        console.print(f"[bold red]LEAKED[/] to the provider: {', '.join(leaked)}")
    if missing:
        console.print(f"[bold red]NOT RESTORED[/] in the answer: {', '.join(missing)}")
    if not leaked and not missing:
        console.print(
            f"[bold green]✔[/] {len(recorded):,} bytes reached the provider's process; none of the "
            f"{len(_SECRETS)} values is in them, and every answer has them all."
        )
    return not leaked and not missing


def _explain(console: Console, url: str, serving: bool) -> None:
    console.print("\nYour own application keeps its SDK and changes one URL:\n")
    console.print("  # OPENAI_API_KEY=sk-… sluice serve", style="dim", markup=False)
    console.print('  client = OpenAI(base_url="http://127.0.0.1:8080/v1")\n', markup=False)
    if serving:
        console.print("This gateway and its provider stay up until you press Ctrl-C:\n")
        console.print(
            f'  client = OpenAI(base_url="{url}", api_key="sk-sluice-demo")  # model="sim:echo"\n',
            markup=False,
        )
    else:
        console.print("`sluice demo --serve` keeps this gateway and its provider running for you to try.")
