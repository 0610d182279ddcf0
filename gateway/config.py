"""The configuration: one TOML file, or only the environment, in; typed structs out.

`load` and `from_environment` give a `Config` that is whole and consistent, or raise ConfigError with the
place (`providers[0].base_url`) and what would be right there; `explain` says what a configuration amounts
to. A secret is read where `env:NAME` or `file:PATH` points and is never shown again, in errors neither.
Nothing here opens a connection.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, field

from gateway.access.keys import PREFIX, digest_of
from gateway.errors import ConfigError
from gateway.providers import catalog
from gateway.providers.proxies import Proxies as Proxies

Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Secret:
    """A string that shows itself to nobody who does not ask for it by `reveal`."""

    __slots__ = ("_value", "digest")

    def __init__(self, value: str) -> None:
        self._value = value
        self.digest = digest_of(value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Timeouts(_Table, frozen=True):
    """How long a provider may take. `idle_s` is the longest silence within an answer."""

    connect_s: Seconds = 10.0
    first_byte_s: Seconds = 120.0
    idle_s: Seconds = 120.0
    total_s: Seconds = 900.0


class Server(_Table, frozen=True):
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8080
    workers: Annotated[int, Meta(ge=1, le=1024)] = 1
    header_prefix: str = "X-Sluice"
    cors_origins: list[str] = []
    max_body_bytes: Annotated[int, Meta(ge=1)] = 32 << 20
    upstream: Literal["direct", "plain"] = "direct"
    keepalive_after_s: Seconds = 15.0


class Provider(_Table, frozen=True):
    name: str
    base_url: str
    dialect: Literal["openai_chat"] | None = None
    api_key: Secret | None = None
    models: list[str] = field(default_factory=lambda: ["*"])
    timeouts: Timeouts = Timeouts()
    headers: dict[str, str] = {}


class Key(_Table, frozen=True):
    name: str
    secret: Secret
    providers: list[str] = field(default_factory=lambda: ["*"])
    models: list[str] = field(default_factory=lambda: ["*"])


class Config(_Table, frozen=True):
    server: Server = Server()
    providers: list[Provider] = []
    keys: list[Key] = []


def load(path: str | Path, env: Mapping[str, str]) -> Config:
    """The configuration in a TOML file. `file:` paths are relative to its folder."""
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    return decode(data, env, path.parent)


def decode(data: dict[str, Any], env: Mapping[str, str], folder: Path) -> Config:
    """The configuration in what a TOML file holds."""
    _refuse(_misnamed(data, Config, ""))

    def secret(kind: type, written: Any) -> Any:
        if kind is not Secret or not isinstance(written, str):
            raise ValueError("expected a string such as env:NAME or file:PATH")
        return Secret(_resolve(written, env, folder))

    try:
        config = msgspec.convert(data, Config, dec_hook=secret)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        place = where.strip(".`") or "the file"
        what = _in_toml(what)
        hint = f": write [[{place}]]" if what == "expected an array, got a table" else ""
        raise ConfigError(f"{place}: {what}{hint}", param=place) from None
    _refuse(_mistakes(config))
    return config


def from_environment(env: Mapping[str, str]) -> Config:
    """The configuration without a file: every known provider whose usual key variable is set.

    Each serves `name/…`; whatever has no such prefix goes to the first.
    """
    providers = []
    for row in catalog.ROWS:
        variable = next((each for each in row.key_variables if env.get(each)), None)
        base_url = _filled(row.base_url, env)
        if variable and base_url:
            try:
                key = Secret(_resolve(f"env:{variable}", env, Path()))
            except ValueError as error:
                raise ConfigError(str(error)) from None
            providers.append(Provider(name=row.name, base_url=base_url, api_key=key))
    if not providers:
        raise ConfigError(
            "nothing to serve: set OPENAI_API_KEY or another provider's usual variable, or write a "
            "configuration file (docs/sluice.example.toml shows one)"
        )
    config = Config(providers=providers)
    _refuse(_mistakes(config))
    return config


def _filled(template: str, env: Mapping[str, str]) -> str | None:
    """A catalog URL with its variables filled in; None if one is not set."""
    names = re.findall(r"{(\w+)}", template)
    if not all(env.get(name) for name in names):
        return None
    return template.format_map({name: env[name].rstrip("/") for name in names})


# --- secrets ----------------------------------------------------------------------------------------------


def _resolve(written: str, env: Mapping[str, str], folder: Path) -> str:
    """What stands where `written` points. Raises ValueError, which msgspec gives its place."""
    kind, colon, rest = written.partition(":")
    if kind == "env" and colon:
        # A key pasted here by mistake is not a variable's name, and must not be repeated.
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", rest):
            raise ValueError("env: must be followed by the name of an environment variable")
        if not env.get(rest):
            raise ValueError(f"the environment variable {rest} is not set")
        return _one_line(env[rest], f"the environment variable {rest}")
    if kind == "file" and colon:
        try:
            text = (folder / rest).read_text("utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise ValueError(f"the file cannot be read ({reason}); its path starts at {folder}") from None
        return _one_line(text.strip(), "the file")
    if written.startswith(PREFIX):
        return _one_line(written, "it")
    raise ValueError("a secret is written as env:NAME or file:PATH, so that this file can be shown around")


def _one_line(value: str, where: str) -> str:
    if not value:
        raise ValueError(f"{where} is empty")
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise ValueError(f"{where} must hold one word of printable ASCII")
    return value


# --- what may be wrong ------------------------------------------------------------------------------------

_Mistake = tuple[str, str]

# RFC 9110 section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A name is a path segment, a header's value and a metric's label.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# Set from the request, by the transport, or by `api_key`.
_TAKEN_HEADERS = (
    "accept accept-encoding api-key authorization connection content-length content-type cookie host "
    "proxy-authorization te trailer transfer-encoding upgrade x-api-key x-goog-api-key x-provider-api-key"
).split()


def _refuse(mistakes: Iterator[_Mistake]) -> None:
    found = list(mistakes)
    if found:
        raise ConfigError("\n".join(f"{place}: {what}" for place, what in found), param=found[0][0])


def _misnamed(value: Any, kind: Any, place: str) -> Iterator[_Mistake]:
    """Names that no option has, and choices that there are not."""
    origin = get_origin(kind)
    if origin is list and isinstance(value, list):
        for at, each in enumerate(value):
            yield from _misnamed(each, get_args(kind)[0], f"{place}[{at}]")
    elif origin is Literal and isinstance(value, str) and value not in get_args(kind):
        yield place, _instead(value, get_args(kind), "no such choice")
    elif isinstance(kind, type) and issubclass(kind, _Table) and isinstance(value, dict):
        options = get_type_hints(kind)
        for name, each in value.items():
            below = f"{place}.{name}" if place else name
            if name in options:
                yield from _misnamed(each, options[name], below)
            else:
                yield below, _instead(name, list(options), "no such option")


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
    "[[keys]]": Key,
}


_IN_TOML = {
    "`object`": "a table",
    "`array`": "an array",
    "`str`": "a string",
    "`int`": "a whole number",
    "`float`": "a number",
    "Object missing required field": "missing option",
    "Expected": "expected",
}


def _in_toml(message: str) -> str:
    """msgspec's words as TOML's."""
    for theirs, ours in _IN_TOML.items():
        message = message.replace(theirs, ours)
    return message


def _mistakes(config: Config) -> Iterator[_Mistake]:
    """What no single value shows to be wrong, and what its type alone does not."""
    server = config.server
    if not is_loopback(server.host) and not config.keys:
        yield (
            "server.host",
            'without [[keys]] only this machine may be served: set host = "127.0.0.1", or add a [[keys]] '
            f'table with a name and a secret that begins {PREFIX}, such as secret = "env:SLUICE_KEY"',
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
    yield from _twice("providers", "name", names)
    for at, key in enumerate(config.keys):
        if not key.name.isprintable() or not 0 < len(key.name) <= 64:
            yield f"keys[{at}].name", "must be 1 to 64 printable characters"
        secret = key.secret.reveal()
        if not secret.startswith(PREFIX) or secret == PREFIX:
            yield f"keys[{at}].secret", f"must begin {PREFIX}, so that it is never taken for a provider's key"
        for index, name in enumerate(key.providers):
            if not catalog.is_pattern(name) and name not in names:
                yield f"keys[{at}].providers[{index}]", _instead(name, names, "no such provider")
    yield from _twice("keys", "name", [each.name for each in config.keys])
    yield from _twice("keys", "secret", [each.secret for each in config.keys])


def _mistakes_of(provider: Provider) -> Iterator[_Mistake]:
    if not _NAME.fullmatch(provider.name):
        yield "name", "must be lower-case letters, digits, hyphens, dots and underscores, at most 64"
    if problem := _url_mistake(provider.base_url):
        yield "base_url", problem
    if provider.api_key is not None and PREFIX in provider.api_key.reveal().lower():
        yield "api_key", "this is a gateway key, which a provider must never see"
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


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- explain ----------------------------------------------------------------------------------------------


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
        row = catalog.row(each.name, each.base_url)
        yield f"  {each.name}: {each.base_url} ({each.dialect})"
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
