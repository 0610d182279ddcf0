"""What is said of a request once it is over, and of a bug of ours. Never content.

`settle` tells everybody who keeps something of a request: the log, the metrics, the audit log, the trace.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from types import TracebackType
from typing import Any

import msgspec

from gateway.server import metrics
from gateway.server.audit import AuditFailed
from gateway.server.call import Call, Gateway
from gateway.server.decision import decision

log = logging.getLogger("sluice.access")


def settle(gateway: Gateway, call: Call, now: float) -> None:
    """A request is over. What cannot be kept of it is a line in the log, and never the caller's problem."""
    try:
        if log.isEnabledFor(logging.INFO):
            log.info("request", extra={"facts": facts(call, now)})
        metrics.observe(call, now)
        if call.trace is not None:
            call.trace.end(call, now)
        if gateway.audit is not None:
            gateway.audit.write(call)
    except AuditFailed as failure:
        metrics.AUDIT_FAILURES.inc()
        logging.getLogger("sluice").error(str(failure), extra={"facts": {"request_id": call.id}})
    except Exception as bug:
        report(bug, "settle", call.id)


def report(bug: BaseException, phase: str, request_id: str | None = None) -> None:
    """Log an exception that nobody expected: its type and where, not its message, which may quote a text."""
    told = {
        "bug": type(bug).__name__,
        "phase": phase,
        "request_id": request_id,
        "at": places(bug.__traceback__),
    }
    logging.getLogger("sluice").error("a bug of the gateway", extra={"facts": told})


def places(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]


def report_to_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: its own prints the exception, and with it whatever that quotes."""
    bug = context.get("exception")
    if isinstance(bug, BaseException):
        report(bug, "loop")
    else:
        logging.getLogger("sluice").error("the event loop reports a problem without an exception")


def facts(call: Call, now: float) -> dict[str, Any]:
    usage = call.usage
    timing = call.timing
    return {
        "request_id": call.id,
        "trace_id": call.trace.id if call.trace else None,
        "route": call.route,
        "status": call.status,
        "error": metrics.error_type(call),
        "ended": metrics.cause(call),
        "key": call.key,
        "provider": call.provider,
        "stream": call.stream,
        "attempts": call.attempts,
        "maybe_billed": call.maybe_billed,
        "fallback": call.fallback,
        "cache": call.cache,
        "total_ms": round((now - call.started_at) * 1000, 2),
        "first_byte_ms": None if call.first_byte_s is None else round(call.first_byte_s * 1000, 2),
        "detection_ms": round(call.detection_s * 1000, 3),
        "event_ms": round(timing.read_s * 1000, 4) if timing and timing.read_s else None,
        "policy": call.policy,
        "decision": decision(call),
        "threat_type": call.threat_type,
        "confidence": call.confidence,
        "threats": call.threats,
        "threats_watched": call.watched,
        "guard_failures": call.guard_failures,
        "guard_ms": round(call.guard_s * 1000, 3),
        "entities": call.entities,
        "flagged_in_answer": call.flagged,
        "restored": call.restored,
        "unresolved": call.unresolved,
        "withheld": call.withheld,
        "judgements": msgspec.to_builtins(call.judgements),
        "redacted_in_answer": call.redacted,
        "bypassed": metrics.bypasses(call) or None,
        "frames": call.frames,
        "frames_held": call.held,
        "characters_held": call.held_characters,
        "held_ms": round(timing.held_s * 1000, 3) if timing else None,
        "input_tokens": usage.input if usage else None,
        "output_tokens": usage.output if usage else None,
    }
