"""A Chat request in neutral words.

In: a parsed, redacted request. Out: a Conversation for the writer of another dialect, or InvalidRequest with
the field in `param` where the body is not of this dialect. Messages are read next door, in `read_messages`.

What has no neutral word goes into `extra`: unknown fields under their own names, tools of a provider under
their type. A field that says the default is not said (`n` 1, penalties of 0, `logprobs` false, text as the
response format, an empty object). Legacy functions are read as tools; the answer calls them as tools.

Hints that are left out: `store`, `stream_options`, `prediction` (it only makes an answer faster),
`prompt_cache_retention`, `prompt_cache_options`, `safety_identifier` beside a `user`, the verbosity `medium`.

Source: openai-python types (`completion_create_params.py`). Beyond them: OpenRouter's `reasoning`,
Anthropic's `thinking` as its compatible API takes it, `top_k`, and `cache_control`.
"""

from __future__ import annotations

from typing import Any

from gateway.conversation import ChatRequest, Conversation, OutputFormat, Tool, ToolChoice
from gateway.dialects.openai_chat.read_messages import read_messages
from gateway.dialects.openai_chat.walk import NAME
from gateway.dialects.reading import said
from gateway.errors import InvalidRequest

_KNOWN = frozenset(
    "model messages stream stream_options max_tokens max_completion_tokens temperature top_p top_k stop seed "
    "n presence_penalty frequency_penalty logprobs top_logprobs response_format reasoning_effort reasoning "
    "thinking tools functions tool_choice function_call parallel_tool_calls service_tier user "
    "safety_identifier metadata prompt_cache_key store prediction prompt_cache_retention "
    "prompt_cache_options".split()
)
_DEFAULTS: dict[str, Any] = {"verbosity": "medium", "modalities": ["text"], "audio": None}
# What a function takes that says nothing of it.
_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


def read(request: ChatRequest) -> Conversation:
    body = request.body
    conversation = Conversation(
        model=request.model,
        messages=read_messages(body),
        dialect=NAME,
        stream=request.stream,
        parallel_tool_calls=said(body, "parallel_tool_calls", bool),
        extra=unknown(body, _KNOWN, _DEFAULTS),
    )
    read_settings(body, conversation)
    if conversation.max_output_tokens is None:
        conversation.max_output_tokens = said(body, "max_completion_tokens", int)
    conversation.logprobs = said(body, "logprobs", bool) or None
    conversation.top_logprobs = said(body, "top_logprobs", int) or None
    conversation.service_tier = said(body, "service_tier", str)
    if conversation.service_tier == "auto":
        conversation.service_tier = None
    conversation.user = said(body, "user", str) or said(body, "safety_identifier", str)
    conversation.metadata = said(body, "metadata", dict[str, Any]) or None
    conversation.cache_key = said(body, "prompt_cache_key", str)
    conversation.output = _output(said(body, "response_format", dict[str, Any]))
    _read_reasoning(body, conversation)
    _read_tools(body, conversation)
    return conversation


def read_settings(body: dict[str, Any], conversation: Conversation) -> None:
    """The settings that legacy completions have too."""
    conversation.max_output_tokens = said(body, "max_tokens", int)
    conversation.temperature = said(body, "temperature", float)
    conversation.top_p = said(body, "top_p", float)
    conversation.top_k = said(body, "top_k", int)
    stop = said(body, "stop", str | list[str])
    conversation.stop = [stop] if isinstance(stop, str) else stop or []
    conversation.seed = said(body, "seed", int)
    if (n := said(body, "n", int)) != 1:
        conversation.n = n
    conversation.presence_penalty = said(body, "presence_penalty", float) or None
    conversation.frequency_penalty = said(body, "frequency_penalty", float) or None


def unknown(body: dict[str, Any], known: frozenset[str], defaults: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in body.items()
        if name not in known and value not in (None, {}, []) and value != defaults.get(name)
    }


