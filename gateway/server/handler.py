"""One chat request, phase by phase.

receive → identify → parse → authorize → admit → guard → lookup → choose → connect → relay → settle, by these
names in code, logs and metrics. Before the first byte has gone to the client a failure is raised and
becomes a status; afterwards it is an error event in the client's dialect and the end.

Threats (in `guard`), limits (in `admit`) and the cache (in `lookup`) have their place here and nothing to
do yet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter, time
from typing import Any, NamedTuple

from aiohttp import web

from gateway.access.keys import Caller, identify
from gateway.config import Provider
from gateway.conversation import ChatRequest
from gateway.dialects.dialect import Dialect, Head
from gateway.errors import NotFound
from gateway.privacy.redact import answer_scan, counted, redact_request
from gateway.providers import catalog
from gateway.server import models, outgoing, receiving
from gateway.server.answer import Answering, respond, stream_answer
from gateway.server.call import CALL, GATEWAY, Gateway
from gateway.server.models import Reader
from gateway.server.protection import Protection
from gateway.server.reading import AnswerReader, look_ahead

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Operation(NamedTuple):
    """What a dialect's providers do with a request beside answering it: a path behind the usual one."""

    suffix: str
    parse: Callable[[bytes], ChatRequest]


def endpoint(dialect: Dialect, *, stream: bool | None = None, operation: Operation | None = None) -> Handler:
    """The handler of a dialect's chat requests.

    Where the path says the model (`{model}`) or whether the answer streams, the body does not.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _handle(request, dialect, stream, operation)

    handle.dialect = dialect  # type: ignore[attr-defined]  # whoever writes an error needs it
    return handle


async def _handle(
    request: web.Request, dialect: Dialect, stream: bool | None, operation: Operation | None
) -> web.StreamResponse:
    gateway, call = request.app[GATEWAY], request[CALL]

    call.phase = "identify"
    caller = identify(request.headers, request.query, gateway.config.keys)
    call.key = caller.key.name if caller.key else None

    call.phase = "parse"  # nobody unknown gets as far as sending a body
    raw = await receiving.read(request)
    call.received_at = perf_counter()
    if operation is None:
        chat = dialect.parse_request(raw, request.match_info.get("model"), stream)
    else:
        chat = operation.parse(raw)
    call.stream = chat.stream

    call.phase = "authorize"
    provider, model = _authorized(gateway, caller, chat.model, request.match_info.get("provider"))
    call.provider, call.model = provider.name, chat.model

    call.phase = "guard"
    protection = await gateway.protections.of(request.headers, caller)
    call.policy, call.format = protection.policy.name, protection.policy.format
    began_at = perf_counter()
    secret = gateway.config.server.secret
    vault = protection.vault(
        secret.reveal().encode() if secret else None, call.key or "", lasting=_is_kept(chat.body, dialect)
    )
    classify = dialect.classifier(chat.json_output)
    detection = protection.policy.detection
    reader = models.required(gateway.model) if detection != "real-time" else None
    ahead = await look_ahead(chat.body, classify, protection.request, reader)
    found = redact_request(chat.body, classify, vault, dialect.field_names, protection.request, ahead)
    call.entities, call.findings = counted(found), found
    call.detection_s = perf_counter() - began_at
    scan = answer_scan(vault, protection.answer)

    call.phase = "choose"
    sent = outgoing.prepare(chat, dialect, provider, model, caller, request.headers)
    if call.trace is not None and call.trace.header:
        sent.headers.append(("traceparent", call.trace.header))
    if operation is not None:
        if sent.dialect is not dialect:
            raise NotFound("the provider of that model has no such operation")
        sent.url += operation.suffix
    answering = Answering(
        gateway=gateway,
        call=call,
        chat=chat,
        client=dialect,
        outgoing=sent,
        scan=scan,
        reader=_answer_reader(reader, protection),
        head=Head(
            call.id,
            chat.model,
            int(time()),
            usage=chat.wants_usage,
            array=dialect.arrays and request.query.get("alt") != "sse",
        ),
    )
    try:
        if chat.stream:
            return await stream_answer(request, answering)
        return await respond(answering)
    finally:
        call.restored, call.redacted = scan.restored, scan.redacted
        call.unresolved, call.withheld = scan.unresolved, scan.withheld
        call.flagged, call.hidden = scan.flagged, scan.hidden


def _authorized(gateway: Gateway, caller: Caller, model: str, named: str | None) -> tuple[Provider, str]:
    """The provider that serves the model to this caller, and the model's name there."""
    providers = catalog.allowed(gateway.config.providers, caller.key, named)
    return catalog.route(model, providers, caller.key)


def _answer_reader(reader: Reader | None, protection: Protection) -> AnswerReader | None:
    """The model reads answers too where the policy is thorough; to monitor, nothing may wait for it."""
    policy = protection.policy
    if reader is None or policy.detection != "thorough" or policy.enforcement == "monitor":
        return None
    return AnswerReader(reader, protection.answer.of)


def _is_kept(body: dict[str, Any], dialect: Dialect) -> bool:
    """Does the provider keep the conversation, so that a placeholder must mean the same next time?

    Responses are kept unless the request says that they are not.
    """
    if dialect.name != "openai_responses":
        return False
    return bool(body.get("store") is not False or body.get("previous_response_id"))
