"""What may be wrong with a configuration, said with its place and what would be right there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec

from gateway.access.budget import Budget
from gateway.access.keys import PREFIX
from gateway.access.limits import Limits
from gateway.access.prices import Price
from gateway.config.guards import Guard, mistakes_of_guard, mistakes_of_topics, unknown_guards
from gateway.config.loopback import is_loopback
from gateway.config.observability import Audit, Log, Metrics, Traces, mistakes_of_traces
from gateway.config.routes import Cache, CircuitBreaker, Retries, Route, mistakes_of_routes
from gateway.config.tables import Config, Key, Model, Provider, Server, State, Timeouts
from gateway.errors import ConfigError
from gateway.guard.limits import SourceLimits, Threats, ToolLimits
from gateway.guard.policy import Policy
from gateway.guard.rules import RULES, TALK
from gateway.privacy import custom
from gateway.privacy.entities import UnknownEntity, resolve
from gateway.privacy.model import meaning
from gateway.providers import catalog, endpoints

_Mistake = tuple[str, str]

# RFC 9110 section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A name is a path segment, a header's value and a metric's label.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_A_NAME = "must be lower-case letters, digits, hyphens, dots and underscores, at most 64"
# Set from the request, by the transport, or by `api_key`.
_TAKEN_HEADERS = (
    "accept accept-encoding api-key authorization connection content-length content-type cookie host "
    "proxy-authorization te trailer transfer-encoding upgrade x-api-key x-goog-api-key x-provider-api-key"
).split()


def refuse(mistakes: Iterator[_Mistake]) -> None:
    found = list(mistakes)
    if found:
        raise ConfigError("\n".join(f"{place}: {what}" for place, what in found), param=found[0][0])


def misnamed(value: Any, kind: Any, place: str) -> Iterator[_Mistake]:
    """Names that no option has, and choices that there are not."""
    if _may_be_absent(kind):
        kind = next(each for each in get_args(kind) if each is not NoneType)
    origin = get_origin(kind)
    if origin is list and isinstance(value, list):
        for at, each in enumerate(value):
            yield from misnamed(each, get_args(kind)[0], f"{place}[{at}]")
    elif origin is Literal and isinstance(value, str) and value not in get_args(kind):
        yield place, _instead(value, get_args(kind), "no such choice")
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        options = get_type_hints(kind)
        for name, each in value.items():
            below = f"{place}.{name}" if place else name
            if name in options:
                yield from misnamed(each, options[name], below)
            else:
                yield below, _instead(name, list(options), "no such option")


def _may_be_absent(kind: Any) -> bool:
    return NoneType in get_args(kind)


def _instead(name: str, known: Sequence[str], what: str) -> str:
    near = get_close_matches(name[:80], known, n=1, cutoff=0.5)
    if near:
        return f"{what}; did you mean {near[0]}?"
    table = next((each for each, kind in _TABLES.items() if name in get_type_hints(kind)), None)
    return f"{what}; {name} belongs in {table}" if table else f"{what}; there is {', '.join(known)}"


_TABLES = {
    "[server]": Server,
    "[[providers]]": Provider,
    "[providers.timeouts]": Timeouts,
    "[providers.retries]": Retries,
    "[providers.breaker]": CircuitBreaker,
    "[[routes]]": Route,
    "[cache]": Cache,
    "[[keys]]": Key,
    "[keys.limits]": Limits,
    "[keys.budget]": Budget,
    "[[prices]]": Price,
    "[state]": State,
    "[[policies]]": Policy,
    "[policies.threats]": Threats,
    "[policies.tools]": ToolLimits,
    "[model]": Model,
    "[metrics]": Metrics,
    "[log]": Log,
    "[traces]": Traces,
    "[audit]": Audit,
    "[[guards]]": Guard,
}


_TIME = "a time with its zone, such as 2027-01-01T00:00:00Z"
_IN_TOML = {
    " | null`": "`",
    "`object`": "a table",
    "`array`": "an array",
    "`str`": "a string",
    "`int`": "a whole number",
    "`float`": "a number",
    "`datetime` with a timezone component": _TIME,
    "`datetime`": _TIME,
    "Invalid RFC3339 encoded datetime": f"expected {_TIME}",
    "`date`": "a date alone",
    "Object missing required field": "missing option",
    "Expected": "expected",
}


def in_toml(message: str) -> str:
    """msgspec's words as TOML's."""
    for theirs, ours in _IN_TOML.items():
        message = message.replace(theirs, ours)
    return message


def mistakes(config: Config) -> Iterator[_Mistake]:
    """What no single value shows to be wrong, and what its type alone does not."""
    server = config.server
    if not is_loopback(server.host) and not config.keys and config.state is None:
        yield (
            "server.host",
            'without [[keys]] only this machine may be served: set host = "127.0.0.1", or add a [[keys]] '
            f'table with a name and a secret that begins {PREFIX}, such as secret = "env:SLUICE_KEY", or a '
            "[state] table for keys made by `sluice keys create`",
        )
    if not _TOKEN.fullmatch(server.header_prefix) or server.header_prefix.endswith("-"):
        yield "server.header_prefix", "must be how a header's name begins, without the last hyphen: X-Sluice"
    for at, origin in enumerate(server.cors_origins):
        if origin != "*" and not _is_origin(origin):
            yield f"server.cors_origins[{at}]", "must be an origin such as https://chat.example.com, or *"
    if not config.providers:
        yield "providers", "nothing to serve: add a [[providers]] table"
    for at, provider in enumerate(config.providers):
        for place, what in _mistakes_of(provider):
            yield f"providers[{at}].{place}", what
    names = [each.name for each in config.providers]
    policies = ["default", *(each.name for each in config.policies)]
    yield from _twice("providers", "name", names)
    yield from mistakes_of_routes(config.routes, names)
    for at, key in enumerate(config.keys):
        if not key.name.isprintable() or not 0 < len(key.name) <= 64:
            yield f"keys[{at}].name", "must be 1 to 64 printable characters"
        secret = key.secret.reveal()
        if not secret.startswith(PREFIX) or secret == PREFIX:
            yield f"keys[{at}].secret", f"must begin {PREFIX}, so that it is never taken for a provider's key"
        for index, name in enumerate(key.policies):
            if name not in policies:
                yield f"keys[{at}].policies[{index}]", _instead(name, policies, "no such policy")
        if not key.policies:
            yield f"keys[{at}].policies", "must name at least one policy"
        for index, name in enumerate(key.providers):
            if not catalog.is_pattern(name) and name not in names:
                yield f"keys[{at}].providers[{index}]", _instead(name, names, "no such provider")
    yield from _mistakes_of_state(config)
    for at, policy in enumerate(config.policies):
        for place, what in _mistakes_of_policy(policy):
            yield f"policies[{at}].{place}", what
        for place, what in (*unknown_guards(policy, config.guards), *mistakes_of_topics(policy)):
            yield f"policies[{at}].{place}", what
        if policy.detection != "real-time" and config.model is None:
            yield f"policies[{at}].detection", f"{policy.detection} needs a model: add a [model] table"
    if config.model is not None:
        yield from _mistakes_of_model(config.model)
    if config.traces is not None:
        yield from mistakes_of_traces(config.traces)
    for at, guard in enumerate(config.guards):
        if not _NAME.fullmatch(guard.name):
            yield f"guards[{at}].name", _A_NAME
        for place, what in mistakes_of_guard(guard):
            yield f"guards[{at}].{place}", what
    yield from _twice("guards", "name", [each.name for each in config.guards])
    yield from _twice("policies", "name", [each.name for each in config.policies])
    yield from _twice("keys", "name", [each.name for each in config.keys])
    yield from _twice("keys", "secret", [each.secret for each in config.keys])


def _mistakes_of_state(config: Config) -> Iterator[_Mistake]:
    if config.state is not None and config.state.redis is not None:
        if config.state.path:
            yield "state", "is either a folder (path) or a Redis server (redis), not both"
        if not config.state.redis.reveal().startswith(("redis://", "rediss://", "unix://")):
            yield "state.redis", "must begin redis://, rediss:// (with TLS) or unix://"
    for at, price in enumerate(config.prices):
        if not price.model:
            yield f"prices[{at}].model", "must be a model's name, or a pattern such as gpt-4o*"
    yield from _twice("prices", "model", [each.model for each in config.prices])


def _mistakes_of(provider: Provider) -> Iterator[_Mistake]:
    if not _NAME.fullmatch(provider.name):
        yield "name", _A_NAME
    if provider.kind is not None and catalog.named(provider.kind) is None:
        yield "kind", _instead(provider.kind, [row.name for row in catalog.ROWS], "no such provider is known")
    yield from _misplaced(provider)
    for at, secret in enumerate(provider.keys):
        if PREFIX in secret.reveal().lower():
            place = "api_key" if at == 0 and provider.api_key is not None else "api_keys"
            yield place, "this is a gateway key, which a provider must never see"
    if not provider.models:
        yield "models", 'serves nothing: name a model, or write models = ["*"]'
    if "" in provider.models:
        yield "models", "a model's name is empty"
    for name, value in provider.headers.items():
        if not _TOKEN.fullmatch(name):
            yield "headers", "a header's name holds characters that none may have"
        elif name.lower() in _TAKEN_HEADERS:
            yield f"headers.{name}", "is set by the gateway; a key goes to api_key"
        elif not (value.isascii() and value.isprintable()):
            yield f"headers.{name}", "must be one line of printable ASCII"


def _mistakes_of_policy(policy: Policy) -> Iterator[_Mistake]:
    if not _NAME.fullmatch(policy.name):
        yield "name", _A_NAME
    yield from _mistakes_of_threats(policy.threats)
    own = {*policy.deny, *policy.patterns}
    for direction in ("request", "answer"):
        for name in getattr(policy, direction):
            if name != "*" and name not in own:
                try:
                    resolve(name)
                except UnknownEntity as error:
                    yield f"{direction}.{name[:80]}", str(error)
    try:
        custom.rows(policy.deny, policy.patterns)
        custom.allowed(policy.allow, policy.allow_patterns)
    except ConfigError as error:
        yield error.param or "patterns", error.message


def _mistakes_of_threats(threats: Threats) -> Iterator[_Mistake]:
    for source in ("system", "user", "tool", "document"):
        limits: SourceLimits = getattr(threats, source)
        if limits.flag is not None and limits.block is not None and limits.flag > limits.block:
            yield f"threats.{source}.flag", "must not be above block: what is refused is also flagged"
    for glob in threats.rules:
        if not any(_overlap(glob, each) for each in _RULE_IDS):
            yield f"threats.rules.{glob[:80]}", _instead(glob, _RULE_IDS, "names no rule")


# The hidden text and tool limits have no row in the rule table.
_RULE_IDS = sorted(
    {
        "model",
        *(f"hidden.{kind}" for kind in ("tags", "selectors", "zero-width", "bidi")),
        *(f"tools.{kind}" for kind in ("denied", "not-allowed", "too-many")),
        *(rule.id for rule in RULES if rule.id not in TALK),
    }
)


def _overlap(glob: str, id: str) -> bool:
    """Does it name the rule, or what the rule is called in another reading (`override.previous.base64`)?"""
    return fnmatchcase(id, glob) or glob.startswith(f"{id}.")


def _mistakes_of_model(model: Model) -> Iterator[_Mistake]:
    if model.kind == "spacy" and not model.path:
        yield "model.path", "missing option: the spaCy pipeline, a package's name or a folder"
    if model.kind == "presidio" and not model.url:
        yield "model.url", "missing option: where the Presidio analyzer is, such as http://127.0.0.1:5002"
    elif model.kind == "presidio" and (problem := _url_mistake(model.url)):
        yield "model.url", problem
    for label, word in model.labels.items():
        try:
            meaning(label, model.labels)
        except UnknownEntity as error:
            yield f"model.labels.{label}", f"{word!r}: {error}"


def _misplaced(provider: Provider) -> Iterator[_Mistake]:
    """What its row needs to know where it is."""
    site = provider.row.site
    if site in ("bedrock", "vertex") and not provider.region:
        yield "region", f"missing option: {site} is called in a region, such as {_REGIONS[site]}"
    elif site == "vertex" and not provider.project:
        yield "project", "missing option: the Google Cloud project whose models are called"
    elif not provider.base_url:
        yield "base_url", "missing option: where the provider is, unless `kind` names one that is known"
    elif problem := _url_mistake(provider.base_url):
        yield "base_url", problem
    try:
        endpoints.check(provider.row, provider)
    except ConfigError as error:
        yield error.param or "base_url", error.message


_REGIONS = {"bedrock": "us-east-1", "vertex": "global or europe-west1"}


def _url_mistake(url: str) -> str | None:
    # Never repeats the URL: what is wrong with it may be that it holds a password.
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "must begin http:// or https:// and name a host"
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "must be one word of printable ASCII"
    if "@" in parts.netloc:
        return "must hold no user and password; a key goes to api_key"
    if "?" in url or "#" in url:
        return "must end before ? and #: the gateway adds the path of each endpoint"
    if parts.path.rstrip("/").endswith("/chat/completions"):
        return "must end before /chat/completions, which the gateway adds"
    return None


def _is_origin(origin: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+", origin) is not None


def _twice(table: str, option: str, values: Sequence[object]) -> Iterator[_Mistake]:
    for at, value in enumerate(values):
        if value in values[:at]:
            yield f"{table}[{at}].{option}", f"is the same as that of {table}[{values.index(value)}]"
