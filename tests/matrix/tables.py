"""The tables of docs/dialects.md, made by asking the code: `python -m tests.matrix.tables` writes them anew.

What a request says is written for each provider's dialect, and what its body gained is the field. What an
answer says is encoded for each client's dialect, and where a marker came out is the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from gateway.chat import (
    Annotation,
    End,
    Event,
    Extra,
    Finish,
    Lane,
    LaneEnd,
    Logprobs,
    Opening,
    Sealed,
    Text,
    ToolCall,
    Usage,
)
from gateway.conversation import Conversation, Message, OutputFormat, TextPart, Tool, ToolChoice
from gateway.dialects.dialect import Head, Target
from gateway.dialects.registry import DIALECTS
from gateway.errors import InvalidRequest
from tests.conftest import ROOT
from tests.matrix.clients import CLIENTS

PAGE = ROOT / "docs" / "dialects.md"
PROVIDERS = {
    "openai_chat": ("openai", "gpt-5"),
    "openai_responses": ("openai", "gpt-5"),
    "anthropic": ("anthropic", "claude-sonnet-4-5"),
    "gemini": ("gemini", "gemini-3-pro"),
    "bedrock": ("bedrock", "anthropic.claude-sonnet-4-5-v1:0"),
}
MARK = "here"
TOOLS = [Tool("mail", "Sends mail", {"type": "object", "properties": {}})]
FREE = Tool("sql", custom={"type": "text"})
SCHEMA = OutputFormat("json_schema", "answer", {"type": "object", "properties": {}})
SAID: dict[str, dict[str, Any]] = {
    "system message": {"messages": [Message("system", [TextPart("Be brief")])]},
    "tools": {"tools": TOOLS},
    "tools of free text": {"tools": [FREE]},
    "tool_choice none": {"tools": TOOLS, "tool_choice": ToolChoice("none")},
    "tool_choice required": {"tools": TOOLS, "tool_choice": ToolChoice("required")},
    "tool_choice of one tool": {"tools": TOOLS, "tool_choice": ToolChoice("named", ["mail"])},
    "parallel_tool_calls off": {"tools": TOOLS, "parallel_tool_calls": False},
    "max_output_tokens": {"max_output_tokens": 77},
    "temperature": {"temperature": 0.5},
    "top_p": {"top_p": 0.5},
    "top_k": {"top_k": 7},
    "stop": {"stop": ["END"]},
    "seed": {"seed": 7},
    "n": {"n": 2},
    "presence_penalty": {"presence_penalty": 0.5},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "logprobs": {"logprobs": True},
    "JSON": {"output": OutputFormat("json_object")},
    "JSON by a schema": {"output": SCHEMA},
    "effort": {"effort": "low"},
    "thinking_budget": {"thinking_budget": 2048},
    "service_tier": {"service_tier": "flex"},
    "user": {"user": "u1"},
    "metadata": {"metadata": {"team": "a"}},
    "cache_key": {"cache_key": "k1"},
    "what only another dialect knows": {"extra": {"some_field": 1}},
}
CONTENT, REASONING, THINKING = Lane(0, "content"), Lane(0, "reasoning"), Lane(0, "thinking")
CALL = ToolCall(0, 0, "call_1", "mail")
HEARD: dict[str, list[Event]] = {
    "text": [Text(CONTENT, MARK)],
    "refusal": [Text(Lane(0, "refusal"), MARK)],
    "transcript of audio": [Text(Lane(0, "transcript"), MARK)],
    "reasoning": [Text(REASONING, MARK)],
    "signed reasoning": [Text(THINKING, MARK), Sealed(THINKING, "signature", "c2ln")],
    "its signature": [Text(THINKING, "so"), Sealed(THINKING, "signature", MARK)],
    "redacted reasoning": [Sealed(THINKING, "redacted", MARK)],
    "encrypted reasoning": [Sealed(REASONING, "encrypted", MARK, "rs_1")],
    "tool call": [replace(CALL, name=MARK), LaneEnd(Lane(0, "arguments"))],
    "its arguments": [CALL, Text(Lane(0, "arguments"), f'{{"to":"{MARK}"}}')],
    "its signature of Gemini": [replace(CALL, signature=MARK)],
    "tool call of free text": [replace(CALL, custom=True), Text(Lane(0, "input"), MARK)],
    "annotation": [Text(CONTENT, "so"), Annotation(CONTENT, f"https://{MARK}.example", "T", start=0, end=2)],
    "logprobs": [Text(CONTENT, "so"), Logprobs(CONTENT, [{"token": MARK, "logprob": -1.0, "bytes": None}])],
    "item of another dialect": [Text(CONTENT, "so"), Extra(0, "other", {"type": MARK})],
    "second choice": [Text(CONTENT, "so"), Text(Lane(1, "content"), MARK), Finish(1, "stop")],
    "met stop sequence": [Text(CONTENT, "so"), Finish(0, "stop", "stop_sequence", MARK)],
    "cached tokens": [Text(CONTENT, "so"), Usage(90, 8, cached=77)],
    "reasoning tokens": [Text(CONTENT, "so"), Usage(90, 80, reasoning=77)],
}


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that holds no others, with its dotted place; lists have no indexes."""
    if isinstance(value, dict) and value:
        for name, it in value.items():
            yield from leaves(it, f"{at}.{name}" if at else name)
    elif isinstance(value, list) and value:
        for it in value:
            yield from leaves(it, at)
    else:
        yield at, value


