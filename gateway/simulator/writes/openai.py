"""What the dialects of OpenAI share: errors, headers, counts. Azure words its errors otherwise."""

from __future__ import annotations

from random import Random

from gateway.simulator.asked import Asked, Incoming, Json, Refused
from gateway.simulator.framing import Event, sse
from gateway.simulator.script import Usage, encode, identity

CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
FINISH = {"tool": "tool_calls", "filter": "content_filter"}


def error_facts(refused: Refused) -> Json:
    status = refused.status
    kind = "server_error" if status >= 500 else "requests" if status == 429 else "invalid_request_error"
    code = refused.code or CODES.get(status)
    return {"message": refused.message, "type": kind, "param": refused.param, "code": code}


def error(incoming: Incoming, refused: Refused) -> Json:
    facts = error_facts(refused)
    if incoming.host == "azure" and refused.status in (401, 404):
        facts = {"code": facts["code"], "message": facts["message"]}
    return {"error": facts}


def headers(incoming: Incoming, refused: Refused | None, chance: Random) -> dict[str, str]:
    found = {"x-request-id": identity("req_", 32, chance)}
    if incoming.host == "azure":
        found["apim-request-id"] = identity("", 32, chance)
    if refused and refused.status == 429:
        found["retry-after"] = "1"
    return found


def content_type(asked: Asked) -> str:
    return "text/event-stream; charset=utf-8"


def framed(asked: Asked, event: Event) -> bytes:
    return sse(event, crlf=asked.options.crlf, comment=asked.options.comments)


def counted(used: Usage) -> Json:
    said = used.said + used.reasoned
    found: Json = {"prompt_tokens": used.asked, "completion_tokens": said, "total_tokens": used.asked + said}
    found["prompt_tokens_details"] = {"cached_tokens": used.cached, "audio_tokens": 0}
    return found | {"completion_tokens_details": {"reasoning_tokens": used.reasoned, "audio_tokens": 0}}


def finish(asked: Asked, chunks: list[Json], half: int, chance: Random) -> tuple[list[Event], int]:
    """The events of a stream of chunks: padded on request, and ended."""
    options = asked.options
    if options.obfuscation:
        chunks = [{**it, "obfuscation": identity("", chance.randint(1, 16), chance)} for it in chunks]
    events = [Event(encode(it, options.escape > 0)) for it in chunks]
    return events + ([] if options.no_done else [Event(b"[DONE]")]), half


def failed(asked: Asked, refused: Refused, whole: Json, at: int) -> Event:
    return Event(encode({"error": error_facts(refused)}))
