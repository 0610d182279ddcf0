"""What the gateway counts, and where Prometheus reads it.

In: a `Call` that is over. Out: numbers, under labels whose values come from the configuration or stand here;
what a request or a provider says is never one. A streamed event costs nothing here: what it adds up to is
looked at once, when the request settles. What requests add up to is written down twice a second (`tally`).

With several workers each writes to files of its own in a folder, and `serve` in any process shows them
together. `PROMETHEUS_MULTIPROC_DIR` names the folder and must be set before this module is first imported;
the folder is empty when the workers start. Without the variable
the numbers are this process's.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter
from typing import Literal
from urllib.parse import urlsplit

import prometheus_client
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client import multiprocess as several

from gateway import __version__, errors
from gateway.config import Metrics, is_loopback
from gateway.server import tally
from gateway.server.call import Call, Gateway
from gateway.server.decision import decision
from gateway.server.tally import Distribution

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"
NONE = "none"
# Key names come from the configuration and from the store of keys, which may be large.
_MOST_KEYS = 500
_LAG_EVERY_S = 0.5

Outcome = Literal["answered", "failed", "left"]
_STATUSES = frozenset({*(status.value for status in HTTPStatus), 499, 529})
# Providers' own words for errors, as official SDKs know them.
_PROVIDERS_ERRORS = (
    "api_error authentication_error billing_error invalid_request_error not_found_error overloaded_error "
    "permission_error rate_limit_error rate_limit_exceeded request_too_large server_error timeout_error "
    "insufficient_quota client_closed"
).split()
CAUSES = (
    "completed client guard refused limit unavailable drain provider provider_timeout provider_truncated "
    "gateway"
).split()
# What ended a request, by its error's type; what stands nowhere is told by whose fault it is.
_CAUSE_OF = {
    "client_closed": "client",
    "policy_violation": "guard",
    "shutting_down": "drain",
    "provider_timeout": "provider_timeout",
    "upstream_truncated": "provider_truncated",
    "overloaded_error": "limit",
    "rate_limit_exceeded": "limit",
    "insufficient_quota": "limit",
    "model_unavailable": "unavailable",
    "guard_unavailable": "unavailable",
}
_CAUSE_BY_SOURCE = {"client": "refused", "provider": "provider", "gateway": "gateway"}

_SHORT = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0)
_TINY = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0)

# When a series began is of no use to anybody here, and doubles their number.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
_log = logging.getLogger("sluice.metrics")
_TRY_AGAIN_S = 10.0
REGISTRY = CollectorRegistry()


def _counter(name: str, about: str, *labels: str) -> Counter:
    return Counter(f"sluice_{name}", about, labels, registry=REGISTRY)


def _histogram(name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Distribution:
    return Distribution(f"sluice_{name}", about, labels, buckets=buckets, registry=REGISTRY)


def _gauge(name: str, about: str, *labels: str, each: bool = False) -> Gauge:
    """Added up over the live workers, or each worker's by its `pid`."""
    mode: Literal["liveall", "livesum"] = "liveall" if each else "livesum"
    return Gauge(f"sluice_{name}", about, labels, registry=REGISTRY, multiprocess_mode=mode)


REQUESTS = _counter("requests", "Requests by path pattern, status, provider and key",
                    "route", "status", "provider", "key")  # fmt: skip
SECONDS = _histogram("request_seconds", "From a request's head to the end of its answer", _LONG, "route")
ERRORS = _counter("errors", "Errors by type, and whose fault they are", "type", "source")
ENDS = _counter("ends", "What ended each request", "cause")
STREAMS = _gauge("streams_in_flight", "Answers that are being streamed")
CONNECTIONS = _gauge("open_connections", "Connections of clients")
FIRST = _histogram("first_token_seconds", "From asking the provider to its first event", _LONG, "provider")
FIRST_ADDED = _histogram("first_token_added_seconds", "What the gateway added to that, both ways", _SHORT)
EACH_ADDED = _histogram("inter_token_added_seconds", "What the gateway added to an event, mean of a stream",
                        _TINY)  # fmt: skip
HELD = _histogram("held_seconds", "How long a stream had text held back, of those that had", _SHORT)
HELD_CHARACTERS = _counter("held_characters", "Characters of answers that were held back for a while")
HELD_FRAMES = _counter("held_frames", "Events of answers that were held back for a while")
FRAMES = _counter("frames", "Events of streamed answers")
SCAN = _histogram("scan_seconds", "Work on a request's texts, and on an answer's stream", _SHORT, "direction")
PLACEHOLDERS = _counter("placeholders", "Placeholders in answers, by what became of them", "outcome")
ENTITIES = _counter(
    "entities", "Findings by entity, direction and what was done", "entity", "direction", "action"
)
DECISIONS_TAKEN = _counter("decisions", "What the guard decided of each request", "policy", "decision")
TOKENS = _counter("tokens", "Tokens as providers count them", "provider", "kind")
RULES = _counter("rules_met", "Threat rules, topics and guards that minded a text, by what came of it",
                 "rule", "outcome")  # fmt: skip
