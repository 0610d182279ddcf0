"""Webhooks and classifiers that judge requests and answers at a running gateway, and what happens when they fail."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.config import Guard, Secret
from gateway.config.routes import CircuitBreaker
from gateway.errors import ConfigError
from gateway.server.checks import Guarding
from tests.server.conftest import Start
from tests.server.counting import Counted
from tests.server.guards import MINDED, classifier, onnx_model, tokenizer, webhook
from tests.server.running import CHAT, PATIENCE_S, asking, saying
from tests.server.zebras import ABOUT_NOTHING, ABOUT_ZEBRAS, EMAIL, ask, guarded, guarding, logged

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
