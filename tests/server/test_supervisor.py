"""A service of several processes: restarted, reloaded, upgraded and stopped, with streams under way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from pathlib import Path

import aiohttp

from gateway import simulator
from tests.server.running import Answer, Connection, asking
from tests.server.service import START_S, Service, begun, configuration, held, service

TEXT = "begun. ended."


def text_of(answer: Answer) -> str:
    return "".join(
        choice["delta"].get("content") or "" for event in answer.events for choice in event.get("choices", ())
    )


async def open_streams(
    running: Service, number: int, stack: contextlib.AsyncExitStack
) -> list[tuple[Connection, Answer]]:
    connections = [await stack.enter_async_context(running.connect()) for _ in range(number)]
    return [(each, await begun(each)) for each in connections]


async def test_a_rolling_restart_breaks_no_stream_and_refuses_no_request(tmp_path: Path) -> None:
    async with (
        held() as (provider, url),
        service(configuration(url, workers=2), tmp_path) as running,
        contextlib.AsyncExitStack() as stack,
    ):
        old = running.workers()
        streams = []
        for other in old:  # else all may go to one, and the other would have nothing to stay for
            os.kill(other, signal.SIGSTOP)
            streams += await open_streams(running, 20, stack)
            os.kill(other, signal.SIGCONT)
        asked: list[Answer] = []

        async def keep_asking() -> None:
            while True:
                asked.append(await running.ask("short"))

        asking_on = asyncio.create_task(keep_asking())
        running.signal(signal.SIGUSR2)
        await running.says(" listens on ", times=2)
        asked_before = len(asked)
        await running.until(lambda: len(asked) > asked_before or asking_on.done())
        assert len(set(running.workers()) - set(old)) == 2
        assert set(old) <= set(running.workers())
        provider.release.set()
        answers = [await connection.rest(answer) for connection, answer in streams]
        assert [text_of(answer) for answer in answers] == [TEXT] * 40
        await running.until(lambda: not set(old) & set(running.workers()))
        asking_on.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking_on
        assert {text_of(answer) for answer in asked} == {TEXT}
        running.signal(signal.SIGTERM)
        assert await running.ends() == 0
    assert not [each for each in tmp_path.iterdir() if each.name.startswith("sluice-")]


async def test_a_program_that_cannot_start_replaces_nothing(tmp_path: Path) -> None:
    async with held() as (_, url), service(configuration(url), tmp_path) as running:
        workers = running.workers()
        running.file.write_text("[server")
        running.signal(signal.SIGUSR2)
        await running.says("nothing is restarted")
        assert running.workers() == workers
        assert text_of(await running.ask("short")) == TEXT


async def test_a_killed_worker_breaks_only_its_own_streams_and_is_replaced(tmp_path: Path) -> None:
    async with (
        held() as (provider, url),
        service(configuration(url, workers=2), tmp_path) as running,
        contextlib.AsyncExitStack() as stack,
    ):
        streams = await open_streams(running, 16, stack)
        victim, other = running.workers()
        theirs = connections_of(victim, running.port)
        os.kill(victim, signal.SIGKILL)
        await running.says(f"worker {victim} was ended by SIGKILL")
        assert text_of(await running.ask("short")) == TEXT
        await running.until(lambda: len(running.workers()) == 2)
        assert other in running.workers()
        provider.release.set()
        answers = [await connection.rest(answer) for connection, answer in streams]
        whole = [answer for answer in answers if answer.ended]
        assert {text_of(answer) for answer in whole} <= {TEXT}
        assert len(streams) - len(whole) == theirs
        for answer in answers:
            if not answer.ended:  # the connection was closed, and nothing made up
                assert b"ended" not in answer.body


def connections_of(pid: int, port: int) -> int:
    """How many clients a process has."""
    sockets = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    local = f":{port:04X}"
    return sum(row[1].endswith(local) and row[3] == "01" and f"socket:[{row[9]}]" in sockets for row in rows)


async def test_a_changed_file_is_taken_over_by_all_workers_and_a_wrong_one_by_none(tmp_path: Path) -> None:
    async with (
        held() as (provider, url),
        service(configuration(url, workers=2, models='["held", "one"]'), tmp_path) as running,
        contextlib.AsyncExitStack() as stack,
    ):
        streams = await open_streams(running, 8, stack)

        running.file.write_text(configuration(url, workers=2, models='["two"]', prot=1))
        running.signal(signal.SIGHUP)
        assert "server.prot: no such option; did you mean port?" in await running.says("stays as it was")
        assert [(await running.ask("one")).status for _ in range(8)] == [200] * 8

        running.file.write_text(configuration(url, workers=3, models='["two"]'))
        running.signal(signal.SIGHUP)
        await running.says("server.workers is changed, which takes effect at the next restart")
        await running.says("the configuration was taken over")
        assert [(await running.ask("two")).status for _ in range(8)] == [200] * 8
        assert [(await running.ask("one")).status for _ in range(8)] == [404] * 8

        provider.release.set()
        answers = [await connection.rest(answer) for connection, answer in streams]
        assert [text_of(answer) for answer in answers] == [TEXT] * 8


async def test_a_restarted_worker_has_the_configuration_of_the_others(tmp_path: Path) -> None:
    silent = '[log]\nlevel = "warning"'
    async with (
        held() as (_, url),
        service(configuration(url, models='["one"]', more=silent), tmp_path) as running,
    ):
        assert (await running.ask("one")).status == 200
        running.file.write_text(configuration(url, models='["two"]'))
        running.signal(signal.SIGHUP)
        await running.says("the configuration was taken over")
        assert (await running.ask("two")).status == 200
        # Each request is a line now, and the one before was none.
        assert '"status":200' in await running.says('"route":')
        (victim,) = running.workers()
        os.kill(victim, signal.SIGKILL)
        await running.says("was ended by SIGKILL")
        assert (await running.ask("one")).status == 404
        assert (await running.ask("two")).status == 200
        assert '"status":200' in await running.says('"route":', times=3)


async def test_reloads_under_load_fail_no_request(tmp_path: Path) -> None:
    provider = await simulator.start()
    config = configuration(provider.url, workers=2, keepalive_after_s=9)
    async with service(config, tmp_path) as running:
        enough = asyncio.Event()

        async def keep_asking() -> list[Answer]:
            answers = []
            while not enough.is_set():
                answers.append(await running.ask("sim:long?tokens=20&pace_ms=1"))
            return answers

        clients = [asyncio.create_task(keep_asking()) for _ in range(8)]
        for time in range(1, 4):
            running.file.write_text(config.replace("_s = 9", f"_s = 9{time}"))
            running.signal(signal.SIGHUP)
            await running.says("the configuration was taken over", times=time)
        enough.set()
        answers = [answer for client in clients for answer in await client]
    await provider.close()
    assert len(answers) >= 8
    for answer in answers:
        assert answer.events[-1]["choices"][0]["finish_reason"] == "stop"


async def test_told_to_stop_it_finishes_and_then_ends_what_takes_too_long(tmp_path: Path) -> None:
    async with (
        held() as (provider, url),
        service(configuration(url, workers=2, drain_s=1), tmp_path) as running,
        running.connect() as one,
        running.connect() as two,
    ):
        first, second = await begun(one), await begun(two)
        port = running.port
        running.signal(signal.SIGTERM)
        await running.says("told to stop")
        await running.until(lambda: not listens(port))
        assert provider.begun == 2
        for answer in (await one.rest(first), await two.rest(second)):
            assert answer.ended
            assert answer.stream_error["type"] == "shutting_down"
            assert answer.stream_error["code"] == "SHUTTING_DOWN"
        assert await running.ends() == 0


async def test_workers_that_die_at_their_start_end_the_service_with_the_reason(tmp_path: Path) -> None:
    # The name of the model is only looked at by whoever loads it.
    model = '[model]\nkind = "spacy"\npath = "no_such_pipeline"'
    async with service(configuration("http://127.0.0.1:1", more=model), tmp_path, starts=False) as running:
        assert await running.ends() == 2
        assert any("model." in line for line in running.lines), running.lines


async def test_workers_that_crash_at_their_start_are_tried_again_and_then_given_up(tmp_path: Path) -> None:
    broken = "from gateway.server import worker; worker.run = lambda *_: 7"
    config = configuration("http://127.0.0.1:1")
    async with service(config, tmp_path, starts=False, before=broken) as running:
        assert await running.ends() == 1
        assert json.loads(running.lines[-1])["message"] == (
            "sluice: workers end before they serve, 5 times now; the last one ended with status 7"
        )


async def test_workers_share_what_is_compiled_and_have_little_of_their_own(tmp_path: Path) -> None:
    async with held() as (_, url), service(configuration(url, workers=3), tmp_path) as running:
        for pid in running.workers():
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            kib = {name: int(size) for name, size, _ in (line.split() for line in lines)}
            assert kib["Private_Clean:"] + kib["Private_Dirty:"] < 30 << 10


async def test_workers_without_a_supervisor_end(tmp_path: Path) -> None:
    async with held() as (_, url), service(configuration(url, workers=2), tmp_path) as running:
        workers = running.workers()
        running.signal(signal.SIGKILL)
        await running.until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers))


async def test_a_socket_of_systemd_is_used_and_outlives_the_service(tmp_path: Path) -> None:
    async with held() as (_, url):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            config = configuration(url, port=1)  # where nobody may listen
            async with service(config, tmp_path, listening=listening) as running:
                assert running.port == port
                assert text_of(await running.ask("short")) == TEXT
                running.signal(signal.SIGUSR2)
                await running.says(" listens on ", times=2)
                assert text_of(await running.ask("short")) == TEXT
                running.signal(signal.SIGTERM)
                assert await running.ends() == 0
            # It waits for the next one, and is not refused.
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(asking("short")), asking("short"))
            )
            async with service(config, tmp_path, listening=listening):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def test_a_socket_that_others_reach_is_refused_without_keys(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listening:
        config = configuration("http://127.0.0.1:1")
        async with service(config, tmp_path, listening=listening, starts=False) as running:
            assert await running.ends() == 2
            assert "without [[keys]] only this machine may be served" in running.lines[-1]


async def test_systemd_is_told_what_happens(tmp_path: Path) -> None:
    name = f"sluice-test-{os.getpid()}-{id(tmp_path)}"
    env = {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "400000"}
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}")
        systemd.setblocking(False)

        async def told(what: str) -> str:
            async with asyncio.timeout(START_S):
                while what not in (lines := (await loop.sock_recv(systemd, 4096)).decode()):
                    pass
            return lines

        async with held() as (_, url), service(configuration(url), tmp_path, env) as running:
            assert "STATUS=1 of 1 workers serve on http://127.0.0.1:" in await told("READY=1")
            for _ in range(3):
                await told("WATCHDOG=1")

            running.file.write_text("")
            running.signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in await told("RELOADING=1")
            assert "refused: providers: nothing to serve" in await told("READY=1")

            running.file.write_text(configuration(url, workers=2))
            running.signal(signal.SIGHUP)
            await told("RELOADING=1")
            assert "at the next restart: server.workers" in await told("READY=1")

            running.signal(signal.SIGUSR2)
            await told("RELOADING=1")
            assert "STATUS=2 of 2 workers serve" in await told("READY=1")

            running.signal(signal.SIGTERM)
            assert "EXTEND_TIMEOUT_USEC=" in await told("STOPPING=1")
            assert await running.ends() == 0


async def test_what_happens_to_workers_and_configurations_is_counted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    metrics = f"[metrics]\nport = {port}"
    async with held() as (_, url), service(configuration(url, more=metrics), tmp_path) as running:
        assert await counted(port, "workers_lost_total") == "0.0"
        os.kill(running.workers()[0], signal.SIGKILL)
        await running.says("was ended by SIGKILL")
        assert await counted(port, "workers_lost_total") == "1.0"

        running.file.write_text(configuration(url, more=metrics, prot=1))
        running.signal(signal.SIGHUP)
        await running.says("stays as it was")
        assert await counted(port, 'reloads_total{outcome="refused"}') == "1.0"
        assert await counted(port, 'reloads_total{outcome="taken"}') == "0.0"

        running.file.write_text(configuration(url, more=metrics))
        running.signal(signal.SIGHUP)
        await running.says("the configuration was taken over")
        assert await counted(port, 'reloads_total{outcome="taken"}') == "1.0"


async def counted(port: int, name: str) -> str:
    """What is shown of a metric, once something is."""
    async with asyncio.timeout(START_S), aiohttp.ClientSession() as client:
        while True:
            with contextlib.suppress(aiohttp.ClientConnectorError):
                async with client.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    lines = (await answer.text()).splitlines()
                    return dict(line.rsplit(" ", 1) for line in lines)[f"sluice_{name}"]
            await asyncio.sleep(0.02)


async def test_what_runs_beside_the_workers_is_kept_running_and_ends_with_them(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = (
        "import asyncio; from gateway.server import metrics_process, supervisor; supervisor._BESIDE_AGAIN_S = 0; "
        "listen = lambda: asyncio.start_server(lambda reader, writer: writer.close(), '127.0.0.1', "
        f"{port}); metrics_process.wanted = lambda config: listen"
    )
    async with held() as (_, url), service(configuration(url), tmp_path, before=listen) as running:
        await running.until(lambda: len(running.workers()) == 2)
        _, listener = running.workers()
        await running.until(lambda: listens(port))
        os.kill(listener, signal.SIGKILL)
        await running.until(lambda: len(running.workers()) == 2 and listener not in running.workers())
        await running.until(lambda: listens(port))
        running.signal(signal.SIGUSR2)
        await running.says(" listens on ", times=2)
        await running.until(lambda: listens(port))
        running.signal(signal.SIGTERM)
        assert await running.ends() == 0
        assert not listens(port)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    haste = "from gateway.server import supervisor; supervisor._HUNG_AFTER_S = 2.5"
    async with held() as (_, url), service(configuration(url), tmp_path, before=haste) as running:
        (victim,) = running.workers()
        os.kill(victim, signal.SIGSTOP)
        await running.says(f"worker {victim} has not answered")
        await running.says(f"worker {victim} was ended by SIGKILL")
        assert text_of(await running.ask("short")) == TEXT
