"""State on a Redis or Valkey server that all machines share.

Each check is one script on the server, so no two of them mix; the scripts decide as `access.account` does,
which a test holds them to. The clock is the server's, one for all machines. The server must keep its data
(appendonly) if budgets and keys are to outlast its restart. On Redis Cluster, all keys
of an account share a slot.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from importlib import resources
from typing import Any
from urllib.parse import quote

import msgspec
from redis import asyncio as redis
from redis import exceptions

from gateway.access.account import (
    Admitted,
    Ask,
    Denied,
    Left,
    Reservation,
    What,
    has_budget,
)
from gateway.access.budget import Spent
from gateway.access.keys import StoredKey
from gateway.access.limits import BUCKET_MS, BUCKETS, LEASE_MS
from gateway.store import Keys, NameTaken, StoreAway

# An answer takes a fifth of a millisecond in the same rack. Longer than this, and requests wait for nothing.
_TIMEOUT_S = 0.25
_CONNECTIONS = 64
_DENIED: tuple[What, ...] = ("requests", "tokens", "concurrent", "budget_usd", "budget_tokens")
# Sums of a day or a month are kept so long after the last change; totals for good.
_PERIOD_KEPT_S = 70 * 86_400

_decode_key = msgspec.json.Decoder(StoredKey).decode


class RedisStore:
    """`url` is `redis://`, `rediss://` or `unix://`. With `clock` the caller's time counts, for tests."""

    def __init__(self, url: str, prefix: str = "sluice", *, clock: bool = False) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT_S,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=None,
        )
        self._redis: Any = redis.Redis.from_pool(pool)
        self._prefix = prefix
        self._clock = clock
        numbers = {"BUCKET_MS": BUCKET_MS, "BUCKETS": BUCKETS, "LEASE_MS": LEASE_MS}
        preamble = "".join(f"local {name} = {value}\n" for name, value in numbers.items())
        source = resources.files("gateway.store")

        def script(name: str) -> Any:
            shared = source.joinpath("shared.lua").read_text("utf-8")
            return self._redis.register_script(preamble + shared + source.joinpath(name).read_text("utf-8"))

        self._admit, self._settle, self._renew = map(script, ("admit.lua", "settle.lua", "renew.lua"))

    async def admit(self, ask: Ask, now_ms: int) -> Admitted | Denied:
        # A client that goes away must not leave it unknown whether something was reserved.
        asked = asyncio.ensure_future(self._asked(ask, now_ms))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            with contextlib.suppress(StoreAway):
                outcome = await asked
                if isinstance(outcome, Admitted):
                    await self.settle(outcome.reservation, Spent(), now_ms)
            raise

    async def _asked(self, ask: Ask, now_ms: int) -> Admitted | Denied:
        limits, budget = ask.limits, ask.budget
        kept = has_budget(budget)
        told = await self._answer(
            self._admit(
                keys=self._names(ask.name, ask.period),
                args=[
                    self._time(now_ms),
                    _limit(limits.requests_per_minute),
                    _limit(limits.tokens_per_minute),
                    _limit(limits.concurrent),
                    _limit(budget.nano_usd),
                    _limit(budget.tokens),
                    ask.estimate.tokens,
                    ask.estimate.nano_usd,
                    ask.worker,
                    _PERIOD_KEPT_S if ask.period != "total" else 0,
                ],
            )
        )
        denied, wait_ms, bucket, requests, requests_reset_ms, tokens, tokens_reset_ms, *spent = map(int, told)
        if denied:
            return Denied(_DENIED[denied - 1], wait_ms if wait_ms >= 0 else None)
        concurrent = limits.concurrent is not None
        counted = limits.tokens_per_minute is not None
        return Admitted(
            Reservation(
                ask.name,
                ask.worker,
                ask.estimate,
                bucket if counted else None,
                ask.period if kept else None,
                concurrent,
            ),
            _left(limits.requests_per_minute, requests, requests_reset_ms),
            _left(limits.tokens_per_minute, tokens, tokens_reset_ms),
            Spent(*spent),
        )

    async def settle(self, reservation: Reservation, real: Spent, now_ms: int) -> None:
        settling = asyncio.ensure_future(self._settled(reservation, real, now_ms))
        try:
            await asyncio.shield(settling)
        except asyncio.CancelledError:
            await settling
            raise

    async def _settled(self, reservation: Reservation, real: Spent, now_ms: int) -> None:
        bucket, period, estimate = reservation.bucket, reservation.period, reservation.estimate
        await self._answer(
            self._settle(
                keys=self._names(reservation.name, period or "total"),
                args=[
                    self._time(now_ms),
                    -1 if bucket is None else bucket,
                    estimate.tokens,
                    real.tokens,
                    0 if period is None else 1,
                    estimate.nano_usd,
                    real.nano_usd,
                    reservation.worker if reservation.concurrent else "",
                ],
            )
        )

    async def renew(self, worker: str, counts: Mapping[str, int], now_ms: int) -> None:
        for name, count in counts.items():
            keys = [self._name(name, "leases")]
            await self._answer(self._renew(keys=keys, args=[self._time(now_ms), worker, count]))

    async def spent(self, name: str, period: str) -> Spent:
        key = self._name(name, f"spent:{period}")
        told = await self._answer(self._redis.hmget(key, "nano_usd", "tokens"))
        return Spent(*(int(each or 0) for each in told))

    async def keys(self, known: int | None = None) -> Keys | None:
        version = int(await self._answer(self._redis.get(f"{self._prefix}:keys:version")) or 0)
        if version == known:
            return None
        # Read behind the version: what changes in between is read once more, and never missed.
        records = await self._answer(self._redis.hvals(f"{self._prefix}:keys"))
        try:
            found = [_decode_key(record) for record in records]
        except msgspec.DecodeError:
            raise StoreAway("Redis holds a key that cannot be read") from None
        return Keys(version, sorted(found, key=lambda key: key.name))

    async def put_key(self, key: StoredKey, *, new: bool = False) -> None:
        table, record = f"{self._prefix}:keys", msgspec.json.encode(key)
        if new:
            if not await self._answer(self._redis.hsetnx(table, key.name, record)):
                raise NameTaken(key.name)
        else:
            await self._answer(self._redis.hset(table, key.name, record))
        await self._answer(self._redis.incr(f"{self._prefix}:keys:version"))

    async def tend(self) -> None:
        pass

    async def close(self) -> None:
        with contextlib.suppress(exceptions.RedisError, OSError):
            await self._redis.aclose(close_connection_pool=True)

    def _time(self, now_ms: int) -> int | str:
        return now_ms if self._clock else ""

    def _names(self, name: str, period: str) -> list[str]:
        return [self._name(name, part) for part in ("requests", "tokens", "leases", f"spent:{period}")]

    def _name(self, name: str, part: str) -> str:
        # What stands in braces says the slot of a cluster.
        return f"{self._prefix}:{{{quote(name, safe='')}}}:{part}"

    async def _answer(self, asked: Awaitable[Any]) -> Any:
        try:
            return await asked
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            raise StoreAway(f"Redis: {type(error).__name__}") from None


def _limit(limit: int | None) -> int:
    return -1 if limit is None else limit


def _left(limit: int | None, used: int, reset_ms: int) -> Left | None:
    return None if limit is None else Left(limit, max(0, limit - used), reset_ms)
