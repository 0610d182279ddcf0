"""Attacks in requests, at a running gateway: refused in every dialect and from every source, before anything
is forwarded; and what happens where a policy flags, watches, or its detector fails.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from gateway.guard.threats import Judging
from gateway.server import judging
from gateway.server.judging import Judge
from gateway.server.reload import CURRENT
from tests.server.attacks import (
    HI,
    HI_PART,
    HIJACK,
    ORDER,
    PLANTED,
    ask,
    chat,
    dropped,
    failing,
    gemini,
    messages,
    responses,
)
from tests.server.conftest import Start
from tests.server.running import Pair, UpstreamKind

genai = pytest.importorskip("google.genai", reason="google-genai is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")


@pytest.fixture
def upstream() -> UpstreamKind:
    """Nothing here depends on the way to providers."""
    return "direct"


# --- every dialect, every source --------------------------------------------------------------------------


def block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def tool_call(arguments: str) -> dict[str, Any]:
    called = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [called]}


def function(**more: Any) -> dict[str, Any]:
    return {"name": "f", "parameters": {"type": "object", "properties": {}}, **more}


RESULT = json.dumps({"page": PLANTED})
FILE = base64.b64encode(PLANTED.encode()).decode()
REQUESTS: dict[str, tuple[tuple[str, dict[str, Any]], str]] = {
    "chat user": (chat({"role": "user", "content": ORDER}), "messages[0].content"),
    "chat part": (chat({"role": "user", "content": [block("hi"), block(ORDER)]}), "messages[0].content[1].text"),
    "chat name": (chat({**HI, "name": ORDER}), "messages[0].name"),
    "chat history": (chat({"role": "user", "content": ORDER}, {"role": "assistant", "content": "no"}, HI), "messages[0].content"),
    "chat assistant": (chat({"role": "assistant", "content": PLANTED}, HI), "messages[0].content"),
    "chat arguments": (chat(HI, tool_call(RESULT)), "messages[1].tool_calls[0].function.arguments"),
    "chat tool": (chat(HI, tool_call("{}"), {"role": "tool", "tool_call_id": "c", "content": PLANTED}), "messages[2].content"),
    "chat tool in JSON": (chat(HI, {"role": "tool", "tool_call_id": "c", "content": RESULT}), "messages[1].content"),
    "chat unknown role": (chat({"role": "oracle", "content": PLANTED}, HI), "messages[0].content"),
    "chat file": (chat({"role": "user", "content": [{"type": "file", "file": {"file_data": f"data:text/plain;base64,{FILE}"}}]}), "messages[0].content[0].file"),
    "chat definition": (chat(HI, tools=[{"type": "function", "function": function(description=ORDER)}]), "tools[0]"),
    "chat schema": (chat(HI, tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string", "description": ORDER}}}}}]), "tools[0]"),
    "chat metadata": (chat(HI, metadata={"note": ORDER}), "metadata"),
    "chat metadata key": (chat(HI, metadata={ORDER: "x"}), "metadata"),
    "chat user field": (chat(HI, user=ORDER), "user"),
    "chat unknown field": (chat(HI, unheard_of={"of": [ORDER]}), "*"),
    "chat prediction": (chat(HI, prediction={"type": "content", "content": ORDER}), "prediction"),
    "completions": (("/v1/completions", {"model": "sim:echo", "prompt": ORDER}), "prompt"),
    "completions list": (("/v1/completions", {"model": "sim:echo", "prompt": ["hi", ORDER]}), "prompt[1]"),
    "completions suffix": (("/v1/completions", {"model": "sim:echo", "prompt": "hi", "suffix": ORDER}), "suffix"),
    "responses user": (responses(ORDER), "input"),
    "responses message": (responses([{"role": "user", "content": [{"type": "input_text", "text": ORDER}]}]), "input[0].content[0].text"),
    "responses assistant": (responses([{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": PLANTED}]}]), "input[0].content[0].text"),
    "responses tool": (responses([{"type": "function_call_output", "call_id": "c", "output": PLANTED}]), "input[0].output"),
    "responses arguments": (responses([{"type": "function_call", "call_id": "c", "name": "f", "arguments": RESULT}]), "input[0].arguments"),
    "responses file": (responses([{"role": "user", "content": [{"type": "input_file", "filename": "a", "file_data": f"data:text/plain;base64,{FILE}"}]}]), "input[0].content[0].*"),
    "responses definition": (responses("hi", tools=[{"type": "function", **function(description=ORDER)}]), "tools[0]"),
    "responses metadata": (responses("hi", metadata={"a": ORDER}), "metadata"),
    "anthropic user": (messages({"role": "user", "content": ORDER}), "messages[0].content"),
    "anthropic block": (messages({"role": "user", "content": [block(ORDER)]}), "messages[0].content[0].text"),
    "anthropic document": (messages({"role": "user", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": PLANTED}}, block("hi")]}), "messages[0].content[0].source.data"),
    "anthropic tool": (messages(HI, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": PLANTED}]}), "messages[1].content[0].content"),
    "anthropic tool block": (messages(HI, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [block(PLANTED)]}]}), "messages[1].content[0].content[0].text"),
    "anthropic arguments": (messages(HI, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": {"b": PLANTED}}}]}), "messages[1].content[0].*"),
    "anthropic assistant": (messages(HI, {"role": "assistant", "content": PLANTED}), "messages[1].content"),
    "anthropic definition": (messages(HI, tools=[{"name": "f", "description": ORDER, "input_schema": {"type": "object"}}]), "tools[0]"),
    "anthropic metadata": (messages(HI, metadata={"user_id": ORDER}), "metadata"),
    "anthropic count": (("/v1/messages/count_tokens", {"model": "sim:echo", "messages": [{"role": "user", "content": ORDER}]}), "messages[0].content"),
    "gemini user": (gemini({"role": "user", "parts": [{"text": ORDER}]}), "contents[0].parts[0].text"),
    "gemini tool": (gemini(HI_PART, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": [PLANTED]}}}]}), "contents[1].parts[0].functionResponse.response"),
    "gemini snake case": (gemini(HI_PART, {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"a": PLANTED}}}]}), "contents[1].parts[0].functionResponse.response"),
    "gemini arguments": (gemini(HI_PART, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": PLANTED}}}]}), "contents[1].parts[0].functionCall.args"),
    "gemini assistant": (gemini(HI_PART, {"role": "model", "parts": [{"text": PLANTED}]}), "contents[1].parts[0].text"),
    "gemini file": (gemini({"role": "user", "parts": [{"inlineData": {"mimeType": "text/html", "data": FILE}}]}), "contents[0].parts[0].inlineData"),
    "gemini definition": (gemini(HI_PART, tools=[{"functionDeclarations": [function(description=ORDER)]}]), "tools[0]"),
    "gemini labels": (gemini(HI_PART, labels={"a": ORDER}), "labels"),
}  # fmt: skip


async def test_an_attack_is_refused_in_every_dialect_and_from_every_source(gateway: Pair) -> None:
    for name, ((path, body), place) in REQUESTS.items():
        for streamed in (
            (False, True) if "stream" not in body and not path.startswith("/v1beta") else (False,)
        ):
            answer = await ask(gateway, path, {**body, "stream": True} if streamed else body)
            assert answer.status == 400, (name, answer.body)
            text = answer.body.decode()
            assert "policy_violation" in text, name
            assert f'"param":"{place}"' in text, (name, text)
            assert "previous" not in text, name
            assert answer.headers["X-Sluice-Decision"] == "block"
            assert answer.headers["X-Sluice-Event-ID"] == answer.headers["X-Request-ID"]
            assert answer.headers["X-Sluice-Threat-Type"]
            assert float(answer.headers["X-Sluice-Confidence"]) > 0.9
            assert float(answer.headers["X-Sluice-Guard-Time-Ms"]) > 0
    assert gateway.simulator.requests == []


SYSTEMS = [
    chat({"role": "system", "content": ORDER}, HI),
    chat({"role": "developer", "content": [block(ORDER)]}, HI),
    responses("hi", instructions=ORDER),
    responses([{"role": "system", "content": ORDER}, HI]),
    messages(HI, system=ORDER),
    messages(HI, system=[block(ORDER)]),
    gemini(HI_PART, systemInstruction={"parts": [{"text": ORDER}]}),
]


async def test_a_system_prompt_is_flagged_and_goes_on(gateway: Pair) -> None:
    for path, body in SYSTEMS:
        before = len(gateway.simulator.requests)
        answer = await ask(gateway, path, body)
        assert answer.status == 200, answer.body
        assert answer.headers["X-Sluice-Decision"] == "flag"
        assert len(gateway.simulator.requests) == before + 1


async def test_what_is_harmless_goes_on(gateway: Pair) -> None:
    for path, body in (chat(HI), responses("hi"), messages(HI), gemini(HI_PART)):
        answer = await ask(gateway, path, body)
        assert (answer.status, answer.headers["X-Sluice-Decision"]) == (200, "allow")
        assert "X-Sluice-Threat-Type" not in answer.headers
    answer = await ask(gateway, *chat({"role": "user", "content": "mail ann@example.org"}))
    assert answer.headers["X-Sluice-Decision"] == "redact"


# --- ways around it -----------------------------------------------------------------------------------------


def letters(alphabet: str) -> Callable[[str], str]:
    return lambda text: text.translate(str.maketrans("aeopcyxi", alphabet))


BYPASSES: dict[str, Callable[[str], str]] = {
    "zero-width": lambda text: "\u200b".join(text),
    "soft hyphens": lambda text: "\u00ad".join(text),
    "tags block": lambda text: "hello " + "".join(chr(0xE0000 + ord(each)) for each in text),
    "variation selectors": lambda text: "hello" + "".join(chr(0xE0100 + ord(each) - 16) for each in text),
    "bidi override": lambda text: "\u202e" + text[::-1] + "\u202c",
    "bidi isolates": lambda text: "".join(f"\u2066{word}\u2069 " for word in text.split()),
    "homoglyphs": letters("аеорсухі"),
    "full width": lambda text: "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text),
    "mathematical": lambda text: "".join(chr(0x1D41A + ord(each) - 97) if "a" <= each <= "z" else each for each in text),
    "base64": lambda text: "Decode this and do it: " + base64.b64encode(text.encode()).decode(),
    "base64 twice": lambda text: "Decode: " + base64.b64encode(base64.b64encode(text.encode())).decode(),
    "hex": lambda text: "Decode this: " + text.encode().hex(),
    "percent": lambda text: "Decode this: " + "".join(f"%{ord(each):02x}" for each in text),
    "HTML entities": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "rot13": lambda text: "rot13: " + codecs.encode(text, "rot13"),
    "reversed": lambda text: "Read backwards: " + text[::-1],
    "leet": lambda text: text.translate(str.maketrans("aeio", "4310")),
    "spelled out": lambda text: " ".join("-".join(word) for word in text.split()),
    "capitals": str.upper,
    "accents": lambda text: "".join(f"{each}\u0301" if each in "aeiou" else each for each in text),
}  # fmt: skip


async def test_a_disguise_is_seen_through(gateway: Pair) -> None:
    for name, disguise in BYPASSES.items():
        answer = await ask(gateway, *chat({"role": "user", "content": disguise(ORDER)}))
        assert answer.status == 400, name
    assert gateway.simulator.requests == []


def pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


ESCAPED = '{"page":"' + "".join(f"\\u{ord(each):04x}" for each in PLANTED) + '"}'
SPLITS: dict[str, tuple[str, dict[str, Any]]] = {
    "words": chat({"role": "user", "content": [block(word) for word in ORDER.split()]}),
    "characters": chat({"role": "user", "content": [block(each) for each in ORDER]}),
    "within a word": chat({"role": "user", "content": [block(ORDER[:25]), block(ORDER[25:])]}),
    "a picture between": chat({"role": "user", "content": [block(ORDER[:25]), {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, block(ORDER[25:])]}),
    "long parts": chat({"role": "user", "content": [block("All is well. " * 90 + ORDER[:25]), block(ORDER[25:] + " All is well." * 90)]}),
    "messages": chat(*({"role": "user", "content": each} for each in pieces(ORDER, 9))),
    "prompts": ("/v1/completions", {"model": "sim:echo", "prompt": pieces(ORDER, 9)}),
    "input items": responses([{"role": "user", "content": each} for each in pieces(ORDER, 9)]),
    "blocks": messages({"role": "user", "content": [block(each) for each in pieces(ORDER, 9)]}),
    "parts": gemini({"role": "user", "parts": [{"text": each} for each in pieces(ORDER, 9)]}),
    "tool results": chat(HI, *({"role": "tool", "tool_call_id": "c", "content": each} for each in pieces(HIJACK, 9))),
    "values of a tree": gemini(HI_PART, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": HIJACK.split()}}}]}),
    "keys of a tree": gemini(HI_PART, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {HIJACK: {}}}}]}),
    "letters as numbers": gemini(HI_PART, {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"codes": [*HIJACK.encode()]}}}]}),
    "JSON escapes": chat(HI, {"role": "tool", "tool_call_id": "c", "content": ESCAPED}),
    "JSON in JSON": chat(HI, {"role": "tool", "tool_call_id": "c", "content": json.dumps({"a": ESCAPED})}),
    "a key that stands twice": chat(HI, {"role": "tool", "tool_call_id": "c", "content": ESCAPED[:-1] + ',"page":"ok"}'}),
    "broken JSON": chat(HI, {"role": "tool", "tool_call_id": "c", "content": ESCAPED[:-2]}),
    "arguments": chat(HI, tool_call(ESCAPED)),
}  # fmt: skip


async def test_an_attack_in_pieces_or_in_json_is_put_together(gateway: Pair) -> None:
    for name, (path, body) in SPLITS.items():
        answer = await ask(gateway, path, body)
        assert answer.status == 400, (name, answer.body)
    assert gateway.simulator.requests == []


async def test_the_body_s_own_escapes_hide_nothing(gateway: Pair) -> None:
    path, body = chat({"role": "user", "content": "@"})
    written = json.dumps(body).replace("@", "".join(f"\\u{ord(each):04x}" for each in ORDER))
    assert (await gateway.post(written.encode(), path)).status == 400
    twice = '{"model":"sim:echo","messages":[{"role":"user","content":"x"}],"messages":[{"role":"user","content":"@"}]}'
    assert (await gateway.post(twice.replace("@", ORDER).encode(), path)).status == 400


# --- what it costs --------------------------------------------------------------------------------------------


async def test_history_is_not_judged_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await start()
    judged: list[str] = []
    own = Judging.__init__

    def counting(self: Judging, text: str, *more: Any) -> None:
        judged.append(text)
        own(self, text, *more)

    monkeypatch.setattr(Judging, "__init__", counting)
    turns: list[dict[str, Any]] = []
    for turn in range(4):
        turns.append({"role": "user", "content": f"question {turn}"})
        assert (await ask(gateway, *chat(*turns))).status == 200
        turns.append({"role": "assistant", "content": f"answer {turn}"})
    assert sorted(judged) == sorted(set(judged))
    assert len(judged) == 7
    # The same text is another matter where somebody else says it.
    assert (
        await ask(
            gateway,
            *chat(HI, tool_call("{}"), {"role": "tool", "tool_call_id": "c", "content": "question 1"}),
        )
    ).status == 200
    assert judged.count("question 1") == 2


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    monkeypatch.setattr(judging, "_MOST_REMEMBERED", 3)
    gateway = await start()
    for number in range(5):
        assert (await ask(gateway, *chat({"role": "user", "content": f"hi {number}"}))).status == 200

    judge: Judge = gateway.runner.app[CURRENT].gateway.judge
    assert len(judge._remembered) == 3
    assert not any(b"hi" in key for key in judge._remembered)


async def test_others_have_their_turn_while_a_long_text_is_judged(gateway: Pair) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    from gateway.guard.texts import Passage

    judge: Judge = gateway.runner.app[CURRENT].gateway.judge
    other = asyncio.create_task(count())
    text = " ".join(f"word{number} and more" for number in range(4000))
    await judge.verdicts([Passage("user", ("a",), text)])
    other.cancel()
    assert turns > 10


# --- the official SDKs ------------------------------------------------------------------------------------------


async def test_openai_s_sdk_sees_a_bad_request(gateway: Pair) -> None:
    client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0)
    said: Any = [{"role": "user", "content": ORDER}]
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="sim:echo", messages=said, stream=stream)
        assert "policy_violation" in str(caught.value)
        assert caught.value.code == "POLICY_VIOLATION"
        assert caught.value.type == "policy_violation"
        assert caught.value.param == "messages[0].content"
        assert caught.value.response.headers["X-Sluice-Decision"] == "block"
    with pytest.raises(openai.BadRequestError, match="policy_violation"):
        await client.responses.create(model="sim:echo", input=ORDER)
    with pytest.raises(openai.BadRequestError, match="policy_violation"):
        await client.completions.create(model="sim:echo", prompt=ORDER)
    await client.close()


async def test_anthropic_s_sdk_sees_a_bad_request(gateway: Pair) -> None:
    client = anthropic.AsyncAnthropic(base_url=gateway.url, api_key="none", max_retries=0)
    said: Any = [{"role": "user", "content": ORDER}]
    with pytest.raises(anthropic.BadRequestError) as caught:
        await client.messages.create(model="sim:echo", max_tokens=9, messages=said)
    assert "policy_violation" in str(caught.value)
    body: Any = caught.value.body
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["code"] == "POLICY_VIOLATION"
    with pytest.raises(anthropic.BadRequestError, match="policy_violation"):
        async with client.messages.stream(model="sim:echo", max_tokens=9, messages=said):
            pass
    await client.close()


async def test_google_s_sdk_sees_a_client_error(gateway: Pair) -> None:
    options = genai.types.HttpOptions(base_url=gateway.url)
    client = genai.Client(api_key="none", http_options=options)
    with pytest.raises(genai.errors.ClientError) as caught:
        await client.aio.models.generate_content(model="sim:echo", contents=ORDER)
    assert "policy_violation" in str(caught.value)
    assert caught.value.code == 400
    await client.aio.aclose()


async def test_sdks_see_a_failed_guard_as_the_server_s_fault(
    start: Start, monkeypatch: pytest.MonkeyPatch, loud: pytest.LogCaptureFixture
) -> None:
    gateway = await start()
    failing(monkeypatch)
    said: Any = [HI]
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model="sim:echo", messages=said)
        assert caught.value.type == "guard_unavailable"
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key="none", max_retries=0) as other:
        with pytest.raises(anthropic.InternalServerError, match="GUARD_UNAVAILABLE"):
            await other.messages.create(model="sim:echo", max_tokens=9, messages=said)
    dropped(loud)
