"""Gemini's streamGenerateContent: server-sent events with CRLF, or one pretty-printed JSON array.

Text comes in pieces, a function call whole and as an object; the finish is STOP even then. Counts come in
every chunk. Nothing marks the end.
"""

from __future__ import annotations

import json
from random import Random

from gateway.simulator.asked import Asked, Incoming, Json, Refused
from gateway.simulator.framing import Event, sse
from gateway.simulator.script import Said, Usage, encode, escaped, identity, pieces, sign

STATUS = {
    **{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"},
    **{429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"},
}
FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP", "filter": "SAFETY"}
HARMS = ("SEXUALLY_EXPLICIT", "HATE_SPEECH", "HARASSMENT", "DANGEROUS_CONTENT")


def error(incoming: Incoming, refused: Refused) -> Json:
    fallback = "INVALID_ARGUMENT" if refused.status < 500 else "INTERNAL"
    facts: Json = {"code": refused.status, "message": refused.message}
    facts["status"] = STATUS.get(refused.status, fallback)
    if refused.status == 429:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        facts["details"] = [{"@type": kind, "retryDelay": "1s"}]
    return {"error": facts}


def headers(incoming: Incoming, refused: Refused | None, chance: Random) -> dict[str, str]:
    return {"server": "scaffolding on HTTPServer2", "x-content-type-options": "nosniff"}


def content_type(asked: Asked) -> str:
    return "application/json; charset=UTF-8" if asked.array else "text/event-stream"


def ratings(blocked: bool) -> list[Json]:
    found: list[Json] = [{"category": f"HARM_CATEGORY_{it}", "probability": "NEGLIGIBLE"} for it in HARMS]
    if blocked:
        found[-1] |= {"probability": "HIGH", "blocked": True}
    return found


def parts(said: Said) -> list[Json]:
    """What is said, whole. A signature stands on the first call, else on the text."""
    found: list[Json] = []
    signature = {"thoughtSignature": said.signature} if said.reasoning is not None else {}
    if said.reasoning is not None and not said.hidden:
        found.append({"text": said.reasoning, "thought": True})
    text = said.refusal or said.text
    if text:
        found.append({"text": text} | ({} if said.calls else signature))
    for at, call in enumerate(said.calls if said.finish == "tool" else []):
        signed = {"thoughtSignature": sign(call.name)} if signature and at == 0 else {}
        found.append({"functionCall": {"name": call.name, "args": call.arguments}, **signed})
    return found


def counted(asked: Asked, used: Usage, *, said: bool) -> Json:
    """The answer's tokens are without the reasoning; the prompt's are with what came from the cache."""
    found: Json = {"promptTokenCount": used.asked}
    if said:
        found["candidatesTokenCount"] = used.said
    found["totalTokenCount"] = used.asked + used.reasoned + (used.said if said else 0)
    if used.cached:
        found["cachedContentTokenCount"] = used.cached
        found["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": used.cached}]
    found["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": used.asked}]
    if used.reasoned:
        found["thoughtsTokenCount"] = used.reasoned
    return found | ({"trafficType": "ON_DEMAND"} if asked.host == "vertex" else {})


def ending(said: Said) -> Json:
    """What a candidate is told beside its content when it ends."""
    found: Json = {"finishReason": FINISH[said.finish], "index": 0}
    if said.finish == "filter":
        found["safetyRatings"] = ratings(True)
    if said.calls:
        found["finishMessage"] = "Model generated function call(s)."
    if said.citations:
        chunks = [{"web": {"uri": it.url, "title": it.title}} for it in said.citations]
        # Google counts bytes.
        text = said.text or ""
        spans = [(len(text[: it.start].encode()), len(text[: it.end].encode())) for it in said.citations]
        supports = [
            {
                "segment": {"startIndex": start, "endIndex": end, "text": text[it.start : it.end]},
                "groundingChunkIndices": [at],
            }
            for at, ((start, end), it) in enumerate(zip(spans, said.citations, strict=True))
        ]
        found["groundingMetadata"] = {"groundingChunks": chunks, "groundingSupports": supports}
    return found


