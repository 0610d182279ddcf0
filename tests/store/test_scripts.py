"""Each rule of the scripts on Redis is needed: without it they decide otherwise than the account does."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import gateway.store
from gateway.access.budget import Budget, Spent
from gateway.access.limits import LEASE_MS, Limits
from gateway.store import StoreAway
from gateway.store.memory import MemoryStore
from gateway.store.redis import RedisStore
from tests.store.asking import ask
from tests.store.test_store import played

SCRIPTS = Path(gateway.store.__file__).parent
REQUESTS, CONCURRENT = Limits(requests_per_minute=2), Limits(concurrent=2)
TOKENS = Limits(tokens_per_minute=10)
# Where START_MS stands in its second.
INTO_S = 123


class Broken(NamedTuple):
    """`wrong` in the place of `right` in a script; `script` is what shows it."""

    file: str
    right: str
    wrong: str
    script: Sequence[tuple[int, Any]]


BROKEN = {
    "a request more than the limit": Broken(
        "shared.lua", "window.used + amount - limit", "window.used - limit", [(0, ask(REQUESTS))] * 3
    ),
    "a minute of 59 seconds": Broken(
        "shared.lua", "<= BUCKETS then", "< BUCKETS then",
        [*[(0, ask(REQUESTS))] * 2, (60_500 - INTO_S, ask(REQUESTS))],
    ),
    "a second too early": Broken(
        "shared.lua", "(bucket + BUCKETS + 1)", "(bucket + BUCKETS)", [(0, ask(REQUESTS))] * 3
    ),
    "what can never fit is told to wait": Broken(
        "shared.lua", "if amount > limit then return -1 end", "", [(0, ask(TOKENS, tokens=11))]
    ),
    "a clock that was set back": Broken(
        "shared.lua", "bucket = window.newest end", "bucket = bucket end",
        [(0, ask(TOKENS, tokens=9)), (-1500, ask(TOKENS, tokens=1)), (1500, ask(TOKENS, tokens=1))],
    ),
    "places of the dead are kept": Broken(
        "shared.lua", "if tonumber(until_ms) > now then", "if true then",
        [*[(0, ask(CONCURRENT, worker="dead"))] * 2, (LEASE_MS, ask(CONCURRENT))],
    ),
    "a place less is taken": Broken(
        "admit.lua", "own + 1", "own", [(0, ask(CONCURRENT))] * 3
    ),
    "the others' places are one's own": Broken(
        "shared.lua", "if flat[i] == worker then own", "if true then own",
        [(0, ask(CONCURRENT, worker="v")), (0, ask(CONCURRENT)), (1, (0, Spent())), *[(0, ask(CONCURRENT))] * 2],
    ),
    "what was refused is counted": Broken(
        "admit.lua", "if wait_ms ~= 0 then return denied(2, wait_ms) end",
        "if wait_ms ~= 0 then add(KEYS[1], requests_window, 1, now) return denied(2, wait_ms) end",
        [*[(0, ask(Limits(2, 10), tokens=9))] * 2, (0, ask(REQUESTS))],
    ),
    "money is not looked at": Broken(
        "admit.lua", "spent[1] > max_nano_usd", "false", [(0, ask(budget=Budget(usd=1e-9), nano_usd=2))]
    ),
    "a budget may be passed": Broken(
        "admit.lua", "spent[2] > max_spent_tokens", "spent[2] - tokens > max_spent_tokens",
        [(0, ask(budget=Budget(tokens=10), tokens=9))] * 2,
    ),
    "large sums with an exponent": Broken(
        "shared.lua", "string.format('%.0f', number)", "tostring(number)",
        [(0, ask(budget=Budget(usd=900_000.0), nano_usd=10**14 + 1))] * 2,
    ),
    "places are not given back": Broken(
        "settle.lua", "own - 1", "own",
        [*[(0, ask(CONCURRENT))] * 2, (1, (0, Spent())), (0, ask(CONCURRENT))],
    ),
    "what was not used is kept": Broken(
        "settle.lua", "each[2] + real_tokens - tokens", "each[2]",
        [(0, ask(TOKENS, tokens=9)), (1, (0, Spent(0, 2))), (0, ask(TOKENS, tokens=8))],
    ),
    "what was used beyond is forgotten": Broken(
        "settle.lua", "if real_tokens > tokens then", "if false then",
        [(0, ask(TOKENS, tokens=1)), (1500, (0, Spent(0, 9))), (60_000, ask(TOKENS, tokens=4))],
    ),
    "an estimate stays spent": Broken(
        "settle.lua", "- tokens + real_tokens)\n  redis", "+ real_tokens)\n  redis",
        [(0, ask(budget=Budget(tokens=10), tokens=9)), (1, (0, Spent(0, 2)))],
    ),
    "a worker's word is added up": Broken(
        "renew.lua", "hold(KEYS[1], worker, count, now)", "hold(KEYS[1], worker, count + 1, now)",
        [(0, ask(CONCURRENT)), (1, ("w", 1)), (0, ask(CONCURRENT))],
    ),
    "a worker's word does not last": Broken(
        "renew.lua", "hold(KEYS[1], worker, count, now)", "",
        [*[(0, ask(CONCURRENT))] * 2, (LEASE_MS - 1, ("w", 2)), (1, ask(CONCURRENT))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN.values(), ids=[name.replace(" ", "-") for name in BROKEN])
async def test_a_broken_script_is_seen(
    broken: Broken, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in SCRIPTS.glob("*.lua"):
        shutil.copy(each, tmp_path)
    source = (SCRIPTS / broken.file).read_text()
    assert source.count(broken.right) == 1
    (tmp_path / broken.file).write_text(source.replace(broken.right, broken.wrong))
    monkeypatch.setattr("gateway.store.redis._TIMEOUT_S", 30.0)
    right = await played(MemoryStore(), broken.script)
    assert await decided(redis_url, f"whole-{tmp_path}", broken) == right
    monkeypatch.setattr("gateway.store.redis.resources.files", lambda _: tmp_path)
    assert await decided(redis_url, f"broken-{tmp_path}", broken) != right


async def decided(url: str, prefix: str, broken: Broken) -> list[Any] | None:
    """What a store decides; None if it cannot make sense of what its scripts say."""
    store = RedisStore(url, prefix, clock=True)
    try:
        return await played(store, broken.script)
    except (StoreAway, ValueError):
        return None
    finally:
        await store.close()
