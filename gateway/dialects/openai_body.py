"""OpenAI Chat Completions as whole bodies: requests, answers, errors.

In: the bytes of a body, or a provider's error object. Out: a `ChatRequest`, bytes for a provider or a
client, a `ProviderError`; and for each string of a body what it is. Frames are next door in `openai_chat`.

Source: openai-python types (`completion_create_params.py`), and recorded error bodies of many providers.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec
from msgspec import Struct

from gateway.chat import ChatRequest
from gateway.errors import InvalidRequest, ProviderError, ProviderGarbage

Path = tuple[str | int, ...]
Nature = Literal["text", "json", "sniff", "keep"]

_any = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


class _Message(Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _ResponseFormat(Struct):
    type: str = "text"


class _Request(Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    response_format: _ResponseFormat | None = None
    tools: list[dict[str, Any]] | None = None
    n: int | None = None


def parse_request(raw: bytes) -> ChatRequest:
    """The request in a body.

    Raises InvalidRequest with the field at fault in `param`; never with what stood there.
    """
    try:
        body = _any.decode(raw)
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"the body is not valid JSON: {_where(error)}") from None
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be a JSON object")
    try:
        shape = msgspec.convert(body, _Request)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        param = where.strip(".`") or None
        raise InvalidRequest(f"{what}{f' at {param}' if param else ''}", param=param) from None
    if not shape.model:
        raise InvalidRequest("model must not be empty", param="model")
    if not shape.messages:
        raise InvalidRequest("messages must not be empty", param="messages")
    output = shape.response_format
    return ChatRequest(
        body=body,
        model=shape.model,
        stream=bool(shape.stream),
        wants_usage=bool(shape.stream_options and shape.stream_options.include_usage),
        json_output=output is not None and output.type in ("json_object", "json_schema"),
    )


def _where(error: msgspec.DecodeError) -> str:
    """The decoder's own words without anything it may quote from the text."""
    message = str(error)
    return message if "byte" in message or "truncated" in message else "it cannot be decoded"


def encode_request(request: ChatRequest, model: str, ask_usage: bool) -> bytes:
    """The body for a provider. `ask_usage` requests the usage chunk that the gateway accounts with."""
    body = {**request.body, "model": model}
    if request.stream and ask_usage and not request.wants_usage:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return encode(body)


# Ids, names of tools and models, enums, signatures and bytes: never touched, wherever the dialect puts
# them. `*` is an index, `**` everything below. Anything not listed is text.
_KEEP = {
    "model",
    "messages.*.role",
    "messages.*.tool_call_id",
    "messages.*.tool_calls.*.id",
    "messages.*.tool_calls.*.type",
    "messages.*.tool_calls.*.function.name",
    "messages.*.tool_calls.*.custom.name",
    "messages.*.function_call.name",
    "messages.*.audio.id",
    "messages.*.content.*.type",
    "messages.*.content.*.image_url.detail",
    "messages.*.content.*.input_audio.data",
    "messages.*.content.*.input_audio.format",
    "messages.*.content.*.file.file_data",
    "messages.*.content.*.file.file_id",
    "messages.*.content.*.signature",
    "messages.*.reasoning_details.**",
    "tools.*.type",
    "tools.*.function.name",
    "tools.*.custom.name",
    "tool_choice.**",
    "functions.*.name",
    "function_call.name",
    "response_format.type",
    "response_format.json_schema.name",
    "stream_options.**",
    "logit_bias.**",
    "modalities.**",
    "audio.**",
    "reasoning_effort",
    "service_tier",
    "verbosity",
    "prompt_cache_retention",
    "id",
    "object",
    "created",
    "system_fingerprint",
    "obfuscation",
    "usage.**",
    "choices.*.index",
    "choices.*.finish_reason",
    "choices.*.logprobs.**",
    "choices.*.content_filter_results.**",
    "prompt_filter_results.**",
}
_KEEP_BELOW = tuple(path[:-2] for path in _KEEP if path.endswith(".**"))
_KEEP_NUMBERS = {"seed", "max_tokens", "max_completion_tokens", "n", "top_logprobs", "created"}
# The places of `messages.*` that `choices.*.message` and `choices.*.delta` have too.
_MESSAGE_KEEP = {path.removeprefix("messages.*.") for path in _KEEP if path.startswith("messages.*.")}
_MESSAGE_KEEP |= {"tool_calls.*.index", "channel"}
# Every name that the paths above are made of, and the other fields of a usual request.
FIELD_NAMES = frozenset(name for path in _KEEP for name in path.split(".")) | set(
    "messages content text image_url url tools tool_calls function description parameters properties "
    "required additionalProperties stream temperature top_p max_tokens max_completion_tokens n stop seed "
    "tool_choice user metadata response_format json_schema schema strict presence_penalty frequency_penalty "
    "include_usage".split()
)


