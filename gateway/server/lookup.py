"""The answers that are kept: whether a request may be answered from them, and which answers may be kept.

In: a redacted request and its headers. Out: a `Lookup`, which says `hit`, `miss` or `bypass`, and takes the
provider's answer in once it has been given to the client. What is kept was said to a request in which
values had given way to placeholders; it is restored for each request from that request's own vault.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence

from aiohttp import web
from msgspec import Struct, json

from gateway.access.cache import Answer, Cache, control
from gateway.access.keys import Caller, digest_of
from gateway.chat import Finish
from gateway.conversation import ChatRequest
from gateway.dialects.dialect import Dialect
from gateway.guard.policy import Policy
from gateway.server import headers
from gateway.server.call import Call, Gateway
from gateway.wire.jsontext import encode, load

# To digest more would keep the streams of others waiting; requests so long are hardly ever repeated.
_LONGEST_BODY = 1 << 20
# Headers that go to providers may change the answer; this one tells requests apart that are the same.
_SITES = ("openai", "anthropic")
_APART = ("idempotency-key",)
# Answers that came to their end. One that met its limit, or a filter, is asked for again.
_WHOLE = ("stop", "tool_calls")


class Lookup(Struct):
    """`found` is the answer to give; without one, `keep` takes it in if there is a `cache`."""

    cache: Cache | None = None
    key: bytes = b""
    found: Answer | None = None

    def keep(
        self, call: Call, dialect: Dialect, raw: bytes, provider_headers: Sequence[tuple[str, str]]
    ) -> None:
        """Keep what a provider answered, if that is whole, and its `Cache-Control` does not forbid it."""
        if self.cache is None:
            return
        reasons = [each.reason for each in dialect.events_of(load(raw)) if isinstance(each, Finish)]
        if not reasons or any(each not in _WHOLE for each in reasons):
            return
        said = control(",".join(value for name, value in provider_headers if name == "cache-control"))
        if not (said.no_store or said.no_cache):
            answer = Answer(raw, dialect.name, call.provider or "", call.model or "")
            self.cache.put(self.key, answer, asyncio.get_running_loop().time(), said.max_age_s)


def look_up(
    gateway: Gateway,
    call: Call,
    chat: ChatRequest,
    dialect: Dialect,
    policy: Policy,
    caller: Caller,
    request: web.Request,
) -> Lookup:
    """What is known of a redacted request. Streams bypass the cache both ways."""
    cache = gateway.standing.cache
    if cache is None:
        return Lookup()
    call.cache = "bypass"
    wishes = control(request.headers.get("Cache-Control", ""))
    if chat.stream or wishes.no_store or call.size_bytes > _LONGEST_BODY:
        return Lookup()
    call.cache = "miss"
    own = caller.provider_credential
    told = [
        caller.key.name if caller.key else None,
        digest_of(own).hex() if own else None,
        json.encode(policy).decode(),
        [
            each
            for site in _SITES
            for each in headers.forwarded(request.headers, site)
            if each[0] not in _APART
        ],
        [dialect.name, chat.model, request.path],
    ]
    key = hmac.digest(
        gateway.standing.cache_secret, json.encode(told) + b"\n" + encode(chat.body), hashlib.sha256
    )
    found = None
    if not wishes.no_cache:
        found = cache.get(key, asyncio.get_running_loop().time(), wishes.max_age_s)
    if found is None:
        return Lookup(cache, key)
    answer, age_s = found
    call.cache, call.provider, call.model = "hit", answer.provider, answer.model
    call.returned = [("age", str(int(age_s)))]  # RFC 9111 section 5.1
    return Lookup(found=answer)
