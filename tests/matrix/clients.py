"""The official SDKs as readers: each asks through the gateway, and says what it accumulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import errors
from openai import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState

from tests.matrix.heard import Choice, Heard, arguments
from tests.server.running import PATIENCE_S

Hear = Callable[[Any, Heard], None]
_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_WITH_TEXT = ("message", "reasoning", "function_call", "custom_tool_call")
_STOPS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class Client:
    """One SDK before one gateway. `ask` takes its own fields, and streams if it is told to."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, provider: str, *, stream: bool, **fields: Any) -> Heard:
        heard = Heard()
        with _failing(heard):
            await self._ask(provider, heard, stream, fields)
        return heard

    async def _ask(self, provider: str, heard: Heard, stream: bool, fields: dict[str, Any]) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


@contextmanager
def _failing(heard: Heard) -> Iterator[None]:
    try:
        yield
    except (openai.APIError, anthropic.APIError, errors.APIError) as error:
        heard.failed, heard.error = True, str(error)


class OpenAIChat(Client):
    name = "openai_chat"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._sdk = openai.AsyncOpenAI(api_key="any", base_url=f"{url}/v1", max_retries=0, timeout=PATIENCE_S)

    async def close(self) -> None:
        await self._sdk.close()

    async def _ask(self, provider: str, heard: Heard, stream: bool, fields: dict[str, Any]) -> None:
        sdk = self._sdk.with_options(base_url=f"{self.url}/v1/{provider}")
        fields = {"messages": [{"role": "user", "content": "hi"}], **fields}
        if not stream:
            self._hear((await sdk.chat.completions.create(**fields)).to_dict(), heard)
            return
        fields = {"stream_options": {"include_usage": True}, **fields}
        state: Any = ChatCompletionStreamState()
        chunks: Any = await sdk.chat.completions.create(stream=True, **fields)
        try:
            async for chunk in chunks:
                state.handle_chunk(chunk)
        finally:
            with suppress(AssertionError):  # nothing came
                self._hear(state.current_completion_snapshot.to_dict(warnings=False), heard)

    def _hear(self, tree: dict[str, Any], heard: Heard) -> None:
        heard.raw = _said(tree["choices"][0]["message"]) if tree["choices"] else None
        for raw in tree["choices"]:
            choice, message = heard.choice(raw["index"]), raw["message"]
            choice.text = (message.get("content") or "") + (
                (message.get("audio") or {}).get("transcript", "")
            )
            choice.refusal = message.get("refusal") or ""
            choice.reasoning = message.get("reasoning_content") or ""
            choice.finish = raw.get("finish_reason")
            for call in message.get("tool_calls") or ():
                if call["type"] == "custom":
                    choice.calls.append((call["custom"]["name"], call["custom"]["input"]))
                else:
                    function = call["function"]
                    choice.calls.append((function["name"], arguments(function["arguments"])))
                assert call["id"]
        if usage := tree.get("usage"):
            heard.usage = (
                usage["prompt_tokens"],
                usage["completion_tokens"],
                (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
                (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0,
            )


def _said(value: Any) -> Any:
    """A message without what the SDK has parsed of it, and without nulls."""
    if isinstance(value, dict):
        kept = {name: it for name, it in value.items() if name not in ("parsed", "parsed_arguments")}
        return {name: _said(it) for name, it in kept.items() if it is not None}
    return [_said(it) for it in value] if isinstance(value, list) else value


class OpenAIResponses(Client):
    name = "openai_responses"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._sdk = openai.AsyncOpenAI(api_key="any", base_url=f"{url}/v1", max_retries=0, timeout=PATIENCE_S)

    async def close(self) -> None:
        await self._sdk.close()

    async def _ask(self, provider: str, heard: Heard, stream: bool, fields: dict[str, Any]) -> None:
        sdk = self._sdk.with_options(base_url=f"{self.url}/v1/{provider}")
        fields = {"input": "hi", **fields}
        if not stream:
            self._hear((await sdk.responses.create(**fields)).to_dict(), heard)
            return
        state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
        events: Any = await sdk.responses.create(stream=True, **fields)
        ended: Any = None
        texts: dict[int, str] = {}
        async for event in events:
            state.handle_event(event)
            if event.type.endswith(".delta"):
                texts[event.output_index] = texts.get(event.output_index, "") + event.delta
            if event.type in ("response.completed", "response.incomplete"):
                ended = event.response
            assert event.type != "response.failed", "the error before it was not raised"
        assert ended is not None, "the stream ended without its last event"
        self._hear(ended.to_dict(), heard)
        # What deltas add up to is what the last event says, of the kinds that the SDK adds up.
        assert {index: text for index, text in texts.items() if text} == _texts(ended.to_dict()["output"])

    def _hear(self, tree: dict[str, Any], heard: Heard) -> None:
        choice = heard.choice(0)
        heard.raw = tree["output"]
        refused = False
        for item in tree["output"]:
            match item["type"]:
                case "message":
                    for part in item["content"]:
                        if part["type"] == "refusal":
                            choice.refusal += part["refusal"]
                            refused = True
                        else:
                            choice.text += part["text"]
                case "reasoning":
                    parts = [*item["summary"], *(item.get("content") or ())]
                    choice.reasoning += "".join(part["text"] for part in parts)
                case "function_call":
                    choice.calls.append((item["name"], arguments(item["arguments"])))
                case "custom_tool_call":
                    choice.calls.append((item["name"], item["input"]))
                case _:
                    pass
        if tree["status"] == "completed":
            choice.finish = "tool_calls" if choice.calls else "stop"
        elif tree["incomplete_details"]:
            choice.finish = _INCOMPLETE.get(tree["incomplete_details"]["reason"])
        assert refused or choice.finish is not None or tree["status"] == "incomplete"
        if usage := tree.get("usage"):
            heard.usage = (
                usage["input_tokens"],
                usage["output_tokens"],
                usage["input_tokens_details"]["cached_tokens"],
                usage["output_tokens_details"]["reasoning_tokens"],
            )


def _texts(output: list[dict[str, Any]]) -> dict[int, str]:
    """What is said in each item that says something."""
    said = {}
    for index, item in enumerate(output):
        if item["type"] in _WITH_TEXT:
            parts = [*(item.get("content") or ()), *(item.get("summary") or ())]
            texts = [part.get("text") or part.get("refusal") or "" for part in parts]
            said[index] = "".join([*texts, item.get("arguments") or "", item.get("input") or ""])
    return {index: text for index, text in said.items() if text}


class Anthropic(Client):
    name = "anthropic"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._sdk = anthropic.AsyncAnthropic(api_key="any", base_url=url, max_retries=0, timeout=PATIENCE_S)

    async def close(self) -> None:
        await self._sdk.close()

    async def _ask(self, provider: str, heard: Heard, stream: bool, fields: dict[str, Any]) -> None:
        sdk = self._sdk.with_options(base_url=f"{self.url}/v1/{provider}")
        fields = {"max_tokens": 1024, "messages": [{"role": "user", "content": "hi"}], **fields}
        if not stream:
            self._hear((await sdk.messages.create(**fields)).to_dict(), heard)
            return
        async with sdk.messages.stream(**fields) as events:
            try:
                async for _ in events:
                    pass
            finally:
                with suppress(AssertionError):  # nothing came
                    self._hear(events.current_message_snapshot.to_dict(warnings=False), heard)

    def _hear(self, tree: dict[str, Any], heard: Heard) -> None:
        choice = heard.choice(0)
        heard.raw = tree["content"]
        for block in tree["content"]:
            match block["type"]:
                case "text":
                    choice.text += block["text"]
                case "thinking":
                    choice.reasoning += block["thinking"]
                case "tool_use":
                    assert block["id"]
                    choice.calls.append((block["name"], block["input"]))
                case _:
                    pass
        choice.finish = _STOPS.get(tree.get("stop_reason") or "")
        usage = tree["usage"]
        cached = usage.get("cache_read_input_tokens") or 0
        heard.usage = (
            usage["input_tokens"] + cached + (usage.get("cache_creation_input_tokens") or 0),
            usage["output_tokens"],
            cached,
            (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0,
        )


class Gemini(Client):
    name = "gemini"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._sdks: dict[str, Any] = {}

    def _sdk(self, provider: str) -> Any:
        if provider not in self._sdks:
            options: Any = {
                "base_url": f"{self.url}/v1/{provider}",
                "timeout": int(PATIENCE_S * 1000),
                "retry_options": {"attempts": 1},
            }
            self._sdks[provider] = genai.Client(api_key="any", http_options=options, vertexai=False).aio
        return self._sdks[provider]

    async def close(self) -> None:
        for sdk in self._sdks.values():
            await sdk.aclose()

    async def _ask(self, provider: str, heard: Heard, stream: bool, fields: dict[str, Any]) -> None:
        models = self._sdk(provider).models
        fields = {"contents": "hi", **fields}
        if not stream:
            self._hear(await models.generate_content(**fields), heard)
            return
        async for chunk in await models.generate_content_stream(**fields):
            self._hear(chunk, heard)

    def _hear(self, chunk: Any, heard: Heard) -> None:
        for candidate in chunk.candidates or ():
            choice = heard.choice(candidate.index or 0)
            for part in (candidate.content and candidate.content.parts) or ():
                heard.raw = [*(heard.raw or ()), part]
                if part.function_call:
                    choice.calls.append((part.function_call.name, part.function_call.args or {}))
                elif part.thought:
                    choice.reasoning += part.text or ""
                else:
                    choice.text += part.text or ""
            if candidate.finish_reason:
                choice.finish = _gemini_finish(candidate.finish_reason.value, choice)
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
            heard.choice(0).finish = "content_filter"
        if (usage := chunk.usage_metadata) is not None:
            thoughts = usage.thoughts_token_count or 0
            heard.usage = (
                usage.prompt_token_count or 0,
                (usage.candidates_token_count or 0) + thoughts,
                usage.cached_content_token_count or 0,
                thoughts,
            )


def _gemini_finish(word: str, choice: Choice) -> str:
    match word:
        case "STOP":
            return "tool_calls" if choice.calls else "stop"
        case "MAX_TOKENS":
            return "length"
        case "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII":
            return "content_filter"
        case _:
            return "stop"


CLIENTS: dict[str, type[Client]] = {
    "openai_chat": OpenAIChat,
    "openai_responses": OpenAIResponses,
    "anthropic": Anthropic,
    "gemini": Gemini,
}
