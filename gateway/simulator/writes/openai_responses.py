"""OpenAI's Responses: an item begins, grows and is done, and each `.done` says all of it once more.

Events are named and numbered, and the last holds the whole response. There is no `[DONE]`.
"""

from __future__ import annotations

from random import Random

from gateway.simulator.asked import Asked, Json, Refused
from gateway.simulator.framing import Event
from gateway.simulator.script import TOKEN, Said, Usage, encode, identity, pieces, seal
from gateway.simulator.writes import openai

error, headers = openai.error, openai.headers
framed, content_type = openai.framed, openai.content_type

# What a response repeats of its request, and what it says if the request did not.
REPEATED: Json = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}


def items(said: Said, asked: Asked, chance: Random) -> list[Json]:
    """The output, whole."""
    hurt = "incomplete" if said.finish in ("length", "filter") else "completed"
    found: list[Json] = []
    if said.reasoning is not None:
        summary = [] if said.hidden else [{"type": "summary_text", "text": said.reasoning}]
        ids = {"id": identity("rs_", 48, chance).lower(), "type": "reasoning"}
        found.append({**ids, "encrypted_content": seal(said.reasoning), "summary": summary})
    if said.text is not None or said.refusal is not None:
        ids = {"id": identity("msg_", 48, chance).lower(), "type": "message", "status": hurt}
        found.append({**ids, "content": [part(said, asked)], "role": "assistant"})
    for it in said.calls:
        ids = {"id": identity("fc_", 48, chance).lower(), "type": "function_call", "status": hurt}
        call = {"arguments": it.text, "call_id": identity("call_", 24, chance), "name": it.name}
        found.append({**ids, **call})
    return found


def part(said: Said, asked: Asked) -> Json:
    if said.refusal is not None:
        return {"type": "refusal", "refusal": said.refusal}
    cited = [
        {
            "type": "url_citation",
            "end_index": it.end,
            "start_index": it.start,
            "title": it.title,
            "url": it.url,
        }
        for it in said.citations
    ]
    text = said.text or ""
    odds = [probable(it) for it in TOKEN.findall(text)] if asked.logprobs else []
    return {"type": "output_text", "annotations": cited, "logprobs": odds, "text": text}


def probable(text: str) -> Json:
    return {"token": text, "bytes": [*text.encode()], "logprob": -1, "top_logprobs": []}


def counted(used: Usage) -> Json:
    said = used.said + used.reasoned
    found: Json = {"input_tokens": used.asked, "input_tokens_details": {"cached_tokens": used.cached}}
    found |= {"output_tokens": said, "output_tokens_details": {"reasoning_tokens": used.reasoned}}
    return {**found, "total_tokens": used.asked + said}


def whole(asked: Asked, saids: list[Said], used: Usage, chance: Random) -> Json:
    said = saids[0]
    reason = {"length": "max_output_tokens", "filter": "content_filter"}.get(said.finish)
    found: Json = {"id": identity("resp_", 48, chance).lower(), "object": "response"}
    found |= {"created_at": asked.created, "status": "incomplete" if reason else "completed"}
    found |= {"background": False, "completed_at": None if reason else asked.created, "error": None}
    found |= {"incomplete_details": {"reason": reason} if reason else None, "model": asked.model}
    found |= {"output": items(said, asked, chance), "service_tier": "default"}
    repeated = {name: asked.body.get(name, it) for name, it in REPEATED.items()}
    return {**found, **repeated, "usage": counted(used)}


def begun(whole: Json) -> Json:
    """The response before anything is said."""
    empty: Json = {"status": "in_progress", "completed_at": None, "incomplete_details": None, "usage": None}
    return {**whole, **empty, "output": [], "service_tier": "auto"}


