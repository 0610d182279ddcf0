"""The store that the gateway uses: a shared one, and this process's own memory while that one is away.

A request never fails because the shared store does. While it is away every process keeps limits for itself,
and budgets go on from what was last known to be spent. What was spent meanwhile is booked when the store is
back. Whoever holds places among a key's requests in progress vouches for them here, again and again: the
places of a process that died are free after a while.
"""

from __future__ import annotations

import logging
from collections import Counter
from time import monotonic, time

from msgspec.structs import replace

from gateway.access.account import Admitted, Ask, Denied, Reservation
from gateway.access.budget import Spent, plus
from gateway.access.keys import StoredKey
from gateway.access.limits import LEASE_MS
from gateway.store import Keys, Store, StoreAway
from gateway.store.memory import MemoryStore

_log = logging.getLogger("sluice")

_RENEW_S = LEASE_MS / 3000


class Failover:
    """`worker` names this process among all that share the store. `away` tells how it is, for metrics."""

    def __init__(self, shared: Store, worker: str) -> None:
        self.away = False
        self.worker = worker
        self._alone = f"{worker} alone"
        self._shared = shared
        self._own = MemoryStore()
        self._open: Counter[str] = Counter()
        # What was reserved and really spent, by account and period, that the shared store does not know of.
        self._owed: dict[tuple[str, str], tuple[Spent, Spent]] = {}
        self._renewed_at = monotonic()

    async def admit(self, ask: Ask, now_ms: int) -> Admitted | Denied:
        outcome: Admitted | Denied | None = None
        if not self.away:
            try:
                outcome = await self._shared.admit(ask, now_ms)
                if isinstance(outcome, Admitted) and outcome.reservation.period is not None:
                    self._own.account(ask.name).note(outcome.reservation.period, outcome.spent)
            except StoreAway as error:
                await self._gone(error)
        if outcome is None:
            outcome = await self._own.admit(replace(ask, worker=self._alone), now_ms)
        if isinstance(outcome, Admitted) and outcome.reservation.concurrent:
            self._open[ask.name] += 1
        return outcome

    async def settle(self, reservation: Reservation, real: Spent, now_ms: int) -> None:
        if reservation.concurrent:
            self._open[reservation.name] -= 1
        shared = reservation
        if alone := reservation.worker == self._alone:
            await self._own.settle(reservation, real, now_ms)
            # The shared store knows of the place only, since it is back.
            shared = replace(reservation, worker=self.worker, estimate=Spent(), bucket=None)
        if not self.away:
            try:
                await self._shared.settle(shared, real, now_ms)
                return
            except StoreAway as error:
                await self._gone(error)
                # It may have been done all the same. Less than was reserved must not be taken off twice.
                shared = replace(shared, estimate=Spent(*map(min, shared.estimate, real)))
        if not alone:
            await self._own.settle(replace(reservation, worker=self._alone, bucket=None), real, now_ms)
        if shared.period is not None:
            self._owe(shared.name, shared.period, shared.estimate, real)

    async def keys(self, known: int | None = None) -> Keys | None:
        """Asked once a second, and asked also while the store is away: so it is known when it is back."""
        try:
            found = await self._shared.keys(known)
        except StoreAway as error:
            await self._gone(error)
            raise
        if self.away:
            await self._back()
        return found

    async def put_key(self, key: StoredKey, *, new: bool = False) -> None:
        await self._shared.put_key(key, new=new)

    async def spent(self, name: str, period: str) -> Spent:
        return await self._shared.spent(name, period)

    async def tend(self) -> None:
        """Vouch for what is in progress, and have the store do its chores."""
        try:
            if monotonic() - self._renewed_at >= _RENEW_S:
                self._renewed_at = monotonic()
                if self.away:
                    await self._own.renew(self._alone, self._in_progress(), _now_ms())
                else:
                    await self._shared.renew(self.worker, self._in_progress(), _now_ms())
            if not self.away:
                await self._shared.tend()
        except StoreAway as error:
            await self._gone(error)

    async def close(self) -> None:
        await self._shared.close()

    def _in_progress(self) -> dict[str, int]:
        self._open = +self._open
        return dict(self._open)

    async def _gone(self, error: StoreAway) -> None:
        if not self.away:
            self.away = True
            _log.warning("the state store is away (%s): each process keeps limits for itself", error)
            # What is in progress counts on, until it is settled.
            for account in self._own.accounts.values():
                account.leases.clear()
            await self._own.renew(self._alone, self._in_progress(), _now_ms())

    async def _back(self) -> None:
        try:
            await self._shared.renew(self.worker, self._in_progress(), _now_ms())
            while self._owed:
                (name, period), (reserved, spent) = self._owed.popitem()
                try:
                    owed = Reservation(name, self.worker, reserved, None, period, concurrent=False)
                    await self._shared.settle(owed, spent, _now_ms())
                except StoreAway:
                    self._owe(name, period, reserved, spent)
                    raise
        except StoreAway:
            return
        if self.away:
            self.away = False
            self._renewed_at = 0.0  # there may be more in progress by now
            _log.warning("the state store is back")

    def _owe(self, name: str, period: str, reserved: Spent, spent: Spent) -> None:
        before = self._owed.get((name, period), (Spent(), Spent()))
        self._owed[name, period] = (plus(before[0], reserved), plus(before[1], spent))


def _now_ms() -> int:
    return int(time() * 1000)
