"""A request in neutral words to a Gemini body.

Leading system messages are the system instruction. One that comes later stays where it was said, as text of
the user's turn between `<system>` and `</system>`. Turns of one role that follow each other are one;
responses to calls stand before all else in theirs, in the order of the calls, because calls are found by
name and order where they have no id.

Hints that change nothing in an answer and have no place here are left out: cache hints and keys, the end
user's id, metadata (on Vertex AI they are labels, as far as labels can say them), image detail, `strict` and
the name of an output format, `parallel_tool_calls` true, another provider's reasoning.

Source: google-genai types (`GenerateContentConfig`), ai.google.dev/gemini-api/docs (openai, thinking,
thought-signatures, function-calling), recorded requests.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.conversation import Conversation, Tool
from gateway.dialects.dialect import Target
from gateway.dialects.gemini import words
from gateway.dialects.gemini.turns import write_turns
from gateway.dialects.unsaid import refuse, refuse_said
from gateway.wire.jsontext import encode

TITLE = "Gemini"
_MOST_STOPS = 5
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def write(conversation: Conversation, target: Target) -> bytes:
    """Raises InvalidRequest, with the field in `param`, for what Gemini cannot say."""
    refuse_said(conversation, TITLE)
    system, contents = write_turns(conversation.messages, target.model)
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    body |= _tools(conversation)
    if settings := {**_settings(conversation), **_output(conversation), **_thinking(conversation, target)}:
        body["generationConfig"] = settings
    tier = conversation.service_tier
    if tier not in (None, "auto", "default"):
        if target.provider == "vertex" or tier not in ("flex", "priority"):
            refuse("service_tier", TITLE)
        body["serviceTier"] = tier
    if target.provider == "vertex" and (labels := _labels(conversation)):
        body["labels"] = labels
    return encode(body)


def _settings(conversation: Conversation) -> dict[str, Any]:
    if len(conversation.stop) > _MOST_STOPS:
        refuse("stop", TITLE, f"it takes {_MOST_STOPS} stop sequences at most")
    said = {
        "temperature": conversation.temperature,
        "topP": conversation.top_p,
        "topK": conversation.top_k,
        "maxOutputTokens": conversation.max_output_tokens,
        "stopSequences": conversation.stop or None,
        "candidateCount": None if conversation.n == 1 else conversation.n,
        "seed": conversation.seed,
        "presencePenalty": conversation.presence_penalty or None,
        "frequencyPenalty": conversation.frequency_penalty or None,
        "responseLogprobs": conversation.logprobs or None,
        "logprobs": conversation.top_logprobs or None,
    }
    if conversation.top_logprobs:
        said["responseLogprobs"] = True
    return {name: value for name, value in said.items() if value is not None}


def _output(conversation: Conversation) -> dict[str, Any]:
    output = conversation.output
    if output is None:
        return {}
    format: dict[str, Any] = {"responseMimeType": "application/json"}
    if output.schema is not None:
        format["responseJsonSchema"] = output.schema
    return format


def _thinking(conversation: Conversation, target: Target) -> dict[str, Any]:
    effort, budget = conversation.effort, conversation.thinking_budget
    if effort is None and budget is None:
        return {}
    if effort is not None and effort not in words.BUDGETS:
        refuse("reasoning_effort", TITLE, "the effort is not known")
    off = effort == "none" or budget == 0
    if words.never_thinks(target.model):
        return {} if off else refuse("reasoning_effort", TITLE, "the model does not reason")
    config: dict[str, Any] = {} if off else {"includeThoughts": True}
    if words.thinks_by_budget(target.model) or (budget and effort is None):
        # 2.5 Pro cannot be told not to think: 128 tokens are the least.
        least = 128 if "pro" in target.model else 0
        wanted = budget if budget is not None else words.BUDGETS[effort or "none"]
        config["thinkingBudget"] = 0 if off and not least else max(wanted, least)
    else:
        config["thinkingLevel"] = words.LEVELS.get(
            effort or "none", "LOW" if "pro" in target.model else "MINIMAL"
        )
    return {"thinkingConfig": config}


def _tools(conversation: Conversation) -> dict[str, Any]:
    tools, choice = conversation.tools, conversation.tool_choice
    if choice is not None and choice.mode == "auto" and choice.names:
        tools = [tool for tool in tools if tool.name in choice.names]
    if not tools:
        if choice is not None and choice.mode in ("required", "named"):
            refuse("tool_choice", TITLE, "there is no tool to choose")
        return {}
    if conversation.parallel_tool_calls is False and (choice is None or choice.mode != "none"):
        refuse("parallel_tool_calls", TITLE, "it may call several functions at once")
    body: dict[str, Any] = {"tools": [{"functionDeclarations": [_declaration(tool) for tool in tools]}]}
    if choice is not None and choice.mode != "auto":
        calling: dict[str, Any] = {"mode": "NONE" if choice.mode == "none" else "ANY"}
        if choice.names and choice.mode != "none":
            calling["allowedFunctionNames"] = choice.names
        body["toolConfig"] = {"functionCallingConfig": calling}
    return body


def _declaration(tool: Tool) -> dict[str, Any]:
    if tool.schema is None:
        refuse("tools", TITLE, "a tool that takes free text")
    declared: dict[str, Any] = {"name": tool.name, "description": tool.description}
    if tool.schema:
        declared["parametersJsonSchema"] = tool.schema
    return declared


def _labels(conversation: Conversation) -> dict[str, str]:
    return {
        key: value
        for key, value in (conversation.metadata or {}).items()
        if isinstance(value, str) and _LABEL.fullmatch(key) and _LABEL_VALUE.fullmatch(value)
    }
