"""How the tests ask the simulator in each dialect, and read its streams without anyone's SDK."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from botocore.eventstream import EventStreamBuffer

from gateway import simulator
from gateway.simulator import Reply

Json = dict[str, Any]
SCHEMA: Json = {"type": "object", "properties": {"to": {"type": "string"}, "copies": {"type": "integer"}}}
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/bedrock/aws4_request, "
    f"SignedHeaders=content-type;host;x-amz-date, Signature={'0' * 64}"
)
KEYS: dict[str, dict[str, str]] = {
    "openai": {"authorization": "Bearer any"},
    "azure": {"api-key": "any"},
    "anthropic": {"x-api-key": "any", "anthropic-version": "2023-06-01"},
    "google": {"x-goog-api-key": "any"},
    "vertex": {"authorization": "Bearer any"},
    "bedrock": {"authorization": SIGNED, "x-amz-date": "20260101T000000Z"},
}


@dataclass(frozen=True)
class Dialect:
    """`path` has the model and whether it streams for its holes, `body` the text, the tools and the rest."""

    name: str
    host: str
    path: Callable[[str, bool], str]
    body: Callable[[str], Json]
    tools: Callable[[list[str]], Json]
    read: Callable[[bytes], list[Json]]  # the payloads of a stream
    text: Callable[[list[Json]], str]  # what a stream says
    said: Callable[[Json], str]  # what a body says
    model_in_body: bool = False

    def ask(self, model: str, prompt: str = "Hi bob@example.com", **more: Any) -> Json:
        return self.body(prompt) | ({"model": model} if self.model_in_body else {}) | more

    def respond(
        self, model: str, request: Json | None = None, *, stream: bool = True, key: Any = None
    ) -> Reply:
        body = dict(self.ask(model) if request is None else request)
        if self.model_in_body and stream:
            body["stream"] = True
        data = json.dumps(body).encode()
        path, given = self.path(model, stream), KEYS[self.host] if key is None else key
        return simulator.respond("POST", path, given, data, 1_700_000_000)

    def whole(self, model: str, request: Json | None = None) -> Json:
        found: Json = json.loads(b"".join(self.respond(model, request, stream=False).writes))
        return found

    def streamed(self, model: str, request: Json | None = None) -> list[Json]:
        return self.read(b"".join(self.respond(model, request).writes))


def sse(data: bytes) -> list[Json]:
    blocks = [it for it in re.split(r"\r\n\r\n|\n\n", data.decode()) if it and not it.startswith(":")]
    found: list[Json] = []
    for block in blocks:
        lines = dict(re.split(": ?", line, maxsplit=1) for line in block.splitlines())
        if lines["data"] != "[DONE]":
            found.append(json.loads(lines["data"]))
            assert lines.get("event", found[-1].get("type")) == found[-1].get("type")
    return found


def frames(data: bytes) -> list[Json]:
    """The messages of an event stream; both of their CRCs are checked by botocore."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    found: list[Json] = []
    for event in buffer:
        headers: Any = event.headers
        kind = headers.get(":event-type") or headers[":exception-type"]
        payload: Json = json.loads(event.payload)
        payload.pop("p", None)
        if kind == "chunk":
            found.append(json.loads(base64.b64decode(payload["bytes"])))
        else:
            found.append({kind: payload})
    return found


def array(data: bytes) -> list[Json]:
    found: list[Json] = json.loads(data)
    return found


def chat_text(events: list[Json]) -> str:
    deltas = [choice["delta"] for it in events for choice in it.get("choices", []) if "delta" in choice]
    return "".join(it.get("content") or it.get("refusal") or "" for it in deltas)


def old_text(events: list[Json]) -> str:
    return "".join(it["choices"][0]["text"] for it in events if it.get("choices"))


def responses_text(events: list[Json]) -> str:
    kinds = ("response.output_text.delta", "response.refusal.delta")
    return "".join(it["delta"] for it in events if it["type"] in kinds)


def anthropic_text(events: list[Json]) -> str:
    return "".join(it["delta"].get("text", "") for it in events if it["type"] == "content_block_delta")


def gemini_text(events: list[Json]) -> str:
    parts = [
        part for it in events for one in it.get("candidates", []) for part in one["content"].get("parts", [])
    ]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


def bedrock_text(events: list[Json]) -> str:
    deltas = [it["contentBlockDelta"]["delta"] for it in events if "contentBlockDelta" in it]
    return "".join(it.get("text", "") for it in deltas)