BYPASSES = _counter(
    "bypasses", "Checks that could not look, where the configuration lets the text pass", "reason"
)
CHECK_FAILURES = _counter("check_failures", "Checks that could not look, whatever followed", "check")
PROVIDER_CALLS = _counter(
    "provider_calls", "Requests to providers, with those that followed a failure", "provider", "outcome"
)
FALLBACKS = _counter("fallbacks", "Requests that went to another provider or model than the first choice",
                     "provider")  # fmt: skip
MAYBE_BILLED = _counter("maybe_billed", "Failed requests that the provider may charge for", "provider")
BREAKER_OPENINGS = _counter("breaker_openings", "How often somebody failed too often to be asked", "of")
BREAKERS_OPEN = _gauge("breakers_open", "Workers that do not ask somebody who failed too often", "of")
CACHE = _counter("cache_lookups", "Requests that might be answered from the cache", "outcome")
COST = _counter("cost_usd", "What answers cost by the prices that are known", "provider", "key")
REFUSALS = _counter("capacity_refusals", "Requests that a worker had no room for")
IN_PROGRESS = _gauge("requests_in_progress", "Requests that have a place in a worker")
STORE_AWAY = _gauge("store_away", "Workers that cannot reach the shared state")
LAG = _histogram("event_loop_lag_seconds", "How late the event loop is, looked at twice a second", _SHORT)
TASKS = _gauge("tasks", "Tasks of the event loop")
MEMORY = _gauge(
    "memory_bytes", "Memory of a worker, and what requests and the cache take of it", "kind", each=True
)
AUDIT_FAILURES = _counter("audit_failures", "Decisions that could not be written to the audit log")
WORKERS_LOST = _counter("workers_lost", "Workers that ended though nobody told them to")
RELOADS = _counter("reloads", "Changed configurations, by whether they were taken over", "outcome")
for _outcome in ("taken", "refused"):  # a series that begins with 1 has not increased, says Prometheus
    RELOADS.labels(_outcome)
INFO = _gauge("workers", "Workers that are alive, by version", "version")


# --- counting ---------------------------------------------------------------------------------------------

_keys: set[str] = set()


def observe(call: Call, now: float) -> None:
    """Count a request that is over."""
    provider = call.provider or NONE
    tally.add(REQUESTS, call.route, _status(call.status), provider, _key(call.key))
    tally.observe(SECONDS, now - call.started_at, call.route)
    tally.add(ENDS, cause(call))
    if call.error is not None:
        tally.add(ERRORS, error_type(call) or OTHER, call.source or "client")
    for reason in bypasses(call):
        tally.add(BYPASSES, reason)
    if call.guard_failures:
        tally.add(CHECK_FAILURES, "threats", by=call.guard_failures)
    if call.policy is not None and (taken := decision(call)) is not None:
        tally.add(DECISIONS_TAKEN, call.policy, taken)
    if call.entities is not None:
        tally.observe(SCAN, call.detection_s, "request")
    if call.usage is not None:
        _count_tokens(call, provider)
    if call.timing is not None:
        _observe_stream(call, provider)
    if call.fallback is not None:
        tally.add(FALLBACKS, call.fallback)
    if call.cache is not None:
        tally.add(CACHE, call.cache)
    if call.cost_usd:
        tally.add(COST, provider, _key(call.key), by=call.cost_usd)
    _count_findings(call)


def bypasses(call: Call) -> list[str]:
    """What should have looked and could not, where the policy lets the text pass."""
    open_guards = [each.rule for each in call.judgements if each.failed and each.decision == "allow"]
    return open_guards + ["threats"] * (call.guard_failures if call.error != "guard_unavailable" else 0)


def bypass(reason: str) -> None:
    """A check that no call knows of could not look, and the configuration lets the text pass."""
    tally.add(BYPASSES, reason)
    _log.warning("a check could not look, and the configuration lets the text pass: %s", reason)


def error_type(call: Call) -> str | None:
    """The error's type, if it is one of ours or one that SDKs know: a provider may say anything there."""
    return call.error if call.error is None or call.error in _TYPES else OTHER


def cause(call: Call) -> str:
    """What ended a request, one of `CAUSES`."""
    if call.error is None:
        return "completed"
    if call.source == "provider" and call.error not in ("provider_timeout", "upstream_truncated"):
        return "provider"
    return _CAUSE_OF.get(call.error) or _CAUSE_BY_SOURCE[call.source or "client"]


def _observe_stream(call: Call, provider: str) -> None:
    timing = call.timing
    assert timing is not None
    asked_at = next((at for name, at in reversed(call.phases) if name == "connect"), None)
    if timing.first_at is not None and asked_at is not None:
        first_s = timing.first_at - asked_at
        tally.observe(FIRST, first_s, provider)
        if timing.written_at is not None:
            began_at = call.received_at or call.started_at
            tally.observe(FIRST_ADDED, max(0.0, timing.written_at - began_at - first_s))
    if call.frames:
        tally.add(FRAMES, by=call.frames)
        if timing.read_s is not None:
            tally.observe(EACH_ADDED, timing.read_s + timing.waited_s / call.frames)
            tally.observe(SCAN, timing.read_s * call.frames, "answer")
    if call.held:
        tally.observe(HELD, timing.held_s)
        tally.add(HELD_FRAMES, by=call.held)
        tally.add(HELD_CHARACTERS, by=call.held_characters)


