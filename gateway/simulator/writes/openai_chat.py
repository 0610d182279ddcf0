"""OpenAI's Chat Completions: chunks without names, `[DONE]` at the end, usage only if asked for.

On Azure a chunk about the prompt comes first, and every choice tells what the content filter found.
"""

from __future__ import annotations

from itertools import chain, zip_longest
from random import Random

from gateway.simulator.asked import Asked, Json
from gateway.simulator.framing import Event
from gateway.simulator.script import TOKEN, Said, Usage, identity, pieces
from gateway.simulator.writes import openai

error, headers, failed = openai.error, openai.headers, openai.failed
framed, content_type = openai.framed, openai.content_type

LANES = ("reasoning_content", "content", "refusal")
CLEAN: Json = {it: {"filtered": False, "severity": "safe"} for it in "hate self_harm sexual violence".split()}


def message(said: Said, chance: Random) -> Json:
    found: Json = {"role": "assistant", "content": said.text, "refusal": said.refusal}
    if said.reasoning is not None and not said.hidden:
        found["reasoning_content"] = said.reasoning
    if said.citations:
        facts = [{"start_index": it.start, "end_index": it.end} for it in said.citations]
        pairs = zip(facts, said.citations, strict=True)
        found["annotations"] = [
            {"type": "url_citation", "url_citation": {**fact, "title": it.title, "url": it.url}}
            for fact, it in pairs
        ]
    if said.calls:
        found["tool_calls"] = [
            {
                "id": identity("call_", 24, chance),
                "type": "function",
                "function": {"name": it.name, "arguments": it.text},
            }
            for it in said.calls
        ]
    return found


def choice(asked: Asked, index: int, kind: str, said: Json, finish: str | None) -> Json:
    """A choice of a body (kind `message`) or of a chunk (`delta`), with log probabilities on request."""
    probable: Json | None = None
    lane = next((it for it in ("content", "refusal") if asked.logprobs and said.get(it)), None)
    if lane:
        tokens = TOKEN.findall(said[lane]) if kind == "message" else [said[lane]]
        facts = [{"token": it, "logprob": -1, "bytes": [*it.encode()], "top_logprobs": []} for it in tokens]
        probable = {"content": None, "refusal": None, lane: facts}
    found = {"index": index, kind: said, "logprobs": probable, "finish_reason": finish}
    if asked.host == "azure":
        filtered = {"filtered": True, "severity": "medium"}
        blocked = {**CLEAN, "violence": filtered} if finish == "content_filter" else CLEAN
        found = {"content_filter_results": blocked if said.get("content") or finish else {}, **found}
        if finish == "content_filter" and kind == "message":
            del found["message"]
    return found


def deltas(asked: Asked, message: Json, chance: Random) -> list[Json]:
    """The role alone, the lanes in pieces, nothing beside the finish."""
    size = asked.options.delta
    found: list[Json] = [{"role": "assistant", "content": message["content"] and "", "refusal": None}]
    for lane in LANES:
        found += [{lane: piece} for piece in pieces(message.get(lane), size, chance)]
    if message.get("annotations"):
        found.append({"annotations": message["annotations"]})
    for at, it in enumerate(message.get("tool_calls", [])):
        found.append({"tool_calls": [{"index": at, **it, "function": {**it["function"], "arguments": ""}}]})
        rest = pieces(it["function"]["arguments"], size, chance)
        found += [{"tool_calls": [{"index": at, "function": {"arguments": piece}}]} for piece in rest]
    return [*found, {}]


def whole(asked: Asked, saids: list[Said], used: Usage, chance: Random) -> Json:
    head: Json = {"id": identity("chatcmpl-", 29, chance), "object": "chat.completion"}
    head |= {"created": asked.created, "model": asked.model}
    head |= {"service_tier": "default", "system_fingerprint": "fp_5050236cbd"}
    if asked.host == "azure":
        head["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": CLEAN}]
    choices = []
    for at, said in enumerate(saids):
        ended = openai.FINISH.get(said.finish, said.finish)
        choices.append(choice(asked, at, "message", message(said, chance), ended))
    return {**head, "choices": choices, "usage": openai.counted(used)}


def events(
    asked: Asked, saids: list[Said], used: Usage, whole: Json, chance: Random
) -> tuple[list[Event], int]:
    head = {name: it for name, it in whole.items() if name not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    about = head.pop("prompt_filter_results", None)
    lanes = []
    for at, it in enumerate(whole["choices"]):
        said = deltas(asked, it.get("message") or message(saids[at], chance), chance)
        lanes.append(
            [choice(asked, at, "delta", piece, None if piece else it["finish_reason"]) for piece in said]
        )
    chunks = [{**head, "choices": [it]} for it in chain(*zip_longest(*lanes)) if it]
    half = min(map(len, lanes)) * len(lanes) // 2
    if asked.usage:
        chunks = [{**it, "usage": None} for it in chunks] + [{**head, "choices": [], "usage": whole["usage"]}]
    if about:
        empty: Json = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        chunks = [{**empty, "prompt_filter_results": about}, *chunks]
    return openai.finish(asked, chunks, half, chance)
