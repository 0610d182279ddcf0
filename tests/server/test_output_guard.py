"""Rules on whole requests and answers at a running gateway, with guards that run; and streams that are cut."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, Literal

import anthropic
import openai
import pytest
from aiohttp import web

from gateway.access.budget import Budget
from gateway.config import Cache, Guard, Key, Provider, Secret
from gateway.config.routes import CircuitBreaker, Retries, Route
from gateway.errors import ConfigError
from gateway.guard.policy import Policy
from gateway.guard.topics import Topic, Topics
from gateway.server.checks import Guarding
from gateway.server.reload import CURRENT
from tests.server.conftest import Start
from tests.server.counting import Counted
from tests.server.guards import MINDED, classifier, onnx_model, tokenizer, webhook
from tests.server.running import CHAT, DONE, PATIENCE_S, Answer, Pair, asking, frame, saying, serving

EMAIL = "ann@example.org"
ZOO = Topic("zoo", [MINDED], on="answer")
ABOUT_ZEBRAS = saying(f"It is a {MINDED}, they say. Ask [EMAIL_1].")
ABOUT_NOTHING = saying("It is a horse, they say. Ask [EMAIL_1].")


# When an answer was made; two are compared.
SECOND = re.compile(rb'"created":\d+')


def topical(action: str, **more: Any) -> Policy:
    return Policy("default", topics=Topics([ZOO], action=action), **more)  # type: ignore[arg-type]


def guarded(**more: Any) -> Policy:
    return Policy("default", guards=["acme"], **more)


async def ask(gateway: Pair, model: str, *, stream: bool = True, prompt: str = f"Who is {EMAIL}?") -> Answer:
    return await gateway.chat(model, prompt, stream=stream)


def said(events: list[dict[str, Any]]) -> str:
    choices = [choice for event in events for choice in event.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


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


async def logged(caplog: pytest.LogCaptureFixture, name: str, count: int) -> list[dict[str, Any]]:
    """The records of the guard's log that have such a fact."""
    while True:
        lines = [it.getMessage() for it in caplog.get_records("call") if it.name == "sluice.guard"]
        found = [facts for facts in map(json.loads, lines) if name in facts]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.01)


# --- webhooks ---------------------------------------------------------------------------------------------


async def test_a_webhook_sees_each_turn_by_its_source_and_no_personal_data(start: Start) -> None:
    async with webhook() as hook:
        acme = Guard("acme", url=hook.url, secret=Secret("s3cret"), secret_header="X-Acme-Key")
        gateway = await start(policies=[guarded()], guards=[acme])
        answer = await gateway.post(
            json.dumps(
                {
                    "model": saying("Write to [EMAIL_1] or bob@example.net."),
                    "messages": [
                        {"role": "system", "content": "Be brief."},
                        {"role": "user", "content": [{"type": "text", "text": f"Who is {EMAIL}?"}]},
                    ],
                }
            ).encode()
        )
    assert answer.status == 200
    request, reply = hook.asked
    assert [(each["source"], each["text"]) for each in request["texts"]] == [
        ("system", "Be brief."),
        ("user", "Who is [EMAIL_1]?"),
    ]
    assert (request["direction"], request["policy"]) == ("request", "default")
    assert request["request_id"] == answer.headers["X-Request-ID"]
    assert reply["texts"] == [{"source": "content", "text": "Write to [EMAIL_1] or [EMAIL]."}]
    assert [each["X-Acme-Key"] for each in hook.headers] == ["s3cret"] * 2


async def test_a_webhook_that_may_see_everything_does(start: Start) -> None:
    async with webhook() as hook:
        gateway = await start(policies=[guarded()], guards=[Guard("acme", url=hook.url, send_raw=True)])
        await ask(gateway, saying("Write to bob@example.net."))
    assert hook.asked[0]["texts"][0]["text"] == f"Who is {EMAIL}?"
    assert hook.texts == [("content", "Write to bob@example.net.")]


async def test_to_monitor_shows_nobody_more(start: Start) -> None:
    """A policy that only monitors lets values through to the provider; not to somebody else."""
    async with webhook() as hook:
        gateway = await start(
            policies=[guarded(enforcement="monitor")], guards=[Guard("acme", url=hook.url, on="request")]
        )
        await ask(gateway, "sim")
        async with asyncio.timeout(PATIENCE_S):
            while not hook.asked:
                await asyncio.sleep(0.01)
    assert hook.texts == [("user", "Who is [EMAIL]?")]


