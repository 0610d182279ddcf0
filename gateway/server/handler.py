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

from aiohttp import web

from gateway.access.keys import Caller, identify
from gateway.config import Provider
from gateway.dialects.dialect import Dialect, Head
from gateway.guard.policy import Policy, Wishes, choose
from gateway.privacy.entities import resolve
from gateway.privacy.model import ActionOf, answer_action
from gateway.privacy.redact import DEFAULT_ACTIONS, answer_scan, redact_request
from gateway.privacy.vault import Vault
from gateway.providers import catalog
from gateway.server import models, outgoing
from gateway.server.answer import Answering, respond, stream_answer
from gateway.server.call import CALL, GATEWAY, Gateway
from gateway.server.reading import AnswerReader, look_ahead

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def endpoint(dialect: Dialect, *, stream: bool | None = None) -> Handler:
    """The handler of a dialect's chat requests.

    Where the path says the model (`{model}`) or whether the answer streams, the body does not.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _handle(request, dialect, stream)

    handle.dialect = dialect  # type: ignore[attr-defined]  # whoever writes an error needs it
    return handle


async def _handle(request: web.Request, dialect: Dialect, stream: bool | None) -> web.StreamResponse:
    gateway, call = request.app[GATEWAY], request[CALL]

    call.phase = "identify"
    caller = identify(request.headers, request.query, gateway.config.keys)
    call.key = caller.key.name if caller.key else None

    call.phase = "parse"  # nobody unknown gets as far as sending a body
    raw = await request.read()
    chat = dialect.parse_request(raw, request.match_info.get("model"), stream)
    call.stream = chat.stream

    call.phase = "authorize"
    provider, model = _authorized(gateway, caller, chat.model, request.match_info.get("provider"))
    call.provider, call.model = provider.name, chat.model

    call.phase = "guard"
    began_at = perf_counter()
    vault = Vault()
    classify = dialect.classifier(chat.json_output)
    policy = _policy(gateway, request)
    reader = models.required(gateway.model) if policy.detection != "real-time" else None
    ahead = await look_ahead(chat.body, classify, DEFAULT_ACTIONS, reader)
    found = redact_request(chat.body, classify, vault, dialect.field_names, ahead=ahead)
    call.entities = {name: count for (name, _), count in found.items()}
    call.detection_s = perf_counter() - began_at
    scan = answer_scan(vault)

    call.phase = "choose"
    answering = Answering(
        gateway=gateway,
        call=call,
        chat=chat,
        client=dialect,
        outgoing=outgoing.prepare(chat, dialect, provider, model, caller, request.headers),
        scan=scan,
        reader=AnswerReader(reader, _action(policy)) if reader and policy.detection == "thorough" else None,
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


def _policy(gateway: Gateway, request: web.Request) -> Policy:
    config = gateway.config
    policy = next((each for each in config.policies if each.name == "default"), Policy("default"))
    wishes = Wishes(mode=request.headers.get(f"{config.server.header_prefix}-Mode", ""))
    return choose(wishes, {"default": policy}, ["default"], may_loosen=False)


def _action(policy: Policy) -> ActionOf:
    named = {name: action for word, action in policy.answer.items() for name in resolve(word)}
    return lambda entity: named.get(entity.name) or answer_action(entity)


def _authorized(gateway: Gateway, caller: Caller, model: str, named: str | None) -> tuple[Provider, str]:
    """The provider that serves the model to this caller, and the model's name there."""
    providers = catalog.allowed(gateway.config.providers, caller.key, named)
    return catalog.route(model, providers, caller.key)
