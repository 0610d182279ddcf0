"""Requests of OpenAI's Chat Completions and legacy completions, also as Azure's deployments take them."""

from __future__ import annotations

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
    child,
    decoded,
    objects,
    string,
    text_in,
    url_media,
)
from gateway.simulator.options import Count, parse

ROLES = ("developer", "system", "user", "assistant", "tool", "function")


class Message(Struct):
    role: str
    content: str | list[Json] | None = None
    tool_calls: list[Json] | None = None
    tool_call_id: str | None = None

    def text(self) -> str:
        return text_in(self.content)


class Request(Struct):
    messages: Annotated[list[Message], Meta(min_length=1)]
    model: str = ""
    stream: bool | None = None
    stream_options: Json | None = None
    n: Count | None = None
    tools: list[Json] | None = None
    tool_choice: str | Json | None = None
    logprobs: bool | None = None
    response_format: Json | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None


class Prompt(Struct):
    prompt: str | list[str]
    model: str = ""
    stream: bool | None = None
    stream_options: Json | None = None
    n: Count | None = None
    logprobs: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = None


def authorize(incoming: Incoming) -> None:
    if incoming.headers.get("authorization"):
        return
    if incoming.host == "azure":
        if incoming.headers.get("api-key"):
            return
        raise Refused(
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
            "provide a valid key for an active subscription and use a correct regional API endpoint "
            "for your resource.",
            401,
            code="401",
        )
    raise Refused("You didn't provide an API key.", 401)


def unknown(model: str, host: str) -> Refused:
    if host == "azure":
        return Refused(
            "The API deployment for this resource does not exist. If you created the deployment "
            "within the last 5 minutes, please wait a moment and try again.",
            404,
            code="DeploymentNotFound",
        )
    name = model.partition("?")[0]
    return Refused(f"The model `{name}` does not exist or you do not have access to it.", 404, param="model")


def api_version(incoming: Incoming) -> None:
    """Azure's older paths need the version of the API, a date."""
    if incoming.host == "azure" and incoming.model and not incoming.query.get("api-version"):
        raise Refused("Resource not found", 404, code="404")


def check_calls(messages: list[Message]) -> None:
    """Each call is answered by a tool's message right after it, and nothing else is."""
    open_ids: list[str] = []
    for at, message in enumerate(messages):
        where = f"messages.[{at}].role"
        if message.role not in ROLES:
            names = ", ".join(f"'{it}'" for it in ROLES[:-1])
            raise Refused(
                f"Invalid value: '{message.role}'. Supported values are: {names}, and 'function'.",
                param=f"messages[{at}].role",
                code="invalid_value",
            )
        if message.role == "tool":
            if message.tool_call_id in open_ids:
                open_ids.remove(message.tool_call_id)
                continue
            if not open_ids and (at == 0 or messages[at - 1].role not in ("assistant", "tool")):
                raise Refused(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
                    "message with 'tool_calls'.",
                    param=where,
                )
        elif open_ids:
            break
        open_ids += [string(it.get("id")) for it in message.tool_calls or []]
    if open_ids:
        raise Refused(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to "
            "each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(open_ids)}",
            param="messages",
        )


def check_reasoning(request: Request) -> None:
    """Reasoning models take another limit and no temperature."""
    if request.max_tokens is not None:
        raise Refused(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        )
    if request.temperature not in (None, 1):
        raise Refused(
            f"Unsupported value: 'temperature' does not support {request.temperature} with this model. "
            "Only the default (1) value is supported.",
            param="temperature",
            code="unsupported_value",
        )


def media(messages: list[Message]) -> list[Media]:
    parts = [part for it in messages if isinstance(it.content, list) for part in it.content]
    images = [url_media(child(it, "image_url").get("url")) for it in parts if it.get("type") == "image_url"]
    return images + [
        url_media(child(it, "file").get("file_data")) for it in parts if it.get("type") == "file"
    ]


def chat(incoming: Incoming) -> Asked:
    authorize(incoming)
    request = msgspec.json.decode(incoming.body, type=Request)
    model = incoming.model or request.model
    script, options = parse(model, unknown(model, incoming.host))
    api_version(incoming)
    check_calls(request.messages)
    if script == "thinking":
        check_reasoning(request)
    tools = [it["function"] for it in objects(request.tools, "tools") if "function" in it]
    for it in tools:
        if not isinstance(it, dict) or not isinstance(it.get("name"), str):
            raise Refused("Missing required parameter: 'tools[0].function.name'.", param="tools")
    said = [it for it in request.messages if it.role == "user"]
    wanted = request.response_format or {}
    return Asked(
        host=incoming.host,
        model=model,
        script=script,
        options=options,
        created=incoming.created,
        body=decoded(incoming.body),
        stream=bool(request.stream),
        texts=[it.text() for it in request.messages],
        user=said[-1].text() if said else "",
        fresh=request.messages[-1].role == "user",
        tools=[Tool(it["name"], child(it, "parameters")) for it in tools],
        may_call=request.tool_choice != "none",
        schema=child(wanted, "json_schema", "schema"),
        stop=[request.stop] if isinstance(request.stop, str) else request.stop or [],
        limit=request.max_completion_tokens or request.max_tokens,
        media=media(request.messages),
        n=request.n or 1,
        logprobs=options.logprobs or bool(request.logprobs),
        usage=bool((request.stream_options or {}).get("include_usage")),
    )


def completions(incoming: Incoming) -> Asked:
    authorize(incoming)
    request = msgspec.json.decode(incoming.body, type=Prompt)
    model = incoming.model or request.model
    script, options = parse(model, unknown(model, incoming.host))
    api_version(incoming)
    if (request.max_tokens or 0) < 0:
        raise Refused(
            "Invalid 'max_tokens': integer below minimum value. Expected a value >= 0, but got "
            f"{request.max_tokens} instead.",
            param="max_tokens",
            code="integer_below_min_value",
        )
    prompts = [request.prompt] if isinstance(request.prompt, str) else request.prompt
    if not prompts:
        raise Refused("Invalid 'prompt': empty array.", param="prompt", code="empty_array")
    return Asked(
        host=incoming.host,
        model=model,
        script=script,
        options=options,
        created=incoming.created,
        body=decoded(incoming.body),
        stream=bool(request.stream),
        texts=prompts,
        user=prompts[-1],
        stop=[request.stop] if isinstance(request.stop, str) else request.stop or [],
        limit=request.max_tokens,
        n=request.n or 1,
        logprobs=options.logprobs or request.logprobs is not None,
        usage=bool((request.stream_options or {}).get("include_usage")),
    )
