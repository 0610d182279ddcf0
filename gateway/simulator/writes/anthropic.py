"""Anthropic's Messages: named events, padded with spaces, a ping after the first block has begun.

On Bedrock the same events come as base64 in the `chunk` frames of Amazon's event stream, without pings.
"""

from __future__ import annotations

import base64
from random import Random

from gateway.simulator.asked import Asked, Incoming, Json, Refused
from gateway.simulator.framing import Event, sse
from gateway.simulator.script import Said, Usage, encode, identity, pieces, seal
from gateway.simulator.writes import bedrock, gemini

KINDS = {
    **{400: "invalid_request_error", 401: "authentication_error", 402: "billing_error"},
    **{403: "permission_error", 404: "not_found_error", 413: "request_too_large"},
    **{429: "rate_limit_error", 500: "api_error", 504: "timeout_error", 529: "overloaded_error"},
}
FINISH = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use", "filter": "refusal"}


def facts(refused: Refused) -> Json:
    kind = KINDS.get(refused.status, "invalid_request_error" if refused.status < 500 else "api_error")
    return {"type": kind, "message": refused.message}


def error(incoming: Incoming, refused: Refused) -> Json:
    if incoming.host == "bedrock":
        return bedrock.error(incoming, refused)
    if incoming.host == "vertex" and refused.status in (401, 403, 404):
        return gemini.error(incoming, refused)
    return {"type": "error", "error": facts(refused), "request_id": identity("req_01", 22, Random())}


def headers(incoming: Incoming, refused: Refused | None, chance: Random) -> dict[str, str]:
    if incoming.host == "bedrock":
        return bedrock.headers(incoming, refused, chance)
    found = {"request-id": identity("req_01", 22, chance)}
    if refused:
        found["x-should-retry"] = str(refused.status in (408, 409, 429) or refused.status >= 500).lower()
    if refused and refused.status in (429, 529):
        found["retry-after"] = "1"
    return found


def content_type(asked: Asked) -> str:
    return bedrock.content_type(asked) if asked.host == "bedrock" else "text/event-stream; charset=utf-8"


def content(said: Said, chance: Random) -> list[Json]:
    found: list[Json] = []
    if said.reasoning is not None and said.hidden:
        found.append({"type": "redacted_thinking", "data": seal(said.reasoning)})
    elif said.reasoning is not None:
        found.append({"type": "thinking", "thinking": said.reasoning, "signature": said.signature})
    text = said.refusal or said.text
    if text and said.citations:
        start, end = said.citations[0].start, said.citations[-1].end
        found.append({"type": "text", "text": text[:start]})
        cited = [citation(it.quoted, it.title, it.url) for it in said.citations]
        found.append({"citations": cited, "type": "text", "text": text[start:end]})
        found.append({"type": "text", "text": text[end:]})
    elif text:
        found.append({"type": "text", "text": text})
    for call in said.calls:
        ids = {"type": "tool_use", "id": identity("toolu_01", 22, chance), "name": call.name}
        found.append({**ids, "input": call.arguments})
    return found


def citation(quoted: str, title: str, url: str) -> Json:
    found = {"type": "web_search_result_location", "cited_text": quoted, "url": url, "title": title}
    return {**found, "encrypted_index": seal(quoted)}


def counted(used: Usage) -> Json:
    """What came from the cache is not among the input tokens."""
    found = {"input_tokens": used.asked - used.cached, "cache_creation_input_tokens": 0}
    return {**found, "cache_read_input_tokens": used.cached, "output_tokens": used.said + used.reasoned}


