"""Prices: the configuration's before the list's, nothing guessed, and usage costs what its parts do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.prices import LIST, Price, cost_nano_usd, price_of


@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("gemini-2.0-flash-001", "gemini-2.0-flash"),
    ],
)
def test_a_version_costs_what_its_model_does(model: str, row: str) -> None:
    assert price_of("openai", model) is LIST[row]


@pytest.mark.parametrize(
    "model", ["gpt-5.3", "gpt-5-2", "gpt-4o-mini-audio", "claude-sonnet-4-9", "", "sim:say"]
)
def test_the_price_of_another_model_is_not_guessed(model: str) -> None:
    assert price_of("openai", model) is None


def test_the_configuration_comes_first_and_its_most_exact_row() -> None:
    own = [Price("*", 1, 1), Price("gpt-4o*", 2, 2), Price("azure/gpt-4o", 3, 3)]
    assert price_of("openai", "gpt-4o", own) == own[1]
    assert price_of("azure", "gpt-4o", own) == own[2]
    assert price_of("local", "llama", own) == own[0]


def test_cached_input_costs_less_and_writing_to_the_cache_more() -> None:
    price = LIST["claude-sonnet-4-5"]
    assert cost_nano_usd(price, 1_000_000, 0) == 3 * 10**9
    assert cost_nano_usd(price, 1_000_000, 0, cached=1_000_000) == 3 * 10**8
    assert cost_nano_usd(price, 1_000_000, 0, cache_written=1_000_000) == 375 * 10**7
    assert cost_nano_usd(price, 0, 1_000_000) == 15 * 10**9


tokens = st.integers(0, 10**7)


@given(st.sampled_from(list(LIST.values())), tokens, tokens, tokens, tokens)
def test_cost_grows_with_every_part_and_is_never_negative(
    price: Price, fresh: int, cached: int, written: int, output: int
) -> None:
    cost = cost_nano_usd(price, fresh + cached + written, output, cached, written)
    parts = [
        cost_nano_usd(price, fresh, 0),
        cost_nano_usd(price, cached, 0, cached=cached),
        cost_nano_usd(price, written, 0, cache_written=written),
        cost_nano_usd(price, 0, output),
    ]
    assert abs(cost - sum(parts)) <= 4
    assert min(parts) >= 0


def test_usage_that_contradicts_itself_costs_something_all_the_same() -> None:
    assert cost_nano_usd(LIST["gpt-4o"], 5, 0, cached=9) == 9 * 1250
