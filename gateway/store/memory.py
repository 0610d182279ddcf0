"""State in this process only: for limits that nobody shares, and while the store that is shared is away."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.access.account import Account, Admitted, Ask, Denied, Reservation
from gateway.access.budget import Spent
from gateway.access.keys import StoredKey
from gateway.store import Keys, NameTaken


class MemoryStore:
    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self._keys: dict[str, StoredKey] = {}
        self._version = 0

    def account(self, name: str) -> Account:
        return self.accounts.setdefault(name, Account())

    async def admit(self, ask: Ask, now_ms: int) -> Admitted | Denied:
        return self.account(ask.name).admit(ask, now_ms)

    async def settle(self, reservation: Reservation, real: Spent, now_ms: int) -> None:
        self.account(reservation.name).settle(reservation, real, now_ms)

    async def renew(self, worker: str, counts: Mapping[str, int], now_ms: int) -> None:
        for name, count in counts.items():
            self.account(name).renew(worker, count, now_ms)

    async def spent(self, name: str, period: str) -> Spent:
        return self.account(name).spent.get(period, Spent())

    async def keys(self, known: int | None = None) -> Keys | None:
        return None if known == self._version else Keys(self._version, [*self._keys.values()])

    async def put_key(self, key: StoredKey, *, new: bool = False) -> None:
        if new and key.name in self._keys:
            raise NameTaken(key.name)
        self._keys[key.name] = key
        self._version += 1

    async def tend(self) -> None:
        pass

    async def close(self) -> None:
        pass
