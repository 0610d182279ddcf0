"""What the live matrix asks, in each client's own words, with personal data wherever text can stand."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct

Fields = dict[str, Any]
PLACES = ("system", "user", "said", "argument", "result", "later", "description", "hint")
PLANTED = {place: f"{place}.lovelace@analytical-engines.org" for place in PLACES}
CARD = "4111 1111 1111 1111"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string", "description": f"not {PLANTED['hint']}"}},
    "required": ["to"],
    "additionalProperties": False,
}
SYSTEM = f"You work for {PLANTED['system']}."
USER = f"Write to {PLANTED['user']} about card {CARD}."
DESCRIPTION = f"Sends mail from {PLANTED['description']}."
ARGUMENTS = {"to": PLANTED["argument"]}
RESULT = f"sent to {PLANTED['result']}"


class Case(Struct, frozen=True):
    """`model` is the simulator's script; the rest is what the request has beside a system message."""

    model: str
    tools: bool = False
    history: bool = False
    image: bool = False
    schema: bool = False
    effort: bool = False
    stop: bool = False
    limit: int = 2000
    n: int = 1


def chat(case: Case) -> Fields:
    messages: list[Fields] = [{"role": "system", "content": SYSTEM}]
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    content: Any = [{"type": "text", "text": USER}, image] if case.image else USER
    messages.append({"role": "user", "content": content})
    if case.history:
        call = {"id": "call_1", "type": "function"}
        call["function"] = {"name": "mail", "arguments": json.dumps(ARGUMENTS)}  # type: ignore[assignment]
        messages += [
            {"role": "assistant", "content": f"As {PLANTED['said']} said", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": RESULT},
            {"role": "user", "content": f"And {PLANTED['later']}?"},
        ]
    fields: Fields = {"messages": messages, "max_completion_tokens": case.limit}
    if case.tools or case.history:
        function = {"name": "mail", "description": DESCRIPTION, "parameters": SCHEMA}
        fields["tools"] = [{"type": "function", "function": function}]
    if case.schema:
        json_schema = {"name": "mail", "schema": SCHEMA, "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": json_schema}
    if case.effort:
        fields["reasoning_effort"] = "low"
    if case.stop:
        fields["stop"] = ["END"]
    if case.n > 1:
        fields["n"] = case.n
    return fields


def responses(case: Case) -> Fields:
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    content: Any = [{"type": "input_text", "text": USER}, image] if case.image else USER
    items: list[Fields] = [{"role": "user", "content": content}]
    if case.history:
        call = {"type": "function_call", "call_id": "call_1", "name": "mail"}
        items += [
            {"role": "assistant", "content": f"As {PLANTED['said']} said"},
            {**call, "arguments": json.dumps(ARGUMENTS)},
            {"type": "function_call_output", "call_id": "call_1", "output": RESULT},
            {"role": "user", "content": f"And {PLANTED['later']}?"},
        ]
    fields: Fields = {"input": items, "instructions": SYSTEM, "max_output_tokens": case.limit}
    if case.tools or case.history:
        tool = {"type": "function", "name": "mail", "description": DESCRIPTION, "parameters": SCHEMA}
        fields["tools"] = [{**tool, "strict": True}]
    if case.schema:
        text = {"type": "json_schema", "name": "mail", "schema": SCHEMA, "strict": True}
        fields["text"] = {"format": text}
    if case.effort:
        fields["reasoning"] = {"effort": "low"}
    return fields


def messages(case: Case) -> Fields:
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content: Any = [{"type": "text", "text": USER}, {"type": "image", "source": source}]
    turns: list[Fields] = [{"role": "user", "content": content if case.image else USER}]
    if case.history:
        call = {"type": "tool_use", "id": "call_1", "name": "mail", "input": ARGUMENTS}
        result = {"type": "tool_result", "tool_use_id": "call_1", "content": RESULT}
        said, later = f"As {PLANTED['said']} said", f"And {PLANTED['later']}?"
        turns += [
            {"role": "assistant", "content": [{"type": "text", "text": said}, call]},
            {"role": "user", "content": [result, {"type": "text", "text": later}]},
        ]
    fields: Fields = {"messages": turns, "system": SYSTEM, "max_tokens": case.limit}
    if case.tools or case.history:
        fields["tools"] = [{"name": "mail", "description": DESCRIPTION, "input_schema": SCHEMA}]
    if case.schema:
        fields["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    if case.effort:
        fields["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    if case.stop:
        fields["stop_sequences"] = ["END"]
    return fields


def gemini(case: Case) -> Fields:
    image = {"inline_data": {"mime_type": "image/png", "data": PNG}}
    turns: list[Fields] = [{"role": "user", "parts": [{"text": USER}, *([image] if case.image else [])]}]
    if case.history:
        call = {"function_call": {"name": "mail", "args": ARGUMENTS}}
        result = {"function_response": {"name": "mail", "response": {"result": RESULT}}}
        turns += [
            {"role": "model", "parts": [{"text": f"As {PLANTED['said']} said"}, call]},
            {"role": "user", "parts": [result, {"text": f"And {PLANTED['later']}?"}]},
        ]
    config: Fields = {"system_instruction": SYSTEM, "max_output_tokens": case.limit}
    if case.tools or case.history:
        tool = {"name": "mail", "description": DESCRIPTION, "parameters_json_schema": SCHEMA}
        config["tools"] = [{"function_declarations": [tool]}]
        config["automatic_function_calling"] = {"disable": True}
    if case.schema:
        config |= {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
    if case.effort:
        config["thinking_config"] = {"include_thoughts": True, "thinking_level": "LOW"}
    if case.stop:
        config["stop_sequences"] = ["END"]
    if case.n > 1:
        config["candidate_count"] = case.n
    return {"contents": turns, "config": config}


ASK: dict[str, Callable[[Case], Fields]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "anthropic": messages,
    "gemini": gemini,
}


def expected(case: Case) -> list[str]:
    """What is planted in texts of the request's messages: what a model that repeats everything says."""
    places = ["system", "user", *(("said", "result", "later") if case.history else ())]
    return [PLANTED[place] for place in places]


# --- the second turn: what the SDK accumulated goes back, with the tool's result ------------------------


def chat_again(fields: Fields, raw: Any, result: str) -> Fields:
    told = [{"role": "tool", "tool_call_id": call["id"], "content": result} for call in raw["tool_calls"]]
    return {"messages": [*fields["messages"], raw, *told]}


def responses_again(fields: Fields, raw: Any, result: str) -> Fields:
    calls = [item["call_id"] for item in raw if item["type"] == "function_call"]
    told = [{"type": "function_call_output", "call_id": id, "output": result} for id in calls]
    return {"input": [*fields["input"], *raw, *told]}


def messages_again(fields: Fields, raw: Any, result: str) -> Fields:
    calls = [block["id"] for block in raw if block["type"] == "tool_use"]
    told = [{"type": "tool_result", "tool_use_id": id, "content": result} for id in calls]
    turns = [{"role": "assistant", "content": raw}, {"role": "user", "content": told}]
    return {"messages": [*fields["messages"], *turns]}


def gemini_again(fields: Fields, raw: Any, result: str) -> Fields:
    calls = [part.function_call for part in raw if part.function_call]
    told = [
        {"function_response": {"id": call.id, "name": call.name, "response": {"result": result}}}
        for call in calls
    ]
    return {
        "contents": [*fields["contents"], {"role": "model", "parts": raw}, {"role": "user", "parts": told}]
    }


AGAIN: dict[str, Callable[[Fields, Any, str], Fields]] = {
    "openai_chat": chat_again,
    "openai_responses": responses_again,
    "anthropic": messages_again,
    "gemini": gemini_again,
}
