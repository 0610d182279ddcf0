"""Requests of Bedrock's Converse, and what every request to Bedrock must carry."""

from __future__ import annotations

import base64
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
    walk,
)
from gateway.simulator.options import parse
from gateway.simulator.script import sign, unsealed

SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/,\s]+/\d{8}/[a-z0-9-]+/bedrock/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}"
)
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
TOOL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
BLOCKS = set(
    "text image document video audio toolUse toolResult guardContent cachePoint reasoningContent "
    "citationsContent searchResult".split()
)


class Message(Struct):
    role: str
    content: list[Json]


class Inference(Struct, rename="camel"):
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop_sequences: list[str] | None = None


class Request(Struct, rename="camel"):
    messages: list[Message] | None = None
    system: list[Json] | None = None
    inference_config: Inference | None = None
    tool_config: Json | None = None
    output_config: Json | None = None


def authorize(incoming: Incoming) -> None:
    """A signature or a bearer token must be there and look like one; nothing is verified."""
    given = incoming.headers.get("authorization", "")
    if re.fullmatch(r"Bearer \S+", given):
        return
    if not given:
        raise Refused("Missing Authentication Token", 403, code="MissingAuthenticationTokenException")
    signed = SIGNED.fullmatch(given)
    names = signed[1].split(";") if signed else []
    if "host" not in names or "x-amz-date" not in names or names != sorted(names):
        raise Refused(
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
            403,
            code="IncompleteSignatureException",
        )
    if not re.fullmatch(r"\d{8}T\d{6}Z", incoming.headers.get("x-amz-date", "")):
        raise Refused(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            403,
            code="IncompleteSignatureException",
        )


def check_block(place: str, block: Json) -> None:
    kinds = [it for it in block if it in BLOCKS]
    if len(kinds) != 1 or len(block) != 1:
        raise Refused(
            f"The content block at {place} must hold exactly one known member. Remove the others, and "
            "try again."
        )
    if kinds == ["text"] and not string(block["text"]).strip():
        raise Refused(
            f"The text field in the ContentBlock object at {place} is blank. Add text to the text "
            "field, and try again."
        )
    for name in ("toolUse", "toolResult"):
        if name in block and not TOOL_ID.fullmatch(string(child(block, name).get("toolUseId"))):
            where = f"{place}.{name}.toolUseId"
            raise Refused(constraint(where, "[a-zA-Z0-9_.:-]+"))
    if "toolUse" in block and not isinstance(child(block, "toolUse").get("input"), dict):
        raise Refused(
            f"The format of the value at {place}.toolUse.input is invalid. Provide a json object for "
            "the field and try again."
        )
    if "reasoningContent" in block:
        said = child(block, "reasoningContent", "reasoningText")
        hidden = child(block, "reasoningContent").get("redactedContent")
        if said and said.get("signature") != sign(string(said.get("text"))):
            raise Refused(
                f"The model returned the following errors: {place}: Invalid `signature` in `thinking` block"
            )
        if hidden is not None and unsealed_bytes(string(hidden)) is None:
            raise Refused(
                f"The model returned the following errors: {place}: Invalid `data` in "
                "`redacted_thinking` block"
            )


def unsealed_bytes(data: str) -> str | None:
    """Sealed reasoning is a blob, so in JSON it is base64."""
    try:
        return unsealed(base64.b64decode(data, validate=True).decode())
    except ValueError:
        return None


def constraint(where: str, pattern: str) -> str:
    return (
        f"1 validation error detected: Value at '{where}' failed to satisfy constraint: Member must satisfy "
        f"regular expression pattern: {pattern}"
    )


