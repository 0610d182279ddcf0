"""Every kind of store, for the one suite that all of them pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.store import Store
from gateway.store.local import LocalStore
from gateway.store.memory import MemoryStore
from gateway.store.redis import RedisStore
from tests.store.redis_server import RedisServer, is_installed

Open = Callable[[], Store]
_numbers = itertools.count()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not is_installed():
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.kill()


@pytest.fixture(params=("memory", "local", "redis"))
def open_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens an empty store each time."""
    monkeypatch.setattr("gateway.store.redis._TIMEOUT_S", 30.0)  # a busy machine is not what is tested
    if request.param == "memory":
        return MemoryStore
    if request.param == "local":
        return lambda: LocalStore(tmp_path / str(next(_numbers)))
    url: str = request.getfixturevalue("redis_url")
    return lambda: RedisStore(url, f"test-{next(_numbers)}", clock=True)
