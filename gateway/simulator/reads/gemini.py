"""Requests of Gemini's generateContent, on Vertex too. Fields are in camelCase or in snake_case."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.simulator.asked import (
    Asked,
    Incoming,
    Json,
    Media,
    Refused,
    Tool,
    base64_media,
    child,
    decoded,
    objects,
    string,
)
from gateway.simulator.options import parse
from gateway.simulator.reads import vertex
from gateway.simulator.script import sign

# Fields of google.ai.generativelanguage.v1beta.Schema; anything else is an unknown name.
SCHEMA = set(
    "type format title description nullable enum items minItems maxItems properties required minProperties "
    "maxProperties propertyOrdering minimum maximum minLength maxLength pattern anyOf example default".split()
)
FIELDS = set(
    "contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels "
    "model".split()
)
CONFIG = set(
    "temperature topP topK maxOutputTokens stopSequences candidateCount seed presencePenalty "
    "frequencyPenalty responseMimeType responseSchema responseJsonSchema responseLogprobs logprobs "
    "responseModalities thinkingConfig mediaResolution speechConfig enableEnhancedCivicAnswers".split()
)
PARTS = set(
    "text inlineData fileData functionCall functionResponse executableCode codeExecutionResult toolCall "
    "toolResponse".split()
)
DECLARATION = set(
    "name description parameters response behavior parametersJsonSchema responseJsonSchema".split()
)
_URL_SAFE = str.maketrans("+/", "-_")
ANY_SIGNATURE = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")


class Content(Struct):
    parts: list[Json] | None = None
    role: str = "user"


class Generation(Struct, rename="camel"):
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=5)] | None = None
    response_mime_type: str | None = None
    response_schema: Json | None = None
    response_json_schema: Json | None = None
    thinking_config: Json | None = None


class Request(Struct, rename="camel"):
    contents: list[Content] | None = None
    system_instruction: Content | None = None
    tools: list[Json] | None = None
    tool_config: Json | None = None
    generation_config: Generation | None = None


def authorize(incoming: Incoming) -> None:
    if incoming.host == "vertex":
        vertex.authorize(incoming)
    elif not (
        incoming.headers.get("x-goog-api-key")
        or incoming.query.get("key")
        or incoming.headers.get("authorization")
    ):
        raise Refused(
            "Method doesn't allow unregistered callers (callers without established identity). Please "
            "use API Key or other form of API consumer identity to call this API.",
            403,
        )


def camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda it: it[1].upper(), name)


# What stands below these is the caller's own, and keeps its names.
OPAQUE = ("args", "response", "properties", "parametersJsonSchema", "responseJsonSchema", "labels", "example")


def renamed(value: Any, opaque: bool = False) -> Any:
    """The value with its fields in camelCase; the names of a schema's properties stay."""
    if isinstance(value, list):
        return [renamed(it) for it in value]
    if not isinstance(value, dict):
        return value
    if opaque:
        return {name: renamed(it) for name, it in value.items()}
    found = {}
    for name, it in value.items():
        own = camel(name)
        kept = own in OPAQUE and own != "properties"
        found[own] = it if kept else renamed(it, own == "properties")
    return found


