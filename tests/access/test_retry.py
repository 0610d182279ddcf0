"""Which failures are worth another attempt, where, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.retry import Remedy, is_providers_fault, may_be_billed, remedy, wait_s
from gateway.errors import (
    AuthenticationFailed,
    InvalidRequest,
    ModelUnavailable,
    PolicyViolation,
    ProviderError,
    ProviderGarbage,
    ProviderTimeout,
    ProviderUnreachable,
    ShuttingDown,
    SluiceError,
    UpstreamTruncated,
)


def status(number: int, **more: str) -> ProviderError:
    return ProviderError("no", status=number, **more)  # type: ignore[arg-type]


def unsent(error: ProviderError) -> ProviderError:
    error.asked = False
    return error


WORTH: list[tuple[SluiceError, Remedy]] = [
    (ProviderUnreachable("broke"), "again"),
    *((status(number), "again") for number in (408, 409, 429, 500, 502, 503, 504, 520, 529)),
    *((status(number), "elsewhere") for number in (401, 402, 403, 404, 501)),
    (status(429, code="insufficient_quota"), "elsewhere"),
    (ProviderTimeout("late"), "elsewhere"),
    (ProviderGarbage("what"), "elsewhere"),
    (UpstreamTruncated("cut"), "elsewhere"),
    (AuthenticationFailed("no credentials"), "elsewhere"),
    *((status(number), "never") for number in (400, 405, 413, 422)),
    (InvalidRequest("no"), "never"),
    (PolicyViolation("no"), "never"),
    (ModelUnavailable("no"), "never"),
    (ShuttingDown("no"), "never"),
]


@pytest.mark.parametrize(("error", "expected"), WORTH, ids=lambda it: getattr(it, "type", it))
def test_each_failure_has_its_remedy(error: SluiceError, expected: Remedy) -> None:
    assert remedy(error) == expected


def test_the_providers_advice_is_followed() -> None:
    assert remedy(status(500), "false") == "elsewhere"
    assert remedy(status(403), "true") == "again"
    assert remedy(status(400), "true") == "never"
    assert remedy(status(500), "perhaps") == "again"


def test_what_may_be_charged_twice_is_told() -> None:
    assert may_be_billed(ProviderUnreachable("broke before it answered"))
    assert may_be_billed(ProviderTimeout("no answer began"))
    assert may_be_billed(UpstreamTruncated("cut"))
    assert not may_be_billed(unsent(ProviderUnreachable("refused")))
    assert not may_be_billed(unsent(ProviderTimeout("no connection")))
    assert not any(may_be_billed(status(number)) for number in (408, 429, 500, 529))


def test_a_refusal_is_no_fault_of_the_provider() -> None:
    assert not any(is_providers_fault(status(number)) for number in (400, 401, 404, 429))
    assert all(is_providers_fault(status(number)) for number in (500, 503, 529))
    assert is_providers_fault(ProviderTimeout("late"))
    assert not is_providers_fault(PolicyViolation("no"))


seconds = st.floats(0, 1e4)
chances = st.floats(0, 1)


@given(st.integers(1, 40), st.none() | seconds, chances, st.floats(0.001, 100), seconds)
def test_no_wait_is_too_short_or_too_long(
    failures: int, retry_after_s: float | None, chance: float, first_s: float, left_s: float
) -> None:
    wait = wait_s(failures, retry_after_s, chance, first_s, left_s)
    if wait is None:
        asked_s = min(first_s * 2 ** (failures - 1), 8) if retry_after_s is None else retry_after_s
        assert asked_s + min(first_s, asked_s) > left_s
    else:
        assert 0 <= wait <= left_s
        if retry_after_s is not None:
            assert wait >= retry_after_s


@given(st.integers(1, 39), chances, st.floats(0.001, 8))
def test_waits_grow(failures: int, chance: float, first_s: float) -> None:
    waits = [wait_s(each, None, chance, first_s, 1e9) for each in (failures, failures + 1)]
    assert waits[0] is not None
    assert waits[1] is not None
    assert waits[0] <= waits[1] <= 8


def test_those_who_failed_together_come_back_apart() -> None:
    assert len({wait_s(1, 1.0, chance / 10, 0.25, 60) for chance in range(11)}) == 11