def whole(asked: Asked, saids: list[Said], used: Usage, chance: Random) -> Json:
    said = saids[0]
    prefix = {"bedrock": "msg_bdrk_01", "vertex": "msg_vrtx_01"}.get(asked.host, "msg_01")
    ids = {"model": asked.model, "id": identity(prefix, 22, chance), "type": "message", "role": "assistant"}
    reason = "refusal" if said.refusal else "stop_sequence" if said.stopped_by else FINISH[said.finish]
    stopped: Json = {"stop_reason": reason, "stop_sequence": said.stopped_by}
    tier = {"service_tier": "standard", "inference_geo": "not_available"}
    return {**ids, "content": content(said, chance), **stopped, "usage": {**counted(used), **tier}}


def block_deltas(block: Json, text: str, asked: Asked, chance: Random) -> tuple[Json, list[Json]]:
    """How a block begins, and what is added to it."""
    size, kind = asked.options.delta, block["type"]
    if kind == "thinking":
        said = [{"type": "thinking_delta", "thinking": it} for it in pieces(block["thinking"], size, chance)]
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return {**block, "thinking": "", "signature": ""}, [*said, signed]
    if kind == "tool_use":
        # A call without arguments streams only the empty piece that every call begins with.
        found = ["", *(pieces(text, size, chance) if text != "{}" else [])]
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": it} for it in found]
    if kind == "text":
        cited = [{"type": "citations_delta", "citation": it} for it in block.get("citations", [])]
        said = [{"type": "text_delta", "text": it} for it in pieces(block["text"], size, chance)]
        return {**block, "text": "", **({"citations": []} if cited else {})}, cited + said
    return block, []


def events(
    asked: Asked, saids: list[Said], used: Usage, whole: Json, chance: Random
) -> tuple[list[Event], int]:
    begun = {**whole["usage"], "output_tokens": min(1, used.said + used.reasoned)}
    empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": begun}
    found: list[Json] = [{"type": "message_start", "message": {**whole, **empty}}]
    texts = iter([it.text for it in saids[0].calls])
    for at, block in enumerate(whole["content"]):
        text = next(texts) if block["type"] == "tool_use" else ""
        start, deltas = block_deltas(block, text, asked, chance)
        found.append({"type": "content_block_start", "index": at, "content_block": start})
        found += [{"type": "ping"}] if at == 0 else []
        found += [{"type": "content_block_delta", "index": at, "delta": it} for it in deltas]
        found.append({"type": "content_block_stop", "index": at})
    found += [] if whole["content"] else [{"type": "ping"}]
    stopped = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"]}
    found.append({"type": "message_delta", "delta": stopped, "usage": counted(used)})
    last: Json = {"type": "message_stop"}
    if asked.host == "bedrock":
        found = [it for it in found if it["type"] != "ping"]
        counts = {"inputTokenCount": used.asked - used.cached, "outputTokenCount": used.said + used.reasoned}
        last["amazon-bedrock-invocationMetrics"] = {**counts, "invocationLatency": 45, "firstByteLatency": 8}
    found.append(last)
    written = [written_event(it, asked, chance) for it in found]
    return written, len(written) // 2


def written_event(event: Json, asked: Asked, chance: Random) -> Event:
    name = event["type"]
    if name == "ping":
        return Event(b'{"type": "ping"}', name)
    data = encode(event, asked.options.escape > 0)
    if asked.host == "bedrock":
        return Event(data, name)
    return Event(data[:-1] + b" " * chance.randint(0, 15) + b"}", name)


def failed(asked: Asked, refused: Refused, whole: Json, at: int) -> Event:
    if asked.host == "bedrock":
        return bedrock.failed(asked, refused, whole, at)
    body = {"type": "error", "error": {**facts(refused), "type": "overloaded_error"}}
    return Event(encode(body), "error")


def framed(asked: Asked, event: Event) -> bytes:
    if asked.host != "bedrock":
        return sse(event, crlf=asked.options.crlf, comment=asked.options.comments)
    if event.name in bedrock.EXCEPTIONS:
        return bedrock.framed(asked, event)
    body = {"bytes": base64.b64encode(event.data).decode(), "p": bedrock.padding(Random(event.data))}
    return bedrock.framed(asked, Event(encode(body), "chunk"))
