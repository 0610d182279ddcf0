"""Every client dialect before every recorded provider: official SDKs read through the gateway what was said.

The reference is what the provider's decoder makes of the recording, which has its own tests; between it and
the SDK stand the running gateway, the translation and the client's wire.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.chat import End
from gateway.config import Provider, Secret
from gateway.dialects.registry import DIALECTS
from gateway.errors import ProviderGarbage
from tests.conftest import SHARED, needs_shared
from tests.dialects import recorded
from tests.matrix.clients import CLIENTS
from tests.matrix.heard import CUT, Choice, Heard, said
from tests.matrix.providers import providers
from tests.matrix.replay import Replay
from tests.server.running import PROVIDER_KEY, Pair, running, serving

pytestmark = [
    needs_shared,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]

DIALECT_OF = {
    "openai-chat": "openai_chat",
    "responses": "openai_responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "converse": "bedrock",
}
# How many recorded streams at least are no errors: a test that reads none would pass.
_MOST = {"openai_chat": 55, "openai_responses": 25, "anthropic": 25, "gemini": 20, "bedrock": 10}


def body_of(folder: Path, dialect: str) -> bytes:
    """The stream as the gateway gets it: it always asks Gemini for server-sent events."""
    body = (folder / "response.body").read_bytes()
    if dialect == "gemini" and body.startswith(b"["):
        return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in json.loads(body))
    return body


def streamed(body: bytes, dialect: str) -> Heard:
    """What the provider said in a stream; failed if it cannot be read."""
    splitter, decoder = DIALECTS[dialect].splitter(16 << 20), DIALECTS[dialect].decoder()
    try:
        frames = [*splitter.feed(body), *splitter.flush()]
        return said(event for frame in frames if frame.data is not None for event in decoder.decode(frame))
    except ProviderGarbage:
        return Heard(failed=True)


def expected(heard: Heard, client: str) -> Heard:
    """What a client's dialect can say of it."""
    choices = heard.choices if client in ("openai_chat", "gemini") else heard.choices[:1]
    told = []
    for choice in choices:
        text, refusal = choice.text, choice.refusal
        if client in ("anthropic", "gemini"):  # a refusal is text there
            text, refusal = text + refusal, ""
        calls = choice.calls
        if client in ("anthropic", "gemini"):  # free text is the one field of an object
            calls = [(name, {"input": it} if isinstance(it, str) and it != CUT else it) for name, it in calls]
        if client == "gemini":  # a call that was cut has no arguments to say
            calls = [call for call in calls if call[1] != CUT]
        finish = choice.finish
        if client == "anthropic" and choice.refusal and finish == "stop":
            finish = "content_filter"  # nothing else tells a refusal from a text
        if client in ("anthropic", "openai_responses") and calls and finish == "stop":
            finish = "tool_calls"  # Gemini's UNEXPECTED_TOOL_CALL, and those who never say `tool_calls`
        told.append(Choice(text, refusal, choice.reasoning, calls, finish))
    return Heard(told, heard.usage, heard.failed)


def cases(dialect: str, *, stream: bool) -> Iterator[tuple[str, bytes]]:
    """(name, body) of what was recorded of a dialect, errors aside."""
    for meta in sorted(SHARED.glob("recorded/*/*/meta.json")):
        facts = json.loads(meta.read_text())
        if DIALECT_OF.get(facts["format"]) == dialect and facts["stream"] == stream:
            body = body_of(meta.parent, dialect)
            if facts["status"] in (200, None) and (stream or not json.loads(body).get("error")):
                yield recorded.name(meta.parent), body


@asynccontextmanager
async def before(replay: Replay, dialect: str, stream: bool) -> AsyncIterator[Pair]:
    """A gateway before the replay as a provider of that dialect."""
    replay.content_type = DIALECTS[dialect].stream_type if stream else "application/json"
    async with serving(replay.respond) as url, running("direct", others=providers(url)) as gateway:
        yield gateway


OTHERS = [(client, dialect) for client in CLIENTS for dialect in DIALECT_OF.values() if client != dialect]


@pytest.mark.parametrize(("client", "dialect"), OTHERS)
async def test_an_sdk_reads_the_stream_that_the_provider_sent(client: str, dialect: str) -> None:
    replay, wrong, read = Replay(), [], 0
    async with before(replay, dialect, stream=True) as gateway:
        sdk = CLIENTS[client](gateway.url)
        for name, replay.body in cases(dialect, stream=True):
            truth = streamed(replay.body, dialect)
            heard = await sdk.ask(dialect, stream=True, model="m")
            wrong += [(name, it) for it in differences(heard, expected(truth, client))]
            read += not heard.failed
        await sdk.close()
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong)
    assert read >= _MOST[dialect]


