"""`sluice keys`: make, list, revoke and rotate gateway keys in the state that running gateways read.

Arguments in; a secret, a table or a line of what was done out. A secret is shown once, when it is made: only
its SHA-256 is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
from msgspec.structs import replace

from gateway.access.account import has_budget
from gateway.access.budget import NANO, Budget, Period, Spent, period_of
from gateway.access.keys import PREFIX, Digest, StoredKey, digest_of
from gateway.access.limits import Limits
from gateway.config import state_of
from gateway.store import NameTaken, Store, StoreAway
from gateway.store.choice import opened

DESCRIPTION = """\
Make, list, revoke and rotate the keys that callers of the gateway send. Running gateways know of a change
within a second. A key is shown once, when it is made; kept is only its SHA-256."""

EXAMPLES = """\
examples:
  sluice keys create chat-app
  sluice keys create batch --models 'gpt-4o-mini,local/*' --requests-per-minute 60 --budget-usd 20
  sluice keys create intern --expires 30d --concurrent 2 --config /etc/sluice/sluice.toml
  sluice keys list
  sluice keys rotate chat-app --keep-old 24h    a new secret; the old one is good for another day
  sluice keys revoke intern

Keys are kept where the configuration's [state] table says; without --config in the service's StateDirectory,
or in ~/.local/state/sluice.
"""

_ITEMS = {"m": "minutes", "h": "hours", "d": "days"}
_WIDTH_IN_A_PIPE = 200
_SHOWN_TIME = "%Y-%m-%d %H:%M"


class UsageError(Exception):
    """What was asked for cannot be done; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    create = commands.add_parser("create", help="make a key and show it, once")
    create.add_argument("name", metavar="NAME", help="what logs and metrics will say")
    create.add_argument("--models", type=_words, metavar="A,B", help="names or patterns (default: all)")
    create.add_argument("--providers", type=_words, metavar="A,B", help="names or patterns (default: all)")
    create.add_argument(
        "--policies", type=_words, metavar="A,B", help="that its requests may name, the usual one first"
    )
    create.add_argument(
        "--may-loosen", action="store_true", help="its requests may ask for less than the policy does"
    )
    create.add_argument(
        "--expires",
        type=_moment,
        metavar="WHEN",
        help="a date (2027-01-31) or in how long (30d, 12h)",
    )
    create.add_argument("--requests-per-minute", type=_count, metavar="N")
    create.add_argument("--tokens-per-minute", type=_count, metavar="N", help="of prompt and answer together")
    create.add_argument("--concurrent", type=_count, metavar="N", help="requests in progress at a time")
    create.add_argument("--budget-usd", type=float, metavar="N", help="US dollars to spend in each period")
    create.add_argument("--budget-tokens", type=_count, metavar="N", help="tokens to spend in each period")
    create.add_argument(
        "--per", choices=get_args(Period), default="month", help="the budget's period (default: %(default)s)"
    )
    create.set_defaults(act=_create)

    show = commands.add_parser("list", help="the keys, what they may do and what they have spent")
    show.add_argument("--json", action="store_true", help="one JSON object a line")
    show.set_defaults(act=_list)

    revoke = commands.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("name", metavar="NAME")
    revoke.set_defaults(act=_revoke)

    rotate = commands.add_parser("rotate", help="give a key a new secret and show it, once")
    rotate.add_argument("name", metavar="NAME")
    rotate.add_argument(
        "--keep-old",
        type=_span,
        metavar="TIME",
        help="how long the old one is good (default: 0m)",
    )
    rotate.set_defaults(act=_rotate)

    for each in (create, show, revoke, rotate):
        each.add_argument("--config", metavar="FILE", help="whose [state] table says where keys are kept")


def run(arguments: argparse.Namespace) -> int:
    """The exit status."""
    state, taken = state_of(arguments.config, os.environ)
    arguments.taken = taken

    async def acted() -> None:
        store = opened(state)
        try:
            await arguments.act(store, arguments)
        finally:
            await store.close()

    try:
        asyncio.run(acted())
    except NameTaken:
        print(f"sluice keys: a key named {arguments.name} is there, or was revoked", file=sys.stderr)
        return 1
    except (UsageError, StoreAway) as error:
        print(f"sluice keys: {error}", file=sys.stderr)
        return 1
    return 0


async def _create(store: Store, arguments: argparse.Namespace) -> None:
    name: str = arguments.name
    if not name.isprintable() or not 0 < len(name) <= 64:
        raise UsageError("a name is 1 to 64 printable characters")
    if name in arguments.taken:
        raise UsageError(f"a key named {name} is in the configuration")
    secret, digest = _new_secret()
    given = {part: getattr(arguments, part) for part in ("models", "providers", "policies")}
    key = StoredKey(
        name,
        [digest],
        created_ms=_now_ms(),
        may_loosen=arguments.may_loosen,
        expires_ms=arguments.expires,
        limits=Limits(arguments.requests_per_minute, arguments.tokens_per_minute, arguments.concurrent),
        budget=_budget(arguments),
        **{part: words for part, words in given.items() if words},
    )
    await store.put_key(key, new=True)
    _show_secret(secret, f"The key {name}. It is shown this once: keep it well.")


def _budget(arguments: argparse.Namespace) -> Budget:
    try:
        told = {"usd": arguments.budget_usd, "tokens": arguments.budget_tokens, "per": arguments.per}
        budget = msgspec.convert(told, Budget)
    except msgspec.ValidationError:
        raise UsageError("a budget is more than 0 and at most 1,000,000 US dollars") from None
    return budget if has_budget(budget) else Budget()


