"""What a request's headers and its key's policies change, at a running gateway."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from gateway.config import Key, Secret
from gateway.guard.policy import Policy
from tests.server.conftest import Start
from tests.server.running import Pair

TEXT = "mail ann@example.org about 2024-05-01, ssn 219-09-9999"
STRICT = Policy("strict", request={"US_SSN": "block"})
WATCH = Policy("watch", enforcement="monitor", request={"US_SSN": "block"})
MASK = Policy("mask", format="mask")


async def ask(
    gateway: Pair, text: str = TEXT, key: str = "", model: str = "sim:echo", **headers: str
) -> tuple[int, dict[str, Any], aiohttp.typedefs.LooseHeaders]:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    named = {f"X-Sluice-{name}": value for name, value in headers.items()}
    if key:
        named["Authorization"] = f"Bearer {key}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/v1/chat/completions", json=body, headers=named) as response,
    ):
        return response.status, await response.json(), response.headers


def said(answer: dict[str, Any]) -> str:
    return str(answer["choices"][0]["message"]["content"])


def sent(gateway: Pair) -> str:
    return str(json.loads(gateway.simulator.requests[-1].body)["messages"][0]["content"])


async def test_ordinary_data_passes_unless_a_header_asks_for_it(start: Start) -> None:
    gateway = await start()
    await ask(gateway)
    assert sent(gateway) == "mail [EMAIL_1] about 2024-05-01, ssn [SSN_1]"
    status, answer, headers = await ask(gateway, Entities="DATE_TIME")
    assert status == 200
    assert sent(gateway) == "mail [EMAIL_1] about [DATE_1], ssn [SSN_1]"
    assert said(answer) == TEXT
    assert headers["X-Sluice-Entities-Detected"] == "3"  # type: ignore[index]


@pytest.mark.parametrize(
    ("format", "written"),
    [("redact", "mail [EMAIL] about 2024-05-01, ssn [SSN]"), ("mask", None), ("hash", None)],
)
async def test_a_one_way_format_is_not_restored_and_the_answer_says_so(
    start: Start, format: str, written: str | None
) -> None:
    gateway = await start()
    status, answer, headers = await ask(gateway, Format=format)
    assert status == 200
    assert headers["X-Sluice-Format"] == format  # type: ignore[index]
    assert "219-09-9999" not in sent(gateway) + said(answer)
    assert written is None or sent(gateway) == said(answer) == written


async def test_stand_ins_come_back(start: Start) -> None:
    gateway = await start(policies=[Policy("default", format="synthetic")])
    status, answer, _ = await ask(gateway)
    assert status == 200
    assert "ann@example.org" not in sent(gateway)
    assert "[" not in sent(gateway)
    assert said(answer) == TEXT


async def test_what_a_policy_blocks_is_refused_before_anything_is_sent(start: Start) -> None:
    gateway = await start(policies=[STRICT])
    before = len(gateway.simulator.requests)
    status, answer, _ = await ask(gateway, Policy="strict")
    assert status == 400
    assert answer["error"]["type"] == "policy_violation"
    assert answer["error"]["param"] == "messages[0].content"
    assert "219" not in json.dumps(answer)
    assert len(gateway.simulator.requests) == before


@pytest.mark.parametrize("added", ["US_SSN", "ssn", "government", "*"])
async def test_asking_for_an_entity_by_another_name_does_not_weaken_a_block(start: Start, added: str) -> None:
    gateway = await start(policies=[Policy("default", request={"government": "block"})])
    before = len(gateway.simulator.requests)
    status, _, _ = await ask(gateway, Entities=added)
    assert (status, len(gateway.simulator.requests)) == (400, before)


async def test_to_monitor_changes_nothing(start: Start) -> None:
    gateway = await start(policies=[WATCH])
    status, answer, headers = await ask(gateway, Policy="watch")
    assert (status, sent(gateway), said(answer)) == (200, TEXT, TEXT)
    assert headers["X-Sluice-Entities-Detected"] == "2"  # type: ignore[index]


async def test_a_key_uses_its_own_policies_only(start: Start) -> None:
    key = Key("app", Secret("sk-sluice-app"), policies=["mask"])
    gateway = await start(policies=[MASK, STRICT], keys=[key])
    status, answer, _ = await ask(gateway, key="sk-sluice-app")
    assert status == 200
    assert "ann@example.org" not in said(answer)
    status, answer, _ = await ask(gateway, key="sk-sluice-app", Policy="strict")
    assert status == 403
    assert answer["error"]["param"] == "X-Sluice-Policy"
    status, answer, _ = await ask(gateway, key="sk-sluice-app", Format="token")
    assert status == 403


@pytest.mark.parametrize(
    ("header", "value"), [("Entities", "SHOE_SIZE"), ("Format", "rot13"), ("Mode", "fast")]
)
async def test_a_header_that_means_nothing_is_refused_by_name(start: Start, header: str, value: str) -> None:
    gateway = await start()
    status, answer, _ = await ask(gateway, **{header: value})
    assert status == 400
    assert answer["error"]["param"] == f"X-Sluice-{header}"
