"""Reasoning that was signed comes back as it was, or the next turn is refused, as the providers do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulator.dialects import BY_NAME, Dialect, Json

MODEL = "sim:thinking"
HIDDEN = "sim:thinking?hidden=1"


def chained(dialect: Dialect, model: str) -> tuple[Json, Json]:
    """A first turn's request, and its answer, which is a call."""
    request = dialect.ask(model, **dialect.tools(["mail"]))
    return request, dialect.whole(model, request)


def messages_turn(model: str) -> tuple[Dialect, Json, list[Json]]:
    dialect = BY_NAME["messages"]
    request, answer = chained(dialect, model)
    content = answer["content"]
    result = {"type": "tool_result", "tool_use_id": content[-1]["id"], "content": "sent"}
    request["messages"] += [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
    return dialect, request, content


def converse_turn(model: str) -> tuple[Dialect, Json, list[Json]]:
    dialect = BY_NAME["converse"]
    request, answer = chained(dialect, model)
    content = answer["output"]["message"]["content"]
    result = {"toolUseId": content[-1]["toolUse"]["toolUseId"], "content": [{"text": "sent"}]}
    request["messages"] += [
        {"role": "assistant", "content": content},
        {"role": "user", "content": [{"toolResult": result}]},
    ]
    return dialect, request, content


def responses_turn(model: str) -> tuple[Dialect, Json, list[Json]]:
    dialect = BY_NAME["responses"]
    request, answer = chained(dialect, model)
    output = {"type": "function_call_output", "call_id": answer["output"][-1]["call_id"], "output": "sent"}
    items: list[Json] = answer["output"]
    request["input"] = [{"role": "user", "content": "Go"}, *items, output]
    return dialect, request, items


def gemini_turn(model: str) -> tuple[Dialect, Json, list[Json]]:
    dialect = BY_NAME["gemini"]
    request, answer = chained(dialect, model)
    parts = answer["candidates"][0]["content"]["parts"]
    response = {"functionResponse": {"name": "mail", "response": {"result": "sent"}}}
    request["contents"] += [{"role": "model", "parts": parts}, {"role": "user", "parts": [response]}]
    return dialect, request, parts


TURNS: list[Callable[[str], tuple[Dialect, Json, list[Json]]]] = [
    messages_turn,
    converse_turn,
    responses_turn,
    gemini_turn,
]


@pytest.mark.parametrize("model", [MODEL, HIDDEN])
@pytest.mark.parametrize("turn", TURNS)
def test_it_is_taken_as_it_was(turn: Callable[[str], Any], model: str) -> None:
    dialect, request, _ = turn(model)
    reply = dialect.respond(model, request)
    assert reply.status == 200, reply.writes


def changed_signature(block: Json) -> None:
    """Put one character for another, wherever the block is signed."""
    for name, value in block.items():
        if name in ("signature", "thoughtSignature", "encrypted_content", "data", "redactedContent"):
            block[name] = value[:40] + ("A" if value[40] != "A" else "B") + value[41:]
        elif isinstance(value, dict):
            changed_signature(value)


@pytest.mark.parametrize("model", [MODEL, HIDDEN])
@pytest.mark.parametrize("turn", TURNS)
def test_a_changed_signature_is_refused(turn: Callable[[str], Any], model: str) -> None:
    dialect, request, blocks = turn(model)
    changed_signature(blocks[-1] if dialect.name == "gemini" else blocks[0])
    assert dialect.respond(model, request).status == 400


def test_a_changed_text_is_refused() -> None:
    dialect, request, blocks = messages_turn(MODEL)
    blocks[0]["thinking"] = blocks[0]["thinking"].replace("bob", "ada")
    body = json.loads(dialect.respond(MODEL, request).writes[0])
    assert body["error"]["message"].startswith(
        "messages.1.content.0: `thinking` or `redacted_thinking` blocks in"
    )
    dialect, request, blocks = converse_turn(MODEL)
    blocks[0]["reasoningContent"]["reasoningText"]["text"] = "something else"
    assert dialect.respond(MODEL, request).status == 400
    dialect, request, blocks = responses_turn(MODEL)
    blocks[0]["summary"][0]["text"] = "something else"
    assert dialect.respond(MODEL, request).status == 400


@pytest.mark.parametrize("turn", TURNS)
def test_left_out_it_is_missed(turn: Callable[[str], Any]) -> None:
    dialect, request, blocks = turn(MODEL)
    if dialect.name == "gemini":
        del blocks[-1]["thoughtSignature"]
    else:
        del blocks[0]
        if dialect.name == "responses":
            request["input"] = [it for it in request["input"] if it.get("type") != "reasoning"]
    assert dialect.respond(MODEL, request).status == 400


def test_gemini_takes_the_sign_for_a_foreign_history() -> None:
    dialect, request, parts = gemini_turn(MODEL)
    parts[-1]["thoughtSignature"] = "skip_thought_signature_validator"
    assert dialect.respond(MODEL, request).status == 200
