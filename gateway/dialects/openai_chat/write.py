"""A conversation as a Chat request, for whichever provider calls itself compatible.

In: a request in neutral words. Out: the body, or InvalidRequest with the field that cannot be said. Messages
are written next door, in `write_messages`. What one provider takes and another refuses stands here as sets of
their names; of a provider that none of them names, only what all take is expected.

Said otherwise: a budget to think with is an effort, except at OpenRouter. A choice among some of the tools,
where only OpenAI can say it, leaves the others out. Anthropic's `standard_only` comes as the tier `default`.

Hints that are left out where a provider has no field: `user`, `metadata`, `cache_key`, cache marks, the
service tier `default`, `parallel_tool_calls` without tools, the schema's name (one is made up).

Source: openai-python types (`completion_create_params.py`), openrouter.ai/docs (reasoning, parameters),
docs.mistral.ai (API), recorded requests and refusals of the compatible providers.
"""

from __future__ import annotations

from typing import Any

from gateway.conversation import Conversation, OutputFormat, Tool
from gateway.dialects.dialect import Target
from gateway.dialects.openai_chat.walk import NAME
from gateway.dialects.openai_chat.write_messages import write_messages
from gateway.dialects.unsaid import refuse, refuse_said
from gateway.wire.jsontext import encode

_DIALECT = "OpenAI Chat"
_FAMILY = (NAME, "openai_completions")
_OPENAI = ("openai", "azure")
# Have a field for it; others pass by what they do not know, or refuse the request for it.
_TAKES_TOP_K = (
    "openrouter together fireworks deepinfra novita nvidia alibaba vllm ollama lmstudio generic huggingface "
    "perplexity sambanova crusoe"
).split()
_TAKES_TIER = (*_OPENAI, "groq", "openrouter")
_TAKES_USER = (*_OPENAI, "openrouter", "groq", "together", "fireworks", "xai", "cerebras", "deepinfra")
_TAKES_METADATA = (*_OPENAI, "mistral", "openrouter")
_TAKES_CACHE_KEY = (*_OPENAI, "mistral", "openrouter", "xai")
# The least budget that is still this effort (LiteLLM's table).
_EFFORTS = ((10_000, "high"), (5_000, "medium"), (2_000, "low"), (1, "minimal"), (0, "none"))


def write(conversation: Conversation, target: Target) -> bytes:
    """Raises InvalidRequest."""
    provider = target.provider
    body: dict[str, Any] = {
        "model": target.model,
        "messages": write_messages(conversation.messages, provider),
    }
    if target.stream:
        body["stream"] = True
        if target.ask_usage:
            body["stream_options"] = {"include_usage": True}
    _write_extra(conversation, body)
    _write_settings(conversation, provider, body)
    _write_reasoning(conversation, provider, body)
    _write_tools(conversation, provider, body)
    if conversation.output is not None:
        body["response_format"] = _format(conversation.output)
    if (tier := conversation.service_tier) is not None:
        if provider in _TAKES_TIER:
            body["service_tier"] = tier
        elif tier not in ("default", "auto", "standard"):
            refuse("service_tier", _DIALECT, f"{provider or 'the provider'} has no tiers")
    hints = (
        ("user", conversation.user, _TAKES_USER),
        ("metadata", conversation.metadata, _TAKES_METADATA),
        ("prompt_cache_key", conversation.cache_key, _TAKES_CACHE_KEY),
    )
    body |= {name: value for name, value, takers in hints if value and provider in takers}
    return encode(body)


def _write_extra(conversation: Conversation, body: dict[str, Any]) -> None:
    """What has no neutral word, if it is Chat's."""
    if conversation.dialect not in _FAMILY:
        verbosity = conversation.extra.get("verbosity")
        if isinstance(verbosity, str):
            body["verbosity"] = verbosity
        rest = {name: value for name, value in conversation.extra.items() if name not in body}
        refuse_said(Conversation("", [], "", extra=rest), _DIALECT)
        return
    for name, value in conversation.extra.items():
        if isinstance(value, dict) and value.get("type") == name:  # a provider's own tool
            body.setdefault("tools", []).append(value)
        else:
            body[name] = value