def converse_said(body: Json) -> str:
    blocks = body["output"]["message"]["content"]
    cited = [part for it in blocks for part in it.get("citationsContent", {}).get("content", [])]
    return "".join(it.get("text", "") for it in [*blocks, *cited])


def function(name: str) -> Json:
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA}}


def messages(text: str) -> Json:
    return {"messages": [{"role": "user", "content": text}]}


def chat_said(body: Json) -> str:
    message = body["choices"][0].get("message", {})
    return message.get("content") or message.get("refusal") or ""


def in_path(start: str, plain: str, streaming: str) -> Callable[[str, bool], str]:
    return lambda model, stream: f"{start}{quote(model, safe='')}{streaming if stream else plain}"


def fixed(path: str) -> Callable[[str, bool], str]:
    return lambda model, stream: path


CHAT: Json = {
    "body": messages,
    "tools": lambda names: {"tools": [function(it) for it in names]},
    "read": sse,
    "text": chat_text,
    "said": chat_said,
}
CLAUDE: Json = {
    "tools": lambda names: {"tools": [{"name": it, "input_schema": SCHEMA} for it in names]},
    "text": anthropic_text,
    "said": lambda body: "".join(it.get("text", "") for it in body["content"]),
}
GEMINI: Json = {
    "body": lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
    "tools": lambda names: {
        "tools": [{"functionDeclarations": [{"name": it, "parametersJsonSchema": SCHEMA} for it in names]}]
    },
    "text": gemini_text,
    "said": lambda body: gemini_text([body]),
}
GENERATE, PLACE = (":generateContent", ":streamGenerateContent"), "/v1/projects/p/locations/l/publishers"
DIALECTS = [
    Dialect("chat", "openai", fixed("/v1/chat/completions"), model_in_body=True, **CHAT),
    Dialect(
        "azure",
        "azure",
        lambda model, stream: (
            f"/openai/deployments/{quote(model, safe='')}/chat/completions?api-version=2024-10-21"
        ),
        model_in_body=True,
        **CHAT,
    ),
    Dialect(
        "responses",
        "openai",
        fixed("/v1/responses"),
        lambda text: {"input": text},
        lambda names: {"tools": [{"type": "function", "name": it, "parameters": SCHEMA} for it in names]},
        sse,
        responses_text,
        lambda body: "".join(
            part.get("text", part.get("refusal", ""))
            for it in body["output"]
            for part in it.get("content", [])
        ),
        model_in_body=True,
    ),
    Dialect(
        "messages",
        "anthropic",
        fixed("/v1/messages"),
        lambda text: {"max_tokens": 50, **messages(text)},
        read=sse,
        model_in_body=True,
        **CLAUDE,
    ),
    Dialect(
        "invoke",
        "bedrock",
        in_path("/model/", "/invoke", "/invoke-with-response-stream"),
        lambda text: {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, **messages(text)},
        read=frames,
        **CLAUDE,
    ),
    Dialect(
        "raw-predict",
        "vertex",
        in_path(f"{PLACE}/anthropic/models/", ":rawPredict", ":streamRawPredict"),
        lambda text: {"anthropic_version": "vertex-2023-10-16", "max_tokens": 50, **messages(text)},
        read=sse,
        **CLAUDE,
    ),
    Dialect(
        "gemini",
        "google",
        in_path("/v1beta/models/", GENERATE[0], f"{GENERATE[1]}?alt=sse"),
        read=sse,
        **GEMINI,
    ),
    Dialect("gemini-array", "google", in_path("/v1beta/models/", *GENERATE), read=array, **GEMINI),
    Dialect(
        "vertex",
        "vertex",
        in_path(f"{PLACE}/google/models/", GENERATE[0], f"{GENERATE[1]}?alt=sse"),
        read=sse,
        **GEMINI,
    ),
    Dialect(
        "converse",
        "bedrock",
        in_path("/model/", "/converse", "/converse-stream"),
        lambda text: {"messages": [{"role": "user", "content": [{"text": text}]}]},
        lambda names: {
            "toolConfig": {
                "tools": [{"toolSpec": {"name": it, "inputSchema": {"json": SCHEMA}}} for it in names]
            }
        },
        frames,
        bedrock_text,
        converse_said,
    ),
]
BY_NAME = {it.name: it for it in DIALECTS}
OLD = Dialect(
    "completions",
    "openai",
    fixed("/v1/completions"),
    lambda text: {"prompt": text},
    lambda names: {},
    sse,
    old_text,
    lambda body: str(body["choices"][0]["text"]),
    model_in_body=True,
)
