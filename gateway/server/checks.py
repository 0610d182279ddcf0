"""Rules on a whole request and a whole answer: topics, webhooks and classifiers, as policies name them.

In: texts with their sources, a policy. Out: judgements, and what of them is to be done. A guard that cannot
judge (no answer in time, one that is no verdict, a breaker that rests) does what its fail mode says; each
bypass is counted and logged. What goes to others has personal data and secrets taken out, unless the guard
is to see it raw.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from gateway.access.breaker import Breaker
from gateway.chat import Lane, Path
from gateway.config import Config, Guard
from gateway.conversation import ChatRequest
from gateway.dialects.dialect import Dialect
from gateway.errors import PolicyViolation
from gateway.guard.judgements import Judgement, Unusable, decision, kind, message, worst
from gateway.guard.policy import Policy
from gateway.guard.texts import text_of
from gateway.guard.topics import Matcher
from gateway.privacy import custom
from gateway.privacy.actions import IN_ANSWERS, IN_REQUESTS, actions
from gateway.privacy.entities import ENTITIES
from gateway.privacy.findings import find_all_in_steps, write_in_steps
from gateway.privacy.rules import Rules, compile_rules
from gateway.privacy.vault import Vault
from gateway.server import metrics, telemetry
from gateway.server.aside import in_steps
from gateway.server.call import Call
from gateway.server.classifier import OnnxClassifier
from gateway.server.webhook import Asked, Direction, HttpClassifier, Question, Told, Webhook
from gateway.stream.response import Hold

T = TypeVar("T")
_log = logging.getLogger("sluice.guard")
_ACTING = ("redact", "block")
_LAST_WORDS_S = 2.0


class Guarding:
    """A configured guard at work; `rule` is what its judgements name it by."""

    def __init__(self, options: Guard) -> None:
        self.options = options
        self.rule = f"guard:{options.name}"
        breaking = options.breaker
        self.breaker = Breaker(breaking.failures, breaking.window_s, breaking.rest_s)
        self._asked = _asked(options)

    async def start(self) -> None:
        """Raises ConfigError."""
        if isinstance(self._asked, OnnxClassifier):
            await self._asked.load()

    async def judge(self, question: Question) -> Judgement:
        """Its judgement, or its fail mode's."""
        now = asyncio.get_running_loop().time
        if not self.breaker.admits(now()):
            return self._failed("it rests, because it has failed too often", question.request_id)
        try:
            async with asyncio.timeout(self.options.timeout_s):
                judgement = await self._asked.ask(question)
        except TimeoutError:
            why = "it has not answered in time"
        except Unusable as unusable:
            why = str(unusable)
        except Exception as bug:
            telemetry.report(bug, "guard", question.request_id)
            why = "the gateway failed to ask it"
        else:
            self.breaker.succeeded()
            return judgement
        if self.breaker.failed(now()):
            metrics.BREAKER_OPENINGS.labels(self.rule).inc()
        return self._failed(why, question.request_id)

    def _failed(self, why: str, request_id: str) -> Judgement:
        name, is_open = self.options.name, self.options.fail == "open"
        metrics.CHECK_FAILURES.labels(self.rule).inc()
        _log.warning(
            msgspec.json.encode(
                {"request_id": request_id, "guard": name, "failed": why, "bypassed": is_open}
            ).decode()
        )
        return Judgement(self.rule, "allow" if is_open else "block", failed=why)

    async def close(self) -> None:
        await self._asked.close()


def _asked(options: Guard) -> Asked:
    if options.kind == "onnx":
        return OnnxClassifier(options)
    return Webhook(options) if options.kind == "webhook" else HttpClassifier(options)


class _Rules(Struct, frozen=True):
    """What a policy has to say about whole texts. `hidden` is what no other party sees."""

    policy: Policy
    topics: Matcher
    guards: list[Guarding]
    hidden: Rules | None

    def on(self, direction: Direction) -> list[Guarding]:
        return [each for each in self.guards if each.options.on in (direction, "both")]


