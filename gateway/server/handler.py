"""One chat request, phase by phase.

receive → identify → parse → authorize → admit → guard → lookup → choose → connect → relay → settle, by these
names in code, logs and metrics. Before the first byte has gone to the client a failure is raised and
becomes a status; afterwards it is an error event in the client's dialect and the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from time import time
from typing import NamedTuple

from aiohttp import web

from gateway.conversation import ChatRequest
from gateway.dialects.dialect import Dialect, Head
from gateway.privacy.redact import answer_scan
from gateway.privacy.scanner import Scan
from gateway.server import outgoing
from gateway.server.answer import Answering, respond, stream_answer
from gateway.server.aside import aside
from gateway.server.attempts import Attempts
from gateway.server.call import CALL, GATEWAY, Call
from gateway.server.capacity import PLACE
from gateway.server.guarding import guard
from gateway.server.lookup import look_up
from gateway.server.models import Reader
from gateway.server.protection import Protection
from gateway.server.reading import AnswerReader
from gateway.server.receiving import received

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
        with request[GATEWAY].capacity.place() as request[PLACE]:
            # An answer may take long: what asking for it needs, the body above all, is not to live as long.
            answering = await _asking(request, dialect, stream, operation)
            try:
                if answering.call.stream:
                    return await stream_answer(request, answering)
                return await respond(answering)
            finally:
                _note(answering.call, answering.scan)

    handle.dialect = dialect  # type: ignore[attr-defined]  # whoever writes an error needs it
    return handle


async def _asking(
    request: web.Request, dialect: Dialect, stream: bool | None, operation: Operation | None
) -> Answering:
    """Everything up to the choice of a provider."""
    gateway, call = request[GATEWAY], request[CALL]

    caller, raw = await received(request)
    if operation is None:
        chat = await aside(
            call.size_bytes, dialect.parse_request, raw, request.match_info.get("model"), stream
        )
    else:
        chat = await aside(call.size_bytes, operation.parse, raw)
    del raw
    call.stream = chat.stream

    call.phase = "authorize"
    tiers = gateway.standing.chains.of(caller, chat.model, request.match_info.get("provider"))
    call.provider, call.model = tiers[0].candidates[0].provider.name, chat.model

    call.phase = "admit"
    if operation is None:
        classify = dialect.classifier(chat.json_output)
        model = tiers[0].candidates[0].model
        await gateway.admission.admit(call, caller.key, chat.body, classify, model)
    else:
        await gateway.admission.admit_free(call, caller.key)

    call.phase = "guard"
    protection = await gateway.protections.of(request.headers, caller, chat.model, request.path)
    guarded = await guard(gateway, call, caller, protection, chat, dialect)
    guarded.vault.seal()

    call.phase = "lookup"
    lookup = look_up(gateway, call, chat, dialect, protection.policy, caller, request)

    call.phase = "choose"
    suffix = operation.suffix if operation is not None else ""
    told = [] if call.trace is None else call.trace.onward
    prepare = partial(outgoing.prepare, chat, dialect, caller, request.headers, suffix, own=told)
    return Answering(
        gateway=gateway,
        call=call,
        json_output=chat.json_output,
        client=dialect,
        attempts=Attempts(tiers, gateway.standing, call, prepare),
        lookup=lookup,
        scan=answer_scan(guarded.vault, protection.answer),
        reader=_answer_reader(guarded.reader, protection),
        checks=gateway.checks.on_answer(protection.policy, call.id),
        head=Head(
            call.id,
            chat.model,
            int(time()),
            usage=chat.wants_usage,
            array=dialect.arrays and request.query.get("alt") != "sse",
        ),
    )


def _note(call: Call, scan: Scan) -> None:
    """What was done to the answer."""
    call.restored, call.redacted = scan.restored, scan.redacted
    call.unresolved, call.withheld = scan.unresolved, scan.withheld
    call.flagged, call.hidden = scan.flagged, scan.hidden


def _answer_reader(reader: Reader | None, protection: Protection) -> AnswerReader | None:
    """The model reads answers too where the policy is thorough; to monitor, nothing may wait for it."""
    policy = protection.policy
    if reader is None or policy.detection != "thorough" or policy.enforcement == "monitor":
        return None
    return AnswerReader(reader, protection.answer.of)
