"""`sluice serve` as its operators run it: real processes, real signals, every line that it writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from aiohttp import web

from tests.conftest import ROOT
from tests.server.running import CHAT, DONE, Answer, Connection, asking, connected, frame, serving

# A start takes seconds on a machine that runs other tests; only a failing test waits so long.
START_S = 40.0


def configuration(provider_url: str, *, models: str = '["*"]', more: str = "", **server: object) -> str:
    options = {"port": 0, "workers": 1, **server}
    lines = [f"{name} = {str(value).lower()}" for name, value in options.items()]
    return "\n".join(
        [
            "[server]",
            *lines,
            "[[providers]]",
            'name = "simulated"',
            f'base_url = "{provider_url}"',
            'api_key = "env:PROVIDER_KEY"',
            f"models = {models}",
            # To compile what all entities look for takes seconds, which say nothing about processes.
            "[[policies]]",
            'name = "default"',
            'request = {"*" = "allow", EMAIL_ADDRESS = "redact"}',
            'answer = {"*" = "allow"}',
            more,
        ]
    )


class Service:
    """The process that was started, and what it has written so far."""

    def __init__(self, process: asyncio.subprocess.Process, file: Path) -> None:
        self.process = process
        self.file = file
        self.lines: list[str] = []
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        line = next(line for line in reversed(self.lines) if " listens on " in line)
        return int(line.rsplit(":", 1)[1])

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            async with self._news:
                self.lines.append(line.decode().rstrip())
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def says(self, text: str, times: int = 1) -> str:
        """Wait for a line with this text, or for the so manieth; the line."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        async with asyncio.timeout(START_S), self._news:
            await self._news.wait_for(lambda: len(found()) >= times or self.process.returncode is not None)
        assert len(found()) >= times, self.lines
        return found()[times - 1]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def workers(self) -> list[int]:
        """The process ids of its children, oldest first."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in listed]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that nobody announces."""
        async with asyncio.timeout(START_S):
            while not condition():
                await asyncio.sleep(0.02)

    async def ends(self) -> int:
        async with asyncio.timeout(START_S):
            status = await self.process.wait()
            await self._reading
        return status

    def connect(self) -> contextlib.AbstractAsyncContextManager[Connection]:
        return connected(self.port)

    async def ask(self, model: str = "held", path: str = CHAT, *, stream: bool = True) -> Answer:
        """A whole exchange."""
        async with self.connect() as connection:
            connection.request(asking(model, stream=stream), path)
            return await connection.rest(await connection.head())


@contextlib.asynccontextmanager
async def service(
    config: str,
    folder: Path,
    env: Mapping[str, str] | None = None,
    listening: socket.socket | None = None,
    *,
    starts: bool = True,
    before: str = "",
) -> AsyncIterator[Service]:
    """The service with this configuration, in a process group of its own.

    `listening` is handed to it; `before` is what its program does first.
    """
    file = folder / "sluice.toml"
    file.write_text(config)
    program = f"import sys; {before or 0}; from gateway.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", "--config", str(file)]
    if listening is not None:
        # What systemd does between fork and exec: the socket at descriptor 3, and for whom it is meant.
        os.set_inheritable(listening.fileno(), True)
        adopt = f"exec 3<&{listening.fileno()}; export LISTEN_FDS=1 LISTEN_PID=$$; exec "
        command = ["bash", "-c", adopt + '"$@"', "bash", *command]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "PROVIDER_KEY": "sk-test", "TMPDIR": str(folder), **(env or {})},
        stderr=asyncio.subprocess.PIPE,
        pass_fds=() if listening is None else (listening.fileno(),),
        start_new_session=True,
    )
    running = Service(process, file)
    try:
        if starts:
            await running.says(" listens on ")
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await running.ends()


class Held:
    """A provider whose streams begin at once and end when the test lets them."""

    def __init__(self) -> None:
        self.begun = 0
        self.release = asyncio.Event()

    async def respond(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(frame({"role": "assistant", "content": "begun. "}))
        self.begun += 1
        if body["model"] == "held":
            await self.release.wait()
        await response.write(frame({"content": "ended."}) + frame({}, "stop") + DONE)
        await response.write_eof()
        return response


@contextlib.asynccontextmanager
async def held() -> AsyncIterator[tuple[Held, str]]:
    provider = Held()
    async with serving(provider.respond) as url:
        yield provider, url
        provider.release.set()


async def begun(connection: Connection, model: str = "held") -> Answer:
    """Ask for a stream, and wait for its first chunk."""
    connection.request(asking(model), CHAT)
    answer = await connection.head()
    assert answer.status == 200
    answer.chunks.append(await connection.chunk())
    return answer
