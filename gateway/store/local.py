"""State in one SQLite file that all processes of a machine share, and that a restart finds as it was.

A request's checks are one transaction of about 15 µs, made right on the event loop: handing it to a thread
would cost more, and a thread that waits for the interpreter's lock while it holds the file's would make every
other process wait too. If another process has the file's lock, this one tries again a moment later, while
other requests get their turn.

Every change outlasts the process. After a power failure the last few seconds may be missing (the log is not
forced to the disk with each change); nothing is ever half written. What takes long, putting the log into the
file, is done by `tend` in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import TypeVar

import msgspec

from gateway.access.account import Account, Admitted, Ask, Denied, Reservation
from gateway.access.budget import Spent
from gateway.access.keys import StoredKey
from gateway.config.state import FILE
from gateway.store import Keys, NameTaken, StoreAway

T = TypeVar("T")

_SCHEMA = """
create table if not exists account (name text primary key, state blob not null) without rowid;
create table if not exists key (name text primary key, record blob not null) without rowid;
create table if not exists version (one integer primary key check (one = 1), number integer not null);
insert or ignore into version values (1, 0);
"""
# Bits of user_version: a later form of the file is not touched.
_FORM = 1
# How long a change waits for the file's lock before the store counts as away, and how long between two tries.
# Whoever has the lock needs microseconds, but on a busy machine it may not be running; and whoever waits may
# hardly get to try: its time alone says nothing.
_PATIENCE_S = 3.0
_LEAST_TRIES = 100
_PAUSE_S = 0.002
_TAKEN = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_LARGE_LOG_BYTES = 1 << 20

_encode = msgspec.msgpack.encode
_decode_account = msgspec.msgpack.Decoder(Account).decode
_decode_key = msgspec.json.Decoder(StoredKey).decode


class LocalStore:
    """The state in a folder, which is made if it is not there. Raises StoreAway."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives its other files the owner and the rights of this one.
            made = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            if os.geteuid() == 0:  # root makes keys for a service that runs as somebody else
                os.fchown(made, folder.stat().st_uid, folder.stat().st_gid)
            os.close(made)
            self._connection = self._open()
        except OSError as error:
            raise StoreAway(f"{self._path}: {error.strerror}") from None
        except sqlite3.Error as error:
            raise StoreAway(f"{self._path}: {error}") from None
        self._execute = self._connection.execute
        self._execute("pragma busy_timeout = 0")

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5, isolation_level=None)
        (form,) = connection.execute("pragma user_version").fetchone()
        if form > _FORM:
            raise sqlite3.DatabaseError("written by a later version of Sluice")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute("pragma wal_autocheckpoint = 0")
        if form < _FORM:
            connection.executescript(f"begin immediate; {_SCHEMA} pragma user_version = {_FORM}; commit;")
        return connection

    async def admit(self, ask: Ask, now_ms: int) -> Admitted | Denied:
        def change() -> Admitted | Denied:
            account = self._account(ask.name)
            outcome = account.admit(ask, now_ms)
            if isinstance(outcome, Admitted):
                self._keep(ask.name, account)
            return outcome

        return await self._changed(change)

    async def settle(self, reservation: Reservation, real: Spent, now_ms: int) -> None:
        def change() -> None:
            account = self._account(reservation.name)
            account.settle(reservation, real, now_ms)
            self._keep(reservation.name, account)

        await self._changed(change)

    async def renew(self, worker: str, counts: Mapping[str, int], now_ms: int) -> None:
        def change() -> None:
            for name, count in counts.items():
                account = self._account(name)
                account.renew(worker, count, now_ms)
                self._keep(name, account)

        await self._changed(change)

    async def spent(self, name: str, period: str) -> Spent:
        return (await self._changed(lambda: self._account(name), "begin")).spent.get(period, Spent())

    async def keys(self, known: int | None = None) -> Keys | None:
        def read() -> Keys | None:
            (version,) = self._execute("select number from version").fetchone()
            if version == known:
                return None
            rows = self._execute("select record from key order by name").fetchall()
            return Keys(version, [_decode_key(record) for (record,) in rows])

        return await self._changed(read, "begin")

    async def put_key(self, key: StoredKey, *, new: bool = False) -> None:
        record = msgspec.json.encode(key)

        def change() -> None:
            if new and self._execute("select 1 from key where name = ?", (key.name,)).fetchone():
                raise NameTaken(key.name)
            self._execute("replace into key values (?, ?)", (key.name, record))
            self._execute("update version set number = number + 1")

        await self._changed(change)

    async def tend(self) -> None:
        try:
            log_bytes = self._path.with_name(FILE + "-wal").stat().st_size
        except OSError:
            return
        if log_bytes > _LARGE_LOG_BYTES:
            await asyncio.to_thread(self._put_away_log)

    def _put_away_log(self) -> None:
        # Whoever else does so just now, or what stops it, is no matter: the next time it is done.
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(self._path, timeout=0.05)) as connection,
        ):
            connection.execute("pragma wal_checkpoint(truncate)")

    async def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _account(self, name: str) -> Account:
        row = self._execute("select state from account where name = ?", (name,)).fetchone()
        return _decode_account(row[0]) if row else Account()

    def _keep(self, name: str, account: Account) -> None:
        self._execute(
            "insert into account values (?, ?) on conflict do update set state = excluded.state",
            (name, _encode(account)),
        )

    async def _changed(self, change: Callable[[], T], begin: str = "begin immediate") -> T:
        """Make a change as one transaction, when the file is free.

        Nothing is awaited within it: this connection is all of the process's.
        """
        until, tries = None, 0
        while True:
            try:
                self._execute(begin)
                made = change()
                self._execute("commit")
                return made
            except sqlite3.Error as error:
                until, tries = until or monotonic() + _PATIENCE_S, tries + 1
                is_taken = getattr(error, "sqlite_errorcode", 0) & 0xFF in _TAKEN
                if not is_taken or (tries >= _LEAST_TRIES and monotonic() > until):
                    raise StoreAway(f"{self._path}: {error}") from None
            except msgspec.DecodeError:
                raise StoreAway(f"{self._path}: holds a record that cannot be read") from None
            finally:
                if self._connection.in_transaction:
                    self._execute("rollback")
            await asyncio.sleep(random.uniform(0, _PAUSE_S))
