"""Which headers cross the gateway, both ways, and what it adds of its own.

Headers cross by an allow-list: nothing a client or a provider sends is passed on because nobody thought of
it. Credentials never cross here; the provider's key is set from the configuration or from the caller.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from gateway.access.keys import PREFIX

# To the provider: what its official SDK sets and what changes the answer.
_FORWARDED = (
    "openai-organization",
    "openai-project",
    "openai-beta",
    "idempotency-key",
    "x-title",
    "http-referer",
)
# The same for a provider that speaks Anthropic's dialect; on other clouds these would be refused.
_FORWARDED_TO_ANTHROPIC = ("anthropic-version", "anthropic-beta")
# To the client: rate limits that an SDK backs off by, and the provider's own trace of the request.
_RETURNED = ("retry-after", "retry-after-ms", "x-should-retry", "openai-processing-ms", "openai-version")
_RETURNED_BELOW = ("x-ratelimit-", "anthropic-ratelimit-")


def forwarded(headers: Mapping[str, str], site: str) -> list[tuple[str, str]]:
    """The client's headers that go to the provider. One that holds a gateway key does not, whatever it is."""
    names = _FORWARDED_TO_ANTHROPIC if site == "anthropic" else _FORWARDED
    values = [(name, headers[name]) for name in names if name in headers]
    return [each for each in values if PREFIX not in each[1].lower()]


def returned(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The provider's headers that go to the client."""
    return [(name, value) for name, value in headers if name in _RETURNED or name.startswith(_RETURNED_BELOW)]


def retry_after_s(headers: Iterable[tuple[str, str]]) -> float | None:
    """The provider's `Retry-After` in seconds (RFC 9110 section 10.2.3); its date form is not used by any.

    OpenAI and Azure say it in milliseconds too, and their SDKs believe that first.
    """
    said = dict(headers)
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(said.get(name, "nan")) * unit_s
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None
