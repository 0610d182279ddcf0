"""Looking at a text without asking a model: what is found in it, and the text without that.

    POST /v1/scan              {"text"} or {"texts"}, "entities"?      {"spans"} or {"results": [{"spans"}]}
    POST /v1/security/redact   {"content"}, "pii_types"?, "format"?    {"original", "redacted", "piiFound", …}

Both stand under `/api/v1` too. Whoever may ask for an answer may ask here, and it counts as a request of the
key; nothing goes to a provider. A long text is looked at a stretch at a time, so that no stream has to wait
for it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from time import perf_counter
from typing import TypeVar, get_args

from aiohttp import web
from msgspec import Struct

from gateway.access.keys import Caller
from gateway.dialects.reading import json_object, typed
from gateway.errors import InvalidRequest
from gateway.privacy import findings
from gateway.privacy.actions import every_rule
from gateway.privacy.entities import UnknownEntity
from gateway.privacy.redact import in_requests
from gateway.privacy.rules import Rules, combine
from gateway.privacy.search import Span
from gateway.privacy.vault import Format, Vault
from gateway.server.aside import in_steps
from gateway.server.call import CALL
from gateway.server.receiving import admitted_free, received
from gateway.wire.jsontext import encode

T = TypeVar("T")
_ENCODED_AT_ONCE = 512
_FORMATS: tuple[Format, ...] = get_args(Format)
# For hashes where there are no keys; else a caller's own key makes them.
_HASH_KEY = secrets.token_bytes(32)


class _Scan(Struct):
    text: str | None = None
    texts: list[str] | None = None
    entities: list[str] | None = None


class _Redact(Struct):
    content: str
    pii_types: list[str] | None = None
    format: str = "token"


async def scan(request: web.Request) -> web.Response:
    """The spans of a text, or of each text of a list in its order. Offsets count code points."""
    caller, raw = await received(request)
    asked = typed(json_object(raw), _Scan)
    if (asked.text is None) == (asked.texts is None):
        raise InvalidRequest("send either text, a string, or texts, a list of strings", param="text")
    await admitted_free(request, caller)
    rules = await _rules(asked.entities, "entities", every_rule())
    began_at = _guarding(request)
    found = [
        await in_steps(findings.find_all_in_steps(text, rules))
        for text in ([asked.text] if asked.text is not None else asked.texts or ())
    ]
    _found(request, (span for spans in found for span in spans), began_at)
    bodies = [b'{"spans":' + await _listed(spans, "entity") + b"}" for spans in found]
    body = bodies[0] if asked.text is not None else b'{"results":[' + b",".join(bodies) + b"]}"
    return web.Response(body=body, content_type="application/json")


async def redact(request: web.Request) -> web.Response:
    """The text as it would go to a provider, and what was taken out of it."""
    caller, raw = await received(request)
    asked = typed(json_object(raw), _Redact)
    format = next((each for each in _FORMATS if each == asked.format.strip().lower()), None)
    if format is None:
        raise InvalidRequest(f"format must be one of {', '.join(_FORMATS)}", param="format")
    await admitted_free(request, caller)
    rules = await _rules(asked.pii_types, "pii_types", in_requests().acting)
    began_at = _guarding(request)
    spans = await in_steps(findings.find_all_in_steps(asked.content, rules))
    vault = Vault(format, key=_hash_key(caller))
    redacted = await in_steps(findings.write_in_steps(asked.content, spans, vault))
    took_s = _found(request, spans, began_at)
    facts = encode(
        {
            "original": asked.content,
            "redacted": redacted,
            "count": len(spans),
            "processingTimeMs": round(took_s * 1000, 3),
        }
    )
    body = facts[:-1] + b',"piiFound":' + await _listed(spans, "type") + b"}"
    return web.Response(body=body, content_type="application/json")


def _hash_key(caller: Caller) -> bytes:
    """Two callers' hashes of one value differ, one caller's are the same from day to day."""
    return caller.key.secret.digest if caller.key is not None else _HASH_KEY


def _guarding(request: web.Request) -> float:
    request[CALL].phase = "guard"
    return perf_counter()


def _found(request: web.Request, spans: Iterable[Span], began_at: float) -> float:
    """Note what was found, and how long it took: the seconds."""
    call = request[CALL]
    call.entities = dict(Counter(span.entity.name for span in spans))
    call.detection_s = perf_counter() - began_at
    return call.detection_s


async def _rules(asked: Sequence[str] | None, param: str, default: Rules) -> Rules:
    """The rules for what was asked for, `default` if nothing was."""
    if not asked:
        return default
    for index, name in enumerate(asked):
        try:
            findings.names_of([name])
        except UnknownEntity as unknown:
            raise InvalidRequest(str(unknown), param=f"{param}[{index}]") from None
    # A choice that nobody made before is put together first; no stream should wait for that.
    return await asyncio.to_thread(_combined, findings.names_of(asked))


@lru_cache(maxsize=64)
def _combined(names: frozenset[str]) -> Rules:
    return combine(rule for rule in every_rule() if rule.entity.name in names)


async def _listed(spans: Iterable[Span], name: str) -> bytes:
    """The spans as a JSON list; `name` is the field that says the entity."""
    pieces: list[bytes] = []
    left = iter(spans)
    while some := [
        {"start": span.start, "end": span.end, name: span.entity.name, "score": span.entity.score}
        for span in islice(left, _ENCODED_AT_ONCE)
    ]:
        pieces.append(encode(some)[1:-1])
        await asyncio.sleep(0)
    return b"[" + b",".join(pieces) + b"]"
