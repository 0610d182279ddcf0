"""The process that keeps the service running: it starts workers, replaces dead ones, and passes on signals.

In: how to read the configuration, and what runs beside the workers. Out: an exit status. It serves nothing
itself and has neither threads nor an event loop, because it forks (see `children`).

SIGHUP takes over a changed configuration, in all workers or in none. SIGUSR2 replaces the whole service by
what is installed now: this process runs the new program under the same process id, with the same sockets,
starts new workers, and lets the old ones finish. SIGTERM and SIGINT end it.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from time import monotonic
from typing import Any

from msgspec import Struct

from gateway.config import Config, Proxies
from gateway.errors import ConfigError
from gateway.server import (
    allocation,
    children,
    handover,
    logs,
    metrics,
    metrics_files,
    metrics_process,
    sockets,
    telemetry,
    worker,
)
from gateway.server.children import Child
from gateway.server.cores import cores
from gateway.server.notify import Notifier
from gateway.server.reload import compiled, lasting, rehearsed

# An event loop that has not turned for so long will not turn again.
_HUNG_AFTER_S = 30.0
# A worker that lived so long has not died of its start.
_SOUND_AFTER_S = 10.0
_MOST_FAILED_STARTS = 5
_LONGEST_PAUSE_S = 10.0
_BESIDE_AGAIN_S = 2.0
_RELOAD_WITHIN_S = 150.0
# Behind the drain: answers say their last words, sockets are closed.
_END_WITHIN_S = 15.0
_TICK_S = 1.0

_log = logging.getLogger("sluice.supervisor")


class Service(Struct, frozen=True):
    """What is to run. `read` gives the configuration as it is written now, or raises ConfigError.

    `announce` is told where the service listens, once it does. `check` are arguments with which the program
    only looks whether it could start.
    """

    read: Callable[[], Config]
    proxies: Proxies
    announce: Callable[[Config, Sequence[str]], None]
    check: Sequence[str]


def run(service: Service) -> int:
    """Run until told to stop. Raises ConfigError and OSError for what makes a start impossible."""
    return Supervisor(service).run()


class Supervisor:
    def __init__(self, service: Service) -> None:
        allocation.keep_thresholds()
        self._service = service
        self._notifier = Notifier(os.environ)
        self._config = service.read()
        logs.follow(self._config.log)
        before = handover.take(os.environ)
        self._children = before.children
        self._activated = before.activated
        self._listening = before.listening_at(self._config.server)
        self._places = [sockets.url(each) for each in self._listening]
        sockets.check(self._listening, self._config)
        rehearsed(self._config)  # here, before workers are forked: they share it
        self._number = self._config.server.workers or cores()
        self._beside: Child | None = None
        self._beside_at = 0.0
        self._wake, self._waker = socket.socketpair()
        for each in (self._wake, self._waker):
            each.setblocking(False)
        self._serves = False
        self._failed_starts = 0
        self._crashes = 0
        self._start_at = 0.0
        self._ticked_at = self._pinged_at = monotonic()
        self._wants_reload = False
        self._reload: _Reload | None = None
        self._trial: int | None = None
        self._kill_at: float | None = None
        self._failure: str | None = None
        self._unusable: str | None = None

    def run(self) -> int:
        for number in children.SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, children.SIGNALS)  # a predecessor has held them back
        # Collected once here, not in each worker: what nobody touches stays shared.
        gc.collect()
        gc.freeze()
        try:
            while not self._is_over():
                self._tick()
                self._listen()
        finally:
            signal.set_wakeup_fd(-1)
            sockets.close(self._listening)
        if self._unusable is not None:
            raise ConfigError(self._unusable)
        if self._failure is not None:
            _log.error("sluice: %s", self._failure)
            return 1
        return 0

    # --- the loop -----------------------------------------------------------------------------------------

    def _is_over(self) -> bool:
        return self._kill_at is not None and not self._children

    def _tick(self) -> None:
        now = monotonic()
        if now - self._ticked_at > 5 * _TICK_S:  # this process was held up, so it has heard nobody
            for child in self._children.values():
                child.heard_at = now
        self._ticked_at = now
        watchdog_s = self._notifier.watchdog_s
        if watchdog_s is not None and now - self._pinged_at >= watchdog_s / 4:
            self._pinged_at = now
            self._notifier.alive()
        for child in self._children.values():
            if child is not self._beside and now - child.heard_at > _HUNG_AFTER_S and child.control:
                _log.error("worker %d has not answered for %.0f s: it is killed", child.pid, _HUNG_AFTER_S)
                child.signal(signal.SIGKILL)
                child.heard_at = now
        if self._kill_at is not None:
            if now >= self._kill_at:
                for child in self._children.values():
                    child.signal(signal.SIGKILL)
            return
        if self._reload is not None:
            self._judge_reload(now)
        elif self._wants_reload and all(child.ready for child in self._workers()):
            self._begin_reload(now)
        if self._reload is None and now >= self._start_at:
            for _ in range(self._number - len(self._workers())):
                self._start_worker()
        if self._serves and self._beside is None and now >= self._beside_at:
            self._start_beside()

    def _listen(self) -> None:
        """Hear what children say and signals ask for."""
        open_controls = {child.control: child for child in self._children.values() if child.control}
        watchdog_s = self._notifier.watchdog_s
        waits_s = _TICK_S if watchdog_s is None else min(_TICK_S, watchdog_s / 4)
        if (pause_s := self._start_at - monotonic()) > 0:
            waits_s = min(waits_s, pause_s)
        for source in wait([self._wake, *open_controls], waits_s):
            if source is self._wake:
                for number in self._wake.recv(4096):
                    self._signalled(number)
            else:
                child = open_controls[source]  # type: ignore[index]
                self._heard(child, child.hear())
        for pid, how in children.ended():
            self._lost(pid, how)

    def _signalled(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop("told to stop")
        elif number == signal.SIGHUP:
            self._wants_reload = True
        elif number == signal.SIGUSR2:
            self._try_successor()

    # --- workers ------------------------------------------------------------------------------------------

    def _workers(self) -> list[Child]:
        """Those of this program that are to stay."""
        return [
            child
            for child in self._children.values()
            if not child.leaving and not child.adopted and child is not self._beside
        ]

    def _fork(self, body: Callable[[Any], int]) -> Child:
        controls = [child.control for child in self._children.values() if child.control]
        child = children.fork(body, (*controls, self._wake, self._waker))
        self._children[child.pid] = child
        return child

    def _start_worker(self) -> None:
        config, proxies, listening = self._config, self._service.proxies, self._listening
        self._fork(lambda control: worker.run(config, proxies, listening, control))

    def _heard(self, child: Child, said: Any) -> None:
        child.heard_at = monotonic()
        match said:
            case worker.Ready():
                child.ready = True
                self._failed_starts = 0
                ready = [each for each in self._workers() if each.ready]
                if len(ready) >= self._number and not self._serves:
                    self._now_serves()
                elif self._serves:
                    self._notifier.status(self._status())
            case worker.Failed(why):
                _log.error("a worker cannot serve the configuration: %s", why)
                if not self._serves and not self._adopted():
                    self._unusable = why
                    self._stop("it cannot start")
                else:
                    self._notifier.status(f"{self._status()}; another cannot start: {why}")
            case worker.Prepared(why) if self._reload is not None:
                self._reload.answers[child.pid] = why
            case _:
                pass  # a beat, or an answer that nobody waits for any more

    def _now_serves(self) -> None:
        self._serves = True
        for child in self._adopted():
            child.leaving = True
            child.signal(signal.SIGUSR1)
        self._service.announce(self._config, self._places)
        self._notifier.ready(self._status())

    def _adopted(self) -> list[Child]:
        return [child for child in self._children.values() if child.adopted and not child.leaving]

    def _lost(self, pid: int, how: str) -> None:
        if pid == self._trial:
            self._trial = None
            self._judge_trial(how)
            return
        child = self._children.pop(pid, None)
        if child is None:
            return
        if child.control is not None:
            while child.control.poll() and (said := child.hear()) is not None:
                self._heard(child, said)  # its last words
            if child.control is not None:
                child.control.close()
        metrics_files.process_ended(pid)
        if child is self._beside:
            self._beside = None
            self._beside_at = monotonic() + _BESIDE_AGAIN_S
        elif not child.leaving and not child.adopted and self._kill_at is None:
            self._mourn(child, how)

    def _mourn(self, child: Child, how: str) -> None:
        """A worker died that should not have."""
        now = monotonic()
        metrics.WORKERS_LOST.inc()
        if not child.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_FAILED_STARTS and not any(
                each.ready for each in self._children.values()
            ):
                self._failure = (
                    f"workers end before they serve, {self._failed_starts} times now; the last one {how}"
                )
                self._stop("workers cannot start")
                return
        sound = child.ready and now - child.started_at >= _SOUND_AFTER_S
        self._crashes = 0 if sound else self._crashes + 1
        pause_s = min(_LONGEST_PAUSE_S, 0.1 * 2 ** (self._crashes - 2)) if self._crashes > 1 else 0.0
        self._start_at = now + pause_s
        _log.error("worker %d %s; another starts in %.1f s", child.pid, how, pause_s)
        if self._serves:
            self._notifier.status(self._status())

    # --- what stands beside -------------------------------------------------------------------------------

    def _start_beside(self) -> None:
        wanted = metrics_process.wanted(self._config)
        if wanted is None:
            self._beside_at = float("inf")
        else:
            self._beside = self._fork(lambda control: metrics_process.run(wanted, control))

    # --- another configuration ----------------------------------------------------------------------------

    def _begin_reload(self, now: float) -> None:
        self._wants_reload = False
        self._notifier.reloading()
        try:
            config, unchanged = lasting(self._config, self._service.read())
            sockets.check(self._listening, config)
            compiled(config)
        except ConfigError as error:
            self._refuse_reload(error.message)
            return
        except Exception as bug:
            telemetry.report(bug, "reload")
            self._refuse_reload("the gateway failed while it read it")
            return
        self._reload = _Reload(config, unchanged, now + _RELOAD_WITHIN_S, self._workers())
        for child in self._reload.asked:
            child.tell(worker.Prepare(config))

    def _judge_reload(self, now: float) -> None:
        """All workers that live have built it: they take it. One cannot: none does."""
        reload = self._reload
        assert reload is not None
        asked = [child for child in reload.asked if child.pid in self._children]
        whys = [why for why in reload.answers.values() if why is not None]
        if not whys and now < reload.until and any(child.pid not in reload.answers for child in asked):
            return
        self._reload = None
        use = not whys and now < reload.until
        for child in asked:
            if not child.tell(worker.Commit(use)):
                child.signal(signal.SIGKILL)  # it would serve what the others do not
        if not use:
            self._refuse_reload(whys[0] if whys else "a worker took too long to build it")
            return
        metrics.RELOADS.labels("taken").inc()
        self._config = reload.config
        logs.follow(self._config.log)
        for name in reload.unchanged:
            _log.warning("%s is changed, which takes effect at the next restart", name)
        _log.info("the configuration was taken over")
        later = f"; at the next restart: {', '.join(reload.unchanged)}" if reload.unchanged else ""
        self._notifier.ready(self._status() + later)

    def _refuse_reload(self, why: str) -> None:
        metrics.RELOADS.labels("refused").inc()
        _log.error("the configuration stays as it was: %s", why)
        self._notifier.ready(f"{self._status()}; the changed configuration was refused: {why}")

    # --- another program ----------------------------------------------------------------------------------

    def _try_successor(self) -> None:
        """See first whether what is installed now can start: behind `execv` there is no way back."""
        if self._trial is None and self._serves and self._kill_at is None:
            _log.info("told to restart: what is installed now is tried")
            self._trial = handover.try_program(self._service.check)

    def _judge_trial(self, how: str) -> None:
        if how != "ended with status 0":
            _log.error("nothing is restarted, for what is installed now does not start: its trial %s", how)
            self._notifier.status(f"{self._status()}; a restart was refused: its trial {how}")
            return
        if self._kill_at is not None:
            return
        self._notifier.reloading()
        if self._beside is not None:
            self._beside.signal(signal.SIGTERM)
        try:
            server = self._config.server
            serving = [child for child in self._children.values() if child is not self._beside]
            handover.give(os.environ, self._listening, self._activated, (server.host, server.port), serving)
        except OSError as error:
            _log.error("the new program could not be run: %s", error.strerror)
            self._notifier.ready(self._status())

    # --- the end ------------------------------------------------------------------------------------------

    def _stop(self, why: str) -> None:
        within_s = self._config.server.drain_s + _END_WITHIN_S
        if self._kill_at is None:
            self._kill_at = monotonic() + within_s
            _log.info("%s: answers under way have %g s", why, self._config.server.drain_s)
        if not self._activated:
            sockets.close(self._listening)  # or connections would wait here for nobody
        self._notifier.stopping("Finishing answers that are under way", within_s)
        for child in self._children.values():
            child.signal(signal.SIGTERM)

    def _status(self) -> str:
        ready = sum(child.ready for child in self._workers())
        return f"{ready} of {self._number} workers serve on {', '.join(self._places)}"


class _Reload:
    """A configuration that workers are building."""

    def __init__(self, config: Config, unchanged: list[str], until: float, asked: list[Child]) -> None:
        self.config = config
        self.unchanged = unchanged
        self.until = until
        self.asked = asked
        self.answers: dict[int, str | None] = {}
