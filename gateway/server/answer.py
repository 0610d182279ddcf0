"""The answer's side of a request: from the provider's exchange to the client, in one piece or streamed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from aiohttp import web
from msgspec import Struct

from gateway.chat import Event, Lane, Text
from gateway.dialects.dialect import Dialect, Head
from gateway.dialects.registry import DIALECTS
from gateway.errors import InternalError, Overloaded, PolicyViolation, ProviderGarbage, SluiceError
from gateway.guard.judgements import decision, message, told
from gateway.privacy.redact import restore_body
from gateway.privacy.scanner import Scan
from gateway.server import headers, metrics, tally, telemetry
from gateway.server.attempts import Attempts
from gateway.server.call import CALL, Call, Exchange, Gateway
from gateway.server.capacity import PLACE
from gateway.server.checks import AnswerChecks
from gateway.server.listener import let_go_of_head
from gateway.server.lookup import Lookup
from gateway.server.outgoing import Outgoing
from gateway.server.reading import AnswerReader, read_to_end, restore_whole
from gateway.server.relay import AttendedRelay, Relay
from gateway.server.reply import Reply
from gateway.stream import ResponseStream, listened, whole
from gateway.wire.jsontext import encode, load

_LARGEST_ANSWER_BYTES = 64 << 20
_LARGEST_ERROR_BYTES = 1 << 20
_OVERLOADED = 529  # Anthropic's own; other SDKs know 503


class Answering(Struct):
    """What one answer needs: both dialects, the candidates, and what to do with texts.

    The request itself is only in the hands of `attempts`, for as long as somebody may be asked.
    """

    gateway: Gateway
    call: Call
    json_output: bool
    client: Dialect
    attempts: Attempts
    lookup: Lookup
    scan: Scan
    head: Head
    reader: AnswerReader | None = None
    asked: Dialect | None = None
    checks: AnswerChecks | None = None

    @property
    def provider(self) -> Dialect:
        """What is spoken with whoever is being asked; the client's dialect before anyone is."""
        return self.asked or self.client

    @property
    def keepalive_s(self) -> float:
        return self.gateway.config.server.keepalive_after_s

    @property
    def is_same(self) -> bool:
        return self.provider.name == self.client.name


# --- an answer in one piece -------------------------------------------------------------------------------


async def respond(answering: Answering) -> Reply:
    """Wait for the whole answer, and give it to the client."""
    call, scan, lookup = answering.call, answering.scan, answering.lookup
    if lookup.found is not None:
        answering.asked = DIALECTS[lookup.found.dialect]
        answer = _Whole(lookup.found.body, load(lookup.found.body), [])
    else:
        answer = await answering.attempts.answered(partial(_whole, answering))
        answering.attempts.close()
        call.usage = answering.provider.usage_of(answer.body)
    body = answer.body
    texts = _texts_of(answering, body)
    if answering.is_same:
        classify = answering.provider.classifier(answering.json_output)
        if answering.reader is None:
            restore_body(body, classify, scan, answering.provider.field_names)
        else:
            await restore_whole(body, classify, scan, answering.reader)
        if scan.restored or scan.redacted:
            answering.client.scrub(body)
    else:
        events = await _told(answering, answering.provider.events_of(body))
        body = answering.client.body_of(events, answering.head)
    await _judge(answering, texts, body)
    lookup.keep(call, answering.provider, answer.raw, answer.headers)
    encoded = encode(body)
    call.said = len(encoded)
    return Reply([("Content-Type", "application/json")], encoded)


class _Whole(NamedTuple):
    """What a provider answered: as it stands, as a tree, and its headers."""

    raw: bytes
    body: dict[str, Any]
    headers: Sequence[tuple[str, str]]


async def _whole(answering: Answering, outgoing: Outgoing) -> _Whole:
    """What one candidate answers, if it is an answer."""
    call = answering.call
    answering.asked = outgoing.dialect
    exchange = await outgoing.send(answering.gateway)
    try:
        head = await exchange.head()
        call.returned = headers.returned(head.headers)
        if head.status != 200:
            raise await _refusal(answering, exchange)
        call.phase = "relay"
        raw = await exchange.read(_LARGEST_ANSWER_BYTES)
    finally:
        exchange.close()
    return _Whole(raw, _answer_in(answering, load(raw)), head.headers)


