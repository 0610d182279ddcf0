"""Requests of OpenAI's Responses, also as Azure takes them."""

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
    string,
    text_in,
    url_media,
)
from gateway.simulator.options import parse
from gateway.simulator.reads import openai
from gateway.simulator.script import unsealed

KEYS = set(
    "background context_management conversation include input instructions max_output_tokens max_tool_calls "
    "metadata model moderation parallel_tool_calls previous_response_id prompt prompt_cache_key "
    "prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store stream "
    "stream_options temperature text tool_choice tools top_logprobs top_p truncation user".split()
)
PARTS = {
    "assistant": ("output_text", "refusal"),
    **dict.fromkeys(("user", "system", "developer"), ("input_text", "input_image", "input_file")),
}


class Request(Struct):
    model: str = ""
    input: str | list[Json] | None = None
    instructions: str | None = None
    max_output_tokens: Annotated[int, Meta(ge=16)] | None = None
    previous_response_id: str | None = None
    stream: bool | None = None
    stream_options: Json | None = None
    text: Json | None = None
    tool_choice: str | Json | None = None
    tools: list[Json] | None = None
    top_logprobs: int | None = None


def check_keys(body: Json) -> None:
    if "max_tokens" in body or "max_completion_tokens" in body:
        name = "max_tokens" if "max_tokens" in body else "max_completion_tokens"
        raise Refused(
            f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to "
            "'max_output_tokens'.",
            param=name,
            code="unsupported_parameter",
        )
    if "response_format" in body:
        raise Refused(
            "Unsupported parameter: 'response_format'. In the Responses API, this parameter has moved "
            "to 'text.format'.",
            param="response_format",
            code="unsupported_parameter",
        )
    unknown = [it for it in body if it not in KEYS]
    unknown += [f"stream_options.{it}" for it in child(body, "stream_options") if it != "include_obfuscation"]
    for name in unknown:
        raise Refused(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    if body.get("input") is None:
        raise Refused(
            "Missing required parameter: 'input'.", param="input", code="missing_required_parameter"
        )


def check_content(item: Json, where: str) -> None:
    role, content = string(item.get("role")), item.get("content")
    if role not in PARTS:
        raise Refused(
            f"Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
            param=where,
            code="invalid_value",
        )
    for at, part in enumerate(content if isinstance(content, list) else []):
        kind = child(part).get("type")
        if kind not in PARTS[role]:
            allowed = ", ".join(f"'{it}'" for it in PARTS[role])
            raise Refused(
                f"Invalid value: '{kind}'. Supported values are: {allowed}.",
                param=f"{where}.content[{at}]",
                code="invalid_value",
            )


def check_items(items: list[Json], continued: bool, script: str) -> None:
    called = {string(it.get("call_id")) for it in items if it.get("type") == "function_call"}
    answered = {string(it.get("call_id")) for it in items if it.get("type") == "function_call_output"}
    for at, item in enumerate(items):
        where, kind = f"input[{at}]", string(item.get("type", "message"))
        if kind == "message":
            check_content(item, where)
        elif kind == "function_call":
            if string(item.get("call_id")) not in answered:
                raise Refused(f"No tool output found for function call {item.get('call_id')}.", param="input")
            if not isinstance(item.get("arguments"), str):
                raise Refused(
                    f"Missing required parameter: '{where}.arguments'.",
                    param=f"{where}.arguments",
                    code="missing_required_parameter",
                )
            before = items[at - 1].get("type") if at else None
            if script == "thinking" and before not in ("reasoning", "function_call"):
                raise Refused(
                    f"Item '{item.get('id')}' of type 'function_call' was provided without its "
                    "required 'reasoning' item.",
                    param="input",
                )
        elif kind == "function_call_output" and string(item.get("call_id")) not in called and not continued:
            raise Refused(
                f"No tool call found for function call output with call_id {item.get('call_id')}.",
                param="input",
            )
        elif kind == "reasoning":
            check_reasoning(items, at)


def check_reasoning(items: list[Json], at: int) -> None:
    """What was sealed comes back as it was, and its summary too."""
    item, sealed = items[at], items[at].get("encrypted_content")
    found = unsealed(string(sealed)) if sealed else None
    summary = text_in(item.get("summary"))
    if sealed and (found is None or summary not in ("", found)):
        raise Refused(
            f"The encrypted content for item {item.get('id')} could not be verified. Reason: Encrypted "
            "content could not be decrypted or parsed.",
            code="invalid_encrypted_content",
        )
    after = items[at + 1] if at + 1 < len(items) else {}
    if (
        after.get("type", "message") not in ("message", "function_call")
        or after.get("role") == "user"
        or not after
    ):
        raise Refused(
            f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item.",
            param="input",
        )


def check_tools(request: Request) -> list[Tool]:
    found = []
    for at, it in enumerate(request.tools or []):
        if it.get("type") != "function":
            continue
        if not string(it.get("name")):
            name = f"tools[{at}].name"
            raise Refused(
                f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
            )
        found.append(Tool(it["name"], child(it, "parameters")))
    return found


def text_of(item: Json) -> str:
    return text_in(item.get("output" if item.get("type") == "function_call_output" else "content"))


def media(items: list[Json]) -> list[Media]:
    found = []
    for item in items:
        content = item.get("content") or item.get("output")
        for part in content if isinstance(content, list) else []:
            if child(part).get("type") == "input_image":
                found.append(url_media(part.get("image_url")))
            elif child(part).get("type") == "input_file":
                found.append(url_media(part.get("file_data")))
    return found


def responses(incoming: Incoming) -> Asked:
    openai.authorize(incoming)
    body = decoded(incoming.body)
    model = string(body.get("model"))
    script, options = parse(model, openai.unknown(model, incoming.host))
    check_keys(body)
    request = msgspec.convert(body, Request)
    if isinstance(request.input, str):
        items: list[Json] = [{"role": "user", "content": request.input}]
    else:
        items = request.input or []
    before = request.previous_response_id
    if before is not None and not before.startswith("resp_"):
        raise Refused(
            f"Previous response with id '{before}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    if not items:
        raise Refused("Invalid 'input': empty array.", param="input", code="empty_array")
    check_items(items, before is not None, script)
    said = [it for it in items if it.get("role") == "user"]
    format_ = child(request.text, "format")
    return Asked(
        host=incoming.host,
        model=model,
        script=script,
        options=options,
        created=incoming.created,
        body=body,
        stream=bool(request.stream),
        texts=[*([request.instructions] if request.instructions else []), *map(text_of, items)],
        user=text_of(said[-1]) if said else "",
        fresh=items[-1].get("role") == "user",
        tools=check_tools(request),
        may_call=request.tool_choice != "none",
        schema=child(format_, "schema"),
        limit=request.max_output_tokens,
        media=media(items),
        logprobs=options.logprobs or bool(request.top_logprobs),
    )
