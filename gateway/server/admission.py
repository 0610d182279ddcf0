"""Who comes in, how much of it, and what it has cost: the phases identify, admit and settle.

`Admission` holds the keys and the store for all requests of a process. A request whose key has neither limits
nor a budget does not touch the store. What is reserved in `admit` is settled in `settle` however the request
ended: by the provider's own count, else by what has streamed, else the estimate is given back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from math import ceil
from time import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.access import budget as budgets
from gateway.access.account import Admitted, Ask, Denied, Left, Reservation, has_budget
from gateway.access.budget import NANO, Budget, Spent
from gateway.access.keys import Caller, Key, Keyring, StoredKey, UnknownKey, identify
from gateway.access.limits import Limits
from gateway.access.prices import Price, cost_nano_usd, price_of
from gateway.chat import Usage
from gateway.config import Config, is_loopback
from gateway.dialects.dialect import Classify
from gateway.errors import BudgetExhausted, Overloaded, PermissionDenied, RateLimited, SluiceError
from gateway.server.estimate import most_output, prompt_tokens, tokens_in
from gateway.store import StoreAway
from gateway.store.choice import opened
from gateway.store.failover import Failover
from gateway.store.memory import MemoryStore

if TYPE_CHECKING:
    from gateway.server.call import Call

_log = logging.getLogger("sluice")

# How soon a key that was revoked or limited anew is known, at the latest.
_LOOK_EVERY_S = 1.0
# A client that has just read the end of an answer may ask again before that answer's place is given back.
_LOOK_AGAIN_S = 0.02


class Granted(Struct, frozen=True):
    """What `admit` reserved for a request, and by what it is settled."""

    reservation: Reservation
    prompt_tokens: int
    price: Price | None
    free: bool


class Admission:
    """The keys of a configuration and of the store, and what they may still use.

    It lasts as long as the process: another configuration is taken on, but for its state.
    """

    def __init__(self, config: Config) -> None:
        self.store = Failover(MemoryStore(), "")
        self._state = config.state
        self._stored: list[StoredKey] = []
        self._version: int | None = None
        self._looking: asyncio.Task[None] | None = None
        self._tending: asyncio.Task[None] | None = None
        self.take(config)

    def take(self, config: Config) -> None:
        """From now on the keys and prices of this configuration count."""
        self._config = config
        configured = {key.name for key in config.keys}
        self.keyring = Keyring(
            config.keys,
            [key for key in self._stored if key.name not in configured],
            required=not is_loopback(config.server.host),
        )
        self._prices = lru_cache(1024)(partial(_price, config.prices))

    async def start(self) -> None:
        """Open the store and read its keys. Raises ConfigError if it is a folder that cannot be used."""
        # Not sooner: a process that was forked must have a name and a connection of its own.
        worker = f"{os.getpid()}-{secrets.token_hex(6)}"
        self.store = Failover(MemoryStore() if self._state is None else opened(self._state), worker)
        if self._state is not None:
            with suppress(StoreAway):
                await self._look()
        self._tending = asyncio.create_task(self._tend())

    async def close(self) -> None:
        if self._tending is not None:
            self._tending.cancel()
            with suppress(asyncio.CancelledError):
                await self._tending
        await self.store.close()

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                if self._state is not None:
                    with suppress(StoreAway):
                        await self._look()
                await self.store.tend()
            except Exception as bug:
                _log.error("tending the state failed: %s", type(bug).__name__)

    # --- identify -----------------------------------------------------------------------------------------

    async def identify(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Caller:
        """The caller. A key that is not known is looked for in the store: it may be new."""
        kept = self._state is not None
        try:
            return identify(headers, query, self.keyring, _now_ms(), strict=kept)
        except UnknownKey:
            if not kept:
                raise
        try:
            if self._looking is None:  # many who ask together look once
                self._looking = asyncio.create_task(self._look())
                self._looking.add_done_callback(self._looked)
            await asyncio.shield(self._looking)
        except StoreAway:
            # Not as a stranger either, where strangers may come in: the key may have limits.
            raise Overloaded(
                "that gateway key is not known here, and the store that may know it is away", retry_after_s=1
            ) from None
        return identify(headers, query, self.keyring, _now_ms())

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking = None
        if not task.cancelled():
            task.exception()  # each that waits has seen it

    async def _look(self) -> None:
        """Take up the keys of the store, if any has changed."""
        found = await self.store.keys(self._version)
        if found is not None:
            self._version, self._stored = found.version, list(found.keys)
            self.take(self._config)

    # --- admit --------------------------------------------------------------------------------------------

    async def admit(
        self, call: Call, key: Key | None, body: dict[str, Any], classify: Classify, model: str
    ) -> None:
        """Reserve what the request may cost. `model` is its name at `call.provider`.

        Raises RateLimited and BudgetExhausted; PermissionDenied for a model without a price if the key's
        budget is in money.
        """
        if key is None or not is_limited(key):
            return
        prompt, output = prompt_tokens(body, classify), most_output(body)
        price = self._prices(call.provider or "", model)
        if price is None and key.budget.usd is not None:
            raise PermissionDenied(
                "the price of that model is not known, and this key's budget is in US dollars: the gateway's "
                "configuration needs a [[prices]] table for it",
                param="model",
                code="model_price_unknown",
            )
        cost = cost_nano_usd(price, prompt, output) if price else 0
        ask = self._ask(key, key.limits, key.budget, Spent(cost, prompt + output))
        call.granted = Granted(await self._reserve(call, ask), prompt, price, free=False)

    async def admit_free(self, call: Call, key: Key | None) -> None:
        """Count a request that no model answers: it costs neither tokens nor money. Raises RateLimited."""
        if key is None or (limits := replace(key.limits, tokens_per_minute=None)) == _UNLIMITED:
            return
        ask = self._ask(key, limits, Budget(), Spent())
        call.granted = Granted(await self._reserve(call, ask), 0, None, free=True)

    def _ask(self, key: Key, limits: Limits, budget: Budget, estimate: Spent) -> Ask:
        period = budgets.period_of(budget.per, _now_ms())
        return Ask(key.name, self.store.worker, limits, budget, estimate, period)

    async def _reserve(self, call: Call, ask: Ask) -> Reservation:
        now_ms = _now_ms()
        outcome = await self.store.admit(ask, now_ms)
        if isinstance(outcome, Denied) and outcome.what == "concurrent":
            await asyncio.sleep(_LOOK_AGAIN_S)
            outcome = await self.store.admit(ask, _now_ms())
        if isinstance(outcome, Denied):
            call.limits = _denied_headers(outcome, ask.limits)
            raise _refusal(outcome, ask, now_ms)
        call.limits = _headers(outcome)
        return outcome.reservation

    # --- settle -------------------------------------------------------------------------------------------

    async def settle(self, call: Call) -> None:
        """Book what the request really cost, and give back the rest. Once for each request, in its end."""
        price = self._prices(call.provider or "", call.model or "") if call.model else None
        granted, call.granted = call.granted, None
        if granted is None:
            if price is not None and call.usage is not None:
                call.cost_usd = _cost(price, call.usage) / NANO
            return
        price = price or granted.price
        usage = spent_by(call, granted)
        cost = _cost(price, usage) if price else 0
        call.cost_usd = cost / NANO if price else None
        await self.store.settle(granted.reservation, Spent(cost, usage.input + usage.output), _now_ms())


def spent_by(call: Call, granted: Granted) -> Usage:
    """What a request has cost in tokens, as well as it is known.

    The provider's own count if the answer came to its end; if not, that count or what has streamed, whichever
    is more, since the last count of a broken stream is an early one. A request that failed before anything
    was answered has cost nothing, unless the client left: then the provider had the prompt to read.
    """
    said = tokens_in(call.said)
    if granted.free:
        return Usage(0, 0)
    if call.usage is not None:
        broken = call.error is not None or call.status == 499
        output = max(call.usage.output, said) if broken else call.usage.output
        return Usage(call.usage.input, output, call.usage.cached, call.usage.cache_written)
    asked = call.asked and (call.error in (None, "client_closed") or said > 0)
    return Usage(granted.prompt_tokens, said) if asked else Usage(0, 0)


def is_limited(key: Key) -> bool:
    return key.limits != _UNLIMITED or has_budget(key.budget)


_UNLIMITED = Limits()


def _price(own: Sequence[Price], provider: str, model: str) -> Price | None:
    return price_of(provider, model, own)


def _cost(price: Price, usage: Usage) -> int:
    return cost_nano_usd(price, usage.input, usage.output, usage.cached, usage.cache_written)


def _now_ms() -> int:
    return int(time() * 1000)


# --- what the client is told ------------------------------------------------------------------------------


def _refusal(denied: Denied, ask: Ask, now_ms: int) -> SluiceError:
    """The error. Many programs look for "rate_limit" in its message, which is all that OpenAI's SDK shows."""
    limits, budget = ask.limits, ask.budget
    wait_s = None if denied.retry_ms is None else max(1, ceil(denied.retry_ms / 1000))
    match denied.what:
        case "requests":
            return RateLimited(
                f"rate_limit of this key: {limits.requests_per_minute} requests a minute; "
                f"try again in {wait_s} s",
                retry_after_s=wait_s,
            )
        case "tokens":
            hint = f"try again in {wait_s} s" if wait_s else "ask for a shorter answer (max_tokens)"
            return RateLimited(
                f"rate_limit of this key: {limits.tokens_per_minute} tokens a minute, and this request may "
                f"cost {ask.estimate.tokens}; {hint}",
                retry_after_s=wait_s,
            )
        case "concurrent":
            return RateLimited(
                f"rate_limit of this key: {limits.concurrent} requests in progress at a time; "
                "wait for one to end",
                retry_after_s=1,
            )
        case "budget_usd" | "budget_tokens":
            amount = f"${budget.usd:g}" if denied.what == "budget_usd" else f"{budget.tokens} tokens"
            ends_ms = budgets.ends_in_ms(budget.per, now_ms)
            every = "in all" if ends_ms is None else f"a {budget.per} (UTC)"
            return BudgetExhausted(
                f"this key may spend {amount} {every}, and what is left does not cover this request",
                retry_after_s=None if ends_ms is None else ceil(ends_ms / 1000),
            )


