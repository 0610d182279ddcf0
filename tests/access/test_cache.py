"""The store of answers: a plain dict with a clock, but never too large or too late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.cache import Answer, Cache, Control, control

KEYS = [bytes([each]) * 32 for each in range(6)]


def answer(size: int, mark: int = 0) -> Answer:
    return Answer(bytes([mark % 256]) * size, "openai_chat", "openai", "gpt")


steps = st.lists(
    st.tuples(
        st.sampled_from(["get", "put"]),
        st.sampled_from(KEYS),
        st.integers(0, 3000),
        st.floats(0, 5),
        st.none() | st.floats(0, 10),
    ),
    max_size=60,
)


@given(steps, st.integers(1, 8000), st.floats(0.1, 20))
def test_what_comes_out_went_in_and_is_fresh(
    steps: list[tuple[str, bytes, int, float, float | None]], max_bytes: int, ttl_s: float
) -> None:
    cache, now = Cache(max_bytes, ttl_s), 0.0
    put: dict[bytes, tuple[Answer, float, float]] = {}
    for number, (what, key, size, passed_s, bound_s) in enumerate(steps):
        now += passed_s
        if what == "put":
            given = answer(size, number)
            cache.put(key, given, now, bound_s)
            put[key] = given, now, ttl_s if bound_s is None else min(bound_s, ttl_s)
        elif (found := cache.get(key, now, bound_s)) is not None:
            given, at, lasts_s = put[key]
            assert found == (given, now - at)
            assert now < at + lasts_s
            assert bound_s is None or now - at < bound_s
        assert 0 <= cache.size <= max_bytes
        assert (cache.size == 0) == (len(cache) == 0)


def test_what_fits_and_is_fresh_is_found() -> None:
    cache = Cache(1 << 20, 10)
    for key in KEYS:
        cache.put(key, answer(100), 0)
    assert [cache.get(key, 9.9) for key in KEYS] == [(answer(100), 9.9)] * len(KEYS)
    assert cache.get(KEYS[0], 10) is None


def test_the_least_recently_used_goes_first() -> None:
    cache = Cache(3 * 1600, 10)
    for key in KEYS[:3]:
        cache.put(key, answer(1000), 0)
    cache.get(KEYS[0], 1)
    cache.put(KEYS[3], answer(1000), 1)
    assert [cache.get(key, 2) is not None for key in KEYS[:4]] == [True, False, True, True]


def test_what_is_too_large_pushes_nothing_out() -> None:
    cache = Cache(2000, 10)
    cache.put(KEYS[0], answer(1000), 0)
    cache.put(KEYS[1], answer(5000), 0)
    assert cache.get(KEYS[0], 1) is not None
    cache.put(KEYS[0], answer(5000), 1)  # the old answer is no longer the last one
    assert cache.get(KEYS[0], 1) is None


def test_max_age_zero_never_hits() -> None:
    cache = Cache(2000, 10)
    cache.put(KEYS[0], answer(1), 0)
    assert cache.get(KEYS[0], 0, 0) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Control()),
        ("no-store", Control(no_store=True)),
        ("No-Cache, max-age=5", Control(no_cache=True, max_age_s=5)),
        ('max-age="60"', Control(max_age_s=60)),
        ("max-age=60, max-age=5", Control(max_age_s=5)),
        ("max-age=soon", Control(max_age_s=0)),
        ("max-age=-1", Control(max_age_s=0)),
        ("max-age", Control(max_age_s=0)),
        ("public, immutable, s-maxage=9", Control()),
        ('no-cache="set-cookie"', Control(no_cache=True)),
    ],
)
def test_cache_control_is_read(header: str, expected: Control) -> None:
    assert control(header) == expected


@given(st.text(max_size=200))
def test_any_cache_control_can_be_read(header: str) -> None:
    control(header)