def _texts_of(answering: Answering, body: dict[str, Any]) -> dict[Lane, list[str]]:
    """What the provider says, lane by lane, for rules that want it whole; before anything is restored."""
    texts: dict[Lane, list[str]] = {}
    if answering.checks is not None:
        for event in answering.provider.events_of(body):
            if isinstance(event, Text) and event.lane.choice >= 0 and event.lane.position >= 0:
                texts.setdefault(event.lane, []).append(event.text)
    return texts


async def _judge(answering: Answering, texts: Mapping[Lane, Sequence[str]], body: dict[str, Any]) -> None:
    """Ask the rules on the whole answer, and tell the client in it. Raises PolicyViolation."""
    checks = answering.checks
    if checks is None:
        return
    if checks.hold == "nothing":
        checks.watch(texts)
        return
    found = await checks.judge(texts)
    answering.call.note(found)
    if decision(found) == "block":
        raise PolicyViolation(message(found, "the answer"))
    if decision(found) == "flag":
        body["sluice"] = told(found, checks.request_id)


async def _told(answering: Answering, said: Sequence[Event]) -> list[Event]:
    """The events of a whole answer, made safe and whole for a client of another dialect."""
    json_output, reader = answering.json_output, answering.reader
    if reader is None:
        return whole(said, answering.scan, answering.provider, json_output)
    stream, heard = listened(answering.scan, answering.provider, json_output, reader.action)
    stream.feed_whole(said)
    await read_to_end(stream, reader)
    if stream.error is not None:
        raise stream.error
    return heard


def _answer_in(answering: Answering, body: Any) -> dict[str, Any]:
    """The body of an answer with status 200, unless it is an error after all."""
    if not isinstance(body, dict):
        raise ProviderGarbage("the provider sent an answer that is not a JSON object")
    if body.get("error") and not body.get("choices"):
        raise _restored(answering, answering.provider.provider_error(None, body, None))
    return body


async def _refusal(answering: Answering, exchange: Exchange) -> SluiceError:
    """The provider's error answer as ours. It may quote the prompt, so its texts are restored."""
    head = await exchange.head()
    body: Any
    try:
        body = load(await exchange.read(_LARGEST_ERROR_BYTES))
    except SluiceError:
        body = None
    if isinstance(body, dict) and (name := head.get("x-amzn-errortype")):
        body["__type"] = name  # Amazon says the class of an error nowhere else
    if head.status < 400:
        return ProviderGarbage(
            f"the provider answered with status {head.status}, which is no answer to a chat request"
        )
    error = answering.provider.provider_error(head.status, body, headers.retry_after_s(head.headers))
    if error.status == _OVERLOADED and answering.client.name != "anthropic":
        error.status = Overloaded.status
    return _restored(answering, error)


def _restored(answering: Answering, error: SluiceError) -> SluiceError:
    """What the policy blocks in it is withheld; the next provider's answer is another matter."""
    scan = Scan(answering.scan.plan, answering.scan.replace, answering.scan.vault)
    extra: dict[str, Any] = getattr(error, "extra", {})
    said = {"message": error.message, "extra": extra}
    try:
        restore_body(said, answering.provider.classifier(False), scan)
        error.message = str(said["message"])
    except PolicyViolation:
        error.message = "the provider refused, in words that the policy blocks"
        extra.clear()
    return error


# --- an answer in a stream --------------------------------------------------------------------------------


async def stream_answer(request: web.Request, answering: Answering) -> web.StreamResponse:
    """Pass the answer on as it comes."""
    call, reader, checks = answering.call, answering.reader, answering.checks
    loop = asyncio.get_running_loop()
    is_attended = reader is not None or (checks is not None and checks.hold != "nothing")
    attended = AttendedRelay(_stream(answering), loop, reader, checks) if is_attended else None
    relay = attended or Relay(_stream(answering), loop)
    response = Reply(
        [
            ("Content-Type", _stream_type(answering)),
            ("Cache-Control", "no-cache"),
            ("X-Accel-Buffering", "no"),
        ]
    )
    exchanges: list[Exchange] = []
    tally.add(metrics.STREAMS)
    try:
        exchange = await _opened(request, response, answering, relay, exchanges)
        if exchange is not None:
            call.first_byte_s = perf_counter() - call.started_at
            if not response.prepared:
                await response.prepare(request)
            relay.attach(request, response, exchange)
            _let_go(request, response)
            await relay.finished(request, answering.keepalive_s)
        await response.write_eof()
        return response
    except Exception as bug:
        # Once the status has gone, no other answer can be given: it would end up within this one.
        if not response.prepared or isinstance(bug, OSError):
            raise
        telemetry.report(bug, call.phase, call.id)
        failure = InternalError("the gateway failed while it relayed the answer")
        await response.write(relay.stream.abandon(failure))
        await response.write_eof()
        return response
    finally:
        tally.add(metrics.STREAMS, by=-1)
        relay.close()
        for each in exchanges:
            each.close()
        stream = relay.stream
        call.usage, call.frames, call.held = stream.usage, stream.frames, stream.outbox.held
        call.held_characters, call.timing = stream.held_characters, relay.timing
        call.said = stream.said
        if attended is not None:
            call.note(attended.judgements)
        if checks is not None and checks.hold == "nothing":
            checks.watch(stream.texts)
        if stream.error is not None:
            call.failed(stream.error)
            stream.error.forget_frames()
        answering.attempts.close(stream.error)


