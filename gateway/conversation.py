"""The shared vocabulary of requests: what a caller asks, whatever the dialect.

A request is read twice. `ChatRequest` is the dialect's body with the few facts that the gateway acts on; it
is what is redacted, and what goes out again when the provider speaks the client's dialect. `Conversation`
is the same request in neutral words, made from the redacted body only when it must be said in another
dialect. What has no neutral word stays in `extra` under its own name: the other dialect either knows what
to do with it or refuses the request by that name. Nothing is dropped silently.

No wire format here, and no I/O.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from msgspec import Struct, field

from gateway.chat import Path

# Whose words a part of a request holds. Assistant turns are `document`: the model is supposed to have said
# them, but it is the client that sends them, and whoever writes history writes orders into it.
Source = Literal["system", "user", "tool", "document"]


class Sourced(NamedTuple):
    """A part of a request, with its place: a string, or a tree that is read as one text.

    `aside` says that it is no part of the conversation: a tool's definition, metadata.
    """

    source: Source
    path: Path
    value: Any
    aside: bool = False


class ChatRequest(Struct):
    """One request as its dialect read it.

    `body` is the whole JSON object: what goes to a provider is encoded from it after redaction, so fields
    that no dialect of ours knows survive.
    """

    body: dict[str, Any]
    model: str
    stream: bool = False
    wants_usage: bool = True
    json_output: bool = False


class TextPart(Struct, tag="text"):
    """`cache` is the caller's hint that the prompt may be cached up to here (Anthropic's cache_control)."""

    text: str
    cache: dict[str, Any] | None = None


class ImagePart(Struct, tag="image"):
    """One of `data` (base64, with its `media_type`), `url` or `file_id`."""

    data: str = ""
    media_type: str = ""
    url: str = ""
    file_id: str = ""
    detail: str = ""
    cache: dict[str, Any] | None = None


class FilePart(Struct, tag="file"):
    """A document, audio or video: one of `data` (base64), `text`, `url` or `file_id`."""

    media_type: str = ""
    data: str = ""
    text: str = ""
    url: str = ""
    file_id: str = ""
    name: str = ""
    cache: dict[str, Any] | None = None


class ReasoningPart(Struct, tag="reasoning"):
    """Earlier reasoning that comes back: `text` with its `signature`, or what only the provider can read.

    `sealed` holds redacted or encrypted data, `origin` the dialect that made it: another provider cannot
    use it.
    """

    text: str = ""
    signature: str = ""
    sealed: str = ""
    id: str = ""
    origin: str = ""


class ToolCallPart(Struct, tag="tool_call"):
    """`arguments` is JSON text (empty for none), or free text for a `custom` tool."""

    id: str
    name: str
    arguments: str = ""
    custom: bool = False
    signature: str = ""
    cache: dict[str, Any] | None = None


class ToolResultPart(Struct, tag="tool_result"):
    """`name` is the tool's, if the dialect says it (Gemini finds calls by name)."""

    call_id: str
    content: list[TextPart | ImagePart | FilePart]
    is_error: bool = False
    name: str = ""
    cache: dict[str, Any] | None = None


class RefusalPart(Struct, tag="refusal"):
    text: str


class ExtraPart(Struct, tag="extra"):
    """A part that has no neutral word: `dialect` says whose words `data` is in."""

    dialect: str
    data: dict[str, Any]


Part = (
    TextPart | ImagePart | FilePart | ReasoningPart | ToolCallPart | ToolResultPart | RefusalPart | ExtraPart
)
Role = Literal["system", "developer", "user", "assistant"]


class Message(Struct):
    """One turn. Tool results are parts of a `user` message; each dialect groups them as it must."""

    role: Role
    parts: list[Part]
    name: str = ""


class Tool(Struct):
    """`schema` is JSON Schema of the arguments, None for a custom tool (free text, `custom` its format)."""

    name: str
    description: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    custom: dict[str, Any] | None = None
    cache: dict[str, Any] | None = None


class ToolChoice(Struct):
    """`named` needs exactly one name; `required` with names allows only these."""

    mode: Literal["auto", "none", "required", "named"]
    names: list[str] = field(default_factory=list)


class OutputFormat(Struct):
    """Structured output: any JSON object, or JSON by a schema."""

    type: Literal["json_object", "json_schema"]
    name: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str = ""


class Conversation(Struct):
    """A request in neutral words. None, or an empty value, means that the caller did not say.

    `effort` is `none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`; `thinking_budget` is in tokens.
    `user` identifies the end user to the provider. `extra` holds what has no neutral word, by its own name;
    a field whose value is the dialect's default is left out.
    """

    model: str
    messages: list[Message]
    dialect: str
    stream: bool = False
    tools: list[Tool] = field(default_factory=list)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = field(default_factory=list)
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    output: OutputFormat | None = None
    effort: str | None = None
    thinking_budget: int | None = None
    service_tier: str | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    cache_key: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
