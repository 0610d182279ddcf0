"""Whether a failed request is worth another attempt, and when: an error and some numbers in, an answer out.

Only for failures before any of the answer has gone to the client. Knows no provider and reads no clock.

Asking again costs nothing where the provider says that it failed or has not been reached. Where it may have
begun to work, it may charge twice: `may_be_billed` tells, so that this is never done in silence.
"""

from __future__ import annotations

from typing import Literal

from gateway.errors import (
    AuthenticationFailed,
    ProviderError,
    ProviderGarbage,
    ProviderTimeout,
    ProviderUnreachable,
    SluiceError,
    UpstreamTruncated,
)

# `again`: the same provider may do better in a moment. `elsewhere`: it will not, another may. `never`: the
# request is at fault, or the gateway is ending.
Remedy = Literal["again", "elsewhere", "never"]

# What the SDKs of OpenAI and Anthropic ask again for (`_should_retry`): 408 the request came too slowly, 409
# a lock was not had, 429 the rate, and 5xx, with Anthropic's 529 for overload.
_AGAIN = (408, 409, 429)
# The key, the account or the model's name are wrong there: 401, 402, 403, 404. 501 and 505 stay as they are.
_ELSEWHERE = (401, 402, 403, 404, 501, 505)
# 429 too, but no waiting helps: OpenAI's accounts without credit.
_SPENT = ("insufficient_quota", "billing_hard_limit_reached", "credit_balance_too_low")
# No wait is longer unless the provider asks for it; the SDKs' own limit.
_LONGEST_WAIT_S = 8.0


def remedy(error: SluiceError, advice: str | None = None) -> Remedy:
    """What may help. `advice` is the provider's `x-should-retry` header, which the SDKs follow too."""
    found = _remedy(error)
    if advice == "true" and found == "elsewhere":
        return "again"
    if advice == "false" and found == "again":
        return "elsewhere"
    return found


def _remedy(error: SluiceError) -> Remedy:
    if isinstance(error, AuthenticationFailed):
        return "elsewhere"  # this provider's credentials could not be fetched
    if not isinstance(error, ProviderError):
        return "never"
    if isinstance(error, ProviderUnreachable):
        return "again"
    if isinstance(error, ProviderTimeout | ProviderGarbage | UpstreamTruncated):
        return "elsewhere"  # whoever was silent so long, or is not understood, will be so again
    if error.code in _SPENT or error.type in _SPENT or error.status in _ELSEWHERE:
        return "elsewhere"
    return "again" if error.status in _AGAIN or error.status >= 500 else "never"


def may_be_billed(error: SluiceError) -> bool:
    """May the provider charge for the attempt that failed so?

    It got the whole request and never said that it failed: it broke off, was too slow, or made no sense.
    """
    broken = ProviderUnreachable | ProviderTimeout | ProviderGarbage | UpstreamTruncated
    return isinstance(error, broken) and error.asked


def is_providers_fault(error: SluiceError) -> bool:
    """Does it count against the provider? A refusal shows that it is well."""
    if isinstance(error, ProviderError):
        return error.status >= 500
    return isinstance(error, AuthenticationFailed)


def wait_s(
    failures: int, retry_after_s: float | None, chance: float, first_s: float, left_s: float
) -> float | None:
    """How long to wait before asking the same provider again; None if that would be too late.

    It has failed `failures` times (≥ 1); `chance` is a random number from 0 to 1, so that those who failed
    together do not come back together; `left_s` is the time for waiting that is left. Never less than the
    provider's `Retry-After`.
    """
    wait = min(first_s * 2.0 ** (failures - 1), _LONGEST_WAIT_S) * (0.5 + chance / 2)
    if retry_after_s is not None:
        wait = retry_after_s + min(first_s, retry_after_s) * chance
    return wait if wait <= left_s else None
