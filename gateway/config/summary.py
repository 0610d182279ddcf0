"""What a configuration amounts to, in words."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.access.keys import PREFIX
from gateway.config.loopback import is_loopback
from gateway.config.tables import Config
from gateway.guard.policy import Policy


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
    if config.guards:
        yield ""
        yield "Guards"
    for guard in config.guards:
        yield f"  {guard.name}: {guard.url or guard.path}, on {guard.on}; fails {guard.fail}"
        if guard.fail == "open":
            yield "    FAILS OPEN: what it cannot judge is let through"
        if guard.send_raw and guard.is_remote:
            yield "    SEES EVERYTHING: personal data and secrets are not taken out of what it is sent"
        if guard.url.startswith("http:") and not is_loopback(urlsplit(guard.url).hostname or ""):
            yield "    NOT ENCRYPTED: the way to this guard is plain http"
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
    if config.policies:
        yield ""
        yield "Policies"
    for policy in config.policies:
        yield from _policy(policy)


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
