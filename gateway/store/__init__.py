"""Where the state lives that outlasts a request or is shared: the accounts of keys, and the keys made here.

`Store` is what every kind of it does: `memory` keeps it in this process, `local` in a file that all processes
of one machine share, `redis` on a server that all machines share, `failover` counts in memory while one of
those is away. What is decided stands in `access.account`; a store keeps it, and lets no two decisions mix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from gateway.access.account import Account, Admitted, Ask, Denied, Reservation
from gateway.access.budget import Spent
from gateway.access.keys import StoredKey


class Keys(NamedTuple):
    """All stored keys. `version` changes whenever one of them does."""

    version: int
    keys: Sequence[StoredKey]


class StoreAway(Exception):
    """The store cannot be reached, or not in time. Whether it did what was asked is not known."""


class NameTaken(Exception):
    """A key of that name is or was there."""


class Store(Protocol):
    """All of it may raise StoreAway. Times are in milliseconds since 1970, given by whoever asks."""

    async def admit(self, ask: Ask, now_ms: int) -> Admitted | Denied:
        """Check everything and reserve everything, as one step."""

    async def settle(self, reservation: Reservation, real: Spent, now_ms: int) -> None:
        """Make what was reserved what it really was."""

    async def renew(self, worker: str, counts: Mapping[str, int], now_ms: int) -> None:
        """A worker vouches for the requests that it has in progress, by account."""

    async def spent(self, name: str, period: str) -> Spent:
        """What an account has spent in a period."""

    async def keys(self, known: int | None = None) -> Keys | None:
        """All keys, None if nothing has changed since the version that is known."""

    async def put_key(self, key: StoredKey, *, new: bool = False) -> None:
        """Keep a key by its name. A new one raises NameTaken if the name is not."""

    async def tend(self) -> None:
        """What has to be done now and then: about once a second."""

    async def close(self) -> None: ...


__all__ = ["Account", "Keys", "NameTaken", "Store", "StoreAway"]
