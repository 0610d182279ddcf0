"""What every test stands on: the event loop, hypothesis profiles, the material beside the repository.

`SHARED` is the folder of recorded provider streams and labelled text that may lie beside the repository.
Tests that need it take the `shared` fixture, or carry `@needs_shared` where they list its files while
being collected.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop
from aiohttp import web_app
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
NO_SHARED = "the shared folder is not here"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=NO_SHARED)

# No law is about time, and a slow machine must not fail one.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(autouse=True, scope="session")
def _no_state_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keys that whoever runs the tests has made for himself are not theirs."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    os.environ.pop("STATE_DIRECTORY", None)


@pytest.fixture(autouse=True, scope="module")
def _no_application_outlives_its_tests() -> Iterator[None]:
    """aiohttp remembers the last 1,024 handlers with their applications, a megabyte each of ours."""
    yield
    web_app._cached_build_middleware.cache_clear()


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(NO_SHARED)
    return SHARED


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Async tests run on the loop that the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}
