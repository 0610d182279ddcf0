"""One chat request, phase by phase.

receive → identify → parse → authorize → admit → guard → lookup → choose → connect → relay → settle, by these
names in code, logs and metrics. Before the first byte has gone to the client a failure is raised and
becomes a status; afterwards it is an error event in the client's dialect and the end.

Threats (in `guard`), limits (in `admit`) and the cache (in `lookup`) have their place here and nothing to
do yet.
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import Any

from aiohttp import web

from gateway.access.keys import Caller, identify
from gateway.chat import ChatRequest
from gateway.config import Provider
from gateway.dialects import openai_body, openai_chat
from gateway.errors import AuthenticationFailed, InternalError, ProviderGarbage, SluiceError
from gateway.privacy.redact import answer_scan, redact_request, restore_body
from gateway.privacy.scanner import Scan
from gateway.privacy.vault import Vault
from gateway.providers import catalog
from gateway.server import headers, telemetry
from gateway.server.call import CALL, GATEWAY, Call, Exchange, Gateway
from gateway.server.relay import Relay
from gateway.stream import ResponseStream

_LARGEST_ANSWER_BYTES = 64 << 20
_LARGEST_ERROR_BYTES = 1 << 20


async def chat_completions(request: web.Request) -> web.StreamResponse:
    """`POST …/chat/completions`, streaming or not."""
    gateway, call = request.app[GATEWAY], request[CALL]

    call.phase = "identify"
    caller = identify(request.headers, request.query, gateway.config.keys)
    call.key = caller.key.name if caller.key else None

    call.phase = "parse"  # nobody unknown gets as far as sending a body
    chat = openai_body.parse_request(await request.read())
    call.stream = chat.stream

    call.phase = "authorize"
    provider, model = _authorized(gateway, caller, chat.model, request.match_info.get("provider"))
    call.provider, call.model = provider.name, chat.model

    call.phase = "guard"
    began_at = perf_counter()
    vault = Vault()
    classify = partial(openai_body.classify, json_output=chat.json_output)
    found = redact_request(chat.body, classify, vault, openai_body.FIELD_NAMES)
    call.entities = {name: count for (name, _), count in found.items()}
    call.detection_s = perf_counter() - began_at
    scan = answer_scan(vault)

    call.phase = "choose"
    row = catalog.row(provider.name, provider.base_url)
    outgoing = _Outgoing(
        provider=provider,
        headers=[
            ("content-type", "application/json"),
            ("accept", "text/event-stream" if chat.stream else "application/json"),
            *_credential(caller, provider, row),
            *provider.headers.items(),
            *headers.forwarded(request.headers),
        ],
        body=openai_body.encode_request(chat, model, ask_usage=row.usage_in_stream),
    )
    try:
        if chat.stream:
            return await _stream(request, gateway, call, chat, outgoing, scan)
        return await _whole(gateway, call, chat, outgoing, scan)
    finally:
        call.restored, call.redacted = scan.restored, scan.redacted
        call.unresolved, call.withheld = scan.unresolved, scan.withheld


class _Outgoing:
    """The request to a provider."""

    __slots__ = ("body", "headers", "provider")

    def __init__(self, provider: Provider, headers: list[tuple[str, str]], body: bytes) -> None:
        self.provider = provider
        self.headers = headers
        self.body = body

    async def send(self, gateway: Gateway) -> Exchange:
        url = self.provider.base_url.rstrip("/") + "/chat/completions"
        return await gateway.upstream.send(url, self.headers, self.body, self.provider.timeouts)


def _authorized(gateway: Gateway, caller: Caller, model: str, named: str | None) -> tuple[Provider, str]:
    """The provider that serves the model to this caller, and the model's name there."""
    providers = catalog.allowed(gateway.config.providers, caller.key, named)
    return catalog.route(model, providers, caller.key)


def _credential(caller: Caller, provider: Provider, row: catalog.Row) -> list[tuple[str, str]]:
    """The provider's key: the caller's own, else the configuration's. A local server may need none."""
    secret = caller.provider_credential or (provider.api_key.reveal() if provider.api_key else None)
    if secret is None:
        if row.needs_key:
            raise AuthenticationFailed(
                f"no API key for provider {provider.name}: set api_key in its [[providers]] table, "
                "or send yours as X-Provider-API-Key"
            )
        return []
    return [("api-key", secret)] if row.auth == "api-key" else [("authorization", f"Bearer {secret}")]


# --- an answer in one piece -------------------------------------------------------------------------------


