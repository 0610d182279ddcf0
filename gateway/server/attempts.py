"""One request over its candidates, until one of them answers.

In: the tiers of candidates, and a function that asks one of them. Out: the first answer, or the error that
says most. All of this is before any of the answer has gone to the client: whoever has sent something sets
`committed`, and then the next failure is the last. What an answer is, and how it is relayed, is not known
here.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gateway.access import retry
from gateway.access.breaker import Breaker
from gateway.errors import Overloaded, SluiceError
from gateway.server import metrics, tally
from gateway.server.aside import aside
from gateway.server.call import Call
from gateway.server.outgoing import Outgoing
from gateway.server.routing import Candidate, Tier
from gateway.server.standing import Standing

T = TypeVar("T")


class Attempts:
    """`prepare` makes a candidate's request; it raises InvalidRequest for what that one cannot be told."""

    __slots__ = (
        "_answering",
        "_began_at",
        "_call",
        "_first",
        "_loop",
        "_prepare",
        "_standing",
        "_tiers",
        "committed",
    )

    def __init__(
        self,
        tiers: Sequence[Tier],
        standing: Standing,
        call: Call,
        prepare: Callable[[Candidate], Outgoing],
    ) -> None:
        self.committed = False
        self._tiers = tiers
        self._standing = standing
        self._call = call
        self._prepare = prepare
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self._first: Candidate | None = None
        self._answering: Candidate | None = None

    async def answered(self, ask: Callable[[Outgoing], Awaitable[T]]) -> T:
        """What `ask` returns for the first candidate for whom it returns. Raises the error that says most.

        Once only: then nobody will be asked any more, and the request is let go of.
        """
        try:
            return await self._answered(ask)
        finally:
            del self._prepare, self._tiers

    async def _answered(self, ask: Callable[[Outgoing], Awaitable[T]]) -> T:
        told: SluiceError | None = None
        for tier in self._tiers:
            order = self._standing.balance.order(tier.weights, tier.by, self._loop.time())
            by_target = {each.target: each for each in tier.candidates}
            waiting = deque((by_target[target], self._began_at) for target in order)
            failures = dict.fromkeys(order, 0)
            left = max(len(waiting), 1 + waiting[0][0].provider.retries.most)
            while waiting and left:
                candidate, ready_at = waiting.popleft()
                if (wait_s := ready_at - self._loop.time()) > 0:
                    await asyncio.sleep(wait_s)
                try:
                    outgoing = await self._ready(candidate)
                except SluiceError as error:
                    told = _telling(told, error)
                    continue
                left -= 1
                try:
                    return await self._asked(candidate, outgoing, ask)
                except SluiceError as error:
                    told = _telling(told, error)
                    failures[candidate.target] += 1
                    remedy = retry.remedy(error, dict(self._call.returned).get("x-should-retry"))
                    if remedy == "never" or self.committed:
                        raise
                    pause_s = self._pause_s(candidate, failures[candidate.target], error)
                    if remedy == "again" and pause_s is not None:
                        waiting.append((candidate, self._loop.time() + pause_s))
        assert told is not None, "there is always a candidate"
        raise told

    def close(self, error: SluiceError | None = None) -> None:
        """The request is over; `error` is what ended an answer that had begun."""
        if self._answering is not None:
            self._standing.balance.ended(self._answering.target)
            self._noted(self._answering, error)
            self._answering = None

    async def _ready(self, candidate: Candidate) -> Outgoing:
        """The candidate's request, if it may be asked now."""
        call, provider = self._call, candidate.provider
        call.phase = "choose"
        if self._first is None:
            self._first = candidate
        call.provider, call.model = provider.name, candidate.model
        other = (provider.name, candidate.model) != (self._first.provider.name, self._first.model)
        call.fallback = provider.name if other else None
        outgoing = await aside(call.size_bytes, self._prepare, candidate)
        breaker, now = self._breaker(candidate), self._loop.time()
        if not breaker.admits(now):
            raise Overloaded(
                f"provider {provider.name} has failed too often and is given a rest",
                code="CIRCUIT_OPEN",
                retry_after_s=math.ceil(breaker.rests_for_s(now)),
            )
        return outgoing

    async def _asked(
        self, candidate: Candidate, outgoing: Outgoing, ask: Callable[[Outgoing], Awaitable[T]]
    ) -> T:
        """Ask, and note how it went."""
        call, balance, breaker = self._call, self._standing.balance, self._breaker(candidate)
        call.phase = "connect"
        call.attempts += 1
        call.returned = ()
        asked_at = self._loop.time()
        balance.began(candidate.target)
        try:
            answer = await ask(outgoing)
        except BaseException as failure:
            balance.ended(candidate.target)
            if not isinstance(failure, SluiceError):
                _count(candidate, "left")
                raise  # whoever asked has gone: nothing is known of the provider
            _count(candidate, "failed")
            self._noted(candidate, failure)
            if failure.status == 429 and failure.retry_after_s is not None:
                balance.rest(candidate.target, self._loop.time() + failure.retry_after_s)
            if retry.may_be_billed(failure):
                call.maybe_billed += 1
                metrics.MAYBE_BILLED.labels(candidate.provider.name).inc()
            raise
        _count(candidate, "answered")
        now = self._loop.time()
        if breaker.state(now) != "closed":
            breaker.succeeded()  # a try: others need not wait for the end of its answer
        balance.answered(candidate.target, now - asked_at, now)
        self._answering = candidate
        return answer

    def _pause_s(self, candidate: Candidate, failures: int, error: SluiceError) -> float | None:
        """How long to wait before this candidate is asked again; None if it is not."""
        retries = candidate.provider.retries
        if failures > retries.most:
            return None
        left_s = self._began_at + retries.within_s - self._loop.time()
        return retry.wait_s(failures, error.retry_after_s, random.random(), retries.first_wait_s, left_s)

    def _noted(self, candidate: Candidate, error: SluiceError | None) -> None:
        """Tell the provider's breaker how it went."""
        breaker = self._breaker(candidate)
        if error is None or not retry.is_providers_fault(error):
            breaker.succeeded()
        elif breaker.failed(self._loop.time()):
            metrics.BREAKER_OPENINGS.labels(candidate.provider.name).inc()

    def _breaker(self, candidate: Candidate) -> Breaker:
        return self._standing.breakers[candidate.provider.name]


def _count(candidate: Candidate, outcome: metrics.Outcome) -> None:
    tally.add(metrics.PROVIDER_CALLS, candidate.provider.name, outcome)


def _telling(told: SluiceError | None, error: SluiceError) -> SluiceError:
    """Of two failures the later, unless only the earlier one is worth coming back for."""
    error.forget_frames()
    return told if told is not None and told.retryable and not error.retryable else error
