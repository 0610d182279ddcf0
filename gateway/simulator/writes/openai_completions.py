"""OpenAI's legacy completions: texts that continue a prompt. Nobody is spoken to, no tools are called."""

from __future__ import annotations

from itertools import chain, zip_longest
from random import Random

from gateway.simulator.asked import Asked, Json
from gateway.simulator.framing import Event
from gateway.simulator.script import Said, Usage, identity, pieces
from gateway.simulator.writes import openai

error, headers, failed = openai.error, openai.headers, openai.failed
framed, content_type = openai.framed, openai.content_type


def choice(asked: Asked, index: int, text: str, start: int, finish: str | None) -> Json:
    odds: Json | None = None
    if asked.logprobs and text:
        odds = {"tokens": [text], "token_logprobs": [-1], "top_logprobs": None, "text_offset": [start]}
    return {"text": text, "index": index, "logprobs": odds, "finish_reason": finish}


def whole(asked: Asked, saids: list[Said], used: Usage, chance: Random) -> Json:
    head = {"id": identity("cmpl-", 29, chance), "object": "text_completion", "created": asked.created}
    texts = [it.text or it.refusal or "" for it in saids]
    ends = [openai.FINISH.get(it.finish, it.finish) for it in saids]
    choices = [choice(asked, at, it, 0, ends[at]) for at, it in enumerate(texts)]
    counts = openai.counted(used)
    return {**head, "model": asked.model, "choices": choices, "usage": counts}


def events(
    asked: Asked, saids: list[Said], used: Usage, whole: Json, chance: Random
) -> tuple[list[Event], int]:
    head = {name: it for name, it in whole.items() if name not in ("choices", "usage")}
    lanes = []
    for at, it in enumerate(whole["choices"]):
        found, start = [], 0
        for piece in pieces(it["text"], asked.options.delta, chance):
            found.append(choice(asked, at, piece, start, None))
            start += len(piece)
        lanes.append([*found, choice(asked, at, "", start, it["finish_reason"])])
    chunks = [{**head, "choices": [it]} for it in chain(*zip_longest(*lanes)) if it]
    half = min(map(len, lanes)) * len(lanes) // 2
    if asked.usage:
        chunks = [{**it, "usage": None} for it in chunks] + [{**head, "choices": [], "usage": whole["usage"]}]
    return openai.finish(asked, chunks, half, chance)
