"""A TOML file, or only the environment, in; a `Config` that is whole and consistent out.

Whatever is wrong is a ConfigError with the place (`providers[0].base_url`) and what would be right there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.config.guards import Guard
from gateway.config.mistakes import in_toml, misnamed, mistakes, refuse
from gateway.config.secret import Secret, resolve
from gateway.config.state import placed
from gateway.config.tables import Config, Provider
from gateway.errors import ConfigError
from gateway.guard import presets
from gateway.providers import catalog, endpoints


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
    refuse(misnamed(data, Config, ""))
    if isinstance(written := data.get("policies"), list):
        filled = [presets.filled(each) if isinstance(each, dict) else each for each in written]
        data = {**data, "policies": filled}

    def secret(kind: type, written: Any) -> Any:
        if kind is not Secret or not isinstance(written, str):
            raise ValueError("expected a string such as env:NAME or file:PATH")
        return Secret(resolve(written, env, folder))

    try:
        config = msgspec.convert(data, Config, dec_hook=secret)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        place = where.strip(".`") or "the file"
        what = in_toml(what)
        hint = f": write [[{place}]]" if what == "expected an array, got a table" else ""
        raise ConfigError(f"{place}: {what}{hint}", param=place) from None
    config = replace(
        config,
        providers=[_placed(each) for each in config.providers],
        state=placed(config.state, env, folder, config.keys),
        guards=[_found(each, folder) for each in config.guards],
    )
    refuse(mistakes(config))
    return config


def _found(guard: Guard, folder: Path) -> Guard:
    """The guard with its files' paths, which start at the folder."""
    return replace(
        guard,
        path=str(folder / guard.path) if guard.path else "",
        tokenizer=str(folder / guard.tokenizer) if guard.tokenizer else "",
    )


def _placed(provider: Provider) -> Provider:
    """The provider with its base URL, where it need not be written."""
    if provider.base_url:
        return provider
    try:
        return replace(provider, base_url=endpoints.base_url(provider.row, provider.region))
    except ConfigError:
        return provider  # what is wrong with the region is told with the other mistakes


def from_environment(env: Mapping[str, str]) -> Config:
    """The configuration without a file: every known provider whose usual key variable is set.

    Each serves `name/…`; whatever has no such prefix goes to the first.
    """
    providers = []
    for row in catalog.ROWS:
        variable = next((each for each in row.key_variables if env.get(each)), None)
        base_url = _filled(row.base_url, env)
        region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "" if row.site == "bedrock" else ""
        if region:
            base_url = endpoints.base_url(row, region)
        if variable and base_url:
            try:
                key = Secret(resolve(f"env:{variable}", env, Path()))
            except ValueError as error:
                raise ConfigError(str(error)) from None
            providers.append(Provider(name=row.name, base_url=base_url, api_key=key, region=region))
    if not providers:
        raise ConfigError(
            "nothing to serve: set OPENAI_API_KEY or another provider's usual variable, or write a "
            "configuration file (docs/sluice.example.toml shows one)"
        )
    config = Config(providers=providers, state=placed(None, env, Path()))
    refuse(mistakes(config))
    return config


def _filled(template: str, env: Mapping[str, str]) -> str | None:
    """A catalog URL with its variables filled in; None if one is not set."""
    names = re.findall(r"{(\w+)}", template)
    if not all(env.get(name) for name in names):
        return None
    return template.format_map({name: env[name].rstrip("/") for name in names})
