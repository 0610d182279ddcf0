"""What a configuration amounts to, in words."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.access.keys import PREFIX
from gateway.config.loopback import is_loopback
from gateway.config.routes import Route
from gateway.config.tables import Config, Key, Model
from gateway.guard.policy import Policy


def explain(config: Config) -> str:
    """What the gateway would do with this configuration, for a person to read."""
    return "\n".join(_explained(config))


def _explained(config: Config) -> Iterator[str]:
    server = config.server
    place = f"[{server.host}]" if ":" in server.host else server.host
    yield f"Listens on http://{place}:{server.port}; an OpenAI SDK takes base_url http://{place}:{server.port}/v1"
    number = f"{server.workers} worker(s)" if server.workers else "One worker a core"
    yield f"{number}; told to stop, they finish what is under way within {server.drain_s:g} s"
    yield ""
    yield "Providers"
    for at, each in enumerate(config.providers):
        row = each.row
        yield f"  {each.name}: {each.base_url} ({each.dialect or ', '.join(row.dialects)})"
        yield f"    models: {', '.join(each.models)}; also as {each.name}/…"
        if at and "*" in each.models and any("*" in earlier.models for earlier in config.providers[:at]):
            first = next(earlier.name for earlier in config.providers if "*" in earlier.models)
            yield f"    a model that nothing else matches goes to {first}, which is listed before"
        if each.keys:
            yield "    key: set here" if len(each.keys) == 1 else f"    keys: {len(each.keys)}, set here"
        else:
            theirs = "; callers must send theirs as X-Provider-API-Key" if row.needs_key else ""
            yield f"    key: none{theirs}"
        if _is_open(each.base_url):
            yield "    NOT ENCRYPTED: the way to this provider is plain http"
    if config.guards:
        yield ""
        yield "Guards"
    for guard in config.guards:
        yield f"  {guard.name}: {guard.url or guard.path}, on {guard.on}; fails {guard.fail}"
        if guard.fail == "open":
            yield "    FAILS OPEN: what it cannot judge is let through"
        if guard.send_raw and guard.is_remote:
            yield "    SEES EVERYTHING: personal data and secrets are not taken out of what it is sent"
        if _is_open(guard.url):
            yield "    NOT ENCRYPTED: the way to this guard is plain http"
    if config.model is not None:
        yield ""
        yield from _model(config.model)
    if config.routes:
        yield ""
        yield "Routes"
    for route in config.routes:
        yield f"  {', '.join(route.models)}: {_ways(route)}"
    if config.cache is not None:
        yield ""
        size = config.cache.max_bytes / (1 << 20)
        yield f"Whole answers are kept for {config.cache.ttl_s:g} s, at most {size:g} MiB in each worker"
    yield ""
    yield "Who may use it"
    for key in config.keys:
        yield f"  {key.name}: providers {', '.join(key.providers)}; models {', '.join(key.models)}"
        for line in (_limits(key), _budget(key)):
            if line:
                yield f"    {line}"
        if key.expires is not None:
            yield f"    until {key.expires.isoformat()}"
    if config.state is not None:
        place = "Redis" if config.state.redis is not None else config.state.path
        yield f"  keys made by `sluice keys create`; these, and what is spent, are kept in {place}"
    if config.keys or (config.state is not None and not is_loopback(server.host)):
        yield "  not protected by keys: /healthz and /readyz"
    else:
        until = " until there is a key" if config.state is not None else ""
        yield f"  NOT PROTECTED BY KEYS{until}: everyone on this machine, with the provider keys set here."
        yield "  It answers to this machine only, and not to web pages of other hosts."
        yield f"  An SDK that insists on an api_key may send anything that begins {PREFIX}"
    if server.cors_origins:
        yield f"  web pages of {', '.join(server.cors_origins)} may call it from a browser"
    if not is_loopback(server.host):
        yield "  It listens without TLS: put a proxy that speaks TLS before it, or keep the network private."
    if config.policies:
        yield ""
        yield "Policies"
    for policy in config.policies:
        yield from _policy(policy)
    yield from _seen(config)


def _limits(key: Key) -> str:
    limits = {
        "requests a minute": key.limits.requests_per_minute,
        "tokens a minute": key.limits.tokens_per_minute,
        "requests at a time": key.limits.concurrent,
    }
    said = ", ".join(f"{limit:,} {what}" for what, limit in limits.items() if limit is not None)
    return said and f"at most {said}"


def _budget(key: Key) -> str:
    budget = key.budget
    parts = [f"${budget.usd:,g}"] if budget.usd is not None else []
    parts += [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
    every = "in all" if budget.per == "total" else f"a {budget.per}"
    return f"may spend {' and '.join(parts)} {every}" if parts else ""


def _model(model: Model) -> Iterator[str]:
    is_remote = model.kind == "presidio"
    yield f"Model\n  {model.kind}: {model.url if is_remote else model.path}"
    if model.on_error == "rules":
        yield "    FAILS OPEN: what it cannot read is let through as the rules leave it"
    if is_remote and model.send_raw:
        yield "    SEES EVERYTHING: what rules find is not taken out of what it is sent"
    if is_remote and _is_open(model.url):
        yield "    NOT ENCRYPTED: the way to this model is plain http"


def _is_open(url: str) -> bool:
    return url.startswith("http:") and not is_loopback(urlsplit(url).hostname or "")


def _ways(route: Route) -> str:
    if route.balance == "weighted":
        weights = route.weights or [1] * len(route.to)
        first = ", ".join(f"{each} ({weight})" for each, weight in zip(route.to, weights, strict=True))
        first = f"{first}, by weight"
    elif route.balance == "least-latency":
        first = f"{', '.join(route.to)}, the quickest first"
    else:
        first = ", then ".join(route.to)
    return ", then ".join([first, *route.fallback])


def _policy(policy: Policy) -> Iterator[str]:
    is_preset = policy.preset is not None or policy.level != "moderate"
    yield f"  {policy.name}" + (f": {policy.preset or 'default'}, {policy.level}" if is_preset else "")
    if policy.is_conditional:
        models, paths = policy.models or ["*"], policy.paths or ["*"]
        yield f"    for models {', '.join(models)} at paths {', '.join(paths)}"
    if policy.enforcement == "monitor":
        yield "    MONITORS ONLY: nothing is changed or refused."
    elif policy.threats.enforcement == "monitor":
        yield "    MONITORS THREATS ONLY: no attack is refused."
    elif policy.threats.on_error == "allow":
        yield "    FAILS OPEN: what the threat detector fails on goes on unjudged."


def _seen(config: Config) -> Iterator[str]:
    if (metrics := config.metrics) is not None:
        yield ""
        yield f"Metrics on http://{metrics.host}:{metrics.port}/metrics"
        if not is_loopback(metrics.host):
            yield "  whoever reaches that port reads the names of keys and providers, and how much they do"
    if config.traces is not None:
        told = (
            "and tells providers of the trace"
            if config.traces.forward
            else "and tells providers nothing of it"
        )
        yield f"Traces go to {config.traces.endpoint}, {told}"
    if config.audit is not None:
        keyed = (
            "HMAC with a secret"
            if config.audit.secret
            else "plain hashes, which whoever writes the file can make anew"
        )
        yield f"Audit log in {config.audit.path}, chained by {keyed}"