@pytest.mark.parametrize(("client", "dialect"), OTHERS)
async def test_an_sdk_reads_the_whole_answer_that_the_provider_sent(client: str, dialect: str) -> None:
    replay, wrong = Replay(), []
    async with before(replay, dialect, stream=False) as gateway:
        sdk = CLIENTS[client](gateway.url)
        for name, replay.body in cases(dialect, stream=False):
            truth = said([*DIALECTS[dialect].events_of(json.loads(replay.body)), End()])
            heard = await sdk.ask(dialect, stream=False, model="m")
            wrong += [(name, it) for it in differences(heard, expected(truth, client))]
        await sdk.close()
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong)


PATHS = {
    "openai_chat": "/v1/openai_chat/chat/completions",
    "openai_responses": "/v1/openai_responses/responses",
    "anthropic": "/v1/anthropic/messages",
    "gemini": "/v1/gemini/models/m:streamGenerateContent?alt=sse",
}
ASKED: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "messages": [{"role": "user", "content": "hi"}],
        "stream_options": {"include_usage": True},
    },
    "openai_responses": {"input": "hi"},
    "anthropic": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}


@pytest.mark.parametrize("dialect", CLIENTS)
async def test_the_same_dialect_passes_byte_for_byte(dialect: str) -> None:
    """A stream of which the provider did not see to the end has the bytes that came, then the error.

    Where a lane's end could be the beginning of something, frames of other lanes may have gone first.
    """
    replay, overtaken = Replay(), 0
    asked = json.dumps({**ASKED[dialect], "model": "m", "stream": True}).encode()
    async with before(replay, dialect, stream=True) as gateway:
        for name, replay.body in cases(dialect, stream=True):
            answer = await gateway.post(asked, PATHS[dialect])
            failed = streamed(replay.body, dialect).failed
            if answer.body != replay.body and not failed:
                assert sorted(answer.body.split(b"\n\n")) == sorted(replay.body.split(b"\n\n")), name
                overtaken += 1
            if answer.status == 200 and failed:
                assert b"error" in answer.body, name
    assert overtaken <= 3


async def test_claude_on_bedrock_passes_in_anthropics_framing() -> None:
    """What `invoke` wraps is Anthropic's own event, with Bedrock's metrics in the last."""
    replay = Replay()
    folders = [it for it in recorded.streams("invoke") if b"message_start" in _unwrapped(it)]
    assert folders
    replay.content_type = DIALECTS["anthropic_on_bedrock"].stream_type
    asked = json.dumps({**ASKED["anthropic"], "model": "anthropic.claude-x", "stream": True}).encode()
    async with serving(replay.respond) as url:
        place = Provider("claude", url, kind="bedrock", api_key=Secret(PROVIDER_KEY), region="us-east-1")
        async with running("direct", others=[place]) as gateway:
            for folder in folders:
                replay.body = (folder / "response.body").read_bytes()
                answer = await gateway.post(asked, "/v1/claude/messages")
                data = [line[6:] for line in answer.body.splitlines() if line.startswith(b"data: ")]
                assert b"".join(data) == _unwrapped(folder)


def _unwrapped(folder: Path) -> bytes:
    """The payloads of an `invoke` stream, found without reading its framing."""
    body = (folder / "response.body").read_bytes()
    return b"".join(b64decode(it) for it in re.findall(rb'"bytes":"([^"]*)"', body))


def differences(heard: Heard, truth: Heard) -> Iterator[str]:
    """Where they differ, with both. Behind an error only that it is one counts."""
    if heard.failed or truth.failed:
        if heard.failed != truth.failed:
            yield f"failed: {heard.failed}, not {truth.failed}"
        return
    for name in ("text", "refusal", "reasoning", "calls", "finish"):
        ours = [getattr(choice, name) for choice in heard.choices]
        theirs = [getattr(choice, name) for choice in truth.choices]
        if ours != theirs:
            yield f"{name}: {str(ours)[:300]}, not {str(theirs)[:300]}"
    if truth.usage is not None and heard.usage != truth.usage:
        yield f"usage: {heard.usage}, not {truth.usage}"