async def _whole(
    gateway: Gateway, call: Call, chat: ChatRequest, outgoing: _Outgoing, scan: Scan
) -> web.Response:
    call.phase = "connect"
    exchange = await outgoing.send(gateway)
    try:
        head = await exchange.head()
        call.returned = headers.returned(head.headers)
        if head.status != 200:
            raise await _refusal(exchange, scan)
        call.phase = "relay"
        body = openai_body.load(await exchange.read(_LARGEST_ANSWER_BYTES))
    finally:
        exchange.close()
    if not isinstance(body, dict):
        raise ProviderGarbage("the provider sent an answer that is not a JSON object")
    if body.get("error") and not body.get("choices"):
        raise _restored(openai_body.provider_error(None, body), scan)
    restore_body(body, partial(openai_body.classify, json_output=chat.json_output), scan)
    if scan.restored or scan.redacted:
        openai_body.scrub_logprobs(body)
    call.usage = openai_chat.usage_of(body.get("usage"))
    return web.Response(body=openai_body.encode(body), content_type="application/json")


async def _refusal(exchange: Exchange, scan: Scan) -> SluiceError:
    """The provider's error answer as ours. It may quote the prompt, so its texts are restored."""
    head = await exchange.head()
    body: Any
    try:
        raw = await exchange.read(_LARGEST_ERROR_BYTES)
        body = openai_body.load(raw)
    except SluiceError:
        body = None
    if head.status < 400:
        return ProviderGarbage(
            f"the provider answered with status {head.status}, which is no answer to a chat request"
        )
    error = openai_body.provider_error(head.status, body, headers.retry_after_s(head.headers))
    return _restored(error, scan)


def _restored(error: SluiceError, scan: Scan) -> SluiceError:
    said = {"message": error.message, "extra": getattr(error, "extra", {})}
    restore_body(said, openai_body.classify, scan)
    error.message = str(said["message"])
    return error


# --- an answer in a stream --------------------------------------------------------------------------------


async def _stream(
    request: web.Request, gateway: Gateway, call: Call, chat: ChatRequest, outgoing: _Outgoing, scan: Scan
) -> web.StreamResponse:
    keepalive_s = gateway.config.server.keepalive_after_s
    stream = ResponseStream(scan, call.id, json_output=chat.json_output, keep_usage=chat.wants_usage)
    relay = Relay(stream, asyncio.get_running_loop())
    response = web.StreamResponse(
        headers={
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
        }
    )
    exchanges: list[Exchange] = []
    opening = asyncio.ensure_future(_open(gateway, call, outgoing, scan, relay, exchanges))
    try:
        done, _ = await asyncio.wait({opening}, timeout=keepalive_s)
        if not done:
            # From here on a failure can only be an event: the status has gone.
            stream.opened = True
            await response.prepare(request)
            while not done:
                await response.write(openai_chat.KEEPALIVE)
                done, _ = await asyncio.wait({opening}, timeout=keepalive_s)
        try:
            exchange = opening.result()
        except SluiceError as error:
            if not response.prepared:
                raise
            await response.write(stream.fail(error))
        else:
            call.first_byte_s = perf_counter() - call.started_at
            if not response.prepared:
                await response.prepare(request)
            relay.attach(request, response, exchange)
            await relay.finished(request, keepalive_s)
        await response.write_eof()
        return response
    except Exception as bug:
        # Once the status has gone, no other answer can be given: it would end up within this one.
        if not response.prepared or isinstance(bug, OSError):
            raise
        telemetry.report(bug, call.phase, call.id)
        await response.write(stream.abandon(InternalError("the gateway failed while it relayed the answer")))
        await response.write_eof()
        return response
    finally:
        opening.cancel()
        for exchange in exchanges:
            exchange.close()
        call.usage, call.frames, call.held = stream.usage, stream.frames, stream.held
        call.error = stream.error.type if stream.error else None


async def _open(
    gateway: Gateway, call: Call, outgoing: _Outgoing, scan: Scan, relay: Relay, exchanges: list[Exchange]
) -> Exchange:
    """Connect, and wait until the provider has really begun to answer."""
    call.phase = "connect"
    exchange = await outgoing.send(gateway)
    exchanges.append(exchange)
    head = await exchange.head()
    call.returned = headers.returned(head.headers)
    if head.status != 200:
        raise await _refusal(exchange, scan)
    call.phase = "relay"
    content_type = (head.get("content-type") or "text/event-stream").partition(";")[0].strip().lower()
    if content_type == "application/json":
        _deliver_whole(openai_body.load(await exchange.read(_LARGEST_ANSWER_BYTES)), relay)
    elif content_type != "text/event-stream":
        raise ProviderGarbage(f"the provider answered with {content_type} instead of an event stream")
    else:
        exchange.deliver(relay)
    await relay.opening()
    return exchange


def _deliver_whole(body: Any, relay: Relay) -> None:
    """A provider that ignored `stream: true`."""
    if not isinstance(body, dict) or not (body.get("choices") or body.get("error")):
        raise ProviderGarbage("the provider sent JSON that is no answer to a chat request")
    if body.get("error"):
        raise _restored(openai_body.provider_error(None, body), relay.stream.scan)
    relay.on_body(openai_chat.stream_of(body))
    relay.on_end(None)