def _output(format: dict[str, Any] | None) -> OutputFormat | None:
    match (format or {}).get("type"):
        case None | "text":
            return None
        case "json_object":
            return OutputFormat("json_object")
        case "json_schema":
            at = "response_format."
            schema = said(format or {}, "json_schema", dict[str, Any], at) or {}
            at += "json_schema."
            return OutputFormat(
                "json_schema",
                said(schema, "name", str, at) or "",
                said(schema, "schema", dict[str, Any], at),
                said(schema, "strict", bool, at),
                said(schema, "description", str, at) or "",
            )
        case _:
            raise InvalidRequest("response_format.type is not known", param="response_format.type")


def _read_reasoning(body: dict[str, Any], conversation: Conversation) -> None:
    conversation.effort = said(body, "reasoning_effort", str)
    reasoning = said(body, "reasoning", dict[str, Any]) or {}
    if (effort := said(reasoning, "effort", str, "reasoning.")) is not None:
        conversation.effort = effort
    if (budget := said(reasoning, "max_tokens", int, "reasoning.")) is not None:
        conversation.thinking_budget = budget
    if reasoning.get("enabled") is True and conversation.effort is None and budget is None:
        conversation.effort = "medium"
    elif reasoning.get("enabled") is False:
        conversation.effort = "none"
    thinking = said(body, "thinking", dict[str, Any]) or {}
    if not thinking.keys() <= {"type", "budget_tokens"}:
        conversation.extra["thinking"] = thinking
    elif thinking.get("type") == "disabled":
        conversation.effort = "none"
    elif (budget := said(thinking, "budget_tokens", int, "thinking.")) is not None:
        conversation.thinking_budget = budget
    elif thinking:
        conversation.effort = conversation.effort or "medium"


def _read_tools(body: dict[str, Any], conversation: Conversation) -> None:
    for index, raw in enumerate(said(body, "tools", list[dict[str, Any]]) or ()):
        kind = raw.get("type") or "function"
        if kind not in ("function", "custom"):
            conversation.extra[str(kind)] = raw
            continue
        at = f"tools[{index}].{kind}"
        tool = said(raw, kind, dict[str, Any], f"tools[{index}].")
        conversation.tools.append(_tool(tool or {}, at, kind == "custom", raw.get("cache_control")))
    for index, raw in enumerate(said(body, "functions", list[dict[str, Any]]) or ()):
        conversation.tools.append(_tool(raw, f"functions[{index}]", False, None))
    choice = said(body, "tool_choice", str | dict[str, Any])
    if choice is None:
        choice = said(body, "function_call", str | dict[str, Any])
        if isinstance(choice, dict):
            choice = {"type": "function", "function": choice}
    if choice is not None:
        conversation.tool_choice = _choice(choice)


def _tool(raw: dict[str, Any], at: str, custom: bool, cache: Any) -> Tool:
    tool = Tool(
        said(raw, "name", str, f"{at}.") or "",
        said(raw, "description", str, f"{at}.") or "",
        cache=cache if isinstance(cache, dict) else None,
    )
    if not tool.name:
        raise InvalidRequest(f"{at}.name must be a string", param=f"{at}.name")
    if custom:
        tool.custom = said(raw, "format", dict[str, Any], f"{at}.") or {"type": "text"}
    else:
        tool.schema = said(raw, "parameters", dict[str, Any], f"{at}.") or _NO_ARGUMENTS
        tool.strict = said(raw, "strict", bool, f"{at}.")
    return tool


def _choice(choice: str | dict[str, Any]) -> ToolChoice:
    match choice:
        case "auto":
            return ToolChoice("auto")
        case "none":
            return ToolChoice("none")
        case "required" | "any":  # `any` is Mistral's
            return ToolChoice("required")
        case {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice("named", [name])
        case {"type": "custom", "custom": {"name": str(name)}}:
            return ToolChoice("named", [name])
        case {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [*tools]}}:
            named = [tool.get(str(tool.get("type"))) for tool in tools if isinstance(tool, dict)]
            names = [each["name"] for each in named if isinstance(each, dict) and "name" in each]
            all_named = len(names) == len(tools) and all(isinstance(name, str) for name in names)
            if all_named and mode in ("auto", "required"):
                return ToolChoice("required" if mode == "required" else "auto", names)
        case _:
            pass
    raise InvalidRequest("tool_choice is not known", param="tool_choice")