def item_events(item: Json, asked: Asked, chance: Random) -> list[Json]:
    """Everything about one item, still without its index and numbers."""
    kind, place = item["type"], {"item_id": item["id"]}
    if kind == "reasoning":
        start = {**item, "summary": []}
        inner = [
            it for at, one in enumerate(item["summary"]) for it in summary_events(at, one, asked, chance)
        ]
    elif kind == "function_call":
        start = {**item, "status": "in_progress", "arguments": ""}
        name = "response.function_call_arguments"
        inner = [
            {"type": f"{name}.delta", "delta": it}
            for it in pieces(item["arguments"], asked.options.delta, chance)
        ]
        if item["status"] == "completed":
            inner.append({"type": f"{name}.done", "arguments": item["arguments"]})
    else:
        start = {**item, "status": "in_progress", "content": []}
        inner = [it for at, one in enumerate(item["content"]) for it in part_events(at, one, asked, chance)]
    first = {"type": "response.output_item.added", "item": start}
    last = {"type": "response.output_item.done", "item": item}
    return [first, *({**it, **place} for it in inner), last]


def summary_events(index: int, summary: Json, asked: Asked, chance: Random) -> list[Json]:
    at, text = {"summary_index": index}, summary["text"]
    name = "response.reasoning_summary"
    deltas = [
        {"type": f"{name}_text.delta", **at, "delta": it} for it in pieces(text, asked.options.delta, chance)
    ]
    return [
        {"type": f"{name}_part.added", **at, "part": {**summary, "text": ""}},
        *deltas,
        {"type": f"{name}_text.done", **at, "text": text},
        {"type": f"{name}_part.done", **at, "part": summary},
    ]


def part_events(index: int, part: Json, asked: Asked, chance: Random) -> list[Json]:
    at, size = {"content_index": index}, asked.options.delta
    if part["type"] == "refusal":
        empty, name, last = {**part, "refusal": ""}, "response.refusal", {"refusal": part["refusal"]}
        deltas: list[Json] = [
            {"type": f"{name}.delta", **at, "delta": it} for it in pieces(part["refusal"], size, chance)
        ]
    else:
        empty, name = {**part, "text": "", "annotations": [], "logprobs": []}, "response.output_text"
        last = {"logprobs": part["logprobs"], "text": part["text"]}
        deltas = [
            {"type": f"{name}.delta", **at, "delta": it, "logprobs": [probable(it)] if asked.logprobs else []}
            for it in pieces(part["text"], size, chance)
        ]
        deltas += [
            {"type": f"{name}.annotation.added", **at, "annotation": it, "annotation_index": number}
            for number, it in enumerate(part["annotations"])
        ]
    return [
        {"type": "response.content_part.added", **at, "part": empty},
        *deltas,
        {"type": f"{name}.done", **at, **last},
        {"type": "response.content_part.done", **at, "part": part},
    ]


def events(
    asked: Asked, saids: list[Said], used: Usage, whole: Json, chance: Random
) -> tuple[list[Event], int]:
    start = begun(whole)
    found: list[Json] = [
        {"type": name, "response": start} for name in ("response.created", "response.in_progress")
    ]
    for at, item in enumerate(whole["output"]):
        found += [{**it, "output_index": at} for it in item_events(item, asked, chance)]
    found.append({"type": f"response.{whole['status']}", "response": whole})
    if asked.options.obfuscation:
        found = [
            {**it, "obfuscation": identity("", chance.randint(1, 16), chance)} if "delta" in it else it
            for it in found
        ]
    escape = asked.options.escape > 0
    written = [
        Event(encode({**it, "sequence_number": at}, escape), it["type"]) for at, it in enumerate(found)
    ]
    return written, len(written) // 2


def failed(asked: Asked, refused: Refused, whole: Json, at: int) -> Event:
    facts = {"code": "server_error", "message": refused.message}
    response = {**begun(whole), "status": "failed", "error": facts}
    body = {"type": "response.failed", "response": response, "sequence_number": at}
    return Event(encode(body), "response.failed")
