"""A conversation as a Messages request.

In: a request of another dialect in neutral words. Out: the body for a provider, or InvalidRequest with the
field that cannot be said. The messages themselves are written next door, in `turns`.

Said otherwise: a temperature above 1 becomes 1, Anthropic's highest. Models from 4.7 on take neither
temperature nor top_p nor top_k, and none takes them while it thinks by a budget: they are left out there. An
effort becomes a budget for models that think by one; where a tool is forced, or an earlier call of the same
turn came without its reasoning, such a model cannot think, and the effort is left out.

Hints that are left out: `cache_key`, `metadata` (but for the user), names of participants, the detail of
images, `parallel_tool_calls` when true, penalties of 0, the name and description of an output schema.

Source: anthropic-sdk-python types (`message_create_params.py`), docs.claude.com (Extended thinking).
"""

from __future__ import annotations

from typing import Any

from gateway.conversation import Conversation, ReasoningPart, Tool, ToolCallPart, ToolResultPart
from gateway.dialects.anthropic.models import Model, model_for
from gateway.dialects.anthropic.turns import is_own, write_turns
from gateway.dialects.dialect import Target
from gateway.errors import InvalidRequest
from gateway.wire.jsontext import encode

# Tokens to think with, by effort (LiteLLM's table up to `high`). The API takes no less than 1,024.
_LEAST_BUDGET = 1_024
_BUDGETS = {
    "minimal": _LEAST_BUDGET,
    "low": _LEAST_BUDGET,
    "medium": 2_048,
    "high": 4_096,
    "xhigh": 8_192,
    "max": 16_384,
}
# The least budget that is still this effort (LiteLLM's table).
_EFFORTS = ((10_000, "high"), (5_000, "medium"), (0, "low"))


def write(conversation: Conversation, target: Target) -> bytes:
    _refuse_unsayable(conversation)
    model = model_for(target.model)
    system, messages = write_turns(conversation.messages)
    body: dict[str, Any] = {
        "model": target.model,
        "max_tokens": conversation.max_output_tokens or model.max_output,
        "messages": messages,
    }
    if system:
        body["system"] = system
    if target.stream:
        body["stream"] = True
    _write_tools(conversation, body)
    _write_thinking(conversation, model, body)
    _write_sampling(conversation, model, body)
    if conversation.stop:
        body["stop_sequences"] = conversation.stop
    if conversation.output is not None:
        if conversation.output.type != "json_schema" or not conversation.output.schema:
            raise _unsayable("response_format", "JSON output without a schema")
        format = {"type": "json_schema", "schema": conversation.output.schema}
        body.setdefault("output_config", {})["format"] = format
    if conversation.user:
        body["metadata"] = {"user_id": conversation.user}
    match conversation.service_tier:
        case None | "auto":
            pass
        case "default" | "standard_only":
            body["service_tier"] = "standard_only"
        case "priority":
            body["service_tier"] = "auto"  # takes what priority there is
        case _:
            raise _unsayable("service_tier", "this service tier")
    return encode(body)


def _refuse_unsayable(conversation: Conversation) -> None:
    said = {
        "n": (conversation.n or 1) > 1,
        "seed": conversation.seed is not None,
        "logprobs": bool(conversation.logprobs) or bool(conversation.top_logprobs),
        "presence_penalty": bool(conversation.presence_penalty),
        "frequency_penalty": bool(conversation.frequency_penalty),
    }
    for name in (*(name for name, is_said in said.items() if is_said), *conversation.extra):
        raise _unsayable(name, name)


def _unsayable(param: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{what} cannot be said in Anthropic Messages", param=param)


def _write_tools(conversation: Conversation, body: dict[str, Any]) -> None:
    tools, choice = conversation.tools, conversation.tool_choice
    if choice is not None and choice.names and choice.mode != "named":
        tools = [tool for tool in tools if tool.name in choice.names]
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
    said: dict[str, Any] = {}
    if choice is not None:
        match choice.mode:
            case "named":
                if len(choice.names) != 1:
                    raise InvalidRequest("tool_choice must name one tool", param="tool_choice")
                said = {"type": "tool", "name": choice.names[0]}
            case "required":
                said = {"type": "any"}
            case "auto" | "none":
                said = {"type": choice.mode}
    if conversation.parallel_tool_calls is False and tools and said.get("type") != "none":
        said = {"type": "auto", **said, "disable_parallel_tool_use": True}
    if said and (tools or said["type"] in ("tool", "any")):
        body["tool_choice"] = said


def _tool(tool: Tool) -> dict[str, Any]:
    if tool.custom is not None:
        raise _unsayable("tools", "a custom tool")
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["input_schema"] = {"type": "object", **(tool.schema or {"properties": {}})}
    if tool.strict:
        written["strict"] = True
    if tool.cache:
        written["cache_control"] = tool.cache
    return written


def _write_thinking(conversation: Conversation, model: Model, body: dict[str, Any]) -> None:
    effort, budget = conversation.effort, conversation.thinking_budget
    if effort is None and budget is None:
        return
    if effort == "none" or budget == 0:
        if model.thinking == "adaptive":
            body["thinking"] = {"type": "disabled"}
    elif model.thinking == "none":
        raise InvalidRequest("the model does not reason", param="reasoning_effort")
    elif model.thinking == "adaptive":
        body["thinking"] = {"type": "adaptive"}
        if effort is None and budget is not None and budget > 0:  # below 0, the model decides
            effort = next(word for least, word in _EFFORTS if budget >= least)
        if effort is not None:
            words = {"minimal": "low"} if model.xhigh else {"minimal": "low", "xhigh": "max"}
            body["output_config"] = {"effort": words.get(effort, effort)}
    else:
        if budget is None or budget < 0:
            budget = _BUDGETS.get(effort or "medium")
            if budget is None:
                raise InvalidRequest("the effort is not known", param="reasoning_effort")
        budget = min(max(budget, _LEAST_BUDGET), body["max_tokens"] - 1)
        forced = body.get("tool_choice", {}).get("type") in ("tool", "any")
        if budget >= _LEAST_BUDGET and not forced and _may_think(conversation):
            body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _may_think(conversation: Conversation) -> bool:
    """Within a turn, calls must come back with the reasoning that led to them."""
    for message in reversed(conversation.messages):
        calls = any(isinstance(part, ToolCallPart) for part in message.parts)
        if message.role == "assistant":
            if calls:
                return any(isinstance(part, ReasoningPart) and is_own(part) for part in message.parts)
            return True
        if message.role == "user" and not any(isinstance(part, ToolResultPart) for part in message.parts):
            return True
    return True


def _write_sampling(conversation: Conversation, model: Model, body: dict[str, Any]) -> None:
    if not model.sampling or body.get("thinking", {}).get("type") == "enabled":
        return
    if conversation.temperature is not None:
        body["temperature"] = min(conversation.temperature, 1.0)
    if conversation.top_p is not None:
        body["top_p"] = conversation.top_p
    if conversation.top_k is not None:
        body["top_k"] = conversation.top_k
