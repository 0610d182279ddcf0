"""The guard phase: a request's threats are judged, then what is personal or secret in it is hidden.

In: a request as its dialect read it. Out: the request made safe, in place, and what its answer needs; or the
error that refuses it. Texts are judged raw, before anything in them is replaced, and on this machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from time import perf_counter
from typing import Any, NamedTuple

from gateway.access.keys import Caller
from gateway.chat import Path, written
from gateway.conversation import ChatRequest, Sourced
from gateway.dialects.dialect import Dialect
from gateway.errors import GuardUnavailable, PolicyViolation
from gateway.guard.limits import Found, worst
from gateway.guard.texts import passages
from gateway.privacy.actions import Actions
from gateway.privacy.redact import Findings, counted, redact_request
from gateway.privacy.vault import Vault
from gateway.server import models, telemetry
from gateway.server.aside import aside
from gateway.server.call import Call, Gateway
from gateway.server.models import Reader
from gateway.server.protection import Protection
from gateway.server.reading import look_ahead

_MOST_PLACES = 100


class Guarded(NamedTuple):
    """`hides` says that something was redacted."""

    vault: Vault
    reader: Reader | None
    hides: bool


async def guard(
    gateway: Gateway, call: Call, caller: Caller, protection: Protection, chat: ChatRequest, dialect: Dialect
) -> Guarded:
    """Raises PolicyViolation with the place, GuardUnavailable and ModelUnavailable."""
    call.policy, call.format = protection.policy.name, protection.policy.format
    began_at = perf_counter()
    try:
        parts, tools = dialect.sources(chat.body), dialect.tool_names(chat.body)
        found = await threats(gateway, call, protection, parts, dialect, tools)
        refuse(found, dialect)
        raw = gateway.checks.raw_texts(protection.policy, chat, dialect)
        guarded = await redact(gateway, call, caller, protection, chat, dialect, protection.request)
        await gateway.checks.request(call, protection.policy, chat, dialect, raw)
        return guarded
    finally:
        call.guard_s = perf_counter() - began_at


async def threats(
    gateway: Gateway,
    call: Call,
    protection: Protection,
    parts: Iterable[Sourced],
    dialect: Dialect,
    tools: Iterable[tuple[Path, str]] = (),
) -> list[Found]:
    """What is found in the parts of a request that the policy does anything about; noted in the call."""
    limits = protection.limits
    found: list[Found] = []
    # JSON is told by how it looks, whatever the answer is to be.
    classify = dialect.classifier(False)
    try:
        found += limits.offered(tools)
        every = passages(parts, classify, dialect.field_names)
        heeded = (passage for passage in every if limits.heeds(passage.source))
        for passage, verdict in await gateway.judge.verdicts(heeded):
            found += limits.judged(verdict, passage)
    except Exception as bug:
        telemetry.report(bug, call.phase, call.id)
        call.guard_failures += 1
        if not limits.fails_open:
            call.decision, call.threat_type = "block", "guard_failure"
            raise GuardUnavailable("the guard failed, and the policy lets nothing pass unguarded") from None
    note(call, found, dialect)
    return found


def note(call: Call, found: list[Found], dialect: Dialect) -> None:
    """The facts for the logs and the answer's headers."""
    call.decision = "allow"
    call.threats = dict(Counter(each.rule for each in found if not each.watched)) or None
    call.watched = dict(Counter(each.rule for each in found if each.watched)) or None
    call.threat_places = [
        (each.rule, written(each.path, dialect.field_names), each.start, each.end)
        for each in found[:_MOST_PLACES]
    ]
    if (first := worst(found)) is not None:
        call.decision, call.threat_type, call.confidence = first.action, first.threat_type, first.confidence


def refuse(found: list[Found], dialect: Dialect) -> None:
    first = worst(found)
    if first is not None and first.action == "block":
        place = written(first.path, dialect.field_names)
        raise PolicyViolation(
            f"policy_violation: the policy refuses {first.threat_type} ({first.rule}) in {place}", param=place
        )


async def redact(
    gateway: Gateway,
    call: Call,
    caller: Caller,
    protection: Protection,
    chat: ChatRequest,
    dialect: Dialect,
    actions: Actions,
) -> Guarded:
    """Hide what the policy wants hidden, in place. `actions` are those of the request, or of an answer."""
    began_at = perf_counter()
    policy = protection.policy
    secret = gateway.config.server.secret
    vault = protection.vault(
        secret.reveal().encode() if secret else None, call.key or "", lasting=_is_kept(chat.body, dialect)
    )
    classify = dialect.classifier(chat.json_output)
    reader = models.required(gateway.model) if policy.detection != "real-time" else None
    if reader is None and not actions.acting and not actions.flagged:
        call.entities = {}
        return Guarded(vault, None, False)
    remembered = protection.remembered if actions is protection.request else None
    ahead = await look_ahead(chat.body, classify, actions, reader, call.size_bytes, remembered)
    try:
        found = await aside(
            call.size_bytes,
            redact_request,
            chat.body,
            classify,
            vault,
            dialect.field_names,
            actions,
            ahead,
        )
    except PolicyViolation:
        call.decision, call.threat_type, call.confidence = "block", "sensitive_data", None
        raise
    if gateway.audit is None:
        found.places.clear()  # nobody else asks
    call.entities, call.findings = counted(found), found
    call.detection_s = perf_counter() - began_at
    if call.decision == "allow" and policy.enforcement == "enforce":
        call.decision = _done(found)
    return Guarded(vault, reader, any(action == "redact" for _, action in found))


def _done(found: Findings) -> str:
    """The word for what was done with personal data and secrets."""
    actions = {action for _, action in found}
    return next((word for word in ("redact", "flag") if word in actions), "allow")


def _is_kept(body: dict[str, Any], dialect: Dialect) -> bool:
    """Does the provider keep the conversation, so that a placeholder must mean the same next time?

    Responses are kept unless the request says that they are not.
    """
    if dialect.name != "openai_responses":
        return False
    return bool(body.get("store") is not False or body.get("previous_response_id"))