async def _list(store: Store, arguments: argparse.Namespace) -> None:
    found = await store.keys()
    keys = found.keys if found is not None else []
    spent = {key.name: await store.spent(key.name, period_of(key.budget.per, _now_ms())) for key in keys}
    if arguments.json:
        for key in keys:
            print(msgspec.json.encode(_told(key, spent[key.name])).decode())
        return
    from rich.console import Console  # see `command_input`
    from rich.table import Table

    table = Table("name", "state", "may use", "limits", "budget", "spent", box=None, pad_edge=False)
    for key in keys:
        table.add_row(key.name, _state(key), _grant(key), _limits(key.limits), *_money(key, spent[key.name]))
    width = None if sys.stdout.isatty() else _WIDTH_IN_A_PIPE
    Console(highlight=False, width=width).print(table)


async def _revoke(store: Store, arguments: argparse.Namespace) -> None:
    key = await _named(store, arguments.name)
    await store.put_key(replace(key, revoked_ms=_now_ms()))
    print(f"{key.name} is revoked.")


async def _rotate(store: Store, arguments: argparse.Namespace) -> None:
    key = await _named(store, arguments.name)
    secret, digest = _new_secret()
    now_ms = _now_ms()
    kept = [each for each in key.digests if each.until_ms is None or each.until_ms > now_ms]
    if arguments.keep_old is None:
        kept = []
    else:
        until_ms = now_ms + int(arguments.keep_old.total_seconds() * 1000)
        kept = [Digest(each.hex, min(each.until_ms or until_ms, until_ms)) for each in kept]
    await store.put_key(replace(key, digests=[digest, *kept]))
    old = f"The old secret is good until {_time(kept[0].until_ms)}." if kept else "The old secret is void."
    _show_secret(secret, f"The new secret of {key.name}. It is shown this once: keep it well. {old}")


async def _named(store: Store, name: str) -> StoredKey:
    found = await store.keys()
    key = next((each for each in found.keys if each.name == name), None) if found is not None else None
    if key is None:
        raise UsageError(f"there is no key named {name}")
    if key.revoked_ms is not None:
        raise UsageError(f"the key {name} was revoked")
    return key


def _new_secret() -> tuple[str, Digest]:
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, Digest(digest_of(secret).hex())


def _show_secret(secret: str, about: str) -> None:
    # So that `$(sluice keys create …)` is the secret and nothing else.
    print(secret)
    print(about, file=sys.stderr)


def _now_ms() -> int:
    return int(time.time() * 1000)


# --- what is shown ----------------------------------------------------------------------------------------


def _told(key: StoredKey, spent: Spent) -> dict[str, object]:
    told = {name: value for name, value in msgspec.to_builtins(key).items() if name != "digests"}
    return {**told, "state": _state(key), "spent": {"usd": spent.nano_usd / NANO, "tokens": spent.tokens}}


def _state(key: StoredKey) -> str:
    if key.revoked_ms is not None:
        return "revoked"
    if key.expires_ms is None:
        return "valid"
    return f"until {_time(key.expires_ms)}" if key.expires_ms > _now_ms() else "expired"


def _time(at_ms: int | None) -> str:
    return datetime.fromtimestamp((at_ms or 0) / 1000, UTC).strftime(_SHOWN_TIME) + " UTC"


def _grant(key: StoredKey) -> str:
    parts = [", ".join(key.models)] if key.models != ["*"] else []
    parts += [f"at {', '.join(key.providers)}"] if key.providers != ["*"] else []
    parts += [f"policy {', '.join(key.policies)}"] if key.policies != ["default"] else []
    return "; ".join(parts) or "everything"


def _limits(limits: Limits) -> str:
    named = {
        "requests/min": limits.requests_per_minute,
        "tokens/min": limits.tokens_per_minute,
        "at a time": limits.concurrent,
    }
    return ", ".join(f"{limit:,} {what}" for what, limit in named.items() if limit is not None) or "-"


def _money(key: StoredKey, spent: Spent) -> tuple[str, str]:
    budget = key.budget
    if not has_budget(budget):
        return "-", "-"
    parts = [f"${budget.usd:,g}"] if budget.usd is not None else []
    parts += [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
    return f"{', '.join(parts)} / {budget.per}", f"${spent.nano_usd / NANO:,.4f}, {spent.tokens:,} tokens"


# --- what is given ----------------------------------------------------------------------------------------


def _words(text: str) -> list[str]:
    words = [each.strip() for each in text.split(",") if each.strip()]
    if not words:  # a shell's variable that is not set must not become a key for everything
        raise argparse.ArgumentTypeError("names nothing: leave the option out to allow all")
    return words


def _count(text: str) -> int:
    digits = text.replace("_", "")
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:20]) <= 10**12):
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 1,000,000,000,000")
    return int(digits)


def _span(text: str) -> timedelta:
    if text[-1:] not in _ITEMS or not text[:-1].isdecimal() or len(text) > 7:
        raise argparse.ArgumentTypeError("must be a number with m, h or d behind it, such as 30d")
    return timedelta(**{_ITEMS[text[-1]]: int(text[:-1])})


def _moment(text: str) -> int:
    """Milliseconds since 1970. A date without a zone is UTC."""
    try:
        at = datetime.now(UTC) + _span(text)
    except argparse.ArgumentTypeError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise argparse.ArgumentTypeError("must be a date such as 2027-01-31, or such as 30d") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
