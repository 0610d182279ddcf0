"""The file on one machine: it outlasts processes, is shared by them exactly, and says what is wrong with it."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.access.account import Admitted, Denied
from gateway.access.budget import Budget, Spent
from gateway.access.keys import Digest, StoredKey
from gateway.access.limits import Limits
from gateway.config.state import FILE
from gateway.store import StoreAway
from gateway.store.local import LocalStore
from tests.conftest import ROOT
from tests.store.asking import START_MS, ask

# Asks as often as it is told, and prints how often it was let in.
PROCESS = """
import asyncio, sys
from pathlib import Path
from gateway.access.account import Admitted
from gateway.access.limits import Limits
from gateway.store.local import LocalStore
from tests.store.asking import START_MS, ask

async def main():
    store = LocalStore(Path(sys.argv[1]))
    asked = ask(Limits(requests_per_minute=300, tokens_per_minute=100_000, concurrent=1000), tokens=7)
    sys.stdin.readline()
    outcomes = [await store.admit(asked, START_MS + 10 * at) for at in range(int(sys.argv[2]))]
    print(sum(isinstance(each, Admitted) for each in outcomes))

asyncio.run(main())
"""


def test_processes_that_share_the_file_never_let_in_one_too_many(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path), "200"]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    let_in = [int(process.communicate(timeout=50)[0]) for process in processes]
    assert sum(let_in) == 300


async def test_a_restart_finds_what_was_spent_and_the_keys(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    spend = ask(Limits(requests_per_minute=1), Budget(tokens=10), tokens=10)
    assert isinstance(await store.admit(spend, START_MS), Admitted)
    await store.put_key(StoredKey("made", [Digest("ab" * 32)], created_ms=1), new=True)
    await store.close()
    again = LocalStore(tmp_path)
    assert await again.admit(ask(budget=Budget(tokens=10), tokens=1), START_MS) == Denied("budget_tokens")
    assert isinstance(await again.admit(spend, START_MS), Denied)
    found = await again.keys()
    assert found is not None
    assert [key.name for key in found.keys] == ["made"]
    await again.close()


async def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "new" / "folder")
    await store.put_key(StoredKey("made", [Digest("ab" * 32)], created_ms=1))
    for path in (tmp_path / "new" / "folder").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    await store.close()


async def test_another_process_that_has_the_lock_is_waited_for(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("begin immediate")
    waiting = asyncio.ensure_future(store.admit(ask(Limits(concurrent=1)), START_MS))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    other.execute("commit")
    assert isinstance(await waiting, Admitted)
    other.close()
    await store.close()


async def test_a_lock_that_is_never_let_go_is_a_store_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.local._PATIENCE_S", 0.02)
    store = LocalStore(tmp_path)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreAway, match="locked"):
        await store.admit(ask(Limits(concurrent=1)), START_MS)
    other.close()
    assert isinstance(await store.admit(ask(Limits(concurrent=1)), START_MS), Admitted)
    await store.close()


async def test_a_process_that_had_no_time_to_try_is_not_told_that_the_store_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would count for itself beside the others: of 60 requests a minute 72 were once let in."""
    monkeypatch.setattr("gateway.store.local._PATIENCE_S", -1.0)  # so late does it get its turn
    store = LocalStore(tmp_path)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("begin immediate")
    waiting = asyncio.ensure_future(store.admit(ask(Limits(concurrent=1)), START_MS))
    await asyncio.sleep(0.02)
    other.execute("commit")
    assert isinstance(await waiting, Admitted)
    other.close()
    await store.close()


async def test_the_log_is_put_away_now_and_then(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    asked = ask(budget=Budget(tokens=10**9), tokens=1)
    log = tmp_path / (FILE + "-wal")
    for at in range(400):
        await store.admit(asked, START_MS + at)
    assert log.stat().st_size > 1 << 20
    await store.tend()
    assert log.stat().st_size < 1 << 20
    assert await store.spent("app", "2027-01") == Spent(0, 400)
    await store.close()


def test_a_file_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreAway, match="file"):
        LocalStore(tmp_path / "file")
    (tmp_path / FILE).write_bytes(b"this is not a database, and longer than a header is" * 40)
    with pytest.raises(StoreAway, match="not a database"):
        LocalStore(tmp_path)


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(StoreAway, match="later version"):
        LocalStore(tmp_path)
