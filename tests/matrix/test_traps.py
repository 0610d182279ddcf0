"""Traps that other gateways fell into between two dialects, by their number in the field notes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.chat import Event, Finish, Lane, LaneEnd, Opening, Text, Usage
from gateway.dialects.dialect import Head, Target
from gateway.dialects.openai_chat import OPENAI_CHAT
from gateway.dialects.registry import DIALECTS
from gateway.privacy.redact import answer_scan
from gateway.privacy.vault import Vault
from gateway.stream import ResponseStream
from tests.matrix.clients import CLIENTS
from tests.matrix.heard import said
from tests.matrix.providers import providers
from tests.matrix.replay import Replay
from tests.privacy import texts
from tests.server.running import running, serving

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
HEAD = Head("id", "m", 1)
CONTENT = Lane(0, "content")
PAIRS = [(client, provider) for client in CLIENTS for provider in CLIENTS]


def sent(provider: str, text: str, *, finish: bool = True) -> bytes:
    """A stream of the provider's that says a text."""
    encoder = DIALECTS[provider].encoder(HEAD)
    said: list[Event] = [Opening("id", "m", 1), Usage(1, 1), Text(CONTENT, text), LaneEnd(CONTENT)]
    body = b"".join(map(encoder.encode, said))
    return body + encoder.encode(Finish(0, "stop")) + encoder.end() if finish else body


def got(client: str, out: bytes) -> str:
    """The text of what a client was sent."""
    splitter, decoder = DIALECTS[client].splitter(1 << 24), DIALECTS[client].decoder()
    frames = [*splitter.feed(out), *splitter.flush()]
    heard = said(event for frame in frames if frame.data is not None for event in decoder.decode(frame))
    return heard.choices[0].text if heard.choices else ""


def through(client: str, provider: str) -> ResponseStream:
    return ResponseStream(answer_scan(Vault()), DIALECTS[provider], DIALECTS[client], HEAD)


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_trap_15_a_stream_without_a_finish_ends_with_an_error(client: str, provider: str) -> None:
    stream = through(client, provider)
    out = stream.feed(sent(provider, "half", finish=False)) + stream.flush()
    assert stream.error is not None
    assert stream.error.type == "upstream_truncated"
    assert b"error" in out
    assert b'"stop"' not in out
    assert b"end_turn" not in out


@pytest.mark.parametrize("client", CLIENTS)
def test_trap_15_a_response_without_done_events_says_its_text_once(client: str) -> None:
    frames = sent("openai_responses", "all of it").split(b"\n\n")
    body = b"\n\n".join(frame for frame in frames if b".done" not in frame.partition(b"\n")[0])
    stream = through(client, "openai_responses")
    out = stream.feed(body) + stream.flush()
    assert stream.error is None
    assert got(client, out) == "all of it"


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_trap_16_a_character_cut_in_two_reads_is_joined(client: str, provider: str) -> None:
    text = "Žluťoučký kůň 馬 🐎\u2028."
    stream = through(client, provider)
    body = sent(provider, text)
    out = b"".join(stream.feed(body[at : at + 1]) for at in range(len(body))) + stream.flush()
    assert got(client, out) == text


@pytest.mark.parametrize("client", CLIENTS)
async def test_trap_17_and_18_a_line_of_a_mebibyte_passes_and_none_is_compressed(client: str) -> None:
    replay = Replay()
    async with serving(replay.respond) as url, running("direct", others=providers(url)) as gateway:
        sdk = CLIENTS[client](gateway.url)
        for provider in CLIENTS:
            replay.body = sent(provider, "word " * 210_000)
            heard = await sdk.ask(provider, stream=True, model="m")
            assert heard.error == ""
            assert len(heard.choices[0].text) == 1_050_000
        await sdk.close()
    assert {headers["accept-encoding"] for headers in replay.headers} == {"identity"}


@pytest.mark.parametrize(
    "names", [("reasoning",), ("reasoning_content",), ("reasoning", "reasoning_content")]
)
@pytest.mark.parametrize("client", ["anthropic", "openai_responses", "gemini"])
def test_trap_24_reasoning_by_either_name_or_both_is_said_once(client: str, names: tuple[str, ...]) -> None:
    chunks: list[dict[str, Any]] = [
        {"index": 0, "delta": dict.fromkeys(names, "Hm."), "finish_reason": None},
        {"index": 0, "delta": {"content": "Yes."}, "finish_reason": "stop"},
    ]
    frames = [json.dumps({"id": "c", "model": "m", "created": 1, "choices": [it]}) for it in chunks]
    stream = through(client, "openai_chat")
    out = b"".join(stream.feed(f"data: {frame}\n\n".encode()) for frame in frames)
    out += stream.feed(b"data: [DONE]\n\n") + stream.flush()
    splitter, decoder = DIALECTS[client].splitter(1 << 24), DIALECTS[client].decoder()
    heard = said(event for frame in splitter.feed(out) if frame.data for event in decoder.decode(frame))
    assert (heard.choices[0].reasoning, heard.choices[0].text) == ("Hm.", "Yes.")


@pytest.mark.parametrize("provider", ["anthropic", "openai_responses", "gemini", "bedrock"])
def test_trap_26_content_in_parts_and_tools_without_a_type_are_said(provider: str) -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
            {"role": "user", "content": [{"type": "text", "text": "three"}]},
        ],
        "tools": [{"function": {"name": "mail", "parameters": {"type": "object", "properties": {}}}}],
    }
    chat = OPENAI_CHAT.parse_request(json.dumps(body).encode(), None, None)
    written = DIALECTS[provider].write(OPENAI_CHAT.read(chat), Target("m", stream=True, provider=provider))
    assert all(word in written for word in (b"one", b"two", b"three", b'"mail"'))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("met", ["ada@corp.io", "END"])
def test_hard_case_45_the_stop_sequence_that_was_met_comes_back(client: str, met: str) -> None:
    vault = Vault()
    written = vault.hide(texts.entity("EMAIL"), "ada@corp.io") if "@" in met else met
    encoder = DIALECTS["anthropic"].encoder(HEAD)
    events: list[Event] = [Opening("id", "m", 1), Usage(1, 1), Text(CONTENT, "Hi"), LaneEnd(CONTENT)]
    events.append(Finish(0, "stop", "stop_sequence", written))
    body = b"".join(map(encoder.encode, events)) + encoder.end()
    stream = ResponseStream(answer_scan(vault), DIALECTS["anthropic"], DIALECTS[client], HEAD)
    out = (stream.feed(body) + stream.flush()).decode()
    assert "[EMAIL_1]" not in out
    assert (met in out) is (client in ("openai_chat", "anthropic"))  # the others have no word for it