async def test_a_webhook_refuses_a_request_before_anything_is_forwarded(start: Start) -> None:
    async with webhook() as hook:
        gateway = await start(policies=[guarded()], guards=[Guard("acme", url=hook.url, on="request")])
        answer = await ask(gateway, "sim", prompt=MINDED)
        assert (answer.status, answer.error["type"]) == (400, "policy_violation")
        assert answer.headers["X-Sluice-Threat-Type"] == "animals"
        assert answer.headers["X-Sluice-Confidence"] == "0.900"
        assert gateway.simulator.requests == []
        assert (await ask(gateway, ABOUT_ZEBRAS)).status == 200
        assert len(hook.asked) == 2  # it is not asked about answers


@pytest.mark.parametrize("hold", ["end", "answer"])
async def test_a_webhook_stops_an_answer(start: Start, hold: str) -> None:
    async with webhook() as hook:
        policy = guarded(hold=hold)
        gateway = await start(policies=[policy], guards=[Guard("acme", url=hook.url, on="answer")])
        answer = await ask(gateway, ABOUT_ZEBRAS)
        whole = await ask(gateway, ABOUT_ZEBRAS, stream=False)
        assert (await ask(gateway, ABOUT_NOTHING)).events
    assert whole.status == 400
    if hold == "answer":
        assert (answer.status, answer.error["type"]) == (400, "policy_violation")
    else:
        assert answer.stream_error["message"] == "policy_violation: the answer violates guard:acme"


async def test_an_answer_waits_behind_keepalives_and_then_ends_with_an_event(start: Start) -> None:
    async with webhook(waits=asyncio.Event()) as hook:
        gateway = await start(
            policies=[guarded(hold="answer")],
            guards=[Guard("acme", url=hook.url, on="answer")],
            keepalive_after_s=0.02,
        )
        async with gateway.connect() as connection:
            connection.request(asking(ABOUT_ZEBRAS), CHAT)
            answer = await connection.head()
            assert answer.status == 200
            assert await connection.chunk() == b": keep-alive\n\n"
            assert hook.waits is not None
            hook.waits.set()
            answer = await connection.rest(answer)
    assert answer.stream_error["type"] == "policy_violation"
    assert MINDED.encode() not in answer.body


async def test_a_client_that_leaves_while_its_answer_is_judged_leaves_nothing(start: Start) -> None:
    async with webhook(waits=asyncio.Event()) as hook:
        gateway = await start(policies=[guarded()], guards=[Guard("acme", url=hook.url, on="answer")])
        async with gateway.connect() as connection:
            connection.request(asking(ABOUT_ZEBRAS), CHAT)
            await connection.head()
            while not hook.asked:
                await asyncio.sleep(0.01)
            connection.leave()
        await gateway.until(lambda simulator: simulator.active == 0)


# --- guards that fail -------------------------------------------------------------------------------------

FAILURES: dict[str, Any] = {
    "status": lambda: web.json_response({"decision": "allow"}, status=500),
    "garbage": lambda: web.Response(body=b"{"),
    "empty": lambda: web.Response(),
    "partial": lambda: web.json_response({"confidence": 0.1}),
    "unknown": lambda: web.json_response({"decision": "maybe"}),
    "redirect": lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
    "long": lambda: web.Response(body=b"[" + b" " * (2 << 20)),
}


def guarding(gateway: Pair) -> Guarding:
    return gateway.runner.app[CURRENT].gateway.checks.guards["acme"]


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_guard_that_fails_blocks_unless_it_is_to_fail_open(
    start: Start, failure: str, caplog: pytest.LogCaptureFixture, counted: Counted
) -> None:
    async with webhook(answer=FAILURES[failure]) as hook:
        closed = await start(policies=[guarded()], guards=[Guard("acme", url=hook.url)])
        answer = await ask(closed, "sim")
        assert (answer.status, answer.error["type"]) == (400, "policy_violation")
        assert "could not judge the request" in answer.error["message"]
        assert answer.headers["X-Sluice-Threat-Type"] == "guard_failure"
        assert closed.simulator.requests == []
        is_open = await start(policies=[guarded()], guards=[Guard("acme", url=hook.url, fail="open")])
        assert (await ask(is_open, ABOUT_ZEBRAS)).status == 200
    found = await logged(caplog, "failed", 3)  # the request, and of the one that is open the answer too
    assert counted("check_failures_total", check="guard:acme") == 3
    await counted.until(2, "bypasses_total", reason="guard:acme")
    assert [each["bypassed"] for each in found] == [False, True, True]
    assert EMAIL not in json.dumps(found)


@pytest.mark.parametrize("fail", ["closed", "open"])
async def test_a_guard_that_is_silent_or_away_fails(start: Start, fail: Any) -> None:
    async with webhook(waits=asyncio.Event()) as hook:
        silent = Guard("acme", url=hook.url, timeout_s=0.05, fail=fail)
        gateway = await start(policies=[guarded()], guards=[silent])
        assert (await ask(gateway, "sim")).status == (200 if fail == "open" else 400)
    away = Guard("acme", url=hook.url, fail=fail)
    gateway = await start(policies=[guarded()], guards=[away])
    assert (await ask(gateway, "sim")).status == (200 if fail == "open" else 400)