async def _opened(
    request: web.Request,
    response: Reply,
    answering: Answering,
    relay: Relay,
    exchanges: list[Exchange],
) -> Exchange | None:
    """The exchange that answers. None if all failed after the status had gone: then the client was told."""

    async def keep_alive() -> None:
        # From here on a failure can only be an event: the status has gone.
        answering.attempts.committed = relay.stream.opened = True
        with suppress(OSError):  # the client has gone, which cancels the request
            await response.prepare(request)
            while True:
                await response.write(relay.stream.keepalive)
                await asyncio.sleep(answering.keepalive_s)

    def begin() -> None:
        keeping.append(asyncio.ensure_future(keep_alive()))

    keeping: list[asyncio.Future[None]] = []
    # Whoever asks is this task, not one beside it: under load each switch between tasks is a turn behind
    # everything that the loop has to do meanwhile.
    timer = asyncio.get_running_loop().call_later(answering.keepalive_s, begin)
    try:
        return await answering.attempts.answered(partial(_open, answering, relay, exchanges))
    except SluiceError as error:
        await _end(timer, keeping)
        if not response.prepared:
            raise
        relay.begin(_stream(answering))  # the last one may have ended without a word
        relay.stream.opened = True
        await response.write(relay.stream.fail(error))
        return None
    finally:
        await _end(timer, keeping)


async def _end(timer: asyncio.TimerHandle, tasks: Sequence[asyncio.Future[None]]) -> None:
    """Nothing of it runs any more when this returns."""
    timer.cancel()
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _let_go(request: web.Request, response: Reply) -> None:
    """The answer has begun, and may take long: what the request held until now is not to wait with it."""
    request[PLACE].let_go_of_body()
    let_go_of_head(request)
    # They are out, and nobody reads them any more.
    response.headers.clear()
    request[CALL].limits = request[CALL].returned = ()


def _stream(answering: Answering) -> ResponseStream:
    return ResponseStream(
        answering.scan,
        answering.provider,
        answering.client,
        answering.head,
        json_output=answering.json_output,
        model=answering.reader and answering.reader.action,
        hold=answering.checks.hold if answering.checks else None,
    )


async def _open(
    answering: Answering, relay: Relay, exchanges: list[Exchange], outgoing: Outgoing
) -> Exchange:
    """Connect, and wait until this candidate has really begun to answer."""
    answering.asked = outgoing.dialect
    if exchanges or answering.asked is not answering.client:
        relay.begin(_stream(answering))  # else the one it has has heard nothing yet, and of that dialect
    relay.stream.opened = answering.attempts.committed
    exchange = await outgoing.send(answering.gateway)
    exchanges.append(exchange)
    try:
        await _begun(answering, relay, exchange)
    except BaseException:
        exchange.close()
        raise
    return exchange


async def _begun(answering: Answering, relay: Relay, exchange: Exchange) -> None:
    call = answering.call
    head = await exchange.head()
    call.returned = headers.returned(head.headers)
    if head.status != 200:
        raise await _refusal(answering, exchange)
    call.phase = "relay"
    expected = answering.provider.stream_type
    content_type = (head.get("content-type") or expected).partition(";")[0].strip().lower()
    if content_type == "application/json":
        body = _answer_in(answering, load(await exchange.read(_LARGEST_ANSWER_BYTES)))
        relay.on_whole(answering.provider.events_of(body))
    elif content_type != expected:
        raise ProviderGarbage(f"the provider answered with {content_type} instead of {expected}")
    else:
        head.headers.clear()  # they are read, and this may take long
        exchange.deliver(relay)
    await relay.opening()


def _stream_type(answering: Answering) -> str:
    if answering.head.array:
        return "application/json"
    return f"{answering.client.stream_type}; charset=utf-8"
