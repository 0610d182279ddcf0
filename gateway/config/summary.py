"""What a configuration amounts to, in words."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.access.keys import PREFIX
from gateway.config.loopback import is_loopback
from gateway.config.tables import Config


def explain(config: Config) -> str:
    """What the gateway would do with this configuration, for a person to read."""
    return "\n".join(_explained(config))


def _explained(config: Config) -> Iterator[str]:
    server = config.server
    place = f"[{server.host}]" if ":" in server.host else server.host
    yield f"Listens on http://{place}:{server.port}; an OpenAI SDK takes base_url http://{place}:{server.port}/v1"
    yield ""
    yield "Providers"
    for at, each in enumerate(config.providers):
        row = each.row
        yield f"  {each.name}: {each.base_url} ({each.dialect or ', '.join(row.dialects)})"
        yield f"    models: {', '.join(each.models)}; also as {each.name}/…"
        if at and "*" in each.models and any("*" in earlier.models for earlier in config.providers[:at]):
            first = next(earlier.name for earlier in config.providers if "*" in earlier.models)
            yield f"    a model that nothing else matches goes to {first}, which is listed before"
        if each.api_key is not None:
            yield "    key: set here"
        else:
            theirs = "; callers must send theirs as X-Provider-API-Key" if row.needs_key else ""
            yield f"    key: none{theirs}"
        if each.base_url.startswith("http:") and not is_loopback(urlsplit(each.base_url).hostname or ""):
            yield "    NOT ENCRYPTED: the way to this provider is plain http"
    yield ""
    yield "Who may use it"
    for key in config.keys:
        yield f"  {key.name}: providers {', '.join(key.providers)}; models {', '.join(key.models)}"
    if config.keys:
        yield "  not protected by keys: /healthz and /readyz"
    else:
        yield "  NOT PROTECTED BY KEYS: everyone on this machine, with the provider keys set here."
        yield "  It answers to this machine only, and not to web pages of other hosts."
        yield f"  An SDK that insists on an api_key may send anything that begins {PREFIX}"
    if server.cors_origins:
        yield f"  web pages of {', '.join(server.cors_origins)} may call it from a browser"
    if not is_loopback(server.host):
        yield "  It listens without TLS: put a proxy that speaks TLS before it, or keep the network private."
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
