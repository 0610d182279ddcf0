"""Bedrock's ConverseStream: Amazon's event stream, keys in alphabetical order, a random `p` in every event.

Text and reasoning have no start event, and the counts come after the message has stopped.
"""

from __future__ import annotations

import base64
import string
from random import Random

from gateway.simulator.asked import Asked, Incoming, Json, Refused
from gateway.simulator.framing import Event, message
from gateway.simulator.script import Said, Usage, encode, identity, pieces, seal

ALPHABET = string.ascii_lowercase + string.ascii_uppercase + string.digits
CLASSES = {
    **{400: "ValidationException", 403: "AccessDeniedException", 404: "ResourceNotFoundException"},
    **{408: "ModelTimeoutException", 424: "ModelErrorException", 429: "ThrottlingException"},
    **{500: "InternalServerException", 503: "ServiceUnavailableException"},
}
EXCEPTIONS = {
    **{400: "validationException", 424: "modelStreamErrorException", 429: "throttlingException"},
    **{500: "internalServerException", 503: "serviceUnavailableException"},
}.values()
FINISH = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use", "filter": "content_filtered"}


def error(incoming: Incoming, refused: Refused) -> Json:
    return {"message": refused.message}


def headers(incoming: Incoming, refused: Refused | None, chance: Random) -> dict[str, str]:
    parts = [identity("", length, chance).lower() for length in (8, 4, 4, 4, 12)]
    found = {"x-amzn-requestid": "-".join(parts)}
    if refused:
        fallback = "ValidationException" if refused.status < 500 else "InternalServerException"
        name = refused.code or CLASSES.get(refused.status, fallback)
        found["x-amzn-errortype"] = f"{name}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    return found


def content_type(asked: Asked) -> str:
    return "application/vnd.amazon.eventstream"


def padding(chance: Random) -> str:
    return ALPHABET[: chance.randint(1, len(ALPHABET))]


def content(said: Said, chance: Random) -> list[Json]:
    found: list[Json] = []
    if said.reasoning is not None and said.hidden:
        sealed = base64.b64encode(seal(said.reasoning).encode()).decode()
        found.append({"reasoningContent": {"redactedContent": sealed}})
    elif said.reasoning is not None:
        told = {"signature": said.signature, "text": said.reasoning}
        found.append({"reasoningContent": {"reasoningText": told}})
    text = said.refusal or said.text
    if text and said.citations:
        cited = [
            {
                "location": {"web": {"domain": it.url.split("/")[2], "url": it.url}},
                "sourceContent": [{"text": it.quoted}],
                "title": it.title,
            }
            for it in said.citations
        ]
        found.append({"citationsContent": {"citations": cited, "content": [{"text": text}]}})
    elif text:
        found.append({"text": text})
    for it in said.calls:
        call = {"input": it.arguments, "name": it.name, "toolUseId": identity("tooluse_", 22, chance)}
        found.append({"toolUse": call})
    return found


def counted(used: Usage) -> Json:
    """The total holds what came from the cache, the input tokens do not."""
    said = used.said + used.reasoned
    found = {"inputTokens": used.asked - used.cached, "outputTokens": said, "totalTokens": used.asked + said}
    return found | ({"cacheReadInputTokens": used.cached, "cacheWriteInputTokens": 0} if used.cached else {})


def whole(asked: Asked, saids: list[Said], used: Usage, chance: Random) -> Json:
    said = saids[0]
    reason = "stop_sequence" if said.stopped_by else FINISH[said.finish]
    found: Json = {"metrics": {"latencyMs": 593}}
    found["output"] = {"message": {"content": content(said, chance), "role": "assistant"}}
    if said.stopped_by:
        found["additionalModelResponseFields"] = {"delta": {"stop_sequence": said.stopped_by}}
    return {**found, "stopReason": reason, "usage": counted(used)}


def block_deltas(block: Json, text: str, asked: Asked, chance: Random) -> list[Json]:
    size = asked.options.delta
    if "toolUse" in block:
        # A call without arguments streams none, not even `{}`.
        found = pieces(text, size, chance) if text != "{}" else []
        return [{"toolUse": {"input": it}} for it in found]
    if "reasoningContent" in block:
        told = block["reasoningContent"].get("reasoningText")
        if told is None:
            return [{"reasoningContent": block["reasoningContent"]}]
        parts = [{"text": it} for it in pieces(told["text"], size, chance)]
        return [{"reasoningContent": it} for it in [*parts, {"signature": told["signature"]}]]
    if "citationsContent" in block:
        cited = [{"citation": it} for it in block["citationsContent"]["citations"]]
        texts = [it["text"] for it in block["citationsContent"]["content"]]
        return [{"text": it} for text in texts for it in pieces(text, size, chance)] + cited
    return [{"text": it} for it in pieces(block["text"], size, chance)]


def events(
    asked: Asked, saids: list[Said], used: Usage, whole: Json, chance: Random
) -> tuple[list[Event], int]:
    found: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
    texts = iter([it.text for it in saids[0].calls])
    for at, block in enumerate(whole["output"]["message"]["content"]):
        place: Json = {"contentBlockIndex": at}
        text = ""
        if "toolUse" in block:
            call, text = block["toolUse"], next(texts)
            begun = {"name": call["name"], "toolUseId": call["toolUseId"]}
            found.append(("contentBlockStart", {**place, "start": {"toolUse": begun}}))
        deltas = block_deltas(block, text, asked, chance)
        found += [("contentBlockDelta", {**place, "delta": it}) for it in deltas]
        found.append(("contentBlockStop", place))
    extra = {name: it for name, it in whole.items() if name == "additionalModelResponseFields"}
    found.append(("messageStop", {**extra, "stopReason": whole["stopReason"]}))
    found.append(("metadata", {"metrics": whole["metrics"], "usage": whole["usage"]}))
    written = []
    for name, body in found:
        padded = dict(sorted({**body, "p": padding(chance)}.items()))
        written.append(Event(encode(padded, asked.options.escape > 0), name))
    return written, len(written) // 2


def failed(asked: Asked, refused: Refused, whole: Json, at: int) -> Event:
    return Event(encode({"message": refused.message}), "internalServerException")


def framed(asked: Asked, event: Event) -> bytes:
    name = event.name or ""
    kind = "exception" if name in EXCEPTIONS else "event"
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    return message(headers, event.data)
