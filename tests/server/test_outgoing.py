"""Preparing a request for one candidate leaves it as it was for the next, whatever dialects they speak."""

from __future__ import annotations

import copy
from itertools import permutations
from typing import Any

import pytest

from gateway.access.keys import Caller
from gateway.config import Provider, Secret
from gateway.conversation import ChatRequest
from gateway.dialects.dialect import Dialect
from gateway.dialects.registry import DIALECTS
from gateway.server.outgoing import prepare
from gateway.server.routing import Candidate
from gateway.wire.jsontext import encode

KINDS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
    "bedrock": "https://bedrock-runtime.us-east-1.amazonaws.com",
    "vllm": "http://localhost:8000/v1",
}
TOOL = {"name": "look_up", "description": "Looks up.", "parameters": {"type": "object", "properties": {}}}
CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Who is [EMAIL_1]?"}]},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "[PERSON_1]"},
    ],
    "tools": [{"type": "function", "function": TOOL}],
    "max_tokens": 100,
    "temperature": 0.5,
}
MESSAGES = {
    "model": "m",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "Who is [EMAIL_1]?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look_up", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "[PERSON_1]"}]},
    ],
    "metadata": {"user_id": "u1"},
}
RESPONSES = {
    "model": "m",
    "instructions": "Be brief.",
    "input": "Who is [EMAIL_1]?",
    "max_output_tokens": 100,
}
GEMINI = {
    "contents": [{"role": "user", "parts": [{"text": "Who is [EMAIL_1]?"}]}],
    "generationConfig": {"maxOutputTokens": 100},
}
CLIENTS: dict[str, dict[str, Any]] = {
    "openai_chat": CHAT,
    "anthropic": MESSAGES,
    "openai_responses": RESPONSES,
    "gemini": GEMINI,
}


def candidate(kind: str) -> Candidate:
    provider = Provider(kind, KINDS[kind], kind=kind, api_key=Secret("k"), region="us-east-1")
    return Candidate(kind, provider, "claude-sonnet-4-5")


def body_for(chat: ChatRequest, client: Dialect, kind: str) -> bytes:
    return prepare(chat, client, Caller(), {}, "", candidate(kind)).body


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_order_of_candidates_changes_no_body(name: str, stream: bool) -> None:
    client = DIALECTS[name]
    body = CLIENTS[name] if name == "gemini" else {**CLIENTS[name], "stream": stream}
    chat = client.parse_request(encode(body), "m" if name == "gemini" else None, stream)
    before = copy.deepcopy(chat)
    alone = {kind: body_for(copy.deepcopy(chat), client, kind) for kind in KINDS}
    for order in permutations(KINDS, 2):
        for kind in order:
            assert body_for(chat, client, kind) == alone[kind]
    assert chat == before
    assert all(b"[EMAIL_1]" in each for each in alone.values())
