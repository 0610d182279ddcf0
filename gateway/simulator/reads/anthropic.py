"""Requests of Anthropic's Messages: its own API, Bedrock's `invoke` and Vertex's `rawPredict`."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.simulator.asked import (
    Asked,
    Incoming,
    Json,
    Media,
    Refused,
    Tool,
    base64_media,
    child,
    decoded,
    objects,
    string,
    text_in,
    walk,
)
from gateway.simulator.options import parse
from gateway.simulator.reads import bedrock, vertex
from gateway.simulator.script import sign, unsealed

KEYS = set(
    "model max_tokens messages system stop_sequences temperature top_k top_p tools tool_choice thinking "
    "output_config output_format metadata service_tier container cache_control inference_geo stream "
    "mcp_servers context_management diagnostics speed".split()
)
DATES = ("2023-01-01", "2023-06-01", "2026-10-21")  # the last is what the SDK sends since 2.0
VERSIONS = {"bedrock": ("bedrock-2023-05-31", *DATES), "vertex": ("vertex-2023-10-16", *DATES)}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
BLOCKS = (
    *("text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result"),
    *("server_tool_use", "web_search_tool_result", "search_result"),
)
MODIFIED = (
    "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These "
    "blocks must remain as they were in the original response."
)


class Message(Struct):
    role: str
    content: str | list[Json]

    @property
    def blocks(self) -> list[Json]:
        return [{"type": "text", "text": self.content}] if isinstance(self.content, str) else self.content


class Request(Struct):
    model: str = ""
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    messages: list[Message] | None = None
    system: str | list[Json] | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    tools: list[Json] | None = None
    tool_choice: Json | None = None
    thinking: Json | None = None
    output_config: Json | None = None
    stream: bool | None = None


def authorize(incoming: Incoming) -> None:
    headers = incoming.headers
    if incoming.host == "bedrock":
        bedrock.authorize(incoming)
    elif incoming.host == "vertex":
        vertex.authorize(incoming)
    else:
        if not headers.get("x-api-key") and not headers.get("authorization"):
            raise Refused("x-api-key header is required", 401)
        if not headers.get("anthropic-version"):
            raise Refused("anthropic-version: header is required")
        if headers["anthropic-version"] not in DATES:
            raise Refused(f'anthropic-version: "{headers["anthropic-version"]}" is not a valid version')


def check_keys(incoming: Incoming, body: Json) -> None:
    """Elsewhere the model stands in the path, and the version in the body."""
    allowed = KEYS
    if incoming.host != "anthropic":
        allowed = KEYS - {"model"} | {"anthropic_version", "anthropic_beta"}
        if incoming.host == "bedrock":
            allowed = allowed - {"stream"}
        if body.get("anthropic_version") not in VERSIONS[incoming.host]:
            raise Refused("anthropic_version: Field required")
    for name in body:
        if name not in allowed:
            raise Refused(f"{name}: Extra inputs are not permitted")


def check_numbers(request: Request) -> None:
    if request.max_tokens is None:
        raise Refused("max_tokens: Field required")
    if request.messages is None:
        raise Refused("messages: Field required")
    if not request.messages:
        raise Refused("messages: at least one message is required")
    if request.temperature is not None and not 0 <= request.temperature <= 1:
        raise Refused("temperature: range: 0..1")
    thinking = request.thinking or {}
    budget = thinking.get("budget_tokens")
    if thinking.get("type") == "enabled":
        if not isinstance(budget, int) or budget < 1024:
            raise Refused("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if budget >= request.max_tokens:
            raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`.")
        if request.temperature not in (None, 1):
            raise Refused("`temperature` may only be set to 1 when thinking is enabled.")


def check_block(at: int, number: int, block: Json) -> None:
    where, kind = f"messages.{at}.content.{number}", block.get("type")
    if kind not in BLOCKS:
        raise Refused(
            f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        )
    if kind == "text" and not string(block.get("text")).strip():
        raise Refused(
            "messages: text content blocks must contain non-whitespace text"
            if block.get("text")
            else "messages: text content blocks must be non-empty"
        )
    if kind == "tool_use":
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", string(block.get("id"))):
            raise Refused(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if not isinstance(block.get("input"), dict):
            raise Refused(f"{where}.tool_use.input: Input should be a valid dictionary")
    if kind == "thinking" and string(block.get("signature")) != sign(string(block.get("thinking"))):
        raise Refused(
            f"{where}: {MODIFIED}" if block.get("signature") else f"{where}.signature: Field required"
        )
    if kind == "redacted_thinking" and unsealed(string(block.get("data"))) is None:
        raise Refused(f"{where}: Invalid `data` in `redacted_thinking` block")


def check_pairs(messages: list[Message]) -> None:
    """Every call is answered in the next message, all of them together and before anything else."""
    called: list[str] = []
    for at, message in enumerate(messages):
        answered = [string(it.get("tool_use_id")) for it in message.blocks if it.get("type") == "tool_result"]
        for number, it in enumerate(message.blocks):
            if it.get("type") == "tool_result" and it.get("tool_use_id") not in called:
                raise Refused(
                    f"messages.{at}.content.{number}: unexpected `tool_use_id` found in `tool_result` "
                    f"blocks: {it.get('tool_use_id')}. Each `tool_result` block must have a "
                    "corresponding `tool_use` block in the previous message."
                )
        missing = [it for it in called if it not in answered]
        leading = message.blocks[: len(called)]
        if missing or any(it.get("type") != "tool_result" for it in leading):
            raise Refused(
                f"messages.{at - 1}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing or called)}. Each `tool_use` block must have a "
                "corresponding `tool_result` block in the next message."
            )
        called = [string(it.get("id")) for it in message.blocks if it.get("type") == "tool_use"]
    if called:
        raise Refused(
            f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` blocks "
            f"immediately after: {', '.join(called)}. Each `tool_use` block must have a corresponding "
            "`tool_result` block in the next message."
        )


def check_messages(request: Request, script: str) -> list[Message]:
    messages = request.messages or []
    for at, message in enumerate(messages):
        if message.role not in ("user", "assistant"):
            raise Refused(
                f'messages: Unexpected role "{message.role}". The Messages API accepts a top-level '
                '`system` parameter, not "system" as an input message role.'
            )
        if not message.content:
            raise Refused(
                f"messages.{at}: all messages must have non-empty content except for the optional "
                "final assistant message"
            )
        for number, block in enumerate(message.blocks):
            check_block(at, number, block)
    check_pairs(merged(messages))
    if script == "thinking":
        for at, message in enumerate(messages):
            kinds = [it.get("type") for it in message.blocks]
            if "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
                raise Refused(
                    f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
                    f"found `{kinds[0]}`. When `thinking` is enabled, a final `assistant` message must "
                    "start with a thinking block (preceeding the lastmost set of `tool_use` blocks)."
                )
    return messages


def merged(messages: list[Message]) -> list[Message]:
    """Messages in a row of one role are one message."""
    found: list[Message] = []
    for it in messages:
        if found and found[-1].role == it.role:
            found[-1] = Message(it.role, found[-1].blocks + it.blocks)
        else:
            found.append(it)
    return found


def check_tools(request: Request) -> list[Tool]:
    own = [it for it in objects(request.tools, "tools") if it.get("type", "custom") in ("custom", None)]
    for at, it in enumerate(own):
        if not NAME.fullmatch(string(it.get("name"))):
            raise Refused(f"tools.{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if not isinstance(it.get("input_schema"), dict):
            raise Refused(f"tools.{at}.custom.input_schema: Field required")
    if request.tool_choice and request.tool_choice.get("type") not in ("auto", "any", "tool", "none"):
        raise Refused("tool_choice: Input tag found using 'type' does not match any of the expected tags")
    if request.tool_choice and not request.tools:
        raise Refused("tool_choice: `tool_choice` may only be specified while providing `tools`.")
    return [Tool(it["name"], it["input_schema"]) for it in own]


def unknown(incoming: Incoming, model: str) -> Refused:
    if incoming.host == "bedrock":
        return Refused("The provided model identifier is invalid.")
    if incoming.host == "vertex":
        return vertex.unknown(incoming)
    return Refused(f"model: {model}", 404)


def media(messages: list[Message]) -> list[Media]:
    found = []
    for _, block in walk([it.blocks for it in messages], ""):
        source = child(block, "source")
        if block.get("type") in ("image", "document") and source:
            data = source.get("data")
            found.append(base64_media(source.get("media_type"), data) if data else Media("reference"))
    return found


def text_of(block: Json) -> str:
    """The text of a block, also of a tool's result."""
    return text_in(block.get("content" if block.get("type") == "tool_result" else "text"))


def messages(incoming: Incoming) -> Asked:
    authorize(incoming)
    body = decoded(incoming.body)
    request = msgspec.convert(body, Request)
    model = incoming.model or request.model
    script, options = parse(model, unknown(incoming, model))
    check_keys(incoming, body)
    check_numbers(request)
    found = check_messages(request, script)
    system = request.system or []
    system = [{"text": system}] if isinstance(system, str) else system
    said = [it for it in found if it.role == "user"]
    format_ = child(request.output_config, "format")
    results = [it.get("type") == "tool_result" for it in found[-1].blocks]
    return Asked(
        host=incoming.host,
        model=model,
        script=script,
        options=options,
        created=incoming.created,
        body=body,
        stream=bool(request.stream) if incoming.host == "anthropic" else "tream" in incoming.action,
        texts=[string(it.get("text")) for it in system] + ["".join(map(text_of, it.blocks)) for it in found],
        user="".join(map(text_of, said[-1].blocks)) if said else "",
        fresh=found[-1].role == "user" and not any(results),
        tools=check_tools(request),
        may_call=(request.tool_choice or {}).get("type") != "none",
        schema=child(format_, "schema"),
        stop=request.stop_sequences or [],
        limit=request.max_tokens,
        media=media(found),
    )
