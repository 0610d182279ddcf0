"""The store that a configuration asks for. Redis is imported only where it is used: it is an extra."""

from __future__ import annotations

from pathlib import Path

from gateway.config import State
from gateway.errors import ConfigError
from gateway.store import Store, StoreAway


def opened(state: State) -> Store:
    """The store of a configuration. Raises ConfigError."""
    if state.redis is not None:
        try:
            from gateway.store.redis import RedisStore
        except ImportError:
            raise ConfigError(
                "state.redis: redis is not installed; pip install 'sluice-gateway[redis]'"
            ) from None
        return RedisStore(state.redis.reveal())
    from gateway.store.local import LocalStore

    try:
        return LocalStore(Path(state.path))
    except StoreAway as error:
        raise ConfigError(f"state.path: {error}", param="state.path") from None
