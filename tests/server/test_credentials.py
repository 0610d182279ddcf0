"""Credentials by the real libraries, from files, variables and servers of this machine.

First how a value is kept, with a source of our own: one renewal at a time, in time, nobody waits in vain.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable

import pytest

from gateway.errors import (
    AuthenticationFailed,
    ConfigError,
    ProviderTimeout,
    ProviderUnreachable,
    SluiceError,
)
from gateway.server import credentials
from gateway.server.credentials import AWSSignature, GoogleToken, Kept
from tests.server.token_server import Clock

# --- keeping ----------------------------------------------------------------------------------------------


class Source:
    """Gives 1, 2, 3, …, each lasting as long as `left_s` says; waits for `gate`, fails with `fault`."""

    def __init__(self) -> None:
        self.given = 0
        self.left_s = 1e9
        self.lasts_s = 1e9
        self.fault: SluiceError | None = None
        self.gate = threading.Event()
        self.gate.set()

    def obtain(self) -> int:
        assert self.gate.wait(10)
        self.given += 1
        if self.fault is not None:
            raise self.fault
        self.left_s = self.lasts_s
        return self.given

    def expires_within(self, seconds: float) -> bool:
        return self.left_s < seconds


@pytest.fixture
def source() -> Source:
    return Source()


async def settled(kept: Kept[int]) -> None:
    while kept._renewal is not None:
        await asyncio.sleep(0.001)


async def test_a_lasting_value_is_fetched_once(source: Source) -> None:
    kept = Kept(source)
    assert await asyncio.gather(*(kept.get() for _ in range(20))) == [1] * 20
    assert await kept.get() == 1


async def test_before_it_expires_the_old_one_serves_while_one_new_one_is_fetched(
    source: Source, clock: Clock
) -> None:
    kept = Kept(source)
    await kept.get()
    clock.now += 3600
    source.left_s = credentials.RENEW_S - 1
    source.gate.clear()
    assert [await kept.get() for _ in range(5)] == [1] * 5
    source.gate.set()
    await settled(kept)
    assert await kept.get() == 2


async def test_with_too_little_left_all_wait_for_one_new_one(source: Source, clock: Clock) -> None:
    kept = Kept(source)
    await kept.get()
    clock.now += 3600
    source.left_s = credentials.SPARE_S - 1
    assert await asyncio.gather(*(kept.get() for _ in range(20))) == [2] * 20


async def test_a_failure_shows_only_once_the_old_one_is_used_up(source: Source, clock: Clock) -> None:
    kept = Kept(source)
    await kept.get()
    clock.now += 3600
    source.left_s = credentials.RENEW_S - 1
    source.fault = ProviderUnreachable("gone")
    assert await kept.get() == 1
    await settled(kept)
    source.left_s = 0
    with pytest.raises(ProviderUnreachable, match="gone"):
        await kept.get()


async def test_after_a_failure_there_is_a_pause_and_then_another_attempt(
    source: Source, clock: Clock
) -> None:
    kept = Kept(source)
    source.fault = AuthenticationFailed("none")
    raised = []
    for _ in range(5):
        with pytest.raises(AuthenticationFailed, match="none") as caught:
            await kept.get()
        raised.append(caught.value)
    assert source.given == 1
    assert len(set(map(id, raised))) == 5
    source.fault = None
    clock.now += credentials.PAUSE_S
    assert await kept.get() == 2


async def test_a_provider_whose_credentials_fail_was_not_asked(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its fallback's request would be counted as perhaps billed twice."""
    source.fault = ProviderUnreachable("who gives them is away")
    with pytest.raises(ProviderUnreachable) as failure:
        await Kept(source).get()
    assert not failure.value.asked
    source.gate.clear()
    monkeypatch.setattr(credentials, "WAIT_S", 0.01)
    with pytest.raises(ProviderTimeout) as late:
        await Kept(source).get()
    assert not late.value.asked
    source.gate.set()


async def test_a_value_that_never_lasts_is_not_fetched_with_every_request(
    source: Source, clock: Clock
) -> None:
    kept = Kept(source)
    source.lasts_s = credentials.SPARE_S - 1
    assert [await kept.get() for _ in range(5)] == [1] * 5
    clock.now += credentials.PAUSE_S
    assert await kept.get() == 2


async def test_a_request_that_gives_up_does_not_take_the_attempt_with_it(source: Source) -> None:
    kept = Kept(source)
    source.gate.clear()
    first = asyncio.create_task(kept.get())
    second = asyncio.create_task(kept.get())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await second == 1
    assert first.cancelled()


async def test_a_request_does_not_wait_for_ever(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "WAIT_S", 0.01)
    kept = Kept(source)
    source.gate.clear()
    with pytest.raises(ProviderTimeout, match="no credentials for the provider within"):
        await kept.get()
    source.gate.set()
    await settled(kept)
    assert await kept.get() == 1


# --- what the libraries need ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "make", "message"),
    [
        (
            "botocore.session",
            lambda: AWSSignature("bedrock", "us-east-1"),
            "provider bedrock: botocore is not installed; pip install 'sluice-gateway[bedrock]'",
        ),
        (
            "google.auth.transport.requests",
            lambda: GoogleToken("vertex"),
            "provider vertex: google-auth[requests] is not installed; pip install 'sluice-gateway[vertex]'",
        ),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, make: Callable[[], object], message: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message
