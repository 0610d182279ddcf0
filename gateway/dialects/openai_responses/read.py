"""A Responses request in neutral words.

In: a parsed, redacted request. Out: a Conversation, for the writer of another dialect. Raises InvalidRequest
where a body is not of this dialect. What has no neutral word goes into `extra` or an ExtraPart. The items of
one turn (reasoning, a message, calls) become one message.

A translated request is never stored, whatever `store` says: nothing that needs a stored response
(`previous_response_id`, `conversation`, `background`, item references) can be translated.

Hints that are left out: `store`, `stream_options`, `prompt_cache_retention`, `prompt_cache_options`,
`reasoning.summary` and the inclusion of encrypted reasoning (what a provider shows of it is shown), cache
breakpoints, an item's `id`, `status` and `phase`, and of a tool `defer_loading`, `allowed_callers` and
`output_schema`.

Source: openai-python types (`response_create_params.py`, `response_input_item_param.py`).
"""

from __future__ import annotations

from typing import Any

from gateway.conversation import ChatRequest, Conversation, OutputFormat, Tool, ToolChoice
from gateway.dialects.openai_responses.answer import NAME
from gateway.dialects.openai_responses.items import read_items
from gateway.dialects.reading import list_in, number_in, object_in, string_in
from gateway.errors import InvalidRequest

# Fields with a neutral word, and hints.
_KNOWN = frozenset(
    "model input instructions stream max_output_tokens temperature top_p top_logprobs tools tool_choice "
    "parallel_tool_calls text reasoning include metadata user safety_identifier prompt_cache_key "
    "service_tier store stream_options prompt_cache_retention prompt_cache_options".split()
)
# What a field is if it is not said.
_DEFAULTS: dict[str, Any] = {"background": False, "truncation": "disabled", "context_management": []}
_LOGPROBS = "message.output_text.logprobs"
_HINTED = (_LOGPROBS, "reasoning.encrypted_content")


def read(request: ChatRequest) -> Conversation:
    body = request.body
    conversation = Conversation(
        model=request.model,
        messages=read_items(body.get("instructions"), body.get("input")),
        dialect=NAME,
        stream=request.stream,
        max_output_tokens=number_in(body, "max_output_tokens", int),
        temperature=_unless(1, number_in(body, "temperature", float)),
        top_p=_unless(1, number_in(body, "top_p", float)),
        top_logprobs=number_in(body, "top_logprobs", int) or None,
        user=string_in(body, "safety_identifier") or string_in(body, "user") or None,
        metadata=object_in(body, "metadata") or None,
        cache_key=string_in(body, "prompt_cache_key") or None,
        service_tier=_unless("auto", body.get("service_tier")),
        extra={
            name: value
            for name, value in body.items()
            if name not in _KNOWN and value is not None and value != _DEFAULTS.get(name)
        },
    )
    if body.get("parallel_tool_calls") is False:
        conversation.parallel_tool_calls = False
    _read_tools(body, conversation)
    _read_text(body, conversation)
    _read_reasoning(body, conversation)
    include = list_in(body, "include")
    if conversation.top_logprobs or _LOGPROBS in include:
        conversation.logprobs = True
    if unknown := [name for name in include if name not in _HINTED]:
        conversation.extra["include"] = unknown
    return conversation


def _read_tools(body: dict[str, Any], conversation: Conversation) -> None:
    for index, tool in enumerate(list_in(body, "tools")):
        at = f"tools[{index}]"
        if not isinstance(tool, dict):
            raise InvalidRequest(f"{at} must be an object", param=at)
        kind = tool.get("type")
        if kind not in ("function", "custom"):
            conversation.extra[str(kind)] = tool  # the provider's own, as web_search
            continue
        if not isinstance(name := tool.get("name"), str):
            raise InvalidRequest(f"{at}.name must be a string", param=f"{at}.name")
        read_tool = Tool(name, string_in(tool, "description"))
        if kind == "custom":
            read_tool.custom = object_in(tool, "format") or {"type": "text"}
        else:
            read_tool.schema = object_in(tool, "parameters")
            read_tool.strict = tool.get("strict")
        conversation.tools.append(read_tool)
    choice = body.get("tool_choice")
    match choice:
        case None | "auto":
            pass
        case "none" | "required":
            conversation.tool_choice = ToolChoice(choice)
        case {"type": "function" | "custom", "name": str(name)}:
            conversation.tool_choice = ToolChoice("named", [name])
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": [*tools]}:
            names = [tool.get("name") if isinstance(tool, dict) else None for tool in tools]
            if not all(isinstance(name, str) for name in names):
                conversation.extra["tool_choice"] = choice
            else:
                conversation.tool_choice = ToolChoice(mode, [str(name) for name in names])
        case {"type": str()}:
            conversation.extra["tool_choice"] = choice
        case _:
            raise InvalidRequest("tool_choice is not known", param="tool_choice")


def _read_text(body: dict[str, Any], conversation: Conversation) -> None:
    text = object_in(body, "text")
    format = object_in(text, "format")
    match format.get("type"):
        case None | "text":
            pass
        case "json_object":
            conversation.output = OutputFormat("json_object")
        case "json_schema":
            conversation.output = OutputFormat(
                "json_schema",
                string_in(format, "name"),
                object_in(format, "schema"),
                format.get("strict"),
                string_in(format, "description"),
            )
        case _:
            raise InvalidRequest("the output format is not known", param="text.format.type")
    for name, value in text.items():
        if name != "format" and value is not None and (name, value) != ("verbosity", "medium"):
            conversation.extra[f"text.{name}"] = value


def _read_reasoning(body: dict[str, Any], conversation: Conversation) -> None:
    reasoning = object_in(body, "reasoning")
    conversation.effort = string_in(reasoning, "effort") or None
    for name, value in reasoning.items():
        if name not in ("effort", "summary", "generate_summary") and value is not None:
            conversation.extra[f"reasoning.{name}"] = value


def _unless(default: Any, value: Any) -> Any:
    return None if value == default else value