@pytest.mark.parametrize("hold", ["end", "answer"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_nobody_could_judge_is_blocked(start: Start, hold: str, stream: bool) -> None:
    async with webhook(answer=FAILURES["unknown"]) as hook:
        guards = [Guard("acme", url=hook.url, on="answer")]
        gateway = await start(policies=[guarded(hold=hold)], guards=guards)
        answer = await ask(gateway, "sim", stream=stream)
    error = answer.stream_error if stream and hold == "end" else answer.error
    assert error["message"].startswith("policy_violation: guard:acme could not judge the answer")


async def test_a_guard_that_keeps_failing_is_not_asked_any_more(start: Start, counted: Counted) -> None:
    async with webhook(answer=FAILURES["status"]) as hook:
        breaking = CircuitBreaker(failures=2, rest_s=80_000.0)
        acme = Guard("acme", url=hook.url, on="request", breaker=breaking)
        gateway = await start(policies=[guarded()], guards=[acme])
        statuses = [(await ask(gateway, "sim")).status for _ in range(4)]
    assert statuses == [400] * 4
    assert len(hook.asked) == 2
    assert counted("check_failures_total", check="guard:acme") == 4
    assert counted("breaker_openings_total", of="guard:acme") == 1


async def test_a_bug_in_asking_is_a_failure_too(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await start(policies=[guarded()], guards=[Guard("acme", url="http://127.0.0.1:9/")])

    async def ask_badly(question: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("gateway.server.telemetry.report", lambda *_: None)
    monkeypatch.setattr(guarding(gateway)._asked, "ask", ask_badly)
    assert (await ask(gateway, "sim")).status == 400


# --- classifiers ------------------------------------------------------------------------------------------


async def test_a_classifier_over_http(start: Start) -> None:
    async with classifier() as toxicity:
        labels: dict[str, Any] = {"toxic": "block", "fine": "allow"}
        acme = Guard("acme", kind="http", url=toxicity.url, labels=labels, threshold=0.8)
        gateway = await start(policies=[guarded()], guards=[acme])
        assert (await ask(gateway, ABOUT_NOTHING)).events
        answer = await ask(gateway, ABOUT_ZEBRAS)
        long = await ask(gateway, "sim", prompt="The river runs. " * 300 + MINDED)
    assert answer.stream_error["type"] == "policy_violation"
    assert long.status == 400
    assert max(len(each["inputs"]) for each in toxicity.asked) <= 2000
    assert toxicity.asked[0] == {"inputs": "Who is [EMAIL_1]?"}


def local(tmp_path: Path, **options: Any) -> Guard:
    made: dict[str, Any] = {
        "kind": "onnx",
        "path": onnx_model(tmp_path / "minds.onnx"),
        "tokenizer": tokenizer(tmp_path / "tokenizer.json"),
        "classes": ["fine", "animals"],
        "labels": {"animals": "block"},
    }
    return Guard("acme", **(made | options))


async def test_a_model_in_a_file_judges_tokens(start: Start, tmp_path: Path) -> None:
    gateway = await start(policies=[guarded()], guards=[local(tmp_path)])
    assert (await ask(gateway, "sim")).status == 200
    answer = await ask(gateway, "sim", prompt=f"Is it a {MINDED} ?")
    assert (answer.status, answer.headers["X-Sluice-Threat-Type"]) == (400, "animals")
    assert float(answer.headers["X-Sluice-Confidence"]) > 0.9
    far = await ask(gateway, "sim", prompt="river " * 3000 + MINDED)  # beyond the tokens of one window
    assert far.status == 400
    assert (await ask(gateway, ABOUT_ZEBRAS)).stream_error["type"] == "policy_violation"


async def test_a_model_in_a_file_judges_texts(start: Start, tmp_path: Path) -> None:
    path = onnx_model(tmp_path / "text.onnx", takes_text=True)
    gateway = await start(policies=[guarded()], guards=[local(tmp_path, path=path, tokenizer="")])
    assert (await ask(gateway, "sim", prompt=MINDED)).status == 400
    assert (await ask(gateway, "sim")).status == 200


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"path": "nowhere.onnx"}, "guards.acme.path"),
        ({"tokenizer": "nowhere.json"}, "guards.acme.tokenizer"),
        ({"tokenizer": ""}, "guards.acme.tokenizer"),
        ({"classes": ["fine", "animals", "plants"]}, "another number of classes"),
    ],
)
async def test_a_model_that_cannot_work_is_found_when_the_gateway_starts(
    tmp_path: Path, options: dict[str, Any], place: str
) -> None:
    made = Guarding(local(tmp_path, **options))
    with pytest.raises(ConfigError, match=place):
        await made.start()
    await made.close()


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