def _count_tokens(call: Call, provider: str) -> None:
    usage = call.usage
    assert usage is not None
    counts = (
        ("input", usage.input),
        ("output", usage.output),
        ("cached", usage.cached),
        ("reasoning", usage.reasoning),
    )
    for kind, count in counts:
        if count > 0:
            tally.add(TOKENS, provider, kind, by=count)


def _count_findings(call: Call) -> None:
    outcomes = (("restored", call.restored), ("unresolved", call.unresolved), ("withheld", call.withheld))
    for outcome, count in outcomes:
        if count:
            tally.add(PLACEHOLDERS, outcome, by=count)
    for (entity, action), count in call.findings.items():
        tally.add(ENTITIES, entity, "request", action, by=count)
    for outcome, threats in (("acted", call.threats), ("watched", call.watched)):
        for rule, count in (threats or {}).items():
            tally.add(RULES, rule, outcome, by=count)
    for each in call.judgements:
        if not each.failed:
            tally.add(RULES, each.rule, "acted")
    for action, found in (("flag", call.flagged), ("redact", call.hidden)):
        for entity, count in (found or {}).items():
            tally.add(ENTITIES, entity, "answer", action, by=count)


def _status(status: int) -> str:
    return str(status) if status in _STATUSES else OTHER


def _key(name: str | None) -> str:
    if name is None:
        return NONE
    if name not in _keys:
        if len(_keys) >= _MOST_KEYS:
            return OTHER
        _keys.add(name)
    return name


def _types(of: type[errors.SluiceError]) -> frozenset[str]:
    return frozenset({of.type}).union(*(_types(each) for each in of.__subclasses__()))


_TYPES = _types(errors.SluiceError) | frozenset(_PROVIDERS_ERRORS)


# --- looking ----------------------------------------------------------------------------------------------


async def watch(connections: Callable[[], int], gateway: Callable[[], Gateway]) -> None:
    """Look at the event loop, the clients' connections, the memory and the gateway, until cancelled."""
    INFO.labels(__version__).set(1)
    try:
        while True:
            tally.write()
            CONNECTIONS.set(connections())
            MEMORY.labels("resident").set(resident_bytes())
            TASKS.set(len(asyncio.all_tasks()))
            _look(gateway(), asyncio.get_running_loop().time())
            due_at = perf_counter() + _LAG_EVERY_S
            await asyncio.sleep(_LAG_EVERY_S)
            LAG.observe(max(0.0, perf_counter() - due_at))
    finally:
        tally.write()
        INFO.labels(__version__).set(0)
        CONNECTIONS.set(0)
        TASKS.set(0)
        IN_PROGRESS.set(0)


_breakers: set[str] = set()


def _look(gateway: Gateway, now: float) -> None:
    """`now` is of the loop's clock, as breakers are."""
    IN_PROGRESS.set(gateway.capacity.requests)
    MEMORY.labels("requests").set(gateway.capacity.memory_bytes)
    if gateway.standing.cache is not None:
        MEMORY.labels("cache").set(gateway.standing.cache.size)
    STORE_AWAY.set(gateway.admission.store.away)
    breakers = dict(gateway.standing.breakers)
    breakers |= {each.rule: each.breaker for each in gateway.checks.guards.values()}
    _breakers.update(breakers)
    for name in _breakers:  # those of an earlier configuration, too
        BREAKERS_OPEN.labels(name).set(name in breakers and breakers[name].state(now) != "closed")


def resident_bytes() -> int:
    """Of this process; 0 where there is no /proc."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


# --- showing ----------------------------------------------------------------------------------------------


def exposition() -> bytes:
    """Everything counted, in Prometheus' text format: of all workers, or of this process alone."""
    tally.write()
    return _written()


def _written() -> bytes:
    folder = os.environ.get(FOLDER)
    if folder is None:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    several.MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
    return generate_latest(together)


async def show(options: Metrics) -> None:
    """Show the numbers of all workers until cancelled; what a supervisor runs beside them."""
    try:
        runner = await serve(options)
    except OSError as error:
        _log.error("metrics cannot be shown at %s:%d: %s", options.host, options.port, error.strerror)
        await asyncio.sleep(_TRY_AGAIN_S)
        return
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def serve(options: Metrics) -> web.AppRunner:
    """Answer `GET /metrics` on a listener of its own; the runner to clean up. Raises OSError."""

    async def show(request: web.Request) -> web.Response:
        # On this machine only, a foreign Host is a web page that had its own name resolve here.
        if is_loopback(options.host) and not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
            return web.Response(status=403)
        tally.write()  # which is this thread's
        body = await asyncio.to_thread(_written)
        return web.Response(body=body, headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", show)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner
