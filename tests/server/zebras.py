"""Answers about zebras, the topic that policies here forbid, and who asks for them."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from gateway.guard.policy import Policy
from gateway.guard.topics import Topic, Topics
from gateway.server.checks import Guarding
from gateway.server.reload import CURRENT
from tests.server.guards import MINDED
from tests.server.running import Answer, Pair, saying

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


async def logged(caplog: pytest.LogCaptureFixture, name: str, count: int) -> list[dict[str, Any]]:
    """The records of the guard's log that have such a fact."""
    while True:
        lines = [it.getMessage() for it in caplog.get_records("call") if it.name == "sluice.guard"]
        found = [facts for facts in map(json.loads, lines) if name in facts]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.01)


def guarding(gateway: Pair) -> Guarding:
    return gateway.runner.app[CURRENT].gateway.checks.guards["acme"]
