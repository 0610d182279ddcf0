"""Rules on whole requests and answers at a running gateway, with guards that run; and streams that are cut."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import anthropic
import openai
import pytest
from aiohttp import web

from gateway.access.budget import Budget
from gateway.config import Cache, Guard, Key, Provider, Secret
from gateway.config.routes import Retries, Route
from gateway.guard.policy import Policy
from gateway.guard.topics import Topic, Topics
from gateway.server.reload import CURRENT
from tests.server.conftest import Start
from tests.server.guards import MINDED, webhook
from tests.server.running import DONE, PATIENCE_S, Pair, asking, frame, saying, serving
from tests.server.zebras import (
    ABOUT_NOTHING,
    ABOUT_ZEBRAS,
    EMAIL,
    SECOND,
    ZOO,
    ask,
    guarded,
    logged,
    said,
    topical,
)

# --- what is blocked in the stream ------------------------------------------------------------------------


FORBIDDING = Policy("default", deny={"PROJECT": ["heron"]}, answer={"PROJECT": "block"})


@pytest.mark.parametrize("delta", [1, 3, 100])
async def test_a_forbidden_word_stops_the_stream_and_the_provider(start: Start, delta: int) -> None:
    gateway = await start(policies=[FORBIDDING])
    before = gateway.simulator.aborted
    answer = await ask(gateway, saying("Project Heron " + "goes on " * 400, f"delta={delta}&pace_ms=1"))
    assert answer.stream_error["type"] == "policy_violation"
    assert answer.stream_error["message"].startswith("policy_violation: ")
    assert answer.body.endswith(DONE)
    assert "Project ".startswith(said(answer.events))
    assert b"goes on" not in answer.body
    await gateway.until(lambda simulator: simulator.active == 0)
    assert gateway.simulator.aborted == before + 1  # it had far more to say


async def test_a_forbidden_word_in_a_whole_answer_is_a_400(start: Start) -> None:
    gateway = await start(policies=[FORBIDDING])
    answer = await ask(gateway, saying("Project Heron goes on"), stream=False)
    assert (answer.status, answer.error["type"]) == (400, "policy_violation")
    assert b"eron" not in answer.body


async def test_one_that_comes_first_leaves_nothing_to_be_seen(start: Start) -> None:
    gateway = await start(policies=[FORBIDDING])
    answer = await ask(gateway, saying("Heron, and more", "delta=2"))
    assert answer.stream_error["type"] == "policy_violation"
    assert said(answer.events) == ""


@pytest.mark.parametrize("hold", ["end", "answer"])
@pytest.mark.parametrize("stream", [True, False])
async def test_what_is_blocked_is_paid_for_and_nothing_stays_reserved(
    start: Start, stream: bool, hold: Literal["end", "answer"]
) -> None:
    """The provider has said it, whoever may read it."""
    text = "It goes on " * 20
    topics = Topics([Topic("zoo", [MINDED], on="answer")])
    policy = Policy(
        "default", topics=topics, hold=hold, deny={"PROJECT": ["heron"]}, answer={"PROJECT": "block"}
    )
    key = Key("app", Secret("sk-sluice-app"), budget=Budget(tokens=1_000_000, per="total"))
    gateway = await start(policies=[policy], keys=[key])
    store = gateway.runner.app[CURRENT].gateway.admission.store
    paid = 0
    for word in ("heron", MINDED):
        body = asking(saying(f"{text} {word}"), stream=stream)
        answer = await gateway.post(body, headers=[("Authorization", "Bearer sk-sluice-app")])
        assert b"policy_violation" in answer.body
        async with asyncio.timeout(PATIENCE_S):
            while not paid + 50 < (await store.spent("app", "total")).tokens < paid + 300:
                await asyncio.sleep(0.01)
        paid = (await store.spent("app", "total")).tokens


async def test_what_is_blocked_is_not_asked_for_again(start: Start) -> None:
    others = [Provider(name="other", base_url="http://127.0.0.1:9/v1", models=["nothing"])]
    model = saying("Heron")
    routes = [Route([model], [f"simulated/{model}"], fallback=["other/x"])]
    for policy in (FORBIDDING, Policy("default", topics=Topics([Topic("zoo", ["heron"])]), hold="answer")):
        gateway = await start(policies=[policy], others=others, routes=routes)
        for stream in (True, False):
            answer = await ask(gateway, model, stream=stream)
            assert b"policy_violation" in answer.body
        assert len(gateway.simulator.requests) == 2


async def test_a_provider_s_error_says_nothing_that_is_blocked_and_another_is_asked(start: Start) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "Heron is down", "type": "x"}}, status=500)

    async with serving(refuse) as url:
        key = Secret("k")
        down = Provider(name="down", base_url=url, api_key=key, models=["nothing"], retries=Retries(most=0))
        alone = await start(policies=[FORBIDDING], others=[down])
        answer = await ask(alone, "down/nothing", stream=False)
        assert answer.error["status"] == 500
        assert b"eron" not in answer.body
        routes = [Route(["chat"], ["down/x"], fallback=["simulated/sim:echo"])]
        gateway = await start(policies=[FORBIDDING], others=[down], routes=routes)
        assert (await ask(gateway, "chat", stream=False, prompt="Hello")).status == 200


async def test_an_answer_that_waits_can_still_come_from_another_provider(start: Start) -> None:
    """Nothing has gone out when the first one breaks off, however much it has said."""
    async with serving(break_off) as url:
        half = Provider(name="half", base_url=url, api_key=Secret("k"), models=["nothing"])
        routes = [Route(["chat"], ["half/x"], fallback=["simulated/sim:echo"])]
        policy = topical("flag", hold="answer")
        gateway = await start(policies=[policy], others=[half], routes=routes)
        events = (await ask(gateway, "chat", prompt=f"A {MINDED}")).events
    assert said(events) == f"A {MINDED}"
    assert [event["sluice"]["decision"] for event in events if "sluice" in event] == ["flag"]


async def break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(frame({"content": f"A {MINDED} and so on"}))
    return response


async def test_an_answer_that_was_kept_is_judged_again(start: Start) -> None:
    gateway = await start(policies=[topical("flag")], cache=Cache())
    for _ in range(2):
        whole = (await ask(gateway, ABOUT_ZEBRAS, stream=False)).json()
        assert whole["sluice"]["decision"] == "flag"
    assert len(gateway.simulator.requests) == 1


# --- topics -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hold", ["end", "answer"])
async def test_an_answer_that_is_flagged_says_so_before_its_end(start: Start, hold: str) -> None:
    gateway = await start(policies=[topical("flag", hold=hold)])
    events = (await ask(gateway, ABOUT_ZEBRAS)).events
    told = [event for event in events if "sluice" in event]
    assert [event["choices"] for event in told] == [[]]
    assert told[0]["sluice"]["rules"] == [{"rule": "topic:zoo", "decision": "flag"}]
    assert said(events) == f"It is a {MINDED}, they say. Ask {EMAIL}."
    whole = (await ask(gateway, ABOUT_ZEBRAS, stream=False)).json()
    assert whole["sluice"]["decision"] == "flag"
    assert EMAIL in whole["choices"][0]["message"]["content"]
    clean = await ask(gateway, ABOUT_NOTHING)
    assert b"sluice" not in clean.body


async def test_an_answer_that_is_blocked_ends_with_the_error(start: Start) -> None:
    gateway = await start(policies=[topical("block")])
    answer = await ask(gateway, ABOUT_ZEBRAS)
    assert answer.stream_error["message"] == "policy_violation: the answer violates topic:zoo"
    finished = [choice for event in answer.events[:-1] for choice in event["choices"]]
    assert not any(choice["finish_reason"] for choice in finished)
    whole = await ask(gateway, ABOUT_ZEBRAS, stream=False)
    assert (whole.status, whole.error["code"]) == (400, "POLICY_VIOLATION")


async def test_an_answer_that_waits_is_a_400_and_nothing_of_it_goes_out(start: Start) -> None:
    gateway = await start(policies=[topical("block", hold="answer")])
    answer = await ask(gateway, ABOUT_ZEBRAS)
    assert (answer.status, answer.error["type"]) == (400, "policy_violation")
    assert MINDED.encode() not in answer.body
    assert (await ask(gateway, ABOUT_NOTHING)).status == 200


@pytest.mark.parametrize("hold", ["end", "answer"])
async def test_an_answer_that_comes_in_one_piece_where_a_stream_was_asked_for(
    start: Start, hold: str
) -> None:
    gateway = await start(policies=[topical("flag", hold=hold)])
    events = (await ask(gateway, f"{ABOUT_ZEBRAS}&fail=json")).events
    assert [event["sluice"]["decision"] for event in events if "sluice" in event] == ["flag"]
    assert said(events) == f"It is a {MINDED}, they say. Ask {EMAIL}."


async def test_a_topic_is_refused_before_anything_is_forwarded(start: Start) -> None:
    topics = Topics([Topic("zoo", [MINDED])])
    gateway = await start(policies=[Policy("default", topics=topics)])
    answer = await ask(gateway, "sim", prompt=f"Tell me of the {MINDED.upper()}")
    assert (answer.status, answer.error["type"]) == (400, "policy_violation")
    assert answer.headers["X-Sluice-Decision"] == "block"
    assert answer.headers["X-Sluice-Threat-Type"] == "topic"
    assert gateway.simulator.requests == []
    assert (await ask(gateway, "sim", prompt="Tell me of the horse")).status == 200


async def test_to_monitor_changes_no_byte_and_logs_what_it_found(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async with webhook() as hook:
        policy = topical("block", enforcement="monitor", hold="answer", guards=["acme"])
        gateway = await start(policies=[policy], guards=[Guard("acme", url=hook.url, on="answer")])
        bare = await start(policies=[Policy("default", enforcement="monitor")])
        model = saying(f"It is a {MINDED}. " * 9, "seed=7&pace_ms=1")
        for stream in (True, False):
            answers = [await ask(each, model, stream=stream) for each in (gateway, bare)]
            ours, bare_bytes = (SECOND.sub(b"", answer.body) for answer in answers)
            assert ours == bare_bytes
        found = await logged(caplog, "monitored", 2)
    for each in found:
        assert {rule["rule"] for rule in each["monitored"]} == {"topic:zoo", "guard:acme"}
        assert MINDED not in json.dumps(each)


# --- without an answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["input", "output"])
async def test_the_guard_api_asks_topics_and_guards_too(start: Start, direction: str) -> None:
    role = "user" if direction == "input" else "assistant"
    said = f"A {MINDED} of {EMAIL}"
    body = {"messages": [{"role": role, "content": said}], "direction": direction}
    async with webhook() as hook:
        policies = [guarded(topics=Topics([ZOO]), answer={"EMAIL": "redact"})]
        gateway = await start(policies=policies, guards=[Guard("acme", url=hook.url)])
        found = (await gateway.post(json.dumps(body).encode(), "/v1/guard")).json()
        monitored = await start(
            policies=[guarded(enforcement="monitor")], guards=[Guard("acme", url=hook.url)]
        )
        watched = (await monitored.post(json.dumps(body).encode(), "/v1/guard")).json()
    assert found["decision"] == "block"
    rules = {each["details"].get("rule") for each in found["threats"]}
    assert ("guard:acme" if direction == "input" else "topic:zoo") in rules
    assert EMAIL not in json.dumps(hook.asked)
    assert watched["decision"] != "block"
    assert "guard:acme" in {each["details"].get("rule") for each in watched["threats"]}


# --- the SDKs ---------------------------------------------------------------------------------------------


async def test_openai_s_sdk_sees_a_block_as_its_own_error(start: Start) -> None:
    gateway = await start(policies=[topical("block")])
    client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="sk-sluice-x", max_retries=0)
    async with client:
        chat = await client.chat.completions.create(
            model=ABOUT_ZEBRAS, messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        with pytest.raises(openai.APIError, match="policy_violation"):
            async for _ in chat:
                pass
        responses = await client.responses.create(model=ABOUT_ZEBRAS, input="Hello", stream=True)
        with pytest.raises(openai.APIError, match="policy_violation"):
            async for _ in responses:
                pass
        with pytest.raises(openai.BadRequestError, match="policy_violation"):
            await client.responses.create(model=ABOUT_ZEBRAS, input="Hello")


async def test_openai_s_sdk_is_not_upset_by_a_flag(start: Start) -> None:
    gateway = await start(policies=[topical("flag")])
    client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="sk-sluice-x", max_retries=0)
    async with client:
        async with client.chat.completions.stream(
            model=ABOUT_ZEBRAS, messages=[{"role": "user", "content": EMAIL}]
        ) as chat:
            async for _ in chat:
                pass
            whole = await chat.get_final_completion()
        assert whole.choices[0].message.content == f"It is a {MINDED}, they say. Ask {EMAIL}."
        async with client.responses.stream(model=ABOUT_ZEBRAS, input=EMAIL, store=False) as stream:
            events = [event async for event in stream]
            final = await stream.get_final_response()
        assert final.output_text == f"It is a {MINDED}, they say. Ask {EMAIL}."
        assert events[-1].type == "response.completed"
        answer = await client.responses.create(model=ABOUT_ZEBRAS, input=EMAIL)
        assert answer.model_extra is not None
        assert answer.model_extra["sluice"]["decision"] == "flag"


async def test_anthropic_s_sdk_sees_each_outcome(start: Start) -> None:
    flagging = await start(policies=[topical("flag")])
    blocking = await start(policies=[topical("block")])
    messages: Any = [{"role": "user", "content": EMAIL}]
    async with anthropic.AsyncAnthropic(base_url=flagging.url, api_key="x", max_retries=0) as client:
        async with client.messages.stream(model=ABOUT_ZEBRAS, messages=messages, max_tokens=99) as stream:
            assert await stream.get_final_text() == f"It is a {MINDED}, they say. Ask {EMAIL}."
        whole = await client.messages.create(model=ABOUT_ZEBRAS, messages=messages, max_tokens=99)
        assert whole.model_extra is not None
        assert whole.model_extra["sluice"]["decision"] == "flag"
    async with anthropic.AsyncAnthropic(base_url=blocking.url, api_key="x", max_retries=0) as client:
        with pytest.raises(anthropic.APIStatusError, match="policy_violation"):
            async with client.messages.stream(model=ABOUT_ZEBRAS, messages=messages, max_tokens=99) as stream:
                await stream.get_final_text()
        with pytest.raises(anthropic.BadRequestError, match="policy_violation"):
            await client.messages.create(model=ABOUT_ZEBRAS, messages=messages, max_tokens=99)


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
async def test_google_s_sdk_sees_each_outcome(start: Start) -> None:
    genai = pytest.importorskip("google.genai", reason="google-genai is not installed")
    flagging = await start(policies=[topical("flag")])
    blocking = await start(policies=[topical("block")])

    async def read(gateway: Pair) -> str:
        client = genai.Client(api_key="x", http_options={"base_url": gateway.url})
        asked = {"model": "sim:echo", "contents": f"It is a {MINDED}, says {EMAIL}."}
        stream = await client.aio.models.generate_content_stream(**asked)
        text = "".join([chunk.text or "" async for chunk in stream])
        whole = await client.aio.models.generate_content(**asked)
        assert whole.text == text
        await client.aio.aclose()
        return text

    assert await read(flagging) == f"It is a {MINDED}, says {EMAIL}."
    with pytest.raises(genai.errors.APIError, match="policy_violation"):
        await read(blocking)