def classify(path: Path, text: str = "", *, json_output: bool = False) -> Nature:
    """What the string at a path of a request, an answer or a chunk is.

    In a conversation in JSON, messages may be JSON too: a value read there as it is meant goes back into
    the answer escaped once, not twice, and is the same value when the answer comes back as history.
    """
    names = ["*" if isinstance(step, int) else step for step in path]
    dotted = ".".join(names)
    if dotted in _KEEP or dotted in _KEEP_NUMBERS or dotted.startswith(_KEEP_BELOW):
        return "keep"
    if names[0] == "choices" and len(names) > 3 and names[2] in ("message", "delta"):
        inner = ".".join(names[3:])
        if inner in _MESSAGE_KEEP or inner.startswith("reasoning_details."):
            return "keep"
        if inner == "content" and json_output:
            return "sniff"
    if json_output and names[:1] == ["messages"] and names[2:] in (["content"], ["content", "*", "text"]):
        return "sniff"
    if names[-1] == "arguments" and names[-2:-1] in (["function"], ["function_call"]):
        return "json"
    if names[-1] == "url" and text.startswith("data:"):
        return "keep"
    return "text"


def load(data: bytes) -> Any:
    """JSON of a provider. Lone surrogates, which a provider makes by cutting a pair, are kept as they are.

    Raises ProviderGarbage.
    """
    try:
        return _any.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise ProviderGarbage("the provider sent JSON that is not valid") from None


def encode(tree: Any) -> bytes:
    """JSON, lone surrogates included."""
    try:
        return _encode(tree)
    except UnicodeEncodeError:  # a lone surrogate: only an escape can carry it
        return json.dumps(tree, separators=(",", ":")).encode()


def scrub_logprobs(body: dict[str, Any]) -> None:
    """Drop what spells out, token by token, a text that was changed."""
    for choice in body.get("choices") or ():
        if isinstance(choice, dict) and choice.get("logprobs"):
            choice["logprobs"] = None


def encode_error(facts: dict[str, Any]) -> bytes:
    """An error answer's body."""
    return encode({"error": facts})


def provider_error(status: int | None, raw: Any, retry_after_s: float | None = None) -> ProviderError:
    """A provider's error object, or body, as our error.

    `status` is None inside a stream. Bodies seen: {"error": {…}}, {"error": "text"}, [{"error": …}],
    {"message": …}, {"detail": …}, and no JSON at all.
    """
    if isinstance(raw, list) and raw:
        raw = raw[0]
    error = raw.get("error", raw) if isinstance(raw, dict) else raw
    if isinstance(error, str):
        error = {"message": error}
    elif not isinstance(error, dict):
        error = {}
    message = error.get("message") or error.get("detail") or "the provider answered with an error"
    code = error.get("code")
    if status is None:
        hint = error.get("status_code") or error.get("status") or code
        status = hint if isinstance(hint, int) and 400 <= hint < 600 else 502
    known = ("message", "type", "code", "param", "status", "request_id")
    return ProviderError(
        message if isinstance(message, str) else json.dumps(message),
        status=status,
        type=_error_type(status, error.get("type")),
        code=code if isinstance(code, str | int) else None,
        param=error.get("param") if isinstance(error.get("param"), str) else None,
        retry_after_s=retry_after_s,
        extra={key: value for key, value in error.items() if key not in known},
    )


def _error_type(status: int, given: Any) -> str:
    if isinstance(given, str) and given:
        return given
    types = {
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_exceeded",
    }
    return types.get(status, "invalid_request_error" if status in (400, 413, 422) else "provider_error")
