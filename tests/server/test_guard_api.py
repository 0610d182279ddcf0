"""Scanning and redacting over HTTP: the answers, who may ask, and that nobody has to wait for a long text."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway.access.keys import PREFIX
from gateway.config import Key, Secret
from gateway.privacy.actions import every_rule
from gateway.privacy.findings import find_all, find_all_in_steps
from gateway.server import guard_api
from gateway.server.aside import in_steps
from tests.server.conftest import Start
from tests.server.running import Answer, Pair

MAIL = "jane@example.com"
CARD = "4111 1111 1111 1111"
KEY = f"{PREFIX}0123456789abcdef"
OTHER_KEY = f"{PREFIX}fedcba9876543210"
SCANS = ["/v1/scan", "/api/v1/scan"]
REDACTS = ["/v1/security/redact", "/api/v1/security/redact"]


async def ask(gateway: Pair, path: str, key: str = "", **body: Any) -> Answer:
    headers = [("Authorization", f"Bearer {key}")] if key else []
    answer = await gateway.post(json.dumps(body).encode(), path, headers)
    assert not gateway.simulator.requests
    return answer


def span(start: int, value: str, entity: str, name: str = "entity") -> dict[str, Any]:
    return {"start": start, "end": start + len(value), name: entity, "score": 0.85}


@pytest.mark.parametrize("path", SCANS)
async def test_scan_gives_the_spans_of_a_text(gateway: Pair, path: str) -> None:
    answer = await ask(gateway, path, text=f"é😀 {MAIL} https://example.org/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "spans": [span(3, MAIL, "EMAIL_ADDRESS"), span(20, "https://example.org/", "URL")]
    }
    assert answer.headers["X-Sluice-Entities-Detected"] == "2"


async def test_scan_gives_the_spans_of_many_texts_in_order(gateway: Pair) -> None:
    answer = await ask(gateway, "/v1/scan", texts=[MAIL, "", CARD], entities=["email", "credit_card"])
    assert [each["spans"] for each in answer.json()["results"]] == [
        [span(0, MAIL, "EMAIL_ADDRESS")],
        [],
        [span(0, CARD, "CREDIT_CARD")],
    ]


async def test_only_what_was_asked_for_is_looked_for(gateway: Pair) -> None:
    answer = await ask(gateway, "/v1/scan", text=f"{MAIL} {CARD}", entities=["PAYMENT"])
    assert answer.json() == {"spans": [span(17, CARD, "CREDIT_CARD")]}


@pytest.mark.parametrize("path", REDACTS)
async def test_redact_gives_the_text_without_what_was_found(gateway: Pair, path: str) -> None:
    text = f"Mail {MAIL}, see https://example.org/, {CARD}, {MAIL}"
    body = (await ask(gateway, path, content=text)).json()
    assert body.pop("processingTimeMs") > 0
    assert body == {
        "original": text,
        "redacted": "Mail [EMAIL_1], see https://example.org/, [CREDIT_CARD_1], [EMAIL_1]",
        "count": 3,
        "piiFound": [
            span(5, MAIL, "EMAIL_ADDRESS", "type"),
            span(text.index(CARD), CARD, "CREDIT_CARD", "type"),
            span(text.rindex(MAIL), MAIL, "EMAIL_ADDRESS", "type"),
        ],
    }


async def test_redact_takes_types_and_a_format(gateway: Pair) -> None:
    body: dict[str, Any] = {"content": f"{MAIL} {CARD} https://example.org/", "pii_types": ["URL", "EMAIL"]}
    redacted = (await ask(gateway, "/v1/security/redact", **body, format="mask")).json()["redacted"]
    assert redacted.startswith(f"j***@***.com {CARD} *")
    assert "example" not in redacted


async def test_a_hash_is_the_same_under_one_key_and_another_under_another(start: Start) -> None:
    keys = [Key(name="a", secret=Secret(KEY)), Key(name="b", secret=Secret(OTHER_KEY))]
    gateway = await start(keys=keys)
    texts = [
        (await ask(gateway, "/v1/security/redact", key, content=MAIL, format="hash")).json()["redacted"]
        for key in (KEY, KEY, OTHER_KEY)
    ]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("path", [*SCANS, *REDACTS])
async def test_with_keys_nobody_else_may_ask(start: Start, path: str) -> None:
    gateway = await start(keys=[Key(name="a", secret=Secret(KEY))])
    answer = await ask(gateway, path, text=MAIL, content=MAIL)
    assert answer.status == 401
    assert answer.error["type"] == "authentication_error"
    assert (await ask(gateway, path, KEY, text=MAIL, content=MAIL)).status == 200


WRONG: list[tuple[str, dict[str, Any], str | None, str]] = [
    ("/v1/scan", {}, "text", "either text"),
    ("/v1/scan", {"text": "a", "texts": []}, "text", "either text"),
    ("/v1/scan", {"text": 7}, "text", "str"),
    ("/v1/scan", {"texts": ["a", 7]}, "texts[1]", "str"),
    ("/v1/scan", {"text": "a", "entities": "EMAIL"}, "entities", "array"),
    ("/v1/scan", {"text": "a", "entities": ["URL", "EMAIL_ADRESS"]}, "entities[1]", "mean EMAIL_ADDRESS"),
    ("/v1/security/redact", {}, None, "content"),
    ("/v1/security/redact", {"content": "a", "pii_types": ["PHONENUMBR"]}, "pii_types[0]", "mean PHONE"),
    ("/v1/security/redact", {"content": "a", "format": "rot13"}, "format", "token, synthetic, hash"),
]


@pytest.mark.parametrize(("path", "body", "param", "said"), WRONG)
async def test_what_is_wrong_is_a_400_that_says_where(
    gateway: Pair, path: str, body: dict[str, Any], param: str | None, said: str
) -> None:
    answer = await ask(gateway, path, **body)
    assert answer.status == 400
    assert answer.error["param"] == param
    assert said in answer.error["message"]


async def test_a_body_is_no_larger_than_the_server_allows(start: Start) -> None:
    gateway = await start(max_body_bytes=1000)
    answer = await ask(gateway, "/v1/scan", text="a" * 2000)
    assert answer.status == 413
    assert answer.error["type"] == "request_too_large"


async def test_others_have_their_turn_while_a_long_text_is_looked_at() -> None:
    text = f"{MAIL}, john%40x.io, {CARD} and some words " * 1000
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    spans = await in_steps(find_all_in_steps(text, every_rule()))
    other.cancel()
    assert turns > len(text) // 1024
    assert spans == find_all(text, every_rule())
    listed = json.loads(await guard_api._listed(spans, "entity"))
    assert [each["start"] for each in listed] == [each.start for each in spans]