def check_names(given: Json, known: set[str], where: str) -> None:
    for name in given:
        if name not in known:
            place = f" at '{where}'" if where else ""
            raise Refused(f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')


def check_schema(schema: object, where: str) -> None:
    if not isinstance(schema, dict):
        return
    check_names(schema, SCHEMA, where)
    for at, it in enumerate(child(schema, "properties").values()):
        check_schema(it, f"{where}.properties[{at}].value")
    check_schema(schema.get("items"), f"{where}.items")
    for at, it in enumerate(objects(schema.get("anyOf"), f"{where}.any_of")):
        check_schema(it, f"{where}.any_of[{at}]")


def check_contents(request: Request, script: str) -> list[Content]:
    contents = request.contents or []
    if not contents:
        raise Refused("* GenerateContentRequest.contents: contents is not specified\n")
    called: list[str] = []
    for at, content in enumerate(contents):
        where = f"contents[{at}]"
        if content.role not in ("user", "model", "function"):
            raise Refused("Please use a valid role: user, model.")
        if not content.parts:
            raise Refused(f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.\n")
        for number, part in enumerate(content.parts):
            check_part(part, f"{where}.parts[{number}]")
        answered = [child(it, "functionResponse") for it in content.parts if "functionResponse" in it]
        if len(answered) != len(called):
            raise Refused(
                "Please ensure that the number of function response parts is equal to the number of "
                "function call parts of the function call turn."
            )
        if sorted(it["name"] for it in answered) != sorted(called):
            raise Refused("Please ensure that function response names match the function call names.")
        calls = [it for it in content.parts if "functionCall" in it]
        called = [string(child(it, "functionCall").get("name")) for it in calls]
        if called and (at == 0 or contents[at - 1].role == "model"):
            raise Refused(
                "Please ensure that function call turn comes immediately after a user turn or after a "
                "function response turn."
            )
        if calls and script == "thinking":
            check_signature(calls[0], called[0], f"contents.{at}. position 1")
    if called:
        raise Refused(
            "Please ensure that the number of function response parts is equal to the number of "
            "function call parts of the function call turn."
        )
    return contents


def check_part(part: Json, where: str) -> None:
    kinds = [it for it in part if it in PARTS]
    if len(kinds) != 1:
        raise Refused(
            f"* GenerateContentRequest.{where}.data: required oneof field 'data' must have one "
            "initialized field\n"
        )
    if "functionCall" in part and not isinstance(child(part, "functionCall").get("args", {}), dict):
        raise Refused(
            f"Invalid value at '{where}.function_call.args' (type.googleapis.com/google.protobuf.Struct)"
        )
    if "functionResponse" in part:
        given = child(part, "functionResponse")
        if not string(given.get("name")):
            raise Refused(f"* GenerateContentRequest.{where}.function_response.name: Name cannot be empty.\n")
        if not isinstance(given.get("response"), dict):
            raise Refused(
                f"Invalid value at '{where}.function_response.response' "
                "(type.googleapis.com/google.protobuf.Struct)"
            )


def check_signature(part: Json, name: str, where: str) -> None:
    """Of parallel calls only the first is signed."""
    signature = part.get("thoughtSignature")
    if signature is None:
        raise Refused(
            "Function call is missing a thought_signature in functionCall parts. This is required for "
            "tools to work correctly, and missing thought_signature may lead to degraded model "
            f"performance. {where}."
        )
    # Google's SDK writes bytes in the URL-safe alphabet; ProtoJSON takes both.
    if signature not in (sign(name), sign(name).translate(_URL_SAFE), *ANY_SIGNATURE):
        raise Refused("Thought signature is not valid")


def check_config(body: Json, request: Request) -> None:
    check_names(body, FIELDS, "")
    check_names(child(body, "generationConfig"), CONFIG, "generation_config")
    config = request.generation_config or Generation()
    thinking = config.thinking_config or {}
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise Refused("You can only set only one of thinking budget and thinking level.")
    check_schema(config.response_schema, "generation_config.response_schema")
    typed = config.response_schema or config.response_json_schema
    if typed and config.response_mime_type not in ("application/json", "text/x.enum"):
        raise Refused(
            "Function calling config or response schema is set without a response mime type of "
            "application/json."
        )


def check_tools(request: Request) -> list[Tool]:
    found = []
    for at, it in enumerate(objects(request.tools, "tools")):
        declared = objects(it.get("functionDeclarations"), "tools.function_declarations")
        for number, one in enumerate(declared):
            where = f"tools[{at}].function_declarations[{number}]"
            check_names(one, DECLARATION, where)
            if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}", string(one.get("name"))):
                raise Refused(
                    f"* GenerateContentRequest.{where}.name: Invalid function name. Must start with a "
                    "letter or an underscore.\n"
                )
            check_schema(one.get("parameters"), f"{where}.parameters")
            found.append(Tool(one["name"], child(one, "parametersJsonSchema") or child(one, "parameters")))
    return found


def media(contents: list[Content]) -> list[Media]:
    found = []
    for part in [part for it in contents for part in it.parts or []]:
        if "inlineData" in part:
            data = child(part, "inlineData")
            found.append(base64_media(data.get("mimeType"), data.get("data")))
        if "fileData" in part:
            found.append(Media("reference"))
    return found


def text_of(part: Json) -> str:
    if "functionResponse" in part:
        return msgspec.json.encode(child(part, "functionResponse")["response"]).decode()
    return "" if part.get("thought") else string(part.get("text"))


def unknown(incoming: Incoming) -> Refused:
    if incoming.host == "vertex":
        return vertex.unknown(incoming)
    return Refused(
        f"models/{incoming.model.partition('?')[0]} is not found for API version v1beta, or is not supported "
        "for generateContent. Call ModelService.ListModels to see the list of available models and their "
        "supported methods.",
        404,
    )


def generate(incoming: Incoming) -> Asked:
    authorize(incoming)
    script, options = parse(incoming.model, unknown(incoming))
    body = renamed(decoded(incoming.body))
    request = msgspec.convert(body, Request)
    check_config(body, request)
    contents = check_contents(request, script)
    config = request.generation_config or Generation()
    system = request.system_instruction
    said = [it for it in contents if it.role != "model"]
    texts = ["".join(map(text_of, it.parts or [])) for it in ([system] if system else []) + contents]
    return Asked(
        host=incoming.host,
        model=incoming.model,
        script=script,
        options=options,
        created=incoming.created,
        body=body,
        stream=incoming.action == "streamGenerateContent",
        array=incoming.query.get("alt") != "sse",
        texts=texts,
        user="".join(map(text_of, said[-1].parts or [])) if said else "",
        fresh=not any("functionResponse" in it for it in contents[-1].parts or []),
        tools=check_tools(request),
        may_call=child(request.tool_config, "functionCallingConfig").get("mode") != "NONE",
        schema=config.response_json_schema or config.response_schema or {},
        stop=config.stop_sequences or [],
        limit=config.max_output_tokens,
        media=media(contents),
    )
