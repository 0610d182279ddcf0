"""Which path is answered by what: every dialect where its SDK looks for it, and nothing else.

Each path stands under `/v1` and, so that a changed host name is enough to move here from other products,
under theirs; under a provider's name it reaches that provider only (`/v1/groq/chat/completions`), with the
version that the provider's own SDK puts behind its base URL too (`/v1/anthropic/v1/messages`).
"""

from __future__ import annotations

from aiohttp import web

from gateway.dialects.anthropic import ANTHROPIC
from gateway.dialects.anthropic.request import parse_count
from gateway.dialects.gemini import GEMINI
from gateway.dialects.registry import DIALECTS
from gateway.server import guard_api, routing, verdict_api
from gateway.server.call import GATEWAY
from gateway.server.handler import Operation, endpoint
from gateway.server.receiving import placed

_PREFIXES = ("/v1", "/api/v1", "/api/v1/proxy")
_STARTS = tuple(
    start for prefix in _PREFIXES for start in (prefix, f"{prefix}/{{provider}}", f"{prefix}/{{provider}}/v1")
)
_CHAT_PATHS = {
    "openai_chat": "/chat/completions",
    "openai_completions": "/completions",
    "openai_responses": "/responses",
    "anthropic": "/messages",
}
# Google's SDK puts its version in front of `models`; the model's name is one segment.
_GEMINI_STARTS = ("/v1beta", *_STARTS, *(f"{prefix}/{{provider}}/v1beta" for prefix in _PREFIXES))


def add(router: web.UrlDispatcher) -> None:
    for name, path in _CHAT_PATHS.items():
        handler = endpoint(DIALECTS[name])
        for start in _STARTS:
            router.add_post(start + path, handler)
    counting = endpoint(ANTHROPIC, stream=False, operation=Operation("/count_tokens", parse_count))
    for start in _STARTS:
        router.add_post(start + "/messages/count_tokens", counting)
    whole, streamed = endpoint(GEMINI, stream=False), endpoint(GEMINI, stream=True)
    for start in _GEMINI_STARTS:
        router.add_post(start + "/models/{model}:generateContent", whole)
        router.add_post(start + "/models/{model}:streamGenerateContent", streamed)
    for start in ("/v1", "/api/v1"):
        router.add_post(start + "/scan", placed(guard_api.scan))
        router.add_post(start + "/security/redact", placed(guard_api.redact))
        router.add_post(start + "/guard", placed(verdict_api.guard))
        router.add_post(start + "/security/scan", placed(verdict_api.scan))
    for start in _STARTS:
        router.add_get(start + "/models", models)
    for start in _GEMINI_STARTS:
        if start.endswith("v1beta"):
            router.add_get(start + "/models", gemini_models)


async def models(request: web.Request) -> web.Response:
    """`GET /v1/models`: what the configuration names and the caller may use.

    One list for the SDKs of OpenAI and of Anthropic, with the fields that each of them reads.
    """
    data = [
        {
            "id": model,
            "object": "model",
            "created": 0,
            "owned_by": owner,
            "type": "model",
            "display_name": model,
            "created_at": "1970-01-01T00:00:00Z",
        }
        for model, owner in await _listed(request)
    ]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
    return web.json_response({"object": "list", "data": data, "has_more": False, **ends})


async def gemini_models(request: web.Request) -> web.Response:
    """The same for Google's SDK."""
    methods = ["generateContent", "streamGenerateContent"]
    return web.json_response(
        {
            "models": [
                {"name": f"models/{model}", "displayName": model, "supportedGenerationMethods": methods}
                for model, _ in await _listed(request)
            ]
        }
    )


async def _listed(request: web.Request) -> list[tuple[str, str]]:
    """(model, provider) of what the caller may use."""
    config = request[GATEWAY].config
    caller = await request[GATEWAY].admission.identify(request.headers, request.query)
    return routing.listed(config, caller.key, request.match_info.get("provider"))
