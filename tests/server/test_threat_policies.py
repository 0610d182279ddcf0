"""What policies do about threats: flag, monitor, go on where the detector fails, limit tools."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gateway.config import Key, Secret
from gateway.guard.limits import SourceLimits, Threats, ToolLimits
from gateway.guard.policy import Policy
from tests.server.attacks import HI, HI_PART, ORDER, ask, chat, dropped, failing, gemini, messages
from tests.server.conftest import Start
from tests.server.running import Answer, UpstreamKind


@pytest.fixture
def upstream() -> UpstreamKind:
    """Nothing here depends on the way to providers."""
    return "direct"


FLAG = Policy("flag", threats=Threats(user=SourceLimits(action="flag")))
WATCH = Policy("watch", enforcement="monitor")
WATCH_THREATS = Policy("threats", threats=Threats(enforcement="monitor"))
OFF = Policy("off", threats=Threats(rules={"*": "off"}))
OPEN = Policy("open", threats=Threats(on_error="allow"))
ATTACK = chat({"role": "user", "content": ORDER})


def told(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The facts in the log of the last request."""
    lines = [each for each in caplog.records if each.name == "sluice.access"]
    facts: dict[str, Any] = vars(lines[-1])["facts"]
    return facts


async def test_a_flag_goes_on_and_is_told(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    gateway = await start(policies=[FLAG])
    answer = await ask(gateway, *ATTACK, headers={"X-Sluice-Policy": "flag"})
    assert answer.status == 200
    assert answer.headers["X-Sluice-Decision"] == "flag"
    assert answer.headers["X-Sluice-Threat-Type"] == "prompt_injection"
    facts = told(caplog)
    assert facts["decision"] == "flag"
    assert facts["threats"]
    assert facts["threats_watched"] is None
    assert "previous" not in json.dumps(facts)


@pytest.mark.parametrize("policy", ["watch", "threats"])
async def test_to_monitor_changes_no_byte(
    start: Start, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(policies=[WATCH, WATCH_THREATS, OFF])
    path, body = ATTACK
    for streamed in (False, True):
        body = {**body, "stream": streamed, "model": "sim:script?text=ok&seed=7"}
        bodies, answers = [], []
        for name in (policy, "off"):
            answer = await ask(gateway, path, body, headers={"X-Sluice-Policy": name})
            assert (answer.status, answer.headers["X-Sluice-Decision"]) == (200, "allow")
            assert "X-Sluice-Threat-Type" not in answer.headers
            bodies.append(gateway.simulator.requests[-1].body)
            answers.append(re.sub(rb'"id":"[^"]*"|"created":[0-9]+', b"", answer.body))
            facts = told(caplog)
            assert facts["threats"] is None
            assert bool(facts["threats_watched"]) == (name == policy)
        assert bodies[0] == bodies[1]
        assert answers[0] == answers[1]
        assert json.loads(bodies[0])["messages"] == body["messages"]


async def test_a_detector_that_fails_lets_nothing_pass(
    start: Start, monkeypatch: pytest.MonkeyPatch, loud: pytest.LogCaptureFixture
) -> None:
    gateway = await start()
    failing(monkeypatch)
    for path, body in (chat(HI), messages(HI), gemini(HI_PART)):
        answer = await ask(gateway, path, body)
        assert answer.status == 503
        assert b"policy lets nothing pass" in answer.body
        assert answer.headers["X-Sluice-Decision"] == "block"
        assert told(loud)["guard_failures"] == 1
    assert gateway.simulator.requests == []
    dropped(loud)


@pytest.mark.parametrize("policy", ["open", "watch"])
async def test_a_policy_may_say_that_it_goes_on_and_that_is_counted(
    start: Start, monkeypatch: pytest.MonkeyPatch, loud: pytest.LogCaptureFixture, policy: str
) -> None:
    gateway = await start(policies=[OPEN, WATCH])
    failing(monkeypatch)
    answer = await ask(gateway, *chat(HI), headers={"X-Sluice-Policy": policy})
    assert answer.status == 200
    assert told(loud)["guard_failures"] == 1
    dropped(loud)


async def test_what_no_policy_minds_is_not_judged(
    start: Start, monkeypatch: pytest.MonkeyPatch, loud: pytest.LogCaptureFixture
) -> None:
    heedless = Policy("heedless", threats=Threats(user=SourceLimits(action="allow")))
    gateway = await start(policies=[OFF, heedless])
    failing(monkeypatch)
    for policy in ("off", "heedless"):
        assert (await ask(gateway, *ATTACK, headers={"X-Sluice-Policy": policy})).status == 200
    both = chat({"role": "system", "content": ORDER}, {"role": "user", "content": ORDER})
    assert (await ask(gateway, *both, headers={"X-Sluice-Policy": "heedless"})).status == 503
    dropped(loud)


async def test_policies_have_thresholds_of_their_own(start: Start) -> None:
    """A verdict is remembered, not what a policy made of it."""
    eager = Policy("eager", threats=Threats(user=SourceLimits(flag=0.0, block=1e-7)))
    gateway = await start(policies=[eager, OFF])
    text = chat({"role": "user", "content": "Tell me about the weather in Paris."})
    for _ in range(2):
        assert (await ask(gateway, *text)).status == 200
        assert (await ask(gateway, *text, headers={"X-Sluice-Policy": "eager"})).status == 400
        assert (await ask(gateway, *text, headers={"X-Sluice-Policy": "off"})).status == 200


async def test_tools_are_limited(start: Start) -> None:
    limited = Policy("default", tools=ToolLimits(allowed=["get_*", "bash"], denied=["bash*"], most=2))
    gateway = await start(policies=[limited])

    async def offering(*names: str) -> Answer:
        tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in names]
        return await ask(gateway, *chat(HI, tools=tools))

    assert (await offering("get_a", "get_b")).status == 200
    before = len(gateway.simulator.requests)
    for names, param in (
        (("get_a", "bash"), "tools[1]"),
        (("delete",), "tools[0]"),
        (("get_a",) * 3, "tools"),
    ):
        answer = await offering(*names)
        assert answer.error["type"] == "policy_violation"
        assert answer.error["param"] == param
        assert answer.headers["X-Sluice-Threat-Type"] == "tool_limit"
        assert "delete" not in answer.error["message"]
    assert len(gateway.simulator.requests) == before


async def test_a_policy_is_chosen_by_model_and_path(start: Start) -> None:
    by_model = Policy("by-model", models=["sim:echo?*"], threats=Threats(rules={"*": "off"}))
    by_path = Policy("by-path", paths=["*/messages"], threats=Threats(user=SourceLimits(action="flag")))
    app = Key("app", Secret("sk-sluice-app"), policies=["default", "by-path", "by-model"])
    bound = Key("bound", Secret("sk-sluice-bound"), policies=["by-model"])
    gateway = await start(policies=[by_model, by_path], keys=[app, bound])
    key = {"Authorization": "Bearer sk-sluice-app"}
    path, body = ATTACK
    assert (await ask(gateway, path, body, headers=key)).status == 400
    answer = await ask(gateway, path, {**body, "model": "sim:echo?seed=1"}, headers=key)
    assert (answer.status, answer.headers["X-Sluice-Decision"]) == (200, "allow")
    answer = await ask(gateway, *messages({"role": "user", "content": ORDER}), headers=key)
    assert (answer.status, answer.headers["X-Sluice-Decision"]) == (200, "flag")
    named = {**key, "X-Sluice-Policy": "default"}
    assert (await ask(gateway, *messages({"role": "user", "content": ORDER}), headers=named)).status == 400
    refused = await ask(gateway, path, body, headers={"Authorization": "Bearer sk-sluice-bound"})
    assert refused.error["type"] == "permission_error"