class Checks:
    """The whole-text rules of all policies. `start` it before the first request."""

    def __init__(self, config: Config) -> None:
        self.guards = {each.name: Guarding(each) for each in config.guards}
        self._by_policy = {
            each.name: _Rules(
                each,
                Matcher(each.topics, custom.tame),
                [self.guards[name] for name in each.guards],
                _hidden(each) if any(_sees_less(self.guards[name]) for name in each.guards) else None,
            )
            for each in (Policy("default"), *config.policies)
        }
        self._watching: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises ConfigError, and then everything is closed."""
        try:
            for guard in self.guards.values():
                await guard.start()
        except BaseException:
            await self.close()
            raise

    async def judge(
        self,
        policy: Policy,
        direction: Direction,
        texts: Sequence[Told],
        request_id: str,
        raw: Sequence[Told] | None = None,
    ) -> list[Judgement]:
        """What topics and guards say of a request or of an answer; empty if no rule minds.

        `texts` may have been redacted; `raw` is what a guard sees that is to see everything.
        """
        rules = self._by_policy[policy.name]
        said = [each for each in texts if each.text]
        if not said:
            return []
        if direction == "answer":
            found = await in_steps(rules.topics.answer([each.text for each in said]))
        else:
            found = await in_steps(rules.topics.request([text for source, text in said if source == "user"]))
        guards = rules.on(direction)
        is_settled = decision(found) == "block" and policy.enforcement == "enforce"
        if not guards or is_settled:
            return found
        shown = said
        if rules.hidden is not None and any(map(_sees_less, guards)):
            shown = [Told(source, await _redacted(text, rules.hidden)) for source, text in said]
        asked = [
            guard.judge(
                Question(direction, policy.name, request_id, shown if _sees_less(guard) else raw or said)
            )
            for guard in guards
        ]
        judged = await asyncio.gather(*asked)
        return [*found, *(each for each in judged if each.decision != "allow" or each.failed)]

    def raw_texts(
        self, policy: Policy, chat: ChatRequest, dialect: Dialect, direction: Direction = "request"
    ) -> list[Told] | None:
        """What a body says before it is redacted, if there is a guard that is to see it."""
        rules = self._by_policy[policy.name]
        if rules.guards and not all(map(_sees_less, rules.on(direction))):
            return turns(chat.body, dialect)
        return None

    async def request(
        self,
        call: Call,
        policy: Policy,
        chat: ChatRequest,
        dialect: Dialect,
        raw: Sequence[Told] | None,
    ) -> None:
        """Judge a request, and note in the call what was found. Raises PolicyViolation.

        To monitor, nothing waits: what is found is logged when it is.
        """
        rules = self._by_policy[policy.name]
        if not rules.topics.on_requests and not (rules.guards and rules.on("request")):
            return
        work = self.judge(policy, "request", turns(chat.body, dialect), call.id, raw)
        if policy.enforcement == "monitor":
            self.watch(work, "request", call.id)
            return
        found = await work
        call.note(found)
        done = decision(found)
        if done == "block" or (done == "flag" and call.decision == "allow"):
            first = worst([each for each in found if each.decision == done])
            call.decision, call.threat_type, call.confidence = done, kind(first), first.confidence
        if done == "block":
            raise PolicyViolation(message(found, "the request"))

    def on_answer(self, policy: Policy, request_id: str) -> AnswerChecks | None:
        """Who judges an answer, None if no rule wants it whole."""
        rules = self._by_policy[policy.name]
        if not rules.topics.on_answers and not rules.on("answer"):
            return None
        return AnswerChecks(self, policy, request_id)

    def watch(
        self, work: Coroutine[Any, Any, list[Judgement]], direction: Direction, request_id: str
    ) -> None:
        """Judge with nobody waiting, and log what comes of it."""

        async def judge() -> None:
            try:
                note(await work, direction, request_id)
            except Exception as bug:
                telemetry.report(bug, "guard", request_id)

        task = asyncio.get_running_loop().create_task(judge())
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def close(self) -> None:
        """What is still judged while monitoring has a moment to be logged."""
        if self._watching:
            await asyncio.wait(self._watching, timeout=_LAST_WORDS_S)
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        for guard in self.guards.values():
            await guard.close()


class AnswerChecks(Struct, frozen=True):
    """The rules on one whole answer. `hold` says what of it waits for the verdict."""

    checks: Checks
    policy: Policy
    request_id: str

    @property
    def hold(self) -> Hold:
        return "nothing" if self.policy.enforcement == "monitor" else self.policy.hold

    async def judge(self, texts: Mapping[Lane, Sequence[str]]) -> list[Judgement]:
        return await self.checks.judge(self.policy, "answer", _told(texts), self.request_id)

    def watch(self, texts: Mapping[Lane, Sequence[str]]) -> None:
        """To monitor: judge when the answer has gone."""
        self.checks.watch(self.judge(texts), "answer", self.request_id)


def note(judgements: Sequence[Judgement], direction: Direction, request_id: str) -> None:
    """Log and count what was found while only monitoring. Never content."""
    if judgements:
        for each in judgements:
            if not each.failed:
                metrics.RULES.labels(each.rule, "watched").inc()
        found = msgspec.to_builtins(judgements)
        facts = {"request_id": request_id, "direction": direction, "monitored": found}
        _log.info(msgspec.json.encode(facts).decode())


def _told(texts: Mapping[Lane, Sequence[str]]) -> list[Told]:
    return [Told(lane.kind, "".join(pieces)) for lane, pieces in texts.items()]


def _sees_less(guard: Guarding) -> bool:
    return guard.options.is_remote and not guard.options.send_raw


def _hidden(policy: Policy) -> Rules:
    """What the policy redacts or blocks in either direction, whether it enforces that or monitors."""
    own = custom.rows(policy.deny, policy.patterns)
    asked = actions(policy.request, IN_REQUESTS, more=own)
    answered = actions(policy.answer, IN_ANSWERS, more=own)
    rules = compile_rules(
        each for each in (*own, *ENTITIES) if asked.of(each) in _ACTING or answered.of(each) in _ACTING
    )
    rules.warm()
    return rules


def turns(body: dict[str, Any], dialect: Dialect) -> list[Told]:
    """What a request says, turn by turn, each with its source; without what stands aside."""
    classify = dialect.classifier(False)
    said: list[tuple[Path, str, list[str]]] = []
    for part in dialect.sources(body):
        text = text_of(part, classify, dialect.field_names)
        if not text or part.aside:
            continue
        if said and said[-1][:2] == (part.path[:2], part.source):
            said[-1][2].append(text)
        else:
            said.append((part.path[:2], part.source, [text]))
    return [Told(source, "\n".join(texts)) for _, source, texts in said]


async def _redacted(text: str, rules: Rules) -> str:
    spans = await in_steps(find_all_in_steps(text, rules))
    return await in_steps(write_in_steps(text, spans, Vault("redact"))) if spans else text
