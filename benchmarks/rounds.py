"""Runs the candidates in turns and reads what each of them cost.

All are started first; then each round measures every one of them, in another order each time, so that a
slow minute of the machine hits them alike and each is compared with the others of its own round.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from benchmarks import processor
from benchmarks.candidates import CANDIDATES, BenchmarkFailed, Candidate, Proxy
from benchmarks.driver import Load, Outcome
from benchmarks.processor import Cores, started
from benchmarks.provider import Counts
from benchmarks.results import Measurement, Settings, percentile

Progress = Callable[[str], None]


class Provider(NamedTuple):
    url: str
    pid: int

    def counts(self) -> Counts:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request("GET", "/counts")
            return msgspec.json.decode(connection.getresponse().read(), type=Counts)
        finally:
            connection.close()


@contextmanager
def _provider(settings: Settings, core: int | None) -> Iterator[Provider]:
    options = ["--events", str(settings.events), "--pace-ms", str(settings.pace_ms)]
    command = [sys.executable, "-m", "benchmarks.provider", *options]
    with started(command, core) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise BenchmarkFailed("the provider does not start")
        yield Provider(url, process.pid)


def run(
    settings: Settings, progress: Progress, candidates: Mapping[str, Candidate] = CANDIDATES
) -> list[dict[str, Measurement]]:
    """One measurement of each candidate a round; `progress` hears before each what comes."""
    cores = processor.choose_cores()
    usable = os.sched_getaffinity(0)
    processor.pin(cores.load)
    try:
        with ExitStack() as running:
            provider = running.enter_context(_provider(settings, cores.load))
            proxies = {}
            for name in settings.candidates:
                folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix=f"bench-{name}-")))
                progress(f"starting {name}")
                # The load's own core is not what this process may pass on to a proxy.
                os.sched_setaffinity(0, usable)
                start = candidates[name].start
                proxies[name] = running.enter_context(start(provider.url, folder, cores.proxy))
                processor.pin(cores.load)
            rounds: list[dict[str, Measurement]] = []
            for number in range(settings.rounds):
                shift = number % len(settings.candidates)
                order = [*settings.candidates[shift:], *settings.candidates[:shift]]
                measured = {}
                for name in order:
                    progress(f"round {number + 1} of {settings.rounds}: {name}")
                    redacts = candidates[name].redacts
                    measured[name] = _measure(name, proxies[name], provider, settings, cores, redacts)
                rounds.append({name: measured[name] for name in settings.candidates})
    finally:
        os.sched_setaffinity(0, usable)
    return rounds


class _Reading(NamedTuple):
    """Read together, at the beginning and at the end of the time that counts."""

    at: float
    proxy_s: float
    load_s: float
    busy_s: float
    own_s: float
    counts: Counts


def _measure(
    name: str, proxy: Proxy, provider: Provider, settings: Settings, cores: Cores, redacts: bool
) -> Measurement:
    load = Load(
        proxy.url, settings.streams, settings.events, settings.pace_ms, settings.window_s, settings.together
    )
    with started([sys.executable, "-m", "benchmarks.driver"], cores.load, stdin=-1) as driver:
        assert driver.stdin is not None
        assert driver.stdout is not None

        def read(word: str) -> _Reading:
            if driver.stdout is None or driver.stdout.readline().strip() != word:
                raise BenchmarkFailed(f"{name}: the load broke off")
            proxy_s = processor.used_s(proxy.pid) if proxy.pid is not None else 0.0
            load_s = processor.used_s(provider.pid) + processor.used_s(driver.pid)
            busy_s, own_s = processor.busy_s(cores), time.process_time()
            return _Reading(time.perf_counter(), proxy_s, load_s, busy_s, own_s, provider.counts())

        driver.stdin.write(msgspec.json.encode(load).decode())
        driver.stdin.close()
        driver.stdin = None
        before, after = read("begin"), read("end")
        outcome = msgspec.json.decode(driver.stdout.readline() or "{}", type=Outcome)
    if outcome.faults or not outcome.answers:
        said = outcome.faults[0] if outcome.faults else "no answer came"
        raise BenchmarkFailed(f"{name}: {len(outcome.faults)} of {outcome.answers} answers are wrong: {said}")
    if redacts and after.counts.in_clear > before.counts.in_clear:
        raise BenchmarkFailed(f"{name}: the provider was sent values in clear")
    events = after.counts.events - before.counts.events
    seconds = after.at - before.at
    proxy_s, load_s = after.proxy_s - before.proxy_s, after.load_s - before.load_s
    others_s = after.busy_s - before.busy_s - proxy_s - load_s - (after.own_s - before.own_s)
    return Measurement(
        events=events,
        seconds=round(seconds, 3),
        cpu_us_per_event=round(proxy_s * 1e6 / events, 3) if proxy.pid is not None else None,
        load_cpu_us_per_event=round(load_s * 1e6 / events, 3),
        answers=outcome.answers,
        first_ms=[round(percentile(outcome.first_ms, share), 3) for share in (0.5, 0.99)],
        gap_ms=[round(percentile(outcome.gap_ms, share), 3) for share in (0.5, 0.95)],
        others_share=round(max(0.0, others_s) / (2 * seconds), 3),
    )