def check_messages(request: Request, script: str) -> list[Message]:
    messages = request.messages or []
    if not messages:
        raise Refused("The messages field is empty. Add at least one message, and try again.")
    called: list[str] = []
    for at, message in enumerate(messages):
        if message.role not in ("user", "assistant"):
            raise Refused(
                f"1 validation error detected: Value '{message.role}' at "
                f"'messages.{at + 1}.member.role' failed to satisfy constraint: Member must satisfy "
                "enum value set: [user, assistant]"
            )
        if at == 0 and message.role != "user":
            raise Refused(
                "A conversation must start with a user message. Try again with a conversation that starts "
                "with a user message."
            )
        if message.role != ("user", "assistant")[at % 2]:
            raise Refused(
                "A conversation must alternate between user and assistant roles. Make sure the conversation "
                "alternates between user and assistant roles and try again."
            )
        if not message.content:
            raise Refused(
                f"The content field in the Message object at messages.{at} is empty. Add a "
                "ContentBlock object to the content field and try again."
            )
        for number, block in enumerate(message.content):
            check_block(f"messages.{at}.content.{number}", block)
        answered = [child(it, "toolResult").get("toolUseId") for it in message.content if "toolResult" in it]
        missing = [it for it in called if it not in answered]
        if missing:
            raise Refused(
                f"Expected toolResult blocks at messages.{at}.content for the following Ids: "
                f"{', '.join(missing)}"
            )
        if len(answered) > len(called) or any(it not in called for it in answered):
            raise Refused(
                f"The number of toolResult blocks at messages.{at}.content exceeds the number of "
                "toolUse blocks of previous turn."
            )
        called = [child(it, "toolUse")["toolUseId"] for it in message.content if "toolUse" in it]
        kinds = [next(iter(it)) for it in message.content]
        if script == "thinking" and called and kinds[0] != "reasoningContent":
            raise Refused(
                "The model returned the following errors: Expected `thinking` or `redacted_thinking`, "
                "but found `tool_use`."
            )
    if messages[-1].role != "user":
        raise Refused("The conversation must end with a user message.")
    return messages


def check_tools(request: Request, messages: list[Message]) -> list[Tool]:
    used = any("toolUse" in block or "toolResult" in block for it in messages for block in it.content)
    if request.tool_config is None:
        if used:
            raise Refused(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks."
            )
        return []
    found = []
    for at, it in enumerate(objects(request.tool_config.get("tools"), "toolConfig.tools")):
        given = child(it, "toolSpec")
        if not given:
            continue
        where = f"toolConfig.tools.{at + 1}.member.toolSpec"
        if not TOOL_NAME.fullmatch(string(given.get("name"))):
            raise Refused(constraint(f"{where}.name", "[a-zA-Z0-9_-]+"))
        if given.get("description") == "":
            raise Refused(
                f"1 validation error detected: Value at '{where}.description' failed to satisfy "
                "constraint: Member must have length greater than or equal to 1"
            )
        if not isinstance(child(given, "inputSchema").get("json"), dict):
            raise Refused(f"The value at {where}.inputSchema.json is invalid. Provide a json object.")
        found.append(Tool(given["name"], child(given, "inputSchema", "json")))
    choice = request.tool_config.get("toolChoice")
    if choice is not None and [*child(choice)] not in (["auto"], ["any"], ["tool"]):
        raise Refused("The toolConfig.toolChoice field must hold one of auto, any, tool.")
    if not found and not request.tool_config.get("tools"):
        raise Refused(
            "1 validation error detected: Value '[]' at 'toolConfig.tools' failed to satisfy "
            "constraint: Member must have length greater than or equal to 1"
        )
    return found


def text_of(block: Json) -> str:
    if "toolResult" in block:
        found = objects(child(block, "toolResult").get("content"), "toolResult.content")
        texts = [string(it.get("text")) for it in found]
        return "".join(texts) + "".join(
            msgspec.json.encode(it["json"]).decode() for it in found if "json" in it
        )
    return string(block.get("text"))


def media(messages: list[Message]) -> list[Media]:
    found = []
    for _, block in walk([it.content for it in messages], ""):
        for kind, family in (("image", "image"), ("document", "application")):
            given = child(block, kind)
            if isinstance(given.get("source"), dict):
                data = child(given, "source").get("bytes")
                known = base64_media(f"{family}/{string(given.get('format'))}", data)
                found.append(known if data else Media("reference"))
    return found


def converse(incoming: Incoming) -> Asked:
    authorize(incoming)
    script, options = parse(incoming.model, Refused("The provided model identifier is invalid."))
    body = decoded(incoming.body)
    request = msgspec.convert(body, Request)
    found = check_messages(request, script)
    tools = check_tools(request, found)
    texts = [string(it.get("text")) for it in request.system or []]
    inference = request.inference_config or Inference()
    schema = child(request.output_config, "textFormat", "structure", "jsonSchema").get("schema")
    said = [it for it in found if it.role == "user"]
    return Asked(
        host=incoming.host,
        model=incoming.model,
        script=script,
        options=options,
        created=incoming.created,
        body=body,
        stream=incoming.action == "converse-stream",
        texts=texts + ["".join(map(text_of, it.content)) for it in found],
        user="".join(map(text_of, said[-1].content)),
        fresh=not any("toolResult" in it for it in found[-1].content),
        tools=tools,
        schema=decoded(string(schema).encode()) if schema else {},
        stop=inference.stop_sequences or [],
        limit=inference.max_tokens,
        media=media(found),
    )
