"""A verdict without an answer: what the guard would do with messages, or with one text.

    POST /v1/guard           {"messages", "direction"?, "model"?, "tools"?, "context"?}
    POST /v1/security/scan   {"content", "type"?}

Both stand under `/api/v1` too, take the keys and policy headers of a chat request, count as requests of the
key, and answer 200 whatever the verdict: refusing is for whoever asked. Nothing goes to a provider. What
comes in is judged by whose words it is; what goes out (`output`, `response`) by the policy's actions for
answers, and as text that a stranger wrote. `context` is the caller's own and not looked at.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Literal

from aiohttp import web
from msgspec import Struct

from gateway.access.keys import Caller
from gateway.chat import written
from gateway.conversation import ChatRequest
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.dialects.reading import json_object, typed
from gateway.errors import PolicyViolation
from gateway.guard.checks import Judgement, decision, kind, message
from gateway.guard.checks import worst as strongest
from gateway.guard.limits import Found, worst
from gateway.privacy.entities import ENTITIES
from gateway.server import checks, guarding
from gateway.server.call import CALL, GATEWAY
from gateway.server.receiving import admitted_free, received
from gateway.server.webhook import Direction
from gateway.wire.jsontext import encode

_Direction = Literal["input", "output"]


class _Message(Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Guard(Struct):
    messages: list[_Message]
    direction: _Direction = "input"
    model: str = ""
    tools: list[dict[str, Any]] | None = None
    context: dict[str, Any] | None = None


class _Scan(Struct):
    content: str
    type: Literal["prompt", "response"] = "prompt"


class _Verdict(Struct):
    """`decision` is the guard's own word; who asked may flag by `threats`."""

    decision: Literal["allow", "redact", "block"]
    threat_type: str | None
    confidence: float
    threats: list[dict[str, Any]]
    reason: str | None
    body: dict[str, Any]


async def guard(request: web.Request) -> web.Response:
    """The verdict on messages as a Chat request has them, and the messages as they would go out."""
    caller, raw = await received(request)
    body = json_object(raw)
    asked = typed(body, _Guard)
    await admitted_free(request, caller)
    judged = {name: body[name] for name in ("messages", "tools") if body.get(name) is not None}
    began_at = perf_counter()
    verdict = await _verdict(request, caller, judged, asked.direction, asked.model)
    return _answer(
        {
            "decision": verdict.decision,
            "event_id": request[CALL].id,
            "confidence": verdict.confidence,
            "threat_type": verdict.threat_type,
            "threats": verdict.threats,
            "redacted_messages": None if verdict.decision == "block" else verdict.body["messages"],
            "latency_ms": round((perf_counter() - began_at) * 1000, 3),
        }
    )


async def scan(request: web.Request) -> web.Response:
    """The verdict on one text."""
    caller, raw = await received(request)
    asked = typed(json_object(raw), _Scan)
    await admitted_free(request, caller)
    body = {"messages": [{"role": "user", "content": asked.content}]}
    direction: _Direction = "input" if asked.type == "prompt" else "output"
    began_at = perf_counter()
    verdict = await _verdict(request, caller, body, direction, "")
    return _answer(
        {
            "blocked": verdict.decision == "block",
            "decision": verdict.decision,
            "reason": verdict.reason,
            "threatType": verdict.threat_type,
            "confidence": verdict.confidence,
            "eventId": request[CALL].id,
            "processingTimeMs": round((perf_counter() - began_at) * 1000, 3),
        }
    )


async def _verdict(
    request: web.Request, caller: Caller, body: dict[str, Any], direction: _Direction, model: str
) -> _Verdict:
    gateway, call = request[GATEWAY], request[CALL]
    call.phase = "guard"
    protection = await gateway.protections.of(request.headers, caller, model, request.path)
    call.policy, call.format = protection.policy.name, protection.policy.format
    parts = OPENAI_CHAT.sources(body)
    if direction == "output":
        parts = (part._replace(source="document") for part in parts)
    began_at = perf_counter()
    found = await guarding.threats(
        gateway, call, protection, parts, OPENAI_CHAT, tools=OPENAI_CHAT.tool_names(body)
    )
    verdict = _of_threats(found, body)
    side: Direction = "request" if direction == "input" else "answer"
    raw = gateway.checks.raw_texts(protection.policy, ChatRequest(body, model), OPENAI_CHAT, side)
    if verdict.decision != "block":
        actions = protection.request if direction == "input" else protection.answer
        hides = False
        try:
            chat = ChatRequest(body, model)
            done = await guarding.redact(gateway, call, caller, protection, chat, OPENAI_CHAT, actions)
            hides = done.hides
        except PolicyViolation as refused:
            verdict.decision, verdict.threat_type = "block", call.threat_type
            verdict.reason, verdict.confidence = refused.message, 1.0
        verdict.threats += [_sensitive(name, count) for name, count in (call.entities or {}).items()]
        if hides:
            verdict.decision = "redact"
        if hides and verdict.threat_type is None:
            scores = [each["confidence"] for each in verdict.threats if each["type"] == "sensitive_data"]
            verdict.threat_type, verdict.confidence = "sensitive_data", max(scores)
            verdict.reason = "personal data or secrets were found"
    if verdict.decision != "block":
        texts = checks.turns(body, OPENAI_CHAT)
        judged = await gateway.checks.judge(protection.policy, side, texts, call.id, raw)
        _add(verdict, judged, watched=protection.policy.enforcement == "monitor")
    call.guard_s = perf_counter() - began_at
    return verdict


def _add(verdict: _Verdict, judged: list[Judgement], watched: bool) -> None:
    """What topics and guards say of the messages."""
    minded = [each for each in judged if each.decision != "allow"]
    verdict.threats += [
        {
            "type": kind(each),
            "confidence": 1.0 if each.confidence is None else each.confidence,
            "details": {"rule": each.rule, "action": "monitor" if watched else each.decision},
        }
        for each in minded
    ]
    if decision(minded) == "block" and not watched:
        first = strongest(minded)
        verdict.decision, verdict.threat_type = "block", kind(first)
        verdict.confidence = 1.0 if first.confidence is None else first.confidence
        verdict.reason = message(minded, "the text")


def _of_threats(found: list[Found], body: dict[str, Any]) -> _Verdict:
    first = worst(found)
    threats = [_threat(each) for each in found]
    if first is None:
        return _Verdict("allow", None, 0.0, threats, None, body)
    reason = f"{first.threat_type} ({first.rule}) in {written(first.path, OPENAI_CHAT.field_names)}"
    decision: Literal["block", "allow"] = "block" if first.action == "block" else "allow"
    return _Verdict(decision, first.threat_type, first.confidence, threats, reason, body)


def _threat(found: Found) -> dict[str, Any]:
    details: dict[str, Any] = {
        "rule": found.rule,
        "action": "monitor" if found.watched else found.action,
        "source": found.source,
        "param": written(found.path, OPENAI_CHAT.field_names),
    }
    if found.end:
        details |= {"start": found.start, "end": found.end}
    return {"type": found.threat_type, "confidence": found.confidence, "details": details}


def _sensitive(name: str, count: int) -> dict[str, Any]:
    score = max((entity.score for entity in ENTITIES if entity.name == name), default=1.0)
    return {"type": "sensitive_data", "confidence": score, "details": {"entity": name, "count": count}}


def _answer(body: dict[str, Any]) -> web.Response:
    return web.Response(body=encode(body), content_type="application/json")
