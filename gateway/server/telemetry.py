"""What is written down: one structured line a request, and where a bug of ours struck. Never content."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import msgspec

from gateway.server.call import Call

log = logging.getLogger("sluice.access")


def settle(call: Call, now: float) -> None:
    """Log the request's facts as one JSON object."""
    if log.isEnabledFor(logging.INFO):
        log.info(msgspec.json.encode(facts(call, now)).decode())


def report(bug: BaseException, phase: str, request_id: str | None = None) -> None:
    """Log an exception that nobody expected: its type and where, not its message, which may quote a text."""
    frames = traceback.extract_tb(bug.__traceback__)
    told = {
        "bug": type(bug).__name__,
        "phase": phase,
        "request_id": request_id,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    logging.getLogger("sluice").error(msgspec.json.encode(told).decode())


def facts(call: Call, now: float) -> dict[str, Any]:
    usage = call.usage
    return {
        "request_id": call.id,
        "status": call.status,
        "error": call.error,
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
        "policy": call.policy,
        "decision": call.decision,
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
        "frames": call.frames,
        "frames_held": call.held,
        "input_tokens": usage.input if usage else None,
        "output_tokens": usage.output if usage else None,
    }
