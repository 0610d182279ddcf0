"""The official SDKs, pointed straight at the simulator, understand every script in every dialect."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import anthropic
import botocore.config
import botocore.exceptions
import botocore.session
import openai
import pytest
from google import genai
from google.genai import errors, types

from gateway import simulator
from gateway.simulator import NAMES, Simulator
from tests.simulator.dialects import SCHEMA, Json

PROMPT = "Write to bob@example.com"
CALLING = ("sim", "sim:tool", "sim:parallel", "sim:thinking")
FINISH = {  # as Anthropic, Gemini and OpenAI say it
    **dict.fromkeys(CALLING, ("tool_use", "STOP", "tool_calls")),
    "sim:zero": ("tool_use", "STOP", "tool_calls"),
    "sim:stop": ("stop_sequence", "STOP", "stop"),
    "sim:length": ("max_tokens", "MAX_TOKENS", "length"),
    "sim:safety": ("refusal", "SAFETY", "content_filter"),
}
CUT_OFF: dict[str, type[Exception]] = {  # what OpenAI's SDK raises when it has a stream put together
    "sim:length": openai.LengthFinishReasonError,
    "sim:safety": openai.ContentFilterFinishReasonError,
}
ENDED = ("end_turn", "STOP", "stop")
SAID = {
    "sim:say": "Of course — you asked about bob@example.com. What should happen to bob@example.com?",
    "sim:echo": PROMPT,
    "sim:citations": "The register lists bob@example.com.",
    "sim:json": '{"answer":"bob@example.com"}',
    "sim:image": "I was sent no image.",
}


# Google's SDK inherits from a class of aiohttp that warns of it.
AIOHTTP = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")


@pytest.fixture
async def running() -> AsyncIterator[Simulator]:
    found = await simulator.start()
    yield found
    await found.close()


def check(name: str, text: str, calls: list[tuple[str, Any]]) -> None:
    assert text == SAID.get(name, text)
    if name in CALLING:
        wanted = ("mail", {"to": "bob@example.com", "copies": 1})
        assert calls == [wanted] * (2 if name == "sim:parallel" else 1)
    elif name == "sim:zero":
        assert calls == [("mail", {})]
    elif name != "sim:length":
        assert not calls
        assert text or name == "sim:script"


async def test_anthropic(running: Simulator) -> None:
    tools: Any = [{"name": "mail", "input_schema": SCHEMA}]
    talk: Any = [{"role": "user", "content": PROMPT}]
    async with anthropic.AsyncAnthropic(api_key="any", base_url=running.origin, max_retries=0) as sdk:
        for name in NAMES:
            asked: Any = {"model": f"{name}?seed=1", "max_tokens": 60, "messages": talk, "tools": tools}
            asked["stop_sequences"] = ["END"]
            async with sdk.messages.stream(**asked) as stream:
                said = await stream.get_final_message()
            assert said.stop_reason == FINISH.get(name, ENDED)[0]
            assert said.stop_sequence == ("END" if name == "sim:stop" else None)
            text = "".join(it.text for it in said.content if it.type == "text")
            check(name, text, [(it.name, it.input) for it in said.content if it.type == "tool_use"])
            whole = await sdk.messages.create(**asked)
            if name != "sim:length":  # a call that is cut off is an object only when it is parsed leniently
                fields = {"content", "stop_reason", "stop_sequence", "id"}
                assert whole.model_dump(include=fields) == said.model_dump(include=fields)
            assert whole.usage.output_tokens == said.usage.output_tokens
        (cited,) = [
            it
            for it in (await ask_claude(sdk, "sim:citations")).content
            if it.type == "text" and it.citations
        ]
        assert cited.citations
        assert cited.citations[0].cited_text == "Entry: bob@example.com"
        with pytest.raises(anthropic.RateLimitError, match="bob@example"):
            await ask_claude(sdk, "sim?fail=status:429")
        with pytest.raises(anthropic.APIStatusError, match="bob@example"):
            async with sdk.messages.stream(model="sim?fail=error_mid", max_tokens=9, messages=talk) as stream:
                await stream.get_final_message()
        async with sdk.messages.stream(model="sim:say?hidden=1", max_tokens=9, messages=talk) as stream:
            assert (await stream.get_final_message()).content[0].type == "redacted_thinking"
        assert [it.id async for it in sdk.models.list()] == list(NAMES)


async def ask_claude(sdk: anthropic.AsyncAnthropic, model: str) -> anthropic.types.Message:
    return await sdk.messages.create(
        model=model, max_tokens=60, messages=[{"role": "user", "content": PROMPT}]
    )


@pytest.mark.parametrize("kind", ["openai", "azure"])
async def test_chat(running: Simulator, kind: str) -> None:
    tools: Any = [{"type": "function", "function": {"name": "mail", "parameters": SCHEMA}}]
    sdk: openai.AsyncOpenAI
    if kind == "azure":
        sdk = openai.AsyncAzureOpenAI(
            api_key="any", azure_endpoint=running.origin, api_version="2024-10-21", max_retries=0
        )
    else:
        sdk = openai.AsyncOpenAI(api_key="any", base_url=running.url, max_retries=0)
    async with sdk:
        for name in NAMES:
            asked: Any = {"model": name, "messages": [{"role": "user", "content": PROMPT}], "tools": tools}
            async with sdk.chat.completions.stream(**asked, stop=["END"]) as stream:
                if name in CUT_OFF:
                    with pytest.raises(CUT_OFF[name]):
                        await stream.get_final_completion()
                    continue
                said = (await stream.get_final_completion()).choices[0]
            assert said.finish_reason == FINISH.get(name, ENDED)[2]
            found = [(it.function.name, it.function.arguments) for it in said.message.tool_calls or []]
            check(name, said.message.content or "", [(it, json.loads(text)) for it, text in found])


async def test_responses(running: Simulator) -> None:
    tools: Any = [{"type": "function", "name": "mail", "parameters": SCHEMA}]
    async with openai.AsyncOpenAI(api_key="any", base_url=running.url, max_retries=0) as sdk:
        for name in NAMES:
            events = [
                it
                async for it in await sdk.responses.create(model=name, input=PROMPT, tools=tools, stream=True)
            ]
            last = events[-1]
            assert last.type == (
                "response.incomplete" if name in ("sim:length", "sim:safety") else "response.completed"
            )
            calls = [it for it in last.response.output if it.type == "function_call"]
            if name != "sim:length":
                check(name, last.response.output_text, [(it.name, json.loads(it.arguments)) for it in calls])
            if name not in ("sim:length", "sim:safety"):
                async with sdk.responses.stream(model=name, input=PROMPT, tools=tools) as stream:
                    final = await stream.get_final_response()
                assert final.output_text == last.response.output_text
        failed = [
            it.type
            async for it in await sdk.responses.create(model="sim?fail=error_mid", input=PROMPT, stream=True)
        ]
        assert failed[-1] == "response.failed"


async def test_completions(running: Simulator) -> None:
    async with openai.AsyncOpenAI(api_key="any", base_url=running.url, max_retries=0) as sdk:
        stream = await sdk.completions.create(model="sim:echo", prompt=PROMPT, stream=True)
        assert "".join([it.choices[0].text async for it in stream]) == PROMPT
        whole = await sdk.completions.create(model="sim:length", prompt=PROMPT, max_tokens=7)
        assert (whole.choices[0].finish_reason, whole.usage and whole.usage.completion_tokens) == (
            "length",
            7,
        )


@AIOHTTP
@pytest.mark.parametrize("vertex", [False, True])
async def test_gemini(running: Simulator, vertex: bool) -> None:
    sdk = genai.Client(
        api_key="any", vertexai=vertex, http_options=types.HttpOptions(base_url=running.origin)
    )
    place = "projects/p/locations/l/publishers/google/models/" if vertex else ""
    declared = types.FunctionDeclaration(name="mail", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        stop_sequences=["END"],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    async with sdk.aio as models:
        for name in NAMES:
            model = place + quote(name, safe="")
            stream = await models.models.generate_content_stream(model=model, contents=PROMPT, config=config)
            chunks = [it async for it in stream]
            parts = [it for chunk in chunks for it in chunk.parts or []]
            assert chunks[-1].candidates
            assert chunks[-1].candidates[0].finish_reason == FINISH.get(name, ENDED)[1]
            text = "".join(it.text or "" for it in parts if not it.thought)
            calls = [
                (it.function_call.name or "", it.function_call.args or {}) for it in parts if it.function_call
            ]
            check(name, text, calls)
            whole = await models.models.generate_content(model=model, contents=PROMPT, config=config)
            said = [it for it in whole.parts or [] if it.text and not it.thought]
            assert "".join(it.text or "" for it in said) == text
            assert whole.usage_metadata == chunks[-1].usage_metadata
        model = place + quote("sim?fail=status:429", safe="")
        with pytest.raises(errors.ClientError, match="bob@example"):
            await models.models.generate_content(model=model, contents=PROMPT)


def bedrock(origin: str) -> Any:
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    return botocore.session.get_session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=origin,
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        config=config,
    )


def converse(sdk: Any, model: str) -> tuple[str, list[tuple[str, Any]], str, Json]:
    """The text, the calls, why it stopped and the counts of a streamed answer."""
    spec = {"toolSpec": {"name": "mail", "inputSchema": {"json": SCHEMA}}}
    asked = {
        "modelId": model,
        "messages": [{"role": "user", "content": [{"text": PROMPT}]}],
        "toolConfig": {"tools": [spec]},
        "inferenceConfig": {"stopSequences": ["END"], "maxTokens": 60},
    }
    text, stopped = "", ""
    calls: list[list[str]] = []
    counts: Json = {}
    for event in sdk.converse_stream(**asked)["stream"]:
        if "contentBlockStart" in event:
            calls.append([event["contentBlockStart"]["start"]["toolUse"]["name"], ""])
        delta = event.get("contentBlockDelta", {}).get("delta", {})
        text += delta.get("text", "")
        if "toolUse" in delta:
            calls[-1][1] += delta["toolUse"]["input"]
        stopped = event.get("messageStop", {}).get("stopReason", stopped)
        counts = event.get("metadata", {}).get("usage", counts)
    whole = sdk.converse(**asked)
    assert (whole["stopReason"], whole["usage"]) == (stopped, counts)
    found = [(name, it if stopped == "max_tokens" else json.loads(it or "{}")) for name, it in calls]
    return text, found, stopped, counts


async def test_bedrock(running: Simulator) -> None:
    def play() -> None:
        sdk = bedrock(running.origin)
        for name in NAMES:
            text, calls, stopped, _ = converse(sdk, name)
            check(name, text, calls)
            wanted = FINISH.get(name, ENDED)[0]
            assert stopped == ("content_filtered" if wanted == "refusal" else wanted)
        with pytest.raises(sdk.exceptions.ThrottlingException, match="bob@example"):
            converse(sdk, "sim?fail=status:429")
        with pytest.raises(botocore.exceptions.EventStreamError, match="bob@example"):
            converse(sdk, "sim?fail=error_mid")
        with pytest.raises(sdk.exceptions.ValidationException, match="invalid"):
            converse(sdk, "anthropic.claude-9")

    await asyncio.to_thread(play)


async def test_claude_elsewhere(running: Simulator) -> None:
    talk: Any = [{"role": "user", "content": PROMPT}]
    async with anthropic.AsyncAnthropicBedrock(
        api_key="any", aws_region="us-east-1", base_url=running.origin
    ) as sdk:
        async with sdk.messages.stream(
            model="sim:parallel",
            max_tokens=9,
            messages=talk,
            tools=[{"name": "mail", "input_schema": SCHEMA}],
        ) as stream:
            said = await stream.get_final_message()
        assert [it.type for it in said.content] == ["text", "tool_use", "tool_use"]
        whole = await sdk.messages.create(model="sim:echo", max_tokens=9, messages=talk)
        assert whole.content[0].type == "text"
        assert whole.content[0].text == PROMPT
    async with (
        anthropic.AsyncAnthropicVertex(
            access_token="any", project_id="p", region="l", base_url=f"{running.origin}/v1"
        ) as other,
        other.messages.stream(model="sim:echo", max_tokens=9, messages=talk) as stream,
    ):
        assert await stream.get_final_text() == PROMPT


@AIOHTTP
async def test_an_image_arrives_by_sdk(running: Simulator) -> None:
    data = b"\x89PNG" * 10
    parts: Any = [types.Part.from_bytes(data=data, mime_type="image/png"), "What is it?"]
    sdk = genai.Client(api_key="any", http_options=types.HttpOptions(base_url=running.origin))
    async with sdk.aio as models:
        said = await models.models.generate_content(model="sim%3Aimage", contents=parts)
    assert said.text == "I was sent image/png of 40 bytes."
    image = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + base64.b64encode(data).decode()},
    }
    content: Any = [image]
    async with openai.AsyncOpenAI(api_key="any", base_url=running.url) as chat:
        whole = await chat.chat.completions.create(
            model="sim:image", messages=[{"role": "user", "content": content}]
        )
    assert whole.choices[0].message.content == said.text
