"""Every client dialect before every provider dialect, live: nothing planted is seen there, all comes back.

The simulator stands for each provider, in its words; official SDKs ask and accumulate. A streamed answer and
the whole one must amount to the same.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from gateway import simulator
from gateway.config import Provider, Secret
from gateway.simulator import Simulator
from tests.matrix.asking import AGAIN, ASK, CARD, PLANTED, RESULT, Case, expected
from tests.matrix.clients import CLIENTS, Client
from tests.matrix.heard import Heard
from tests.server.running import PROVIDER_KEY, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]

PROVIDERS = ("openai_chat", "openai_responses", "anthropic", "gemini", "bedrock", "invoke")
KINDS = {
    "openai_chat": ("openai", "/v1"),
    "openai_responses": ("openai", "/v1"),
    "anthropic": ("anthropic", ""),
    "gemini": ("gemini", "/v1beta"),
    "bedrock": ("bedrock", ""),
    "invoke": ("bedrock", ""),
}
CASES = {
    "text": Case("sim:say"),
    "text cut anywhere": Case("sim:say?delta=3&bytes=90"),
    "history": Case("sim:say", history=True),
    "one tool": Case("sim:tool", tools=True),
    "parallel tools": Case("sim:parallel?escape=2", tools=True),
    "tool without arguments": Case("sim:zero", tools=True),
    "reasoning": Case("sim:thinking?delta=2", effort=True),
    "hidden reasoning": Case("sim:thinking?hidden=1", effort=True),
    "image": Case("sim:image", image=True),
    "schema": Case("sim:json", schema=True),
    "two choices": Case("sim:say", n=2),
    "refusal": Case("sim:say?refusal=1"),
    "stop sequence": Case("sim:stop", stop=True),
    "length": Case("sim:length", limit=20),
    "safety": Case("sim:safety"),
    "citations": Case("sim:citations"),
    "cached": Case("sim:say?cached=5"),
    "comments and carriage returns": Case("sim:say?comments=1&crlf=1"),
}
FINISH = {
    **dict.fromkeys(("one tool", "parallel tools", "tool without arguments"), "tool_calls"),
    "length": "length",
    "safety": "content_filter",
}
CALLS = {"one tool": 1, "parallel tools": 2, "tool without arguments": 1}
# What a pair cannot say, by what; it is refused before the provider sees anything.
REFUSED = {
    ("two choices", "openai_chat"): ("openai_responses", "anthropic", "bedrock", "invoke"),
    ("two choices", "gemini"): ("openai_responses", "anthropic", "bedrock", "invoke"),
    **{("stop sequence", client): ("openai_responses",) for client in ("openai_chat", "anthropic", "gemini")},
}
# Google's SDK takes a comment for JSON, whoever sends it; its simulator has one candidate.
UNHEARD = {("comments and carriage returns", "gemini", "gemini")}
UNHEARD |= {("two choices", client, "gemini") for client in ("openai_chat", "gemini")}
UNSAYABLE = {("two choices", "openai_responses"), ("two choices", "anthropic")}
UNSAYABLE |= {("stop sequence", "openai_responses")}


@dataclass
class Live:
    """A gateway before the simulator, every SDK before the gateway."""

    simulator: Simulator
    clients: dict[str, Client]

    async def ask(self, client: str, provider: str, case: Case, *, stream: bool, **more: Any) -> Heard:
        fields = {**ASK[client](case), **more}
        mark = "&text=anthropic.claude" if provider == "invoke" else ""
        model = f"{case.model}{'&' if '?' in case.model else '?'}seed=1{mark}"
        model = quote(model, safe="") if client == "gemini" else model
        return await self.clients[client].ask(provider, stream=stream, model=model, **fields)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live() -> AsyncIterator[Live]:
    async with AsyncExitStack() as stack:
        sim = await simulator.start()
        stack.push_async_callback(sim.close)
        others = []
        for name, (kind, path) in KINDS.items():
            key = Secret(PROVIDER_KEY)
            place = Provider(name, sim.origin + path, kind=kind, api_key=key, region="us-east-1")
            others.append(place if name == "invoke" else _speaking(place, name))
        gateway = await stack.enter_async_context(running("direct", others=others))
        clients = {name: make(gateway.url) for name, make in CLIENTS.items()}
        for each in clients.values():
            stack.push_async_callback(each.close)
        yield Live(sim, clients)


def _speaking(place: Provider, dialect: Any) -> Provider:
    return Provider(
        place.name,
        place.base_url,
        kind=place.kind,
        dialect=dialect,
        api_key=place.api_key,
        region=place.region,
    )


PAIRS = [
    (client, provider)
    for client in CLIENTS
    for provider in PROVIDERS
    if provider != "invoke" or client == "anthropic"
]


def assert_nothing_seen(sim: Simulator) -> None:
    for request in sim.requests:
        seen = request.body.decode() + request.path
        assert not [it for it in (*PLANTED.values(), CARD) if it in seen]


# Signed reasoning is never changed, or its provider would not take it back.
SIGNED = ("anthropic", "invoke", "bedrock")


# What OpenAI Chat says of its reasoning is not sealed.
UNSEALED = ("openai_chat",)


def everything(heard: Heard) -> str:
    return json.dumps([vars(choice) for choice in heard.choices], ensure_ascii=False)


ALL = [
    (client, provider, name)
    for client, provider in PAIRS
    for name in CASES
    if (name, client) not in UNSAYABLE and (name, client, provider) not in UNHEARD
]


@pytest.mark.parametrize(("client", "provider", "name"), ALL)
async def test_all_comes_back_and_nothing_is_seen(live: Live, client: str, provider: str, name: str) -> None:
    case = CASES[name]
    live.simulator.requests.clear()
    whole = await live.ask(client, provider, case, stream=False)
    streamed = await live.ask(client, provider, case, stream=True)
    if provider in REFUSED.get((name, client), ()):
        assert whole.failed
        assert streamed.failed
        assert not live.simulator.requests
        return
    assert not whole.failed, whole.error
    assert not streamed.failed, streamed.error
    assert len(live.simulator.requests) == 2
    assert_nothing_seen(live.simulator)
    assert streamed.choices == whole.choices
    assert streamed.usage == whole.usage
    assert len(whole.choices) == case.n
    for choice in whole.choices:
        if name == "refusal":
            assert choice.text or choice.refusal
        elif name != "hidden reasoning":
            assert choice.finish == FINISH.get(name, "stop")
        assert len(choice.calls) == CALLS.get(name, 0)
        assert name != "reasoning" or choice.reasoning
    said = everything(whole)
    assert "[EMAIL" not in said or (name == "reasoning" and provider in SIGNED)
    if case.model.startswith("sim:say"):
        assert not [it for it in expected(case) if it not in said]
    if name in ("one tool", "parallel tools"):
        assert PLANTED["user"] in said


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_reasoning_with_tools_goes_on_in_a_second_turn(
    live: Live, client: str, provider: str, stream: bool
) -> None:
    """The provider's seals stand in what the SDK accumulated; it takes them back as they were."""
    live.simulator.requests.clear()
    case = Case("sim:thinking?delta=3", tools=True, effort=True)
    first = await live.ask(client, provider, case, stream=stream)
    assert not first.failed, first.error
    (choice,) = first.choices
    assert [call[0] for call in choice.calls] == ["mail"]
    assert PLANTED["user"] in json.dumps(choice.calls)
    more = AGAIN[client](ASK[client](case), first.raw, RESULT)
    second = await live.ask(client, provider, case, stream=stream, **more)
    assert not second.failed, second.error
    assert not second.choices[0].calls
    assert PLANTED["result"] in second.choices[0].text
    assert_nothing_seen(live.simulator)
    if provider not in UNSEALED:
        body = live.simulator.requests[-1].body
        assert any(seal in body for seal in (b"signature", b"Signature", b"encrypted_content")), body


FAILURES = ("error_first", "error_mid", "truncate", "status:429", "malformed", "drop", "reset")


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_a_failure_is_an_error_and_never_a_finish(
    live: Live, client: str, provider: str, failure: str
) -> None:
    heard = await live.ask(client, provider, Case(f"sim:say?fail={failure}"), stream=True)
    assert heard.failed
    assert not [choice for choice in heard.choices if choice.finish]
    assert not any("[EMAIL" in choice.text for choice in heard.choices)


@pytest.mark.parametrize("provider", PROVIDERS[:-1])
async def test_usage_comes_only_if_chat_asked_for_it(live: Live, provider: str) -> None:
    heard = await live.ask("openai_chat", provider, CASES["text"], stream=True, stream_options=None)
    assert heard.choices[0].finish == "stop"
    assert heard.usage is None
