"""Where the state is kept, when the configuration says nothing or only half of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.access.account import has_budget
from gateway.access.limits import Limits
from gateway.config.secret import Secret, resolve
from gateway.config.tables import Key, State
from gateway.errors import ConfigError

# The file of `store.local`. A folder that holds one has keys in it, or had.
FILE = "sluice.db"


def default_folder(env: Mapping[str, str]) -> Path | None:
    """systemd's folder for the service, else that of the user's programs (XDG base directories)."""
    if given := env.get("STATE_DIRECTORY"):
        return Path(given.partition(":")[0])
    if given := env.get("XDG_STATE_HOME"):
        return Path(given) / "sluice"
    return Path(home) / ".local" / "state" / "sluice" if (home := env.get("HOME")) else None


def placed(
    state: State | None, env: Mapping[str, str], folder: Path, keys: Sequence[Key] = ()
) -> State | None:
    """The state with its folder. A relative path starts at the configuration's folder.

    Without a `[state]` table there is one all the same if a key has limits that must outlast the process, or
    if `sluice keys` has made keys in the default folder.
    """
    if state is not None and state.redis is not None:
        return state
    if state is not None and state.path:
        return replace(state, path=str(folder / state.path))
    usual = default_folder(env)
    if usual is None:
        if state is None:
            return None
        raise ConfigError("state.path: missing option: a folder", param="state.path")
    limited = any(key.limits != Limits() or has_budget(key.budget) for key in keys)
    return State(path=str(usual)) if state is not None or limited or (usual / FILE).exists() else None


def state_of(path: str | None, env: Mapping[str, str]) -> tuple[State, list[str]]:
    """The state that a configuration file names, and the names of its keys; of the rest nothing is looked at.

    Whoever makes keys need not have the secrets of the whole configuration. Raises ConfigError.
    """
    data: dict[str, Any] = {}
    folder = Path()
    if path is not None:
        folder = Path(path).parent
        try:
            data = tomllib.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: {getattr(error, 'strerror', None) or error}") from None

    def secret(kind: type, written: Any) -> Any:
        return Secret(resolve(str(written), env, folder))

    try:
        state = msgspec.convert(data.get("state", {}), State, dec_hook=secret)
    except msgspec.ValidationError as error:
        raise ConfigError(f"state: {error}", param="state") from None
    found = placed(state, env, folder)
    assert found is not None  # it was named, if only by its absence
    names = [str(each.get("name")) for each in data.get("keys", []) if isinstance(each, dict)]
    return found, names
