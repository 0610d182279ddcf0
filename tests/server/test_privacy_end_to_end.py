"""What the provider's bytes hold and what the client's text holds, over real HTTP.

Streamed equals whole, whatever the cut; and both ways to providers give the client the same bytes.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from multidict import CIMultiDict

from gateway.config import Timeouts
from gateway.guard.limits import Threats
from gateway.guard.policy import Policy
from tests.server.conftest import Start
from tests.server.running import DONE, Answer, Pair, asking, running, saying, turns
from tests.server.test_faults import EARLY, LATE

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----"
# A value, and what of it must not be seen anywhere.
VALUES = {
    "e-mail": ("write to john.smith+x@mail.example.com now", "mail.example.com"),
    "person": ("Tell me about John Smith today", "Smith"),
    "phone": ("call +49 30 901820 now", "901820"),
    "US phone": ("call (212) 555-0187 now", "555-0187"),
    "card": ("card 4111 1111 1111 1111 please", "1111 1111"),
    "card without spaces": ("card 5555555555554444 please", "5555"),
    "SSN": ("SSN 536-22-8726 here", "22-8726"),
    "IBAN": ("IBAN DE89 3704 0044 0532 0130 00 here", "0532"),
    "IPv4": ("host 203.0.113.77 is down", "113.77"),
    "IPv6": ("host 2001:db8:85a3::8a2e:370:7334 is down", "8a2e"),
    "URL credentials": ("postgres://app:s3cr3tpw@db.example/x", "s3cr3tpw"),
    "OpenAI key": ("key sk-proj-abcDEF0123456789abcDEF0123 here", "abcDEF"),
    "GitHub token": ("token ghp_0123456789abcdefghijABCDEFGHIJ012345 here", "abcdefghij"),
    "AWS key": ("id AKIAIOSFODNN7EXAMPLE here", "IOSFODNN7"),
    "JWT": ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJlX2hlcmU here", "c2lnbmF0"),
    "PEM": (PEM, "MIIEvQIBADANBg"),
}
TOOL = {
    "type": "function",
    "function": {
        "name": "send",
        "parameters": {
            "type": "object",
            "properties": {
                "to": {"type": "string"},
                "text": {"type": "string"},
                "count": {"type": "integer"},
            },
        },
    },
}


def planted(value: str) -> dict[str, Any]:
    """A request that holds a value in every place where text can stand."""
    return {
        "messages": [
            {"role": "system", "content": f"system {value}"},
            {"role": "developer", "content": [{"type": "text", "text": f"developer {value}"}]},
            {"role": "user", "name": f"name {value}", "content": f"user {value}"},
            {
                "role": "assistant",
                "content": f"assistant {value}",
                "refusal": f"refusal {value}",
                "reasoning_content": f"reasoning {value}",
                "unknown": {"deep": [f"deep {value}"]},
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "send", "arguments": json.dumps({"to": f"argument {value}"})},
                    },
                    {"id": "call_2", "type": "custom", "custom": {"name": "c", "input": f"input {value}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": f"tool {value}"},
            {"role": "tool", "tool_call_id": "call_2", "content": json.dumps({"result": [f"json {value}"]})},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": f"part {value}"},
                    {"type": "image_url", "image_url": {"url": f"https://pictures.example/?q={value}"}},
                    {"type": "file", "file": {"filename": f"file {value}", "file_data": "AAAA"}},
                    {"type": "unknown", "unknown": f"part {value}"},
                ],
            },
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "send",
                    "description": f"description {value}",
                    "parameters": {
                        "type": "object",
                        "description": f"schema {value}",
                        "properties": {"to": {"type": "string", "enum": [f"enum {value}"]}},
                    },
                },
            }
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object", "title": f"title {value}"}},
        },
        "prediction": {"type": "content", "content": f"prediction {value}"},
        "user": f"user {value}",
        "safety_identifier": f"safety {value}",
        "prompt_cache_key": f"cache {value}",
        "metadata": {"note": f"metadata {value}", f"key {value}": "x"},
        "stop": [f"stop {value}"],
        "web_search_options": {"user_location": {"approximate": {"city": f"city {value}"}}},
        "unknown": {"deep": [{"deeper": f"unknown {value}"}], f"unknown {value}": 1},
    }


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield name
            yield from strings(value)
    elif isinstance(node, list):
        for each in node:
            yield from strings(each)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("what", VALUES)
async def test_nothing_planted_reaches_the_provider(
    start: Start, caplog: pytest.LogCaptureFixture, what: str, stream: bool
) -> None:
    value, telling = VALUES[what]
    body = {"model": "sim:say", "stream": stream, **planted(value)}
    # One value in thirty places looks like an attack, which is not what is looked at here.
    gateway = await start(policies=[Policy("default", threats=Threats(enforcement="monitor"))])
    # Both ways that JSON can be written: as it is, and with what can be escaped.
    for raw in (json.dumps(body, ensure_ascii=False), json.dumps(body)):
        answer = await gateway.post(raw.encode())
        assert answer.status == 200, answer.body
        assert int(answer.headers["X-Sluice-Entities-Detected"]) >= 20
    assert len(gateway.simulator.requests) == 2
    for request in gateway.simulator.requests:
        seen = f"{request.path} {request.headers} {request.body.decode()}"
        assert telling not in seen
        for text in strings(json.loads(request.body)):
            assert telling not in text
    assert telling not in caplog.text


async def test_a_value_may_be_written_in_escapes(gateway: Pair) -> None:
    escaped = "".join(f"\\u{ord(each):04x}" for each in "john@example.com")
    raw = asking("sim:echo", "VALUE").decode().replace("VALUE", escaped)
    answer = await gateway.post(raw.encode())
    assert gateway.saw["messages"][0]["content"] == "[EMAIL_1]"
    assert lanes(answer) == {(0, "content"): "john@example.com"}


async def test_a_number_may_be_a_value(gateway: Pair) -> None:
    await gateway.chat("sim", metadata={"card": 4111111111111111, "count": 7})
    assert gateway.saw["metadata"] == {"card": "[CREDIT_CARD_1]", "count": 7}


async def test_what_is_never_touched_stays(gateway: Pair) -> None:
    body = {
        "model": "sim:say",
        "stream": True,
        "messages": [
            {"role": "user", "content": "Hello"},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_4111111111111111",
                        "type": "function",
                        "function": {"name": "send", "arguments": "{}"},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_4111111111111111", "content": "ok"},
        ],
        "tools": [TOOL],
        "temperature": 0.5,
        "seed": 4111111111111111,
        "logit_bias": {"50256": -100},
        "stop": ["x"],
        "unknown": [1, None, True, 1.5, {"a": []}],
    }
    await gateway.post(json.dumps(body).encode())
    assert gateway.saw == body | {"stream_options": {"include_usage": True}}


async def test_vaults_are_not_shared(gateway: Pair) -> None:
    first, second = [await gateway.chat("sim:echo", f"mail {name}@example.com") for name in ("ada", "bob")]
    assert [json.loads(it.body)["messages"][0]["content"] for it in gateway.simulator.requests] == [
        "mail [EMAIL_1]"
    ] * 2
    assert lanes(first) == {(0, "content"): "mail ada@example.com"}
    assert lanes(second) == {(0, "content"): "mail bob@example.com"}


async def test_a_placeholder_of_the_callers_own_stays_what_it_is(gateway: Pair) -> None:
    prompt = "[EMAIL_1] is not john@example.com and [email_2] neither"
    answer = await gateway.chat("sim:echo?delta=1", prompt)
    assert gateway.saw["messages"][0]["content"] == "[EMAIL_1] is not [EMAIL_3] and [email_2] neither"
    assert lanes(answer) == {(0, "content"): prompt}


async def test_a_token_goes_on_before_the_next_is_there(gateway: Pair) -> None:
    async with gateway.connect() as connection:
        connection.request(asking(saying("Hello", "delta=100&fail=stall:2")), "/v1/chat/completions")
        await connection.head()
        said = b""
        while b"Hello" not in said:  # and the provider stalls
            said += await connection.chunk()
        await turns()
        connection.leave()


@pytest.mark.parametrize(
    "cut", ["delta=1", "bytes=1", "bytes=random", "crlf=1&bytes=3", "comments=1&bytes=random"]
)
async def test_each_write_ends_on_a_frame_boundary(gateway: Pair, cut: str) -> None:
    answer = await gateway.chat(f"sim:say?{cut}", "Tell me about John Smith at john@example.com")
    for chunk in answer.chunks:
        assert chunk.endswith((b"\n\n", b"\r\n\r\n"))


# --- restored in every lane -------------------------------------------------------------------------------


def lanes(answer: Answer) -> dict[tuple[Any, ...], str]:
    """The text of each lane of a streamed answer, and how its choices finished."""
    found: dict[tuple[Any, ...], str] = defaultdict(str)
    for event in answer.events:
        for choice in event["choices"]:
            at, delta = choice["index"], choice["delta"]
            for lane in ("content", "reasoning_content", "refusal"):
                if delta.get(lane):
                    found[at, lane] += delta[lane]
            for call in delta.get("tool_calls") or ():
                found[at, "name", call["index"]] += call["function"].get("name") or ""
                found[at, "arguments", call["index"]] += call["function"].get("arguments") or ""
    return dict(found)


def whole_lanes(answer: Answer) -> dict[tuple[Any, ...], str]:
    found: dict[tuple[Any, ...], str] = {}
    for choice in answer.json()["choices"]:
        at, message = choice["index"], choice["message"]
        for lane in ("content", "reasoning_content", "refusal"):
            if message.get(lane):
                found[at, lane] = message[lane]
        for number, call in enumerate(message.get("tool_calls") or ()):
            found[at, "name", number] = call["function"]["name"]
            found[at, "arguments", number] = call["function"]["arguments"]
    return found


def finishes(answer: Answer) -> list[str]:
    choices = [choice for event in answer.events for choice in event["choices"]]
    return [choice["finish_reason"] for choice in choices if choice["finish_reason"]]


CUTS = [
    "pace_ms=0",
    "delta=1",
    "delta=2",
    "delta=random",
    "delta=1000",
    "bytes=19",
    "bytes=random&delta=9",
    "crlf=1",
    "crlf=1&bytes=31",
    "escape=1",
    "escape=1&delta=1",
    "escape=2",
    "escape=2&delta=random&bytes=random",
    "comments=1",
    "obfuscation=1&delta=2",
    "delta=random&bytes=random&crlf=1&comments=1",
]
PROMPT = f'Hi, I am Ada Byron, ada@example.com — card 4111 1111 1111 1111, key {PEM} and "quotes" \\ too'
SCRIPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "say": ("sim:say?", {}),
    "echo": ("sim:echo?", {}),
    "two choices": ("sim:echo?", {"n": 2}),
    "tool": ("sim:tool?", {"tools": [TOOL]}),
    "tools": ("sim:tool?calls=3&", {"tools": [TOOL], "n": 2}),
    "reasoning": ("sim:say?reasoning=1&", {"n": 2}),
    "refusal": ("sim:say?refusal=1&", {}),
    "reasoning and tools": ("sim:tool?reasoning=1&", {"tools": [TOOL]}),
    "logprobs": ("sim:echo?logprobs=1&", {}),
}


@pytest.mark.parametrize("script", SCRIPTS)
async def test_streamed_equals_whole_and_both_are_restored(gateway: Pair, script: str) -> None:
    model, more = SCRIPTS[script]
    whole = await gateway.chat(f"{model}seed=1", PROMPT, stream=False, **more)
    expected = whole_lanes(whole)
    assert expected
    assert "[EMAIL_1]" not in whole.body.decode()
    for (_, lane, *_), text in expected.items():
        if lane == "arguments":
            assert json.loads(text) == {
                "to": "Ada Byron",
                "text": f"ada@example.com, 4111 1111 1111 1111, {PEM}",
                "count": 1,
            }
        elif lane == "content" and "echo" in model:
            assert text == PROMPT
        elif lane != "name":
            assert "Ada Byron" in text
            assert "ada@example.com" in text
            assert PEM in text
    for cut in CUTS:
        streamed = await gateway.chat(f"{model}seed=1&{cut}", PROMPT, **more)
        assert lanes(streamed) == expected, cut
        assert finishes(streamed) == [it["finish_reason"] for it in whole.json()["choices"]], cut
        for value in ("Ada", "ada@", "1111", "MIIE", "[EMAIL_1]"):
            # Log probabilities spell the text out token by token.
            assert value not in str(
                [choice.get("logprobs") for it in streamed.events for choice in it["choices"]]
            )
    for request in gateway.simulator.requests:
        for value in ("Ada", "ada@", "1111", "MIIE"):
            assert value.encode() not in request.body


@pytest.mark.parametrize("cut", ["bytes=1", "bytes=1&crlf=1&comments=1", "bytes=2&escape=2"])
async def test_each_byte_may_come_alone(gateway: Pair, cut: str) -> None:
    prompt = "Hi, I am Ada Byron, ada@example.com — you?"
    streamed = await gateway.chat(f"sim:echo?delta=7&{cut}", prompt)
    assert lanes(streamed) == {(0, "content"): prompt}
    called = await gateway.chat(f"sim:tool?delta=7&{cut}", prompt, tools=[TOOL])
    arguments = json.loads(lanes(called)[0, "arguments", 0])
    assert arguments == {"to": "Ada Byron", "text": "ada@example.com", "count": 1}


async def test_what_the_model_makes_up_is_redacted_either_way(gateway: Pair) -> None:
    model = saying("Try 4111 1111 1111 1111 or 536-22-8726, mail eve@example.com.", "delta=1")
    expected = {(0, "content"): "Try [CREDIT_CARD] or [SSN], mail eve@example.com."}
    assert whole_lanes(await gateway.chat(model, stream=False)) == expected
    assert lanes(await gateway.chat(model)) == expected


async def test_a_clean_stream_is_the_providers_bytes(gateway: Pair) -> None:
    """Law 2, over the wire; the usage was asked for, so that nothing is left out."""
    model = "sim:long?seed=1&tokens=50"
    asked: dict[str, Any] = {"stream_options": {"include_usage": True}}
    through = await gateway.chat(model, **asked)
    port = int(gateway.simulator.url.rpartition(":")[2].partition("/")[0])
    direct = await Pair(port, gateway.runner, gateway.simulator).post(
        asking(model, **asked), headers=[("Authorization", "Bearer x")]
    )
    assert normal(through) == normal(direct)
    assert through.body.endswith(DONE)


# --- law 9: the fast path equals the plain path -----------------------------------------------------------


def normal(answer: Answer) -> bytes:
    """The body without what differs from request to request."""
    body = re.sub(rb'"created":\d+', b'"created":0', answer.body)
    return re.sub(rb'"request_id":"\w{26}"', b'"request_id":""', body)


def described(answer: Answer) -> tuple[Any, ...]:
    varying = (
        "date",
        "x-request-id",
        "x-sluice-detection-time-ms",
        "x-sluice-guard-time-ms",
        "x-sluice-event-id",
    )
    headers = sorted(
        (name.lower(), value) for name, value in answer.headers.items() if name.lower() not in varying
    )
    if answer.status != 200:
        headers = [(name, value) for name, value in headers if name != "content-length"]
    return answer.status, headers, answer.ended, normal(answer)


FAILING = [f"sim:say?seed=1&fail={fail}" for fail, _ in EARLY + LATE]
FAILING += [
    f"sim:say?seed=1&fail={fail}" for fail in ("json", "slow_head:0.01", "stall:0", "stall:head", "stall:7")
]
FAILING += [f"sim:tool?seed=1&bytes=random&fail={fail}" for fail in ("drop:20", "reset:9", "truncate:14")]
FAILING += [f"sim:say?fail=status:{status}&seed=1" for status in (400, 401, 403, 404, 429, 500, 503, 529)]
FAILING += ["nobody", "sim:say?no_done=1&seed=1"]


async def both(requests: list[bytes], timeouts: Timeouts | None = None) -> list[tuple[bytes, Answer, Answer]]:
    async with running("direct", timeouts=timeouts) as direct, running("plain", timeouts=timeouts) as plain:
        return [(raw, await direct.post(raw), await plain.post(raw)) for raw in requests]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_both_ways_to_providers_give_the_same_bytes(quiet: None, script: str) -> None:
    model, more = SCRIPTS[script]
    requests = [asking(f"{model}seed=1&{cut}", PROMPT, **more) for cut in CUTS]
    requests.append(asking(f"{model}seed=1", PROMPT, stream=False, **more))
    for raw, direct, plain in await both(requests):
        assert described(direct) == described(plain), raw


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", FAILING)
async def test_both_ways_to_providers_fail_with_the_same_bytes(quiet: None, model: str, stream: bool) -> None:
    timeouts = Timeouts(first_byte_s=0.5, idle_s=0.5) if "stall" in model else None
    for _, direct, plain in await both([asking(model, PROMPT, stream=stream, tools=[TOOL])], timeouts):
        assert described(direct) == described(plain)


def test_the_comparison_catches_another_byte() -> None:
    one = Answer(200, CIMultiDict({"Date": "now"}), [b"data: 1\n\n"], True)
    assert described(one) == described(
        Answer(200, CIMultiDict({"Date": "then"}), [b"data: 1", b"\n\n"], True)
    )
    assert described(one) != described(Answer(200, CIMultiDict(), [b"data: 2\n\n"], True))
    assert described(one) != described(Answer(200, CIMultiDict(), [b"data: 1\n\n"], False))
    assert described(one) != described(Answer(200, CIMultiDict({"X": "1"}), [b"data: 1\n\n"], True))
