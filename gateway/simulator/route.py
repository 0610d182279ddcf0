"""Where a request goes: a path in, the dialect that reads and writes it out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from gateway.simulator.answer import Read, Reply, Writer, answer, refuse
from gateway.simulator.asked import Host, Incoming, Json, Refused
from gateway.simulator.options import NAMES
from gateway.simulator.reads import anthropic as read_anthropic
from gateway.simulator.reads import bedrock as read_bedrock
from gateway.simulator.reads import gemini as read_gemini
from gateway.simulator.reads import openai as read_openai
from gateway.simulator.reads import openai_responses as read_responses
from gateway.simulator.script import encode
from gateway.simulator.writes import (
    anthropic,
    bedrock,
    gemini,
    openai_chat,
    openai_completions,
    openai_responses,
)


class Route(NamedTuple):
    host: Host
    path: re.Pattern[str]  # of the path as it stands on the wire, percent-encoded
    read: Read
    writer: Writer


def route(host: Host, path: str, read: Read, writer: Writer) -> Route:
    path = path.replace("{model}", r"(?P<model>[^/]+)").replace("{", "(?P<action>").replace("}", ")")
    return Route(host, re.compile(path), read, writer)


_CHAT, _OLD, _NEW = "chat/completions", "completions", "responses"
_VERTEX = "/v1(?:beta1?)?/projects/[^/]+/locations/[^/]+/publishers"
ROUTES = (
    route("openai", f"/v1/{_CHAT}", read_openai.chat, openai_chat),
    route("openai", f"/v1/{_OLD}", read_openai.completions, openai_completions),
    route("openai", f"/v1/{_NEW}", read_responses.responses, openai_responses),
    route("azure", f"/openai/(?:v1|deployments/{{model}})/{_CHAT}", read_openai.chat, openai_chat),
    route(
        "azure", f"/openai/(?:v1|deployments/{{model}})/{_OLD}", read_openai.completions, openai_completions
    ),
    route("azure", f"/openai/(?:v1/)?{_NEW}", read_responses.responses, openai_responses),
    route("anthropic", "/v1/messages", read_anthropic.messages, anthropic),
    route(
        "google",
        "/v1(?:beta)?/models/{model}:{generateContent|streamGenerateContent}",
        read_gemini.generate,
        gemini,
    ),
    route(
        "vertex",
        _VERTEX + "/google/models/{model}:{generateContent|streamGenerateContent}",
        read_gemini.generate,
        gemini,
    ),
    route(
        "vertex",
        _VERTEX + "/anthropic/models/{model}:{rawPredict|streamRawPredict}",
        read_anthropic.messages,
        anthropic,
    ),
    route("bedrock", "/model/{model}/{converse|converse-stream}", read_bedrock.converse, bedrock),
    route(
        "bedrock",
        "/model/{model}/{invoke|invoke-with-response-stream}",
        read_anthropic.messages,
        anthropic,
    ),
)
MODELS: dict[str, Host] = {"/v1/models": "openai", "/openai/v1/models": "azure", "/v1beta/models": "google"}


def models(incoming: Incoming) -> Json:
    """The list of models; Anthropic's has OpenAI's path and another header."""
    if incoming.host == "google":
        read_gemini.authorize(incoming)
        rows = [{"name": f"models/{it}", "displayName": it} for it in NAMES]
        methods = {"supportedGenerationMethods": ["generateContent", "streamGenerateContent"]}
        return {"models": [{**it, **methods} for it in rows]}
    if incoming.host == "anthropic":
        read_anthropic.authorize(incoming)
        day = "2026-01-01T00:00:00Z"
        rows = [{"type": "model", "id": it, "display_name": it, "created_at": day} for it in NAMES]
        return {"data": rows, "has_more": False, "first_id": NAMES[0], "last_id": NAMES[-1]}
    read_openai.authorize(incoming)
    created = incoming.created
    found = [{"id": it, "object": "model", "created": created, "owned_by": "simulator"} for it in NAMES]
    return {"object": "list", "data": found}


def respond(method: str, path: str, headers: Mapping[str, str], body: bytes, created: int) -> Reply:
    """The reply to a request. `path` is as it stood on the wire, with the query; names of headers are lower
    case or the mapping does not mind; `created` is seconds since 1970."""
    place, _, query = path.partition("?")
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    incoming = Incoming("openai", headers, pairs, body, created, place)
    writer: Writer = openai_chat
    try:
        if method == "GET" and place in MODELS:
            host: Host = "anthropic" if headers.get("anthropic-version") else MODELS[place]
            incoming = Incoming(host, headers, pairs, body, created, place)
            writer = {"anthropic": anthropic, "google": gemini}.get(host, openai_chat)
            listed = encode(models(incoming))
            return Reply([listed], length_bytes=len(listed), headers=writer.headers(incoming, None, Random()))
        for it in ROUTES:
            if method == "POST" and (found := it.path.fullmatch(place)):
                named = found.groupdict()
                model, action = unquote(named.get("model") or ""), named.get("action") or ""
                incoming = Incoming(it.host, headers, pairs, body, created, place, model, action)
                writer = it.writer
                return answer(writer, incoming, it.read(incoming))
        if not headers.get("authorization"):
            raise Refused("You didn't provide an API key.", 401)
        raise Refused(f"Invalid URL ({method} {place})", 404, code="unknown_url")
    except Refused as refused:
        return refuse(writer, incoming, refused)
    except ValueError as error:  # msgspec's are too
        return refuse(writer, incoming, Refused(f"The request is wrong: {error}."))