def blocked(said: Said) -> bool:
    """The prompt was, so there is no candidate."""
    return said.finish == "filter" and said.text is None


def whole(asked: Asked, saids: list[Said], used: Usage, chance: Random) -> Json:
    said = saids[0]
    found: Json = {}
    if blocked(said):
        found["promptFeedback"] = {"blockReason": "SAFETY", "safetyRatings": ratings(True)}
    else:
        content = {"parts": parts(said), "role": "model"}
        if not content["parts"]:
            del content["parts"]
        found["candidates"] = [{"content": content, **ending(said)}]
    found["usageMetadata"] = counted(asked, used, said=not blocked(said))
    found |= {"modelVersion": asked.model, "responseId": identity("", 23, chance)}
    if asked.host == "vertex":
        found["createTime"] = "2026-03-21T18:11:55.919086Z"
    return found


def events(
    asked: Asked, saids: list[Said], used: Usage, whole: Json, chance: Random
) -> tuple[list[Event], int]:
    said = saids[0]
    tail = {name: it for name, it in whole.items() if name not in ("candidates", "usageMetadata")}
    written: list[Json] = []
    if blocked(said):
        written.append({**tail, "usageMetadata": whole["usageMetadata"]})
    else:
        found: list[list[Json]] = []
        for part in whole["candidates"][0]["content"].get("parts", []):
            if "functionCall" in part:
                found.append([part])
                continue
            rest = {name: it for name, it in part.items() if name != "text"}
            texts = pieces(part["text"], asked.options.delta, chance)
            found += [[{"text": it, **({"thought": True} if rest.get("thought") else {})}] for it in texts]
            if "thoughtSignature" in rest:
                found.append([{"text": "", "thoughtSignature": rest["thoughtSignature"]}])
        if said.calls and said.finish == "tool":
            # The newer models end a call with an empty text; all calls come in one chunk.
            calls = [it for group in found for it in group if "functionCall" in it]
            found = [it for it in found if "functionCall" not in it[0]] + [calls, [{"text": ""}]]
        found = found or [[]]
        end = {name: it for name, it in whole["candidates"][0].items() if name != "content"}
        for at, group in enumerate(found):
            last = at == len(found) - 1
            content: Json = {"parts": group, "role": "model"} if group else {"role": "model"}
            candidate = {"content": content, **(end if last else {"index": 0})}
            counts = whole["usageMetadata"] if last else counted(asked, used, said=False)
            written.append({"candidates": [candidate], "usageMetadata": counts, **tail})
    if asked.array:
        events = [
            Event((b",\n" if at else b"[") + pretty(it, asked) + b"\n") for at, it in enumerate(written)
        ]
        return [*events, Event(b"]")], len(events) // 2
    return [Event(spaced(it, asked)) for it in written], len(written) // 2


def spaced(value: Json, asked: Asked) -> bytes:
    """On one line Google puts a space after a colon, and none after a comma."""
    escape = asked.options.escape > 0
    text = json.dumps(value, ensure_ascii=escape, separators=(",", ": "))
    return escaped(text) if escape else text.encode(errors="replace")


def pretty(value: Json, asked: Asked) -> bytes:
    escape = asked.options.escape > 0
    text = json.dumps(value, ensure_ascii=escape, indent=2)
    return escaped(text) if escape else text.encode(errors="replace")


def failed(asked: Asked, refused: Refused, whole: Json, at: int) -> Event:
    facts = {"code": refused.status, "message": refused.message, "status": "INTERNAL"}
    if asked.array:
        return Event((b",\n" if at else b"[") + encode({"error": facts}) + b"\n]")
    return Event(encode({"error": facts}))


def framed(asked: Asked, event: Event) -> bytes:
    return event.data if asked.array else sse(event, crlf=True, comment=asked.options.comments)