Headers = list[tuple[str, str]]


def _headers(admitted: Admitted) -> Headers:
    """The headers by which OpenAI's clients pace themselves."""
    told: Headers = []
    for kind, left in (("Requests", admitted.requests), ("Tokens", admitted.tokens)):
        if left is not None:
            told += _limit_headers(kind, left)
    return told


def _denied_headers(denied: Denied, limits: Limits) -> Headers:
    if denied.what == "requests" and limits.requests_per_minute and denied.retry_ms:
        return _limit_headers("Requests", Left(limits.requests_per_minute, 0, denied.retry_ms))
    if denied.what == "tokens" and limits.tokens_per_minute and denied.retry_ms:
        return _limit_headers("Tokens", Left(limits.tokens_per_minute, 0, denied.retry_ms))
    # SDKs try a 429 again unless they are told that it is useless.
    return [("x-should-retry", "false")] if denied.what != "concurrent" else []


def _limit_headers(kind: str, left: Left) -> Headers:
    return [
        (f"X-RateLimit-Limit-{kind}", str(left.limit)),
        (f"X-RateLimit-Remaining-{kind}", str(left.left)),
        (f"X-RateLimit-Reset-{kind}", _duration(left.reset_ms)),
    ]


def _duration(ms: int) -> str:
    """As OpenAI writes it: `120ms`, `7.66s`, `6m0s`."""
    if ms < 1000:
        return f"{ms}ms"
    minutes, rest = divmod(ms, 60_000)
    return f"{minutes}m{rest / 1000:g}s" if minutes else f"{rest / 1000:g}s"