def _write_settings(conversation: Conversation, provider: str, body: dict[str, Any]) -> None:
    if conversation.max_output_tokens is not None:
        # Reasoning models of OpenAI refuse the old name, others do not know the new one.
        name = "max_completion_tokens" if provider in _OPENAI else "max_tokens"
        body[name] = conversation.max_output_tokens
    if conversation.top_k is not None:
        if provider and provider not in _TAKES_TOP_K:
            refuse("top_k", _DIALECT, f"{provider} does not take it")
        body["top_k"] = conversation.top_k
    said = {
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "stop": conversation.stop or None,
        "random_seed" if provider == "mistral" else "seed": conversation.seed,
        "n": conversation.n,
        "presence_penalty": conversation.presence_penalty,
        "frequency_penalty": conversation.frequency_penalty,
        "logprobs": conversation.logprobs or (True if conversation.top_logprobs else None),
        "top_logprobs": conversation.top_logprobs or None,
    }
    body |= {name: value for name, value in said.items() if value is not None}


def _write_reasoning(conversation: Conversation, provider: str, body: dict[str, Any]) -> None:
    effort, budget = conversation.effort, conversation.thinking_budget
    if provider == "openrouter" and (effort is not None or budget is not None):
        if budget is not None and budget > 0:
            body["reasoning"] = {"max_tokens": budget}
        elif effort is not None or budget == 0:
            body["reasoning"] = {"effort": effort or "none"}
        return
    if effort is None and budget is not None and budget >= 0:  # below 0, the model decides
        effort = next(word for least, word in _EFFORTS if budget >= least)
    if effort is not None:
        body["reasoning_effort"] = effort


def _write_tools(conversation: Conversation, provider: str, body: dict[str, Any]) -> None:
    tools, choice = conversation.tools, conversation.tool_choice
    names = choice.names if choice is not None and choice.mode in ("auto", "required") else []
    if names and provider not in _OPENAI:
        tools = [tool for tool in tools if tool.name in names]
    if tools:
        written = [_tool(tool, provider) for tool in tools]
        body["tools"] = [*written, *body.get("tools", ())]
    if conversation.parallel_tool_calls is not None and "tools" in body:
        body["parallel_tool_calls"] = conversation.parallel_tool_calls
    if choice is None or "tools" not in body:
        return  # a choice without tools is refused by most
    custom = {tool.name for tool in conversation.tools if tool.custom is not None}
    if choice.mode == "named":
        if len(choice.names) != 1:
            refuse("tool_choice", _DIALECT, "it must name one tool")
        body["tool_choice"] = _named(choice.names[0], custom)
    elif names and provider in _OPENAI:
        allowed = {"mode": choice.mode, "tools": [_named(name, custom) for name in names]}
        body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": allowed}
    else:
        body["tool_choice"] = choice.mode


def _named(name: str, custom: set[str]) -> dict[str, Any]:
    kind = "custom" if name in custom else "function"
    return {"type": kind, kind: {"name": name}}


def _tool(tool: Tool, provider: str) -> dict[str, Any]:
    said: dict[str, Any] = {"name": tool.name}
    if tool.description:
        said["description"] = tool.description
    if tool.custom is not None:
        return {"type": "custom", "custom": {**said, "format": tool.custom}}
    said["parameters"] = tool.schema or {"type": "object", "properties": {}}
    if tool.strict is not None:
        said["strict"] = tool.strict
    written = {"type": "function", "function": said}
    return {**written, "cache_control": tool.cache} if tool.cache and provider == "openrouter" else written


def _format(output: OutputFormat) -> dict[str, Any]:
    if output.type == "json_object":
        return {"type": "json_object"}
    said: dict[str, Any] = {"name": output.name or "answer"}
    if output.description:
        said["description"] = output.description
    if output.schema is not None:
        said["schema"] = output.schema
    if output.strict is not None:
        said["strict"] = output.strict
    return {"type": "json_schema", "json_schema": said}
