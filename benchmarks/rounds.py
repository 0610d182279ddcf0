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
from benchmarks.driver import Load
from benchmarks.driver import Outcome as Driven
from benchmarks.processor import Cores, started
from benchmarks.provider import Counts
from benchmarks.results import Measurement, Outcome
from benchmarks.scenarios import Scenario

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
def _provider(scenario: Scenario, core: int | None) -> Iterator[Provider]:
    options = ["--events", str(scenario.events), "--pace-ms", str(scenario.pace_ms)]
    command = [sys.executable, "-m", "benchmarks.provider", *options]
    with started(command, core) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise BenchmarkFailed("the provider does not start")
        yield Provider(url, process.pid)


def run(scenario: Scenario, progress: Progress, candidates: Mapping[str, Candidate] = CANDIDATES) -> Outcome:
    """Every candidate once a round; `progress` hears before each step what comes.

    A candidate that fails is left out from then on, and its rounds with it: the outcome says why.
    """
    cores = processor.choose_cores()
    usable = os.sched_getaffinity(0)
    processor.pin(cores.load)
    outcome = Outcome(scenario, [])
    try:
        with ExitStack() as running:
            provider = running.enter_context(_provider(scenario, cores.load))
            proxies: dict[str, Proxy] = {}
            for name in scenario.candidates:
                folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix=f"bench-{name}-")))
                progress(f"{scenario.name}: starting {name}")
                # The load's own core is not what this process may pass on to a proxy.
                os.sched_setaffinity(0, usable)
                try:
                    start = candidates[name].start
                    proxies[name] = running.enter_context(start(provider.url, folder, cores.proxy))
                except (BenchmarkFailed, OSError) as error:
                    outcome.failed[name] = str(error)
                processor.pin(cores.load)
            for number in range(scenario.rounds):
                shift = number % len(scenario.candidates)
                order = [*scenario.candidates[shift:], *scenario.candidates[:shift]]
                measured = {}
                for name in order:
                    progress(f"{scenario.name}, round {number + 1} of {scenario.rounds}: {name}")
                    if name in outcome.failed:
                        continue
                    try:
                        measured[name] = _measure(
                            name, candidates[name], proxies[name], provider, scenario, cores
                        )
                    except BenchmarkFailed as error:
                        outcome.failed[name] = str(error)
                outcome.rounds.append(
                    {name: measured[name] for name in scenario.candidates if name in measured}
                )
    finally:
        os.sched_setaffinity(0, usable)
    for name in outcome.failed:
        for each in outcome.rounds:
            each.pop(name, None)
    return outcome


class _Reading(NamedTuple):
    """Read together, at the beginning and at the end of the time that counts."""

    at: float
    proxy_s: float
    load_s: float
    busy_s: float
    own_s: float
    counts: Counts


def _measure(
    name: str, candidate: Candidate, proxy: Proxy, provider: Provider, scenario: Scenario, cores: Cores
) -> Measurement:
    load = Load(
        url=proxy.url,
        streams=max(1, round(scenario.streams * candidate.share)),
        events=scenario.events,
        pace_ms=scenario.pace_ms,
        window_s=scenario.window_s,
        together=scenario.together,
        stream=scenario.stream,
        shapes=scenario.shapes,
        wire=candidate.wire,
        exact=candidate.exact,
        masked=candidate.masks,
        headers=list(proxy.headers),
    )
    at_rest = processor.memory(proxy.pid) if proxy.pid is not None else None
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
        under_load = processor.memory(proxy.pid) if proxy.pid is not None else None
        try:
            driven = msgspec.json.decode(driver.stdout.readline(), type=Driven)
        except msgspec.DecodeError:
            raise BenchmarkFailed(f"{name}: the load broke off before it told what came") from None
    if driven.faults or not driven.answers:
        said = driven.faults[0] if driven.faults else "no answer came"
        raise BenchmarkFailed(f"{name}: {len(driven.faults)} of {driven.answers} answers are wrong: {said}")
    if candidate.redacts and after.counts.in_clear > before.counts.in_clear:
        raise BenchmarkFailed(f"{name}: the provider was sent values in clear")
    events = after.counts.events - before.counts.events
    if not scenario.stream:
        events = after.counts.wholes - before.counts.wholes
    if not events:
        raise BenchmarkFailed(f"{name}: the provider was not asked while the time was taken")
    seconds = after.at - before.at
    proxy_s, load_s = after.proxy_s - before.proxy_s, after.load_s - before.load_s
    others_s = after.busy_s - before.busy_s - proxy_s - load_s - (after.own_s - before.own_s)
    return Measurement(
        events=events,
        seconds=round(seconds, 3),
        cpu_us_per_event=round(proxy_s * 1e6 / events, 3) if proxy.pid is not None else None,
        load_cpu_us_per_event=round(load_s * 1e6 / events, 3),
        answers=driven.in_window,
        first_ms=driven.first_ms,
        gap_ms=driven.gap_ms,
        late_ms=driven.late_ms,
        memory_bytes=[at_rest.all, under_load.all] if at_rest and under_load else [],
        worker_bytes=at_rest.worker if at_rest else None,
        others_share=round(max(0.0, others_s) / (2 * seconds), 3),
    )