def said(name: str, dialect: str) -> str:
    """Where a provider's dialect says it: the outermost fields that the body gained by it."""
    provider, model = PROVIDERS[dialect]
    target = Target(model, stream=False, provider=provider)
    fields = SAID[name]
    base = Conversation(model, [Message("user", [TextPart("hi")])], "another")
    if "tools" in fields and len(fields) > 1:
        base = replace(base, tools=fields["tools"])
    asked = replace(base, **{**fields, "messages": [*fields.get("messages", ()), *base.messages]})
    try:
        with_it = json.loads(DIALECTS[dialect].write(asked, target))
    except InvalidRequest as refused:
        return f"refused: `{refused.param}`"
    without = json.loads(DIALECTS[dialect].write(base, target))
    known = list(leaves(without))
    gained = [at for at, value in leaves(with_it) if (at, value) not in known]
    places = sorted({".".join(at.split(".")[:2]) for at in gained})
    if lost := [] if places else sorted(without.keys() - with_it.keys()):
        return ", ".join(f"no `{place}`" for place in lost)
    return ", ".join(f"`{place}`" for place in places) or "left out"


def heard(name: str, client: str) -> str:
    """Where a client's dialect says it."""
    encoder = DIALECTS[client].encoder(Head("id", "m", 1))
    events = [Opening("id", "m", 1), *HEARD[name]]
    if not any(isinstance(it, Finish) and it.choice == 0 for it in events):
        events.append(Finish(0, "stop"))
    raw = b"".join([*map(encoder.encode, [*events, End()]), encoder.end()])
    places: dict[str, None] = {}
    for line in raw.splitlines():
        if line.startswith(b"data: {"):
            for at, value in leaves(json.loads(line[6:])):
                # Responses repeats in whole what its deltas said.
                is_it = (
                    value == 77 if name.endswith("tokens") else isinstance(value, str) and _is_marked(value)
                )
                if is_it:
                    places.setdefault(at, None)
    first = next(iter(places), "")
    return f"`{first}`" if first else "left out"


def _is_marked(value: str) -> bool:
    return MARK in value or _SEALED.search(value) is not None


# In base64, at each of the three places where it can begin.
_SEALED = re.compile("aGVyZ|hlcm|oZXJl")


def table(title: str, rows: Iterable[str], columns: Iterable[str], cell: Any) -> str:
    columns = list(columns)
    lines = [f"| {title} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {row} | " + " | ".join(cell(row, column) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def tables() -> dict[str, str]:
    return {
        "requests": table("A request says", SAID, PROVIDERS, said),
        "answers": table("A provider says", HEARD, CLIENTS, heard),
    }


def written(page: str) -> str:
    """The page with its tables as they are now."""
    for name, rows in tables().items():
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(\n<!-- end -->)",
            lambda found, rows=rows: found[1] + rows + found[2],  # type: ignore[misc]
            page,
            flags=re.DOTALL,
        )
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
